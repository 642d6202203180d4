"""The demo: one bank night in about five minutes, through the real thing from intake to ledger."""
