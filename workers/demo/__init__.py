"""The demo: one bank night, 19:55 to 08:30, in about five minutes, through the real thing from intake to ledger."""
