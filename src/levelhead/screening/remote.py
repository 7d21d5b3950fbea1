"""The host's end of the plugins' worker process: started for the first drop-in, replaced when it is gone or has grown.

Many plugins share one worker. So whoever takes it down (ends it, hangs, runs out of memory) is asked once more, alone
in a fresh one, and only what comes of that counts against it: it may have been another's doing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from levelhead.errors import Stopping
from levelhead.pipes import LARGEST_FRAME, BadFrame, pack
from levelhead.screening.bench import DROPPED, LOAD_FACTOR, Ask
from levelhead.screening.guard import Opened, Reply
from levelhead.screening.sources import Source
from levelhead.screening.wire import LARGEST_ANSWER, read_opened, read_reply
from levelhead.serving import Limits
from levelhead.workers import Gone, Process

MODULE = "levelhead.screening.worker"

LARGEST_CALL = LARGEST_FRAME - 100_000
"""Bytes of arguments; a call that has more is not made."""

LARGEST_BATCH = 8_000_000
"""Bytes of arguments that go to the worker at once, unless a single call has more."""

MOST_CALLS = 100_000
"""Calls after which a worker is replaced, because whatever a plugin forgets to give back adds up."""

MOST_GROWTH = 512 << 20
"""Bytes that a worker may have grown by since its last plugin was loaded; one that has more is replaced."""

LOOK_EVERY = 50
"""Calls between two looks at a worker's memory."""

ONCE = ("deliver",)
"""Hooks that are not asked a second time: the first may have done it."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Running:
    """A worker with what is loaded in it."""

    process: Process
    loaded: set[str] = field(default_factory=set)
    calls: int = 0
    light: int = 0
    """Its memory in bytes when its last plugin had been loaded."""
    next_look: int = 0

    def fresh_for(self, plugin: str) -> bool:
        """Whether nothing but the loading of this plugin has happened in it."""
        return self.calls == 0 and self.loaded == {plugin}

    def worn(self) -> bool:
        """Whether it is time for a fresh one; its memory is looked at every now and then."""
        if self.calls < self.next_look:
            return False
        self.next_look = self.calls + LOOK_EVERY
        return self.calls >= MOST_CALLS or self.process.memory() - self.light > MOST_GROWTH


class Worker:
    """A bench in a process of its own, shared by all drop-ins, one batch at a time."""

    def __init__(
        self,
        timeout_seconds: float,
        limits: Limits | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`timeout_seconds` are for one call; loading a plugin may take four times as long.

        Once `stopping()` is true nobody is asked or waited for any more: whoever does gets Stopping.
        """
        self._seconds = timeout_seconds
        self._stopping = stopping
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._sources: dict[str, tuple[Source, Mapping[str, Any]]] = {}
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the worker, None while there is none."""
        running = self._running
        return running.process.pid if running is not None else None

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        """Load a plugin; one that ends or stalls the worker while it is loaded is refused."""
        with self._lock:
            self._sources[source.name] = (source, table)
            answer = self._load(source.name)
            if answer.refused:
                del self._sources[source.name]
            return answer

    def call_many(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """One frame for many calls, answered one by one; behind a culprit it goes on in a fresh worker."""
        with self._lock:
            whole = False
            try:
                yield from self._answered(deque(asks))
                whole = True
            finally:
                if not whole:
                    self._stop()  # answers that nobody has read would be taken for those to the next questions

    def drop(self, plugin: str) -> None:
        """Needs no lock, so that whoever reads a batch can drop a plugin that keeps failing in it."""
        self._sources.pop(plugin, None)

    def close(self) -> None:
        self._closed = True
        running = self._running
        if running is not None:
            # Without the lock: whoever holds it may be waiting for a plugin that hangs.
            running.process.kill()
        with self._lock:
            self._stop()

    # --- a batch ---

    def _answered(self, rest: deque[Ask]) -> Iterator[Reply]:
        refused: dict[str, str] = {}
        while rest:
            self._must_go_on()
            if self._running is not None and not self._running.process.running:
                self._stop()  # it ended while nobody was being asked, so nobody is to blame
            self._fill({ask.plugin for ask in rest}, refused)
            if error := self._unfit(rest[0], refused):
                rest.popleft()
                yield Reply(error=error)
                continue
            for reply in self._exchanged(self._frame(rest, refused)):
                rest.popleft()
                yield reply
            if self._running is not None and self._running.worn():
                log.debug("worker.worn", pid=self.pid, calls=self._running.calls)
                self._stop()

    def _fill(self, plugins: set[str], refused: dict[str, str]) -> None:
        """Have all of them loaded; one that takes the worker down is refused, and the others are loaded again."""
        wanted = [name for name in tuple(self._sources) if name in plugins]
        while missing := [name for name in wanted if name not in refused and not self._has(name)]:
            answer = self._load(missing[0])
            if answer.refused:
                refused[missing[0]] = answer.refused

    def _has(self, plugin: str) -> bool:
        return self._running is not None and plugin in self._running.loaded

    def _unfit(self, ask: Ask, refused: Mapping[str, str]) -> str:
        """Why this cannot be asked, or empty."""
        if ask.plugin not in self._sources:
            return DROPPED.error
        if len(ask.given.packed()) > LARGEST_CALL:
            return f"{len(ask.given.packed()):,} bytes are too many for a worker process"
        return refused.get(ask.plugin, "")

    def _frame(self, rest: Iterable[Ask], refused: Mapping[str, str]) -> list[Ask]:
        """The first few, as many as go into one frame."""
        some: list[Ask] = []
        size = 0
        for ask in rest:
            size += len(ask.given.packed())
            if self._unfit(ask, refused) or (some and size > LARGEST_BATCH):
                break
            some.append(ask)
        return some

    def _exchanged(self, some: Sequence[Ask]) -> Iterator[Reply]:
        """Answers to one frame; it ends behind the first that took the worker down."""
        running = self._running
        assert running is not None
        for place, ask in enumerate(some):
            reply = self._asked(running, some if place == 0 else (), ask)
            if reply.gone or reply.starved:
                yield self._again(ask, reply, alone=running.fresh_for(ask.plugin))
                return
            running.calls += 1
            yield reply

    def _again(self, ask: Ask, first: Reply, *, alone: bool) -> Reply:
        """Ask whoever took the worker down once more, where nobody else can have had a hand in it."""
        self._stop()
        if alone or ask.hook in ONCE:
            return replace(first, gone=False)
        if refused := self._load(ask.plugin).refused:
            return Reply(error=refused)
        running = self._running
        assert running is not None
        second = self._asked(running, (ask,), ask)
        running.calls += 1
        if second.gone or second.starved:
            self._stop()
        else:
            log.info("plugin.asked_again", plugin=ask.plugin, hook=ask.hook, why=first.error)
        return replace(second, gone=False)

    def _asked(self, running: _Running, send: Sequence[Ask], ask: Ask) -> Reply:
        """Send these calls, if any, and await the answer to one; `gone` when the worker did not give it."""
        try:
            if send:
                calls = tuple((one.plugin, one.hook, one.given.packed()) for one in send)
                running.process.ask(pack(("call", calls)), self._seconds)
            return read_reply(running.process.answer(self._seconds), ask.hook)
        except BadFrame as exc:
            error = f"it answered nonsense: {exc}"
        except Gone as exc:
            error = str(exc)
        self._must_go_on()
        return Reply(error=error, gone=True)

    # --- the process ---

    def _load(self, plugin: str) -> Opened:
        """Load one plugin into the running worker, starting one when there is none."""
        self._must_go_on()
        known = self._sources.get(plugin)
        if known is None:  # another thread has dropped it meanwhile
            return Opened(refused=DROPPED.error)
        source, table = known
        seconds = self._seconds * LOAD_FACTOR
        try:
            running = self._running or self._start()
            running.process.ask(pack(("open", source, dict(table))), seconds)
            answer = read_opened(running.process.answer(seconds))
        except (Gone, BadFrame, OSError) as exc:
            self._stop()
            self._must_go_on()
            nonsense = "it answered nonsense: " if isinstance(exc, BadFrame) else ""
            return Opened(refused=f"loading it failed: {nonsense}{exc}")
        if not answer.refused:
            running.loaded.add(plugin)
            running.light = running.process.memory()
        return answer

    def _start(self) -> _Running:
        longest = self._seconds * LOAD_FACTOR * 2
        self._running = running = _Running(
            Process(
                MODULE,
                longest_call=longest,
                limits=self._limits,
                look=self._must_go_on,
                largest_answer=LARGEST_ANSWER,
            )
        )
        self._must_go_on()  # `close` kills what it sees here; it stops what it was too early to see
        running.process.greet()
        return running

    def _must_go_on(self) -> None:
        if self._closed or self._stopping():
            raise Stopping

    def _stop(self) -> None:
        """Kill the worker and what it has started, and forget it; the next call starts a fresh one."""
        running, self._running = self._running, None
        if running is not None:
            running.process.stop()
