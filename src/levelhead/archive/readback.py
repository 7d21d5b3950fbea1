"""Archived messages, read back from their volumes: hashed, and parsed some megabytes at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from levelhead.archive.compare import Finding, Kind
from levelhead.archive.frames import Frame
from levelhead.archive.spool import Spool
from levelhead.archive.together import ParseMany, parsed_in_order
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged
from levelhead.facts import Fact, MessageArchived
from levelhead.model import Parsed
from levelhead.raw import Raw
from levelhead.store.api import Entry

HELD = 16_000_000
"""Bytes; a larger message waits in a file until it is parsed, so that memory stays bounded."""


@dataclass(slots=True)
class Batch:
    """Entries that are played together, and what was found when they were recomputed."""

    facts: list[tuple[Entry, Fact]] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    end: int = 0
    """The number of the entry behind them."""


@dataclass(slots=True)
class ReadBack:
    """Entries, each with what its message says; with an empty one where there is none, or where its bytes are bad."""

    read: list[tuple[Entry, Fact, Parsed]] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    """What is bad."""
    unread: set[str] = field(default_factory=set)
    """The ids of messages that were not parsed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What messages are read back from, where large ones wait, and who parses them."""

    volumes: Volumes
    spool: Spool
    parse_many: ParseMany

    def ahead(self, batches: Iterable[Batch]) -> Generator[tuple[Batch, ReadBack], None, None]:
        """Each batch with its messages; those of the next are read meanwhile. Close it: nothing is read after that.

        Raises DiskFull when there is no room for a large message.
        """
        stop = threading.Event()
        pool = ThreadPoolExecutor(1, thread_name_prefix="reading-back")
        waiting: tuple[Batch, Future[ReadBack]] | None = None
        try:
            for batch in batches:
                ahead = batch, pool.submit(self.read_back, batch.facts, stop)
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = ahead
            if waiting is not None:
                yield waiting[0], waiting[1].result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def read_back(self, batch: Sequence[tuple[Entry, Fact]], stop: threading.Event) -> ReadBack:
        """Read the messages that some entries tell of; not all of them once `stop` is set."""
        back = ReadBack()

        def going() -> Iterator[tuple[Entry, Fact]]:
            for one in batch:
                if stop.is_set():
                    return
                yield one

        def bytes_of(fact: MessageArchived) -> Raw | None:
            return self._bytes(fact, back)

        with closing(parsed_in_order(going(), bytes_of, self.parse_many)) as parsed:
            for entry, fact, said in parsed:
                if stop.is_set():
                    break
                back.read.append((entry, fact, said or Parsed()))
        return back

    def _bytes(self, fact: MessageArchived, back: ReadBack) -> Raw | None:
        """An archived message's bytes from its volume, hashed; None where they are bad."""
        frame = Frame(volume=fact.volume, offset=fact.offset, length=fact.length, digest=fact.frame)
        with self.spool.writer() as kept:
            try:
                self.volumes.check(fact.id, frame, kept)
                return kept.finish()
            except StoreDamaged as exc:
                there = self.volumes.path(fact.volume).exists()
                back.found.append(Finding(Kind.DAMAGED if there else Kind.MISSING, str(exc)))
            except OSError as exc:
                where = f"the message {fact.id[:12]} in volume {fact.volume:06} at offset {fact.offset}"
                back.found.append(Finding(Kind.DAMAGED, f"{where} cannot be read: {exc.strerror}"))
        back.unread.add(fact.id)
        return None
