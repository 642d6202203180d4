"""A pace for calls to the outside, so that a backlog of ours never becomes a flood of theirs."""

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets at most `per_second` calls a second begin, evenly spaced, in one process. Thread-safe."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spacing_s = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_s = 0.0

    def take(self, patience_s: float) -> bool:
        """Waits for the next place in line; False, at once, when that is further off than the patience."""
        with self._lock:
            now = self._clock()
            start = max(self._next_s, now)
            if start - now > patience_s:
                return False
            self._next_s = start + self._spacing_s
        if start > now:
            self._sleep(start - now)
        return True
