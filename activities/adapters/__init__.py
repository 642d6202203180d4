"""The outside world behind the ports. Imported from `workers/` alone."""
