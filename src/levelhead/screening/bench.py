"""Where plugins sit: in this process, or in this process with each call on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from levelhead.screening.frames import pack
from levelhead.screening.guard import Opened, Reply, guarded, opened
from levelhead.screening.seat import Seat
from levelhead.screening.sources import Source

LOAD_FACTOR = 4
"""How many times longer than a call the loading of a plugin may take: it imports things."""


class Arguments:
    """What one hook is asked with; packed at most once, however many plugins in another process are asked."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self._packed: bytes | None = None

    def packed(self) -> bytes:
        """The values as bytes for another process."""
        if self._packed is None:
            self._packed = pack(dict(self.values))
        return self._packed


class Bench(Protocol):
    """A place where plugins are loaded and called. Never raises for a plugin's fault."""

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened: ...
    def call(self, plugin: str, hook: str, arguments: Arguments) -> Reply: ...
    def drop(self, plugin: str) -> None:
        """The plugin is asked no more."""

    def close(self) -> None: ...


class Here:
    """In this process and on the caller's own thread: the bench of the built-ins."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def seat(self, seat: Seat) -> None:
        """Take a plugin that is loaded already."""
        self._seats[seat.name] = seat

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        return opened(source, table, self.seat)

    def call(self, plugin: str, hook: str, arguments: Arguments) -> Reply:
        return guarded(self._seats[plugin], hook, arguments.values)

    def drop(self, plugin: str) -> None:
        self._seats.pop(plugin, None)

    def close(self) -> None:
        self._seats.clear()


class Threads:
    """In this process with each call on a thread, which is abandoned when it takes too long (it cannot be killed)."""

    def __init__(self, timeout_seconds: float) -> None:
        self._seconds = timeout_seconds
        self._here = Here()

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        seconds = self._seconds * LOAD_FACTOR
        box: list[Opened] = []
        _run(lambda: box.append(self._here.open(source, table)), seconds)
        return box[0] if box else Opened(refused=f"loading it timed out after {seconds:g} s")

    def call(self, plugin: str, hook: str, arguments: Arguments) -> Reply:
        box: list[Reply] = []
        _run(lambda: box.append(self._here.call(plugin, hook, arguments)), self._seconds)
        return box[0] if box else Reply(error=f"timed out after {self._seconds:g} s", gone=True)

    def drop(self, plugin: str) -> None:
        self._here.drop(plugin)

    def close(self) -> None:
        self._here.close()


def _run(work: Any, seconds: float) -> None:
    thread = threading.Thread(target=work, name="plugin", daemon=True)
    thread.start()
    thread.join(seconds)
