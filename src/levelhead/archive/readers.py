"""Several readers, for a first sync and for `add`: when many messages come at once, every processor reads some.

News comes one by one and is read by the first reader, which is the only one whose process then stays.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

from levelhead.archive.reader import Reader, bundled
from levelhead.errors import Stopping
from levelhead.model import Parsed
from levelhead.raw import Raw

MOST = 4
"""Processes: each holds some 40 MB, 55 where it also hears what it reads, and one process writes down what they say."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Readers:
    """Called like `parse`, by any thread, with what `Reader` promises; `many` uses several processes."""

    def __init__(self, count: int | None = None, make: Callable[[], Reader] = Reader) -> None:
        """`count` readers (1 or more), one for each processor unless it is told; `make` makes one."""
        self._readers = tuple(make() for _ in range(count or min(MOST, processors())))
        self._free: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        # Threads are started when the first batch comes; who takes turns at single messages never needs one.
        self._pool = ThreadPoolExecutor(len(self._readers), thread_name_prefix="reading")
        for reader in reversed(self._readers):
            self._free.put(reader)

    @property
    def hurried(self) -> Callable[[], bool]:
        """Once it is true nobody waits long for a message: Stopping is raised instead."""
        return self._readers[0].hurried

    @hurried.setter
    def hurried(self, asked: Callable[[], bool]) -> None:
        for reader in self._readers:
            reader.hurried = asked

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that there are now."""
        return tuple(pid for reader in self._readers if (pid := reader.pid) is not None)

    def __call__(self, raw: Raw) -> Parsed:
        """What the bytes say; raises what `Reader` does."""
        return self._readers[0](raw)

    def warm_up(self) -> None:
        """Start the first reader's process now, and raise what it raises."""
        self._readers[0].warm_up()

    def many(self, messages: Sequence[Raw]) -> Iterator[Parsed]:
        """The same for several messages, in order."""
        bundles = list(bundled(messages))
        if len(bundles) < 2 or len(self._readers) < 2:
            self._rest()
            yield from self._readers[0].many(messages)
            return
        waiting = [self._submit(bundle) for bundle in bundles]
        try:
            for future in waiting:
                yield from future.result()
        except CancelledError as exc:
            raise Stopping from exc
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the processes, from any thread; who waits for a message gets Stopping."""
        for reader in self._readers:
            reader.close()
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, bundle: Sequence[Raw]) -> Future[tuple[Parsed, ...]]:
        try:
            return self._pool.submit(self._read, bundle)
        except RuntimeError as exc:  # closed meanwhile
            raise Stopping from exc

    def _read(self, bundle: Sequence[Raw]) -> tuple[Parsed, ...]:
        with self._one() as reader:
            return tuple(reader.many(bundle))

    @contextmanager
    def _one(self) -> Iterator[Reader]:
        """A reader that nobody else has in hand for a batch."""
        reader = self._free.get()
        try:
            yield reader
        finally:
            self._free.put(reader)

    def _rest(self) -> None:
        """The rush is over: one process is enough, and the others give their memory back."""
        for reader in self._readers[1:]:
            reader.rest()
