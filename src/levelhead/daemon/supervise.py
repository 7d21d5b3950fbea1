"""Threads that are kept alive: started again with back-off when they crash, and watched for being stuck."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from levelhead.clock import Clock
from levelhead.errors import Stopping

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
STEADY_AFTER = 600.0
"""Seconds; a loop that ran this long before it crashed starts again without a longer pause."""
HINDERED_PAUSE = 5.0
"""Seconds before a loop that was hindered (a full disk, a lock) tries again; it is logged the first time only."""


@dataclass
class Loop:
    """One thread of the daemon. `body(stop, pulse)` returns when `stop` is set and calls `pulse()` as it moves."""

    name: str
    body: Callable[[threading.Event, Callable[[], None]], None]
    last_pulse: float = 0.0
    crashes: int = 0
    hindered: int = 0
    """How often in a row it was hindered."""
    thread: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Starts loops, starts crashed ones again, and knows which have not moved for too long."""

    def __init__(
        self,
        clock: Clock,
        on_crash: Callable[[str, Exception], None] = lambda name, exc: None,
        *,
        hinders: Callable[[Exception], bool] = lambda exc: False,
        on_hindered: Callable[[str, Exception, int], None] = lambda name, exc, times: None,
    ) -> None:
        """`hinders` tells errors that are not the loop's fault; `on_hindered` hears of each and how many in a row."""
        self._clock = clock
        self._on_crash = on_crash
        self._hinders = hinders
        self._on_hindered = on_hindered
        self._loops: list[Loop] = []
        self.stop = threading.Event()

    def start(self, name: str, body: Callable[[threading.Event, Callable[[], None]], None]) -> None:
        """Run `body` in a thread of its own from now on."""
        loop = Loop(name=name, body=body, last_pulse=self._clock.monotonic())
        loop.thread = threading.Thread(target=self._keep, args=(loop,), name=name, daemon=True)
        self._loops.append(loop)
        loop.thread.start()

    def stuck(self, limit: float) -> tuple[str, ...]:
        """Names of loops that have not moved for `limit` seconds (or whose thread has ended unasked)."""
        now = self._clock.monotonic()
        return tuple(
            loop.name
            for loop in self._loops
            if now - loop.last_pulse > limit
            or (loop.thread and not loop.thread.is_alive() and not self.stop.is_set())
        )

    def join(self, seconds: float) -> tuple[str, ...]:
        """Ask all to stop and wait at most `seconds` in all; names of those that did not."""
        self.stop.set()
        end = self._clock.monotonic() + seconds
        for loop in self._loops:
            if loop.thread is not None:
                loop.thread.join(max(0.0, end - self._clock.monotonic()))
        return tuple(loop.name for loop in self._loops if loop.thread is not None and loop.thread.is_alive())

    def _keep(self, loop: Loop) -> None:
        structlog.contextvars.bind_contextvars(loop=loop.name)

        def pulse() -> None:
            loop.last_pulse = self._clock.monotonic()

        while not self.stop.is_set():
            began = self._clock.monotonic()
            try:
                loop.body(self.stop, pulse)
                if self.stop.is_set():
                    return
                raise RuntimeError("the loop ended although nobody asked it to")
            except Stopping:
                # The daemon is about to end or to reload: nobody's fault, and `stop` is set in a moment.
                self._pause(FIRST_PAUSE, pulse)
            except Exception as exc:
                ran = self._clock.monotonic() - began
                if self._hinders(exc):
                    self._hindered(loop, exc, ran)
                    self._pause(HINDERED_PAUSE, pulse)
                    continue
                steady = ran > STEADY_AFTER
                loop.crashes = 1 if steady else loop.crashes + 1
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (loop.crashes - 1))
                log.exception("thread.crashed", crashes=loop.crashes, again_in=pause)
                self._on_crash(loop.name, exc)
                self._pause(pause, pulse)

    def _hindered(self, loop: Loop, exc: Exception, ran: float) -> None:
        if self.stop.is_set():
            return
        loop.hindered = 1 if ran > STEADY_AFTER else loop.hindered + 1
        if loop.hindered == 1:
            log.warning("thread.hindered", error=str(exc), again_in=HINDERED_PAUSE)
        self._on_hindered(loop.name, exc, loop.hindered)

    def _pause(self, seconds: float, pulse: Callable[[], None]) -> None:
        end = self._clock.monotonic() + seconds
        while not self.stop.is_set() and (left := end - self._clock.monotonic()) > 0:
            pulse()
            self._clock.wait(self.stop, min(left, 10.0))
