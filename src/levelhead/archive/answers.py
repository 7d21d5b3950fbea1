"""Where an answer of mine belongs that went to the Reply-To of a client's message: to that client, whoever reads there.

The directory knows addresses. An answer to one that nobody listed would count as mail to a stranger, and would neither
end what the client's message caused nor show in the client's record.
"""

from __future__ import annotations

from collections.abc import Callable

from levelhead.clients.directory import Directory, Placed
from levelhead.clients.patterns import normal
from levelhead.errors import StoreDamaged
from levelhead.model import Direction, Parsed
from levelhead.store.api import MessageRow, Store

MOST_NAMED = 50
"""Message-IDs that are looked up for one answer: what it answers, then the latest of what came before."""


class Answers:
    """Places messages by the directory and by what they answer: archived messages, and those of this batch."""

    def __init__(self, store: Store, read: Callable[[MessageRow], Parsed]) -> None:
        """`read` gives what an archived message's bytes say, or raises StoreDamaged."""
        self._store = store
        self._read = read
        self._batch: dict[str, Parsed] = {}

    def place(self, parsed: Parsed, directory: Directory) -> Placed:
        """Whose record the message belongs to; `parsed` counts as archived from now on."""
        placed = directory.place(parsed)
        if placed.direction is Direction.IN and parsed.message_id:
            self._batch.setdefault(parsed.message_id, parsed)
        if placed.direction is not Direction.OUT or directory.client(placed.client).listed:
            return placed
        client = self._asked_for(parsed, placed.client, directory)
        return Placed(client=client, direction=Direction.OUT) if client else placed

    def _asked_for(self, parsed: Parsed, addressee: str, directory: Directory) -> str:
        """The client who asked, in a message that this one answers, for answers to where this one went; or empty."""
        named = tuple(dict.fromkeys((*parsed.in_reply_to, *reversed(parsed.references))))[:MOST_NAMED]
        if not named:
            return ""
        rows = {row.message_id: row for row in self._store.named(named)}
        for name in named:
            answered = self._batch.get(name)
            if answered is None and (row := rows.get(name)) is not None and row.direction is Direction.IN:
                if row.client == addressee:
                    return ""
                answered = self._said(row)
            if answered is not None and _asks(answered) & _recipients(parsed):
                theirs = directory.place(answered)
                return theirs.client if theirs.direction is Direction.IN else ""
        return ""

    def _said(self, row: MessageRow) -> Parsed | None:
        try:
            return self._read(row)
        except StoreDamaged:
            return None


def _asks(parsed: Parsed) -> frozenset[str]:
    return frozenset(normal(one.address) for one in parsed.reply_to)


def _recipients(parsed: Parsed) -> frozenset[str]:
    return frozenset(normal(one.address) for one in (*parsed.to, *parsed.cc, *parsed.bcc))
