"""What stands in several folders of Gmail is fetched once: the others are known by Gmail's id, by size and by header.

The id alone is not believed. It counts for the mailbox in which it was told, and only where the announced size is that
of the archived message and the header is the same, byte for byte; anything else is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from levelhead.mailbox import plan
from levelhead.mailbox.api import HEAD_LIMIT, Connection, Head
from levelhead.mailbox.tools import Tools
from levelhead.raw import Raw


def again(connection: Connection, wanted: Mapping[int, Head], tools: Tools) -> Iterator[tuple[int, Raw]]:
    """The UIDs of archived messages among these, each with the archived bytes, which the caller discards."""
    named = likely(wanted, tools)
    heads = {uid: wanted[uid] for uid in named}
    if bare := [uid for uid, head in heads.items() if not head.head]:
        # Where everything is archived no header was asked for; here it spares a body.
        heads |= {head.uid: head for head in connection.heads(bare) if _same(head, wanted[head.uid])}
    for uid, ids in named.items():
        for id in ids:
            if (raw := _archived(id, heads[uid], tools)) is not None:
                yield uid, raw
                break


def likely(wanted: Mapping[int, Head], tools: Tools) -> dict[int, tuple[str, ...]]:
    """For each of these that may be archived, the archived messages that this mailbox has shown under the same id of
    Gmail's, with as many bytes as this one announces."""
    return {uid: ids for uid, head in wanted.items() if (ids := _named(head, tools))}


def _named(head: Head, tools: Tools) -> tuple[str, ...]:
    if head.gmail is None or not head.gmail.id:
        return ()
    named = tools.store.named_by_server(tools.mailbox, head.gmail.id)
    return tuple(dict.fromkeys(id for id, size in named if size == head.size))


def _same(head: Head, before: Head) -> bool:
    """Whether the second answer about a message says what the first one said."""
    assert before.gmail is not None
    return head.size == before.size and head.gmail is not None and head.gmail.id == before.gmail.id


def _archived(id: str, head: Head, tools: Tools) -> Raw | None:
    raw = tools.archived(id)
    if raw is None or plan.same_header(head.head, raw.head(HEAD_LIMIT)):
        return raw
    raw.discard()
    return None
