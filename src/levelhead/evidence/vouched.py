"""What is on record about a message's signatures, for a reader, and the proof of it offline, years later.

The proof needs the archived bytes and the ledger, and neither the DNS nor the domain, which may be gone by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from levelhead.clients.patterns import comparable_domain
from levelhead.errors import StoreDamaged
from levelhead.facts import KeyPart, MessageAuthenticated
from levelhead.model import Direction
from levelhead.raw import Raw
from levelhead.store.api import MessageFilter, MessageRow, Store

if TYPE_CHECKING:
    from levelhead.evidence.authenticate import Found

WITNESSED_WITHIN = timedelta(days=3)
"""A check that came later after its message says nothing about the keys of that time."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """In one line what vouches for a message. `result` is as in RFC 8601, None when nobody looked at its arrival."""

    result: str | None
    domain: str = ""
    """The domain of the signature that counts."""
    aligned: bool = False
    """Whether that domain is the sender's own, or one above it."""
    witnessed: bool = False
    """Whether the signatures were checked within three days after the message came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The outcome of a proof: how many messages were checked again, and what was found.

    `passed` counts those that a signature vouches for, `unwitnessed` messages of clients that nobody looked at when
    they came (history, imports, no resolver), `gone` those whose bytes were erased; `differ` has one sentence each.
    """

    checked: int
    passed: int
    unwitnessed: int
    gone: int
    differ: tuple[str, ...]


def sender_of(row: MessageRow) -> str:
    """The domain of a message's From address, in the form that domains are compared in; empty for none."""
    return comparable_domain(row.sender.address.rpartition("@")[2]) if row.sender else ""


def vouched(row: MessageRow, fact: MessageAuthenticated | None) -> Vouched | None:
    """What vouches for a message; None for mail that is not a client's, whose signatures nobody looks at.

    Of several signatures the best counts: one that passes and is the sender's own, then one that passes, then the
    sender's own.
    """
    if fact is None:
        return Vouched(result=None) if row.direction is Direction.IN else None
    witnessed = fact.checked_at - row.received_at <= WITNESSED_WITHIN
    if not fact.signatures:
        return Vouched(result="neutral" if fact.unfit else "none", witnessed=witnessed)
    from levelhead.evidence.authenticate import aligned

    sender = sender_of(row)
    best = max(fact.signatures, key=lambda one: (one.result == "pass", aligned(one.domain, sender)))
    return Vouched(
        result=best.result, domain=best.domain, aligned=aligned(best.domain, sender), witnessed=witnessed
    )


def on_record(store: Store) -> Mapping[str, MessageAuthenticated]:
    """What is on record, by message; the latest counts. Reads all of these facts."""
    found: dict[str, MessageAuthenticated] = {}
    for fact in _facts(store):
        found.setdefault(fact.id, fact)
    return found


def record_of(store: Store, row: MessageRow) -> MessageAuthenticated | None:
    """What is on record about one message; None for history, at whose arrival nobody was there."""
    return None if row.history else next((fact for fact in _facts(store) if fact.id == row.id), None)


def prove(store: Store, load: Callable[[MessageRow], Raw], progress: Progress | None = None) -> Proven:
    """Check every message again that was checked when it came, by its archived bytes and the keys in the ledger.

    `load(row)` gives a message's bytes; StoreDamaged from it is a difference. `progress` is told (done, of).
    """
    facts = on_record(store)
    differ: list[str] = []
    passed = unwitnessed = done = 0
    for row in store.messages(MessageFilter()):
        fact = facts.get(row.id)
        if fact is None:
            unwitnessed += row.direction is Direction.IN
            continue
        sentence = _differs(row, fact, load)
        differ += [sentence] if sentence else []
        passed += not sentence and any(one.result == "pass" for one in fact.signatures)
        done += 1
        if progress is not None:
            progress(done, len(facts))
    gone = len(facts) - done
    return Proven(checked=done, passed=passed, unwitnessed=unwitnessed, gone=gone, differ=tuple(differ))


def _differs(row: MessageRow, fact: MessageAuthenticated, load: Callable[[MessageRow], Raw]) -> str:
    """What a message says now that is not what is on record, in a sentence; empty when it says the same."""
    keys = {key.name: key for key in fact.keys}

    from levelhead.evidence.authenticate import authenticate

    def lookup(name: str) -> KeyPart:
        none = KeyPart(name=name, record="", answer="failed", dnssec="unknown", fetched_at=fact.checked_at)
        return keys.get(name, none)

    try:
        raw = load(row)
    except StoreDamaged as exc:
        return f"message {row.id[:12]} cannot be checked: {exc}"
    try:
        found = authenticate(raw, sender=sender_of(row), at=row.received_at, lookup=lookup)
    finally:
        raw.discard()
    now, then = _told(found), _told(fact)
    if now == then:
        return ""
    return f"message {row.id[:12]}: {then} was recorded, and its bytes say {now} by the recorded keys"


def _told(found: Found | MessageAuthenticated) -> str:
    """Results in words, without reasons, which another version may word otherwise."""
    signatures = [f"{one.result} ({one.domain} {one.selector})" for one in found.signatures]
    parts = [*signatures, f"{found.unchecked} more" if found.unchecked else "", f"ARC {found.chain}"]
    return "unfit" if found.unfit else ", ".join(filter(None, parts))


def _facts(store: Store) -> Iterator[MessageAuthenticated]:
    """Newest first."""
    for _, fact in store.facts_about(kind=MessageAuthenticated.name):
        if isinstance(fact, MessageAuthenticated):
            yield fact
