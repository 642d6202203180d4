"""Orchestration: deterministic, no input or output; everything else happens in activities."""
