"""The witness: has each message's signatures checked soon after it came, and writes down what they said.

What counts later is the key as the DNS answered when the message came: domains change their keys, and whoever holds a
key that was given up long ago could have made the signature since.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import Stopping, StoreDamaged, UserError
from levelhead.evidence.authenticate import Found, aligned, authenticate
from levelhead.evidence.resolver import Resolver, within
from levelhead.evidence.vouched import sender_of
from levelhead.facts import KeyPart, MessageAuthenticated
from levelhead.model import Again, Done, Job, Outcome
from levelhead.raw import Raw
from levelhead.store.api import MessageRow, Store

log = structlog.get_logger()

FIRST_PAUSE = timedelta(seconds=30)
"""Until a key that nobody answered for is asked for again; each pause is twice as long, up to an hour."""
LONGEST_PAUSE = timedelta(hours=1)
TRIES = 31
"""How often it is asked for: eight times in the first hour and then hourly, for a day in all."""
PATIENCE = 20.0
"""Seconds within which all questions about one message must have begun."""


class Witness:
    """Pays the debt `authenticate`. Without a resolver nobody is asked and nothing is written down."""

    def __init__(
        self,
        store: Store,
        load: Callable[[str], Raw],
        clock: Clock,
        resolver: Resolver | None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`load(id)` gives a message's bytes; `stopping()` is asked before each question to the DNS."""
        self._store = store
        self._load = load
        self._clock = clock
        self._resolver = resolver
        self._stopping = stopping

    def pay(self, job: Job) -> Outcome | None:
        """Check the message that the job names; None when that was written down and settled in one transaction.

        Raises Stopping, so that the job stays due, when `stopping()` says so.
        """
        if self._resolver is None or not self._store.known([job.subject]):
            return Done()
        row = self._store.message(job.subject)
        try:
            found = self._look(row, self._resolver)
        except StoreDamaged as exc:
            log.error("message.unreadable", message=row.id, error=str(exc))
            return Done()  # the judge has met it too, and the verifier tells of it
        if _wanting(found, sender_of(row)) and job.attempt + 1 < TRIES:
            return Again(at=self._clock.now() + _pause(job.attempt), why="the DNS did not answer")
        with self._store.transaction(self._clock.now()) as tx:
            try:
                tx.message(row.id)
            except UserError:
                return Done()  # it was erased meanwhile
            tx.record(_fact(row, found, self._resolver.address, self._clock))
            tx.settle(job, Done())
        return None

    def _look(self, row: MessageRow, resolver: Resolver) -> Found:
        ask = within(resolver.lookup, self._clock, PATIENCE)

        def lookup(name: str) -> KeyPart:
            if self._stopping():
                raise Stopping
            return ask(name)

        raw = self._load(row.id)
        try:
            return authenticate(raw, sender=sender_of(row), at=row.received_at, lookup=lookup)
        finally:
            raw.discard()


def _wanting(found: Found, sender: str) -> bool:
    """Whether asking again can help: somebody did not answer, and the sender's own domain has not vouched for it yet.

    Once it has, the key is written down at once: later it may be gone.
    """
    if any(one.result == "pass" and aligned(one.domain, sender) for one in found.signatures):
        return False
    return found.chain == "temperror" or any(one.result == "temperror" for one in found.signatures)


def _pause(attempt: int) -> timedelta:
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempt, 10)))


def _fact(row: MessageRow, found: Found, resolver: str, clock: Clock) -> MessageAuthenticated:
    return MessageAuthenticated(
        id=row.id,
        checked_at=clock.now(),
        resolver=resolver,
        signatures=found.signatures,
        unchecked=found.unchecked,
        chain=found.chain,
        chain_why=found.chain_why,
        keys=found.keys,
        unfit=found.unfit,
    )
