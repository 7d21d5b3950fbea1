"""The time and the bytes that one command may take, in total: a slow drip and an endless answer both end."""

from __future__ import annotations

from levelhead.clock import Clock
from levelhead.errors import ConnectionLost


class Deadline:
    """Ends `seconds` after now, later by what was received divided by `rate` (bytes a second), and at `most` bytes.

    A server that sends one byte a second gains nothing by it; one that sends without end meets the byte limit.
    """

    def __init__(self, clock: Clock, *, what: str, seconds: float, rate: int, most: int) -> None:
        self.what = what
        self._clock = clock
        self._end = clock.monotonic() + seconds
        self._rate = rate
        self._most = most
        self._received = 0

    def left(self) -> float:
        """Seconds until the end; raises ConnectionLost when there are none."""
        left = self._end + self._received / self._rate - self._clock.monotonic()
        if left <= 0:
            raise ConnectionLost(f"{self.what} took too long ({self._received} bytes came)")
        return left

    def count(self, size: int) -> None:
        """Note received bytes; raises ConnectionLost when there are more than can be right."""
        self._received += size
        if self._received > self._most:
            raise ConnectionLost(f"{self.what} was answered with more than {self._most} bytes")

    def expect(self, size: int) -> None:
        """Raise ConnectionLost when an announced literal is larger than anything that was asked for."""
        if size > self._most:
            raise ConnectionLost(
                f"{self.what} was answered with a literal of {size} bytes; {self._most} would be many"
            )
