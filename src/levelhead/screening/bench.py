"""Where plugins sit: in this process, or in this process with each call on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from levelhead.clock import SystemClock
from levelhead.errors import Stopping
from levelhead.pipes import LOOK_SECONDS, pack, unpack
from levelhead.screening.guard import Opened, Reply, guarded, opened
from levelhead.screening.seat import Seat
from levelhead.screening.sources import Source

LOAD_FACTOR = 4
"""How many times longer than a call the loading of a plugin may take: it imports things."""

_CLOCK = SystemClock()


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


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: which hook of which plugin, with what."""

    plugin: str
    hook: str
    given: Arguments


class Bench(Protocol):
    """A place where plugins are loaded and called. Never raises for a plugin's fault.

    After `close`, which any thread may call, whoever asks a drop-in or waits for one gets Stopping.
    """

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened: ...
    def call_many(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """A reply to each, in order and as it comes; whoever begins to read them reads them all."""

    def drop(self, plugin: str) -> None:
        """The plugin is asked no more, not even what is left of a batch; what comes of that is a failure."""

    def close(self) -> None: ...


DROPPED = Reply(error="it is asked no more")


class Here:
    """In this process and on the caller's own thread: the bench of the built-ins."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def seat(self, seat: Seat) -> None:
        """Take a plugin that is loaded already."""
        self._seats[seat.name] = seat

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        return opened(source, table, self.seat)

    def call_many(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        for ask in asks:
            yield self.call(ask.plugin, ask.hook, ask.given.values)

    def call(self, plugin: str, hook: str, values: Mapping[str, Any]) -> Reply:
        """One call with values that the plugin may have as they are."""
        seat = self._seats.get(plugin)
        return guarded(seat, hook, values) if seat is not None else DROPPED

    def drop(self, plugin: str) -> None:
        self._seats.pop(plugin, None)

    def close(self) -> None:
        """Nothing is to be ended: a built-in answers to the last."""


class Threads:
    """In this process with each call on a thread, which is abandoned when it takes too long (it cannot be killed)."""

    def __init__(self, timeout_seconds: float, stopping: Callable[[], bool] = lambda: False) -> None:
        self._seconds = timeout_seconds
        self._stopping = stopping
        self._here = Here()
        self._closed = False

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        seconds = self._seconds * LOAD_FACTOR
        box: list[Opened] = []
        self._run(lambda: box.append(self._here.open(source, table)), seconds)
        return box[0] if box else Opened(refused=f"loading it timed out after {seconds:g} s")

    def call_many(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        for ask in asks:
            yield self._call(ask)

    def _call(self, ask: Ask) -> Reply:
        box: list[Reply] = []
        # Unpacked anew for each, so that no plugin can change what the next one is given, or the host goes on with.
        values = unpack(ask.given.packed())
        self._run(lambda: box.append(self._here.call(ask.plugin, ask.hook, values)), self._seconds)
        return box[0] if box else Reply(error=f"timed out after {self._seconds:g} s", gone=True)

    def drop(self, plugin: str) -> None:
        self._here.drop(plugin)

    def close(self) -> None:
        """Wait for nobody any more; a call that hangs goes on hanging until the process ends."""
        self._closed = True

    def _run(self, work: Callable[[], None], seconds: float) -> None:
        """Do the work on a thread, and wait for it at most so long."""
        self._must_go_on()
        thread = threading.Thread(target=work, name="plugin", daemon=True)
        thread.start()
        end = _CLOCK.monotonic() + seconds
        while thread.is_alive() and (left := end - _CLOCK.monotonic()) > 0:
            thread.join(min(left, LOOK_SECONDS))
            self._must_go_on()

    def _must_go_on(self) -> None:
        if self._closed or self._stopping():
            raise Stopping
