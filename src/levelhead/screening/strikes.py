"""How often a plugin may fail before it is asked no more; pure."""

from __future__ import annotations

from collections import deque

IN_A_ROW = 5
"""Failures in a row that set a plugin aside."""

WINDOW = 20
"""Calls that are looked back on: more than half of them failed sets a plugin aside."""


class Strikes:
    """The recent calls of one plugin."""

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=WINDOW)
        self._row = 0

    def count(self, failed: bool) -> str:
        """Note one call; returns why the plugin is to be set aside, or empty."""
        self._failed.append(failed)
        self._row = self._row + 1 if failed else 0
        if self._row >= IN_A_ROW:
            return f"it failed {self._row} times in a row"
        if sum(self._failed) * 2 > WINDOW:
            return f"it failed {sum(self._failed)} times in its last {len(self._failed)} calls"
        return ""
