"""The core-bank sandbox: a small HTTP service that behaves like a core bank, faults included.

It has its own process and its own SQLite file, and knows nothing of Temporal or of tickets. Its ledger
is the bank's own truth: how often an order arrived and how often a balance changed. All customers and
accounts in it are made up.

    rules.py    what an order does to an account (pure)
    ledger.py   the SQLite file: accounts, orders by key, arrivals and effects (append-only)
    seed.py     the synthetic customers and accounts of a new file
    faults.py   faults that can be switched on and off while it runs
    app.py      the HTTP interface
    server.py   the process: `serve(settings)`, `run(db_path, host, port)`
"""
