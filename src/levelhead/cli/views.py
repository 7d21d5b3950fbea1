"""Rows of the archive as the contract's JSON objects.

A text that is not there is the empty string; a time, a number or a level that is not there is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levelhead.cli.times import told

if TYPE_CHECKING:
    from levelhead.clients.directory import Directory
    from levelhead.facts import CallPart, MessageJudged, PointPart
    from levelhead.model import Address, Attachment, Point, Verdict
    from levelhead.store.api import AlertRow, DraftRow, MessageRow, Origin, Sighting


def score_of(millionths: int | None) -> float | None:
    """A score for the outside, 0..1 with at most six digits, or null."""
    return None if millionths is None else millionths / 1_000_000


def bare(address: Address | None) -> str:
    """The address without its display name, or empty."""
    return "" if address is None else address.address


def doubt(directory: Directory, row: MessageRow) -> dict[str, Any]:
    """Why the sender may not be who it seems, and the client whom it poses as; both empty for ordinary mail."""
    found = directory.doubt(row.sender, row.defects, automatic=row.automatic, in_sent=row.in_sent)
    return {"doubt": found.why if found else "", "poses_as": found.poses_as if found else ""}


def message(
    row: MessageRow, sightings: Sequence[Sighting], mark: str | None, directory: Directory
) -> dict[str, Any]:
    """One line of `messages`. `level` is null until the message was judged, `mark` unless a person gave one."""
    return doubt(directory, row) | {
        "id": row.id,
        "seq": row.seq,
        "client": row.client,
        "direction": row.direction.value,
        "sender": bare(row.sender),
        "sender_name": row.sender.name if row.sender else "",
        "to": [bare(address) for address in row.to],
        "cc": [bare(address) for address in row.cc],
        "subject": row.subject,
        "date": told(row.date),
        "received_at": told(row.received_at),
        "size": row.size,
        "language": row.language,
        "level": row.level.value if row.level else None,
        "score": score_of(row.millionths),
        "labels": list(row.labels),
        "mark": mark,
        "thread": row.thread,
        "sightings": [sighting(seen) for seen in sightings],
        "automatic": row.automatic,
        "history": row.history,
        "same_as": row.same_as,
        "defects": list(row.defects),
    }


def sighting(seen: Sighting) -> dict[str, Any]:
    """Where a server keeps or kept the message."""
    return {
        "mailbox": seen.place.mailbox,
        "folder": seen.place.folder,
        "uidvalidity": seen.place.uidvalidity,
        "uid": seen.place.uid,
        "first_seen": told(seen.first_seen),
        "last_seen": told(seen.last_seen),
        "vanished_at": told(seen.vanished_at),
        "labels": list(seen.labels),
        "by_id": seen.by_id,
    }


def origin(found: Origin) -> dict[str, Any]:
    """A file that the message was brought from."""
    return {
        "source": found.source,
        "internal_date": told(found.internal_date),
        "flags": list(found.flags),
        "brought_at": told(found.brought_at),
    }


def point(part: PointPart | Point) -> dict[str, Any]:
    """One named share of a score; the `points` of a verdict sum to its score."""
    return {
        "plugin": part.plugin,
        "label": part.label,
        "points": score_of(part.millionths),
        "why": part.why,
        "quotes": list(part.quotes),
    }


def call(part: CallPart) -> dict[str, Any]:
    """One call of a plugin's hook."""
    return {
        "plugin": part.plugin,
        "hook": part.hook,
        "took_ms": part.took_us / 1000,
        "result": part.result,
        "error": part.error,
    }


def draft(row: DraftRow) -> dict[str, Any]:
    """One line of `held`."""
    return {
        "key": row.key,
        "client": row.client,
        "thread": row.thread,
        "subject": row.subject,
        "level": row.level.value,
        "created_at": told(row.created_at),
        "release_at": told(row.release_at),
        "why": row.why,
        "state": str(row.state),
        "message": row.message,
        "mailbox": row.mailbox,
    }


def alert(row: AlertRow, subject: str) -> dict[str, Any]:
    """One line of `alerts`; `subject` is that of the message that it is about, empty when it is about none."""
    return {
        "key": row.key,
        "client": row.client,
        "thread": row.thread,
        "severity": row.severity,
        "title": row.title,
        "state": str(row.state),
        "raised_at": told(row.raised_at),
        "next_rung_at": told(row.next_rung_at),
        "count": row.count,
        "rule": row.rule,
        "message": row.message,
        "subject": subject,
        "body": row.body,
    }


def attachment(part: Attachment) -> dict[str, Any]:
    """A part of a message that is not its text."""
    return {"name": part.name, "type": part.type, "size": part.size, "digest": part.digest}


def verdict(said: Verdict) -> dict[str, Any]:
    """A verdict in short, as `score` and `replay` tell it."""
    return _verdict(said.millionths, said.level, said.labels, said.complete)


def judged(fact: MessageJudged) -> dict[str, Any]:
    """The recorded verdict in short."""
    return _verdict(fact.millionths, fact.level, fact.labels, fact.complete)


def _verdict(millionths: int | None, level: str, labels: Sequence[str], complete: bool) -> dict[str, Any]:
    return {"score": score_of(millionths), "level": str(level), "labels": list(labels), "complete": complete}
