"""Stores to test, and small facts to put into them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead import facts
from levelhead.model import Address, Parsed
from levelhead.store.sqlite import SqliteStore, open_store

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def counted_salt() -> Callable[[], bytes]:
    """Salts that are the same in every run."""
    numbers = itertools.count()
    return lambda: hashlib.sha256(str(next(numbers)).encode()).digest()


class Maker:
    """Makes facts with sensible defaults; every keyword overrides a field."""

    noon = NOON

    @staticmethod
    def at(**parts: float) -> datetime:
        """A moment after noon."""
        return NOON + timedelta(**parts)

    @staticmethod
    def id(number: int) -> str:
        """The id of message `number`."""
        return hashlib.sha256(f"message {number}".encode()).hexdigest()

    def archived(self, number: int, **changes: Any) -> facts.MessageArchived:
        values: dict[str, Any] = {
            "id": self.id(number),
            "seq": number,
            "volume": 1,
            "offset": number * 1000,
            "length": 900,
            "size": 2000,
            "client": "Acme",
            "direction": "in",
            "thread": f"thread-{number}",
            "thread_joins": (),
            "received_at": self.at(minutes=number),
            "history": False,
            "same_as": "",
            "source": "",
        }
        return facts.MessageArchived(**(values | changes))

    @staticmethod
    def parsed(number: int, **changes: Any) -> Parsed:
        values: dict[str, Any] = {
            "sender": Address(address="anna@acme.example", name="Anna Kröger"),
            "to": (Address(address="me@studio.example"),),
            "subject": f"Invoice {number}",
            "message_id": f"<{number}@acme.example>",
            "new_text": f"Where is delivery number {number}?",
            "body_digest": hashlib.sha256(str(number).encode()).hexdigest(),
        }
        return Parsed(**(values | changes))

    def sighted(self, number: int, uid: int, **changes: Any) -> facts.MessageSighted:
        values: dict[str, Any] = {
            "id": self.id(number),
            "mailbox": "work",
            "folder": "INBOX",
            "uidvalidity": 7,
            "uid": uid,
            "internal_date": self.at(),
            "flags": ("\\Seen",),
            "seen_at": self.at(),
        }
        return facts.MessageSighted(**(values | changes))

    def brought(self, number: int, **changes: Any) -> facts.MessageBrought:
        values: dict[str, Any] = {
            "id": self.id(number),
            "source": "old/mail.mbox",
            "internal_date": None,
            "flags": (),
            "brought_at": self.at(),
        }
        return facts.MessageBrought(**(values | changes))

    def excluded(self, uid: int, **changes: Any) -> facts.MessageExcluded:
        values: dict[str, Any] = {
            "mailbox": "work",
            "folder": "INBOX",
            "uidvalidity": 7,
            "uid": uid,
            "internal_date": None,
            "reason": "scope",
            "addresses": ("shop@elsewhere.example",),
            "seen_at": self.at(),
        }
        return facts.MessageExcluded(**(values | changes))

    def opened(self, **changes: Any) -> facts.FolderOpened:
        values: dict[str, Any] = {
            "mailbox": "work",
            "folder": "INBOX",
            "uidvalidity": 7,
            "uidnext": 10,
            "opened_at": self.at(),
        }
        return facts.FolderOpened(**(values | changes))

    def judged(self, number: int, **changes: Any) -> facts.MessageJudged:
        values: dict[str, Any] = {
            "id": self.id(number),
            "level": "tense",
            "millionths": 400_000,
            "because": (
                facts.PointPart(
                    plugin="tone", label="shouting", millionths=400_000, why="capitals", quotes=("NOW",)
                ),
            ),
            "labels": ("shouting",),
            "complete": True,
            "decided_by": "weigh",
            "calls": (
                facts.CallPart(plugin="tone", hook="detect", took_us=120, result="1 finding", error=""),
            ),
            "no_draft": "",
            "judged_at": self.at(),
        }
        return facts.MessageJudged(**(values | changes))

    def held(self, key: str, **changes: Any) -> facts.DraftHeld:
        values: dict[str, Any] = {
            "key": key,
            "message": self.id(1),
            "client": "Acme",
            "thread": "thread-1",
            "mailbox": "work",
            "subject": "Re: Invoice",
            "body": "Dear Anna",
            "level": "heated",
            "why": "held for 4 hours",
            "plugin": "templates",
            "created_at": self.at(),
            "release_at": self.at(hours=4),
        }
        return facts.DraftHeld(**(values | changes))

    def placing(self, key: str, **changes: Any) -> facts.DraftPlacing:
        values: dict[str, Any] = {
            "key": key,
            "folder": "Drafts",
            "uidvalidity": 3,
            "uidnext": 40,
            "message_id": "<draft@studio.example>",
            "digest": "d" * 64,
        }
        return facts.DraftPlacing(**(values | changes))

    def placed(self, key: str, **changes: Any) -> facts.DraftPlaced:
        values: dict[str, Any] = {
            "key": key,
            "folder": "Drafts",
            "uidvalidity": 3,
            "uid": 41,
            "stripped": (),
            "placed_at": self.at(hours=4),
        }
        return facts.DraftPlaced(**(values | changes))

    def raised(self, key: str, **changes: Any) -> facts.AlertRaised:
        values: dict[str, Any] = {
            "key": key,
            "rule": "heat",
            "client": "Acme",
            "thread": "thread-1",
            "message": self.id(1),
            "severity": "warning",
            "title": "A heated message",
            "body": "Read it, and do not answer yet.",
            "plugin": "escalation",
            "raised_at": self.at(),
            "next_rung_at": self.at(minutes=1),
        }
        return facts.AlertRaised(**(values | changes))


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Where the index file of this test stands."""
    return tmp_path / "archive" / "index.sqlite"


@pytest.fixture
def salted() -> Callable[[], Callable[[], bytes]]:
    """Makes salt functions that give the same salts in every run."""
    return counted_salt


@pytest.fixture
def sqlite_store(index: Path) -> Iterator[SqliteStore]:
    """A fresh SQLite index."""
    store = open_store(index, salt=counted_salt())
    yield store
    store.close()
