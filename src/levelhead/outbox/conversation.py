"""What counts as news in a conversation: which copy of a mail speaks, and which mail shows that it went on."""

from __future__ import annotations

from levelhead.clients.patterns import normal
from levelhead.model import Direction
from levelhead.outbox.owed import is_there
from levelhead.store.api import MessageFilter, MessageRow, Store


def spoken_for(store: Store, row: MessageRow) -> str:
    """The id of the earlier copy that speaks in this message's place, or empty.

    History causes nothing, so a copy of it that is news speaks for itself, and the next copy is silent again. My own
    mail is spoken for by any earlier copy that was sent, too, history or not: one that is sent to another folder later
    is not written later. A copy that names another sender speaks for nobody, and one in my name that was not seen
    among sent mail neither, or whoever knows (or guesses) a mail could silence it beforehand.
    """
    if not row.same_as or (row.history and row.direction is not Direction.OUT):
        return row.same_as
    # A first copy that was erased while this one came in speaks for nobody.
    if is_there(store, row.same_as) and _speaks_for(store.message(row.same_as), row):
        return row.same_as
    copies = store.messages(MessageFilter(thread=row.thread))
    return next((copy.id for copy in copies if copy.same_as == row.same_as and _speaks_for(copy, row)), "")


def _speaks_for(copy: MessageRow, row: MessageRow) -> bool:
    if copy.seq >= row.seq:
        return False
    if row.direction is Direction.OUT:
        return sent_by_me(copy)
    return not copy.history and _one_sender(copy, row)


def _one_sender(one: MessageRow, other: MessageRow) -> bool:
    if one.sender is None or other.sender is None:
        return False
    return normal(one.sender.address) == normal(other.sender.address)


def goes_on(store: Store, row: MessageRow) -> bool:
    """Whether the conversation goes on with this message: a person wrote it, the client or I, and it counts.

    The client's history does not. Mine does, once it was seen among sent mail: a copy that gets there late is an answer
    all the same. A file that was brought does not say when it was written.
    """
    theirs = row.direction is Direction.IN and not row.history
    return (theirs or sent_by_me(row)) and not row.automatic and not spoken_for(store, row)


def sent_by_me(row: MessageRow) -> bool:
    """Whether this is an answer of mine: in my name, and seen in a folder for sent mail, where no stranger delivers.

    Anybody can write my address into a From field, and what is so written reaches the inbox, Junk, and wherever a
    filter moves it. There it is in the record as mine, and nothing follows from it.
    """
    return row.direction is Direction.OUT and row.in_sent is True
