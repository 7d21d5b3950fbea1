"""What counts as news in a conversation: which copy of a mail speaks, and which mail shows that it went on."""

from __future__ import annotations

from levelhead.clients.patterns import normal
from levelhead.model import Direction
from levelhead.store.api import MessageFilter, MessageRow, Store


def spoken_for(store: Store, row: MessageRow) -> str:
    """The id of the earlier copy that speaks in this message's place, or empty.

    History causes nothing, so a copy of it that is news speaks for itself, and the next copy is silent again. My own
    mail is spoken for by any earlier copy: one that comes back to me later is not written later. A copy that names
    another sender speaks for nobody, or whoever knows a client's mail could silence it beforehand.
    """
    if not row.same_as or row.history or row.direction is Direction.OUT:
        return row.same_as
    first = store.message(row.same_as)
    if not first.history and _one_sender(first, row):
        return row.same_as
    copies = store.messages(MessageFilter(thread=row.thread))
    return next(
        (
            copy.id
            for copy in copies
            if copy.same_as == row.same_as
            and not copy.history
            and copy.seq < row.seq
            and _one_sender(copy, row)
        ),
        "",
    )


def _one_sender(one: MessageRow, other: MessageRow) -> bool:
    if one.sender is None or other.sender is None:
        return False
    return normal(one.sender.address) == normal(other.sender.address)


def goes_on(store: Store, row: MessageRow) -> bool:
    """Whether the conversation goes on with this message: a person wrote it, the client or I, and it counts.

    The client's history does not. Mine does, wherever a mailbox showed when it was written: a copy that reaches Sent
    late is an answer all the same. A file that was brought does not say when.
    """
    if row.direction not in (Direction.IN, Direction.OUT) or row.automatic or spoken_for(store, row):
        return False
    return not row.history or dated_answer(store, row)


def dated_answer(store: Store, row: MessageRow) -> bool:
    """Whether this is mail of mine whose time is that of a mailbox, so that it can be told what it came after."""
    return row.direction is Direction.OUT and bool(store.sightings(row.id))
