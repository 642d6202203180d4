"""Servers that tests need: absent ones skip with a reason, and fail where CI requires them."""

import os

import pytest


def need(present: bool, reason: str) -> None:
    """Goes on when present; else skips, or fails under `OPSLOOP_REQUIRE_SERVERS=1`."""
    if present:
        return
    if os.environ.get("OPSLOOP_REQUIRE_SERVERS") == "1":
        pytest.fail(f"required here, but absent: {reason}")
    pytest.skip(reason)
