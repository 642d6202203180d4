"""Three-layer dispatch: rules first, keyword weights as backup, escalation as the safety net."""
