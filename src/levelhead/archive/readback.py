"""Archived messages, read back from their volumes: hashed, and parsed some megabytes at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

from levelhead.archive.compare import Kind
from levelhead.archive.frames import Frame
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged
from levelhead.facts import Fact, MessageArchived
from levelhead.model import Parsed
from levelhead.raw import Raw, raw
from levelhead.store.api import Entry

TOGETHER = 16_000_000
"""Bytes of messages that are read from the volumes before they are parsed together."""
LARGEST_PARSED = 64_000_000
"""Bytes; a larger message is hashed and not parsed, so that memory stays bounded."""

ParseMany = Callable[[Sequence[Raw]], Iterator[Parsed]]
Found = Callable[[Kind, str], None]


def read_back(
    batch: Sequence[tuple[Entry, Fact]],
    volumes: Volumes,
    parse_many: ParseMany,
    found: Found,
    unread: set[str],
) -> Iterator[tuple[Entry, Fact, Parsed]]:
    """Each with what its message says; with an empty one where there is none, or where its bytes are bad.

    What is bad is told to `found`, and the ids of messages that were not parsed join `unread`.
    """
    waiting: list[tuple[Entry, Fact, Raw | None]] = []
    size = 0
    for entry, fact in batch:
        data = _bytes(fact, volumes, found, unread) if isinstance(fact, MessageArchived) else None
        waiting.append((entry, fact, data))
        size += data.size if data is not None else 0
        if size >= TOGETHER:
            yield from _parsed(waiting, parse_many)
            waiting, size = [], 0
    yield from _parsed(waiting, parse_many)


def _parsed(
    waiting: Sequence[tuple[Entry, Fact, Raw | None]], parse_many: ParseMany
) -> Iterator[tuple[Entry, Fact, Parsed]]:
    said = iter(parse_many([data for _, _, data in waiting if data is not None]))
    for entry, fact, data in waiting:
        yield entry, fact, Parsed() if data is None else next(said)


def _bytes(fact: MessageArchived, volumes: Volumes, found: Found, unread: set[str]) -> Raw | None:
    """An archived message's bytes from its volume, hashed; None where they are bad, or too many to be parsed."""
    frame = Frame(volume=fact.volume, offset=fact.offset, length=fact.length, digest=fact.frame)
    kept = io.BytesIO() if fact.size <= LARGEST_PARSED else None
    try:
        volumes.check(fact.id, frame, kept)
    except StoreDamaged as exc:
        there = volumes.path(fact.volume).exists()
        found(Kind.DAMAGED if there else Kind.MISSING, str(exc))
        kept = None
    except OSError as exc:
        where = f"the message {fact.id[:12]} in volume {fact.volume:06} at offset {fact.offset}"
        found(Kind.DAMAGED, f"{where} cannot be read: {exc.strerror}")
        kept = None
    if kept is None:
        unread.add(fact.id)
        return None
    return raw(kept.getvalue())
