"""Behind the writers: the ledger is mirrored, what happened is logged, and `observe` plugins see it.

Both walk the ledger from a place that is kept in the index, so that nothing is missed over a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta

import structlog

from levelhead import clock, facts
from levelhead.clock import Clock
from levelhead.errors import UserError
from levelhead.facts import AlertRaised, ErasureKeyed, Fact, MessageArchived, MessageJudged
from levelhead.model import Severity
from levelhead.store.api import Store
from levelhead.store.ledger import read_leaf

log = structlog.get_logger()

FOLLOWED, OBSERVED = "followed", "observed"
"""The meta keys of the next seq to log, and of the next one to show to `observe` plugins."""

BATCH = 500
OBSERVED_AT_ONCE = 20
"""Facts shown to plugins before the place is kept: what a crash shows again at most."""

SHOWN = {
    name: name
    for name in (
        "id", "key", "message", "mailbox", "folder", "seq", "rung", "channel", "kind", "release_at", "plugin",
        "volume", "severity", "rule", "by", "old", "new", "final", "labels",
    )
} | {"level": "heat"}  # fmt: skip
"""Fields that a log may show, and as what: no addresses, subjects or words; `level` is the log's own word."""

SECRET = {ErasureKeyed.name}
"""Facts that are a secret: the log shows their name and no field, and `observe` plugins never get them. Whoever has
the key of the tombstones can tell of any mail whether it was erased."""

EARLIER = timedelta(minutes=1)
"""A fact older than this is logged with its own time, `at`: another command recorded it, or the log fell behind."""

SHORT = {"id", "message", "by"}
"""Ids of messages; their first 12 characters name them well enough, and every command takes them."""

QUIET = {
    "mailbox.lost",  # the watcher has said it, with the server's words
    "mailbox.watched",
    "message.sighted",
    "message.brought",
    "message.excluded",
    "message.flagged",
    "plugin.loaded",
    "draft.placing",
    "alert.climbed",
}
LOUD = {
    "config.refused",
    "plugin.refused",
    "plugin.set_aside",
    "alert.undelivered",
    "draft.failed",
}


class Follower:
    """Mirrors the ledger and logs what happened."""

    def __init__(self, store: Store, clock: Clock, mirror: Callable[[], object]) -> None:
        self._store = store
        self._clock = clock
        self._mirror = mirror
        self._next = self._logged = _place(store, FOLLOWED) or 0

    def follow(self, limit: int = BATCH) -> int:
        """Look at the next facts, at most `limit`; how many there were."""
        count = 0
        for happened in _facts(self._store, self._next, self._next + limit):
            # What could not be mirrored is looked at again, and not logged again.
            if happened is not None and self._next + count >= self._logged:
                self._log(*happened)
            count += 1
        if count:
            self._logged = max(self._logged, self._next + count)
            self._mirror()
            self._next += count
            _keep(self._store, FOLLOWED, self._next, self._clock.now())
        return count

    def _log(self, fact: Fact, at: datetime) -> None:
        """Log a fact that was recorded at `at`."""
        secret = fact.name in SECRET
        values = {} if secret else {field.name: getattr(fact, field.name) for field in fields(fact)}
        shown = {
            SHOWN[name]: _plain(name, value)
            for name, value in values.items()
            if name in SHOWN and value not in ("", None, ())
        }
        if self._clock.now() - at > EARLIER:
            shown["at"] = clock.to_text(at)
        getattr(log, self._loudness(fact))(fact.name, **shown)

    def _loudness(self, fact: Fact) -> str:
        """How a fact is logged. What a first sync brings in thousands is for those who look closely."""
        if isinstance(fact, MessageArchived):
            return "debug" if fact.history else "info"
        if isinstance(fact, MessageJudged):
            try:
                return "debug" if self._store.message(fact.id).history else "info"
            except UserError:
                return "debug"  # it was erased since this page of facts was read
        raised = isinstance(fact, AlertRaised) and fact.severity != Severity.INFO
        if raised or fact.name in LOUD:
            return "warning"
        return "debug" if fact.name in QUIET else "info"


class Observer:
    """Shows each fact to the `observe` plugins, at least once and in order; they see nothing from before they came.

    Nor do they see what is SECRET.
    """

    def __init__(self, store: Store, clock: Clock, observe: Callable[[Fact], None]) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        kept = _place(store, OBSERVED)
        # An archive in which nothing was logged yet is new: its first facts are news as well.
        self._next = kept if kept is not None else (store.ledger_size() if _place(store, FOLLOWED) else 0)

    def look(self, tick: Callable[[], bool], limit: int = OBSERVED_AT_ONCE) -> int:
        """Show the next facts, at most `limit`, until `tick()` says stop; how many were shown."""
        count = 0
        for happened in _facts(self._store, self._next, self._next + limit):
            if tick():
                break
            if happened is not None and happened[0].name not in SECRET:
                self._observe(happened[0])
            count += 1
        if count:
            self._next += count
            _keep(self._store, OBSERVED, self._next, self._clock.now())
        return count


def _place(store: Store, key: str) -> int | None:
    kept = store.meta(key)
    return int(kept) if kept is not None else None


def _keep(store: Store, key: str, seq: int, now: datetime) -> None:
    with store.transaction(now) as tx:
        tx.set_meta(key, str(seq))


def _plain(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return clock.to_text(value)
    return value[:12] if name in SHORT and isinstance(value, str) else value


def _facts(store: Store, start: int, stop: int) -> Iterator[tuple[Fact, datetime] | None]:
    """The facts of entries from `start` on and when each was recorded.

    None for an erased one, or one that this version does not know.
    """
    for entry in store.entries(start, stop):
        happened = None
        if entry.payload is not None:
            try:
                leaf = read_leaf(entry.leaf)
                happened = facts.read(leaf.type, entry.payload), leaf.time
            except KeyError:
                log.debug("fact.unknown", seq=entry.seq)
        yield happened
