"""`python -m workers.cli` is `opsloop`."""

from workers.cli.main import run

run()
