"""Messages that entries of the ledger tell of, parsed some megabytes at a time: several processes share the work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TypeVar

from levelhead.facts import Fact, MessageArchived
from levelhead.model import Parsed
from levelhead.raw import Raw
from levelhead.store.api import Entry

TOGETHER = 16_000_000
"""Bytes of messages that are read from the volumes before they are parsed together."""

Parse = Callable[[Raw], Parsed]
ParseMany = Callable[[Sequence[Raw]], Iterator[Parsed]]
"""Reads several messages, in order."""

Told = TypeVar("Told", bound=Fact | None)


def one_by_one(parse: Parse) -> ParseMany:
    """Reads several messages one after the other, where there is no quicker way."""
    return lambda messages: map(parse, messages)


def parsed_in_order(
    entries: Iterable[tuple[Entry, Told]],
    bytes_of: Callable[[MessageArchived], Raw | None],
    parse_many: ParseMany,
) -> Generator[tuple[Entry, Told, Parsed | None], None, None]:
    """Each entry with its fact and with what its message says, None where there is none or its bytes are bad.

    `bytes_of` gives a message's bytes, None for bad ones; they are discarded when the message is parsed.
    """
    some: list[tuple[Entry, Told, Raw | None]] = []
    size = 0
    try:
        for entry, fact in entries:
            raw = bytes_of(fact) if isinstance(fact, MessageArchived) else None
            some.append((entry, fact, raw))
            size += raw.size if raw is not None else 0
            if size >= TOGETHER:
                yield from _parsed(some, parse_many)
                _discard(some)
                some, size = [], 0
        yield from _parsed(some, parse_many)
    finally:
        _discard(some)


def _parsed(
    some: Sequence[tuple[Entry, Told, Raw | None]], parse_many: ParseMany
) -> Iterator[tuple[Entry, Told, Parsed | None]]:
    said = iter(parse_many([raw for _, _, raw in some if raw is not None]))
    for entry, fact, raw in some:
        yield entry, fact, None if raw is None else next(said)


def _discard(some: Iterable[tuple[Entry, Told, Raw | None]]) -> None:
    for _, _, raw in some:
        if raw is not None:
            raw.discard()
