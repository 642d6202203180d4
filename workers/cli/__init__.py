"""The command line: `opsloop …`. It works through the HTTP API, as every other client does."""
