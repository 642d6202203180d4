"""Measured claims. Every benchmark runs as `python -m bench.NAME --json` and prints one flat object."""
