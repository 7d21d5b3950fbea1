"""Several processes that judge again, so that a replay uses every processor; what they say comes in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from levelhead.archive.readers import MOST, processors
from levelhead.cli.trying import Opening, Request, Told, must_be_ready, read_told
from levelhead.config.settings import Settings
from levelhead.errors import Stopping, Unavailable
from levelhead.pipes import BadFrame, pack
from levelhead.serving import Limits
from levelhead.store.api import MessageRow
from levelhead.workers import Gone, Process

AT_ONCE = 20
"""Messages that are asked about together."""
FEWEST = 200
"""Messages; fewer are judged sooner than another process has started."""
SECONDS = 120.0
"""Waiting for the answer about `AT_ONCE` messages; the largest that we know of takes one second."""
LIMITS = Limits(cpu_seconds=1_000_000)
"""What a process may use; it judges a whole archive, however large that is."""

_MODULE = "levelhead.cli.trying"


@dataclass(frozen=True, slots=True)
class Seats:
    """So many processes (2 or more), each started when it is first asked; use it in a `with`.

    They read the archive of `opening.settings` and judge by `opening.rules`.
    """

    opening: Opening
    count: int = field(default_factory=lambda: min(MOST, processors()))
    _free: queue.SimpleQueue[Seat] = field(default_factory=queue.SimpleQueue)
    _seats: list[Seat] = field(default_factory=list)

    def __enter__(self) -> Seats:
        self._seats.extend(Seat(self.opening) for _ in range(self.count))
        for seat in self._seats:
            self._free.put(seat)
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes, whatever they are at."""
        for seat in self._seats:
            seat.close()

    def judged(self, rows: Iterable[MessageRow]) -> Iterator[tuple[MessageRow, Told | None]]:
        """Each row with what is said of it, in order; None where an error must be met by whoever reads this.

        Unavailable, naming the message, when a process ends over it, and when none can be started.
        """
        rest = iter(rows)
        waiting: deque[tuple[list[MessageRow], Future[list[Told | None]]]] = deque()
        pool = ThreadPoolExecutor(self.count, thread_name_prefix="judging")
        done = False
        try:
            while True:
                while len(waiting) < 2 * self.count and (some := list(islice(rest, AT_ONCE))):
                    waiting.append((some, pool.submit(self._ask, [row.id for row in some])))
                if not waiting:
                    done = True
                    return
                rows_asked, future = waiting.popleft()
                yield from zip(rows_asked, future.result(), strict=True)
        finally:
            # Whoever leaves early waits for nobody.
            for seat in self._seats if not done else ():
                seat.close()
            pool.shutdown(cancel_futures=True)

    def _ask(self, ids: list[str]) -> list[Told | None]:
        seat = self._free.get()
        try:
            return seat.told(ids)
        finally:
            self._free.put(seat)


@dataclass(slots=True)
class Seat:
    """The place of one process, which one thread asks at a time; a fresh one takes it when it is gone."""

    opening: Opening
    process: Process | None = None
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, ids: Sequence[str]) -> list[Told | None]:
        """What is said of these; where a process ends over them, each is asked about alone, by a fresh one."""
        try:
            return list(self._asked(ids))
        except (Gone, BadFrame):
            return [self._alone(id) for id in ids]

    def _alone(self, id: str) -> Told | None:
        try:
            return self._asked([id])[0]
        except (Gone, BadFrame) as exc:
            raise Unavailable(f"the message {id[:12]} cannot be judged again: {exc}") from exc

    def _asked(self, ids: Sequence[str]) -> tuple[Told | None, ...]:
        with self.lock:
            return self._told(ids)

    def close(self) -> None:
        """End the process, from any thread; who waits for an answer gets Stopping."""
        self.closed = True
        if (process := self.process) is not None:
            process.kill()
        with self.lock:
            self._stop()

    def _told(self, ids: Sequence[str]) -> tuple[Told | None, ...]:
        try:
            process = self._running()
            self._must_be_open()
            process.ask(pack(Request(ids=tuple(ids))), SECONDS)
            return read_told(process.answer(SECONDS), len(ids))
        except (Gone, BadFrame) as exc:
            self._stop()
            if self.closed:
                raise Stopping from exc
            raise

    def _running(self) -> Process:
        self._must_be_open()
        if self.process is None:
            try:
                self.process = Process(_MODULE, longest_call=SECONDS * 2, limits=LIMITS)
                # Whoever closes this seat either sees the process and kills it, or is seen here.
                self._must_be_open()
                self.process.greet()
                self._must_be_open()
                self.process.ask(pack(Request(opening=self.opening)), SECONDS)
                must_be_ready(self.process.answer(SECONDS))
            except (OSError, Gone, BadFrame) as exc:
                self._stop()
                if self.closed:
                    raise Stopping from exc
                raise Unavailable(f"no process that judges can be started: {exc}") from exc
        return self.process

    def _must_be_open(self) -> None:
        if self.closed:
            raise Stopping

    def _stop(self) -> None:
        if self.process is not None:
            self.process.stop()
            self.process = None


def several(settings: Settings, rules: Settings) -> Seats:
    """Processes that judge the archive of `settings` by `rules`, one for each processor."""
    return Seats(Opening(settings=settings, rules=rules))


def are_many(rows: Iterable[MessageRow]) -> bool:
    """Whether it is worth the start of other processes to judge these."""
    return sum(1 for _ in islice(rows, FEWEST)) == FEWEST
