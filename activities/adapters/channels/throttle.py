"""A pace for messages: so many a minute for each receiver, as the provider's limits are."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

from activities.adapters.channels.failures import Throttled

PATIENCE_S: Final = 2.0
"""How long a message waits for its place. A longer wait is Temporal's, and leaves the thread to others."""
_MINUTE_S: Final = 60.0
_MOST_KEYS: Final = 10_000


class Pace:
    """At most `per_minute` messages in any minute for each key, in this process. Thread-safe."""

    def __init__(
        self,
        per_minute: int,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_minute = per_minute
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = defaultdict(deque)
        self._closed_until: dict[str, float] = {}

    def take(self, key: str) -> None:
        """Takes a place, waiting for it up to the patience.

        Raises `Throttled` with the seconds until there is one, when they are more.
        """
        with self._lock:
            now = self._clock()
            wait_s = max(self._wait(key, now), 0.0)
            if wait_s > self._patience_s:
                raise Throttled(
                    f"{self.per_minute} messages in a minute have gone there; the next one can go in "
                    f"{wait_s:.0f} s",
                    wait_s,
                )
            self._taken[key].append(now + wait_s)
        if wait_s:
            self._sleep(wait_s)

    def close(self, key: str, seconds: float) -> None:
        """Gives no place for so long: the provider said that it has had enough."""
        with self._lock:
            self._closed_until[key] = self._clock() + seconds

    def _wait(self, key: str, now: float) -> float:
        """Seconds until the next place of a key."""
        taken = self._taken[key]
        while taken and now - taken[0] >= _MINUTE_S:
            taken.popleft()
        if len(self._taken) > _MOST_KEYS:
            self._forget(now)
            taken = self._taken[key]
        free_at = taken[-self.per_minute] + _MINUTE_S if len(taken) >= self.per_minute else now
        return max(free_at, self._closed_until.get(key, now)) - now

    def _forget(self, now: float) -> None:
        """Drops the keys that nobody has written to for a minute."""
        for key in [key for key, taken in self._taken.items() if not taken or now - taken[-1] >= _MINUTE_S]:
            del self._taken[key]
        for key in [key for key, until in self._closed_until.items() if until <= now]:
            del self._closed_until[key]
