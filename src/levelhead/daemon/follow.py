"""The follower: after a commit it mirrors the ledger, logs what happened, and lets `observe` plugins see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

import structlog

from levelhead import clock, facts
from levelhead.clock import Clock
from levelhead.facts import Fact
from levelhead.store.api import Store

log = structlog.get_logger()

POSITION = "followed"
"""The meta key under which the next seq to look at is kept, so that nothing is missed over a restart."""

BATCH = 500

SHOWN = {
    name: name
    for name in (
        "id", "key", "message", "mailbox", "folder", "seq", "rung", "channel", "kind", "release_at", "plugin",
        "next_rung_at", "volume", "uidvalidity", "uid", "severity", "rule", "complete", "by", "old", "new", "final",
    )
} | {"level": "heat"}  # fmt: skip
"""Fields that a log may show, and as what: no addresses, subjects or words; `level` is the log's own word."""

QUIET = {"message.archived", "message.sighted", "message.excluded", "message.judged", "message.flagged"}
"""Facts that come in thousands at a first sync; logged at DEBUG when they are about history."""


class Follower:
    """Walks the ledger behind the writers; `observe` is called at least once for each fact, in order."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        observe: Callable[[Fact], None] | None,
        mirror: Callable[[], object],
    ) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        self._mirror = mirror
        kept = store.meta(POSITION)
        self._next = int(kept) if kept else 0

    def follow(self, limit: int = BATCH) -> int:
        """Look at the next facts, at most `limit`; how many there were."""
        entries = list(self._store.entries(self._next, self._next + limit))
        if not entries:
            return 0
        for entry in entries:
            if entry.payload is not None:
                fact = _read(entry.leaf, entry.payload)
                if fact is not None:
                    self._tell(fact)
        self._mirror()
        self._next = entries[-1].seq + 1
        with self._store.transaction(self._clock.now()) as tx:
            tx.set_meta(POSITION, str(self._next))
        return len(entries)

    def _tell(self, fact: Fact) -> None:
        values = {field.name: getattr(fact, field.name) for field in fields(fact)}
        shown = {
            SHOWN[name]: _plain(value)
            for name, value in values.items()
            if name in SHOWN and value not in ("", None)
        }
        getattr(log, "debug" if fact.name in QUIET else "info")(fact.name, **shown)
        if self._observe is not None:
            self._observe(fact)


def _plain(value: object) -> object:
    return clock.to_text(value) if isinstance(value, datetime) else value


def _read(leaf: bytes, payload: bytes) -> Fact | None:
    """The fact of an entry; None for one that a newer levelhead wrote and this one does not know."""
    name = json.loads(leaf)["type"]
    try:
        return facts.read(name, payload)
    except KeyError:
        return None
