"""What a bank edits, and what reads it."""
