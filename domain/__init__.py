"""The rules of the business: pure functions and pydantic models.

No clock, no input or output, no Temporal: everything here can be tested with plain values.
"""
