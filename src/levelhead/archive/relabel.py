"""Who a message belongs to, decided again after the directory of clients changed; the evidence stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from levelhead.archive.answers import Answers
from levelhead.clients.directory import Directory, Placed
from levelhead.clock import Clock
from levelhead.errors import StoreDamaged, UserError
from levelhead.facts import MessageRelabelled
from levelhead.model import Direction, Parsed
from levelhead.store.api import MessageFilter, MessageRow, Store, Tx

FINGERPRINT = "directory"
"""The meta key under which the fingerprint of the directory that labelled the archive is kept."""

BATCH = 500


def relabel(store: Store, clock: Clock, directory: Directory, read: Callable[[MessageRow], Parsed]) -> int:
    """Give archived messages the client and direction that `directory` says; how many changed.

    A thread belongs to one client, so messages that move together keep their conversation under a new key. `read`
    gives what a message's bytes say: only they tell what an answer of mine answered.
    """
    wanted = directory.fingerprint()
    if store.meta(FINGERPRINT) == wanted:
        return 0
    changes = []
    for row in store.messages(MessageFilter()):
        if not row.to and not row.cc:
            continue  # only Bcc, which the index does not keep: what was decided from the bytes stands
        placed = directory.place(Parsed(sender=row.sender, to=row.to, cc=row.cc))
        if placed.direction is Direction.OUT and placed.client != row.client:
            placed = _answering(row, placed, store, directory, read)
        if (placed.client, placed.direction) != (row.client, row.direction):
            thread = row.thread if placed.client == row.client else _moved(placed.client, row.thread)
            changes.append(
                MessageRelabelled(
                    id=row.id, client=placed.client, direction=placed.direction.value, thread=thread
                )
            )
    for start in range(0, len(changes), BATCH):
        with store.transaction(clock.now()) as tx:
            for fact in changes[start : start + BATCH]:
                if _is_there(tx, fact.id):
                    tx.record(fact)
    with store.transaction(clock.now()) as tx:
        tx.set_meta(FINGERPRINT, wanted)
    return len(changes)


def _answering(
    row: MessageRow, placed: Placed, store: Store, directory: Directory, read: Callable[[MessageRow], Parsed]
) -> Placed:
    try:
        return Answers(store, read).place(read(row), directory)
    except StoreDamaged:
        return placed  # the verifier tells of it


def _is_there(tx: Tx, id: str) -> bool:
    """Whether the message is still there; it may have been erased since it was looked at."""
    try:
        tx.message(id)
    except UserError:
        return False
    return True


def _moved(client: str, thread: str) -> str:
    """The key of that thread under another client, as long as the old one: of a random key nothing can be guessed."""
    return hashlib.sha256(f"thread\0{client}\0{thread}".encode()).hexdigest()[: max(16, len(thread))]
