"""Rows of the SQLite index as the frozen values of `store.api`: the columns to select, and what they become."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from levelhead import clock
from levelhead.model import Address, Direction, Job, Level, Past, Place
from levelhead.store.api import (
    AlertRow,
    DraftRow,
    Entry,
    Excluded,
    FolderState,
    MailboxRow,
    MessageRow,
    Origin,
    PluginRow,
    Sighting,
)

Row = tuple[Any, ...]

MESSAGE = (
    "m.id, m.seq, m.volume, m.offset, m.length, m.size, m.client, m.direction, m.thread, m.sender_address,"
    " m.sender_name, m.recipients, m.copies, m.subject, m.date, m.received_at, m.language, m.message_id,"
    " m.automatic, m.history, m.same_as, m.defects, m.level, m.millionths, m.labels, m.in_sent"
)
PAST = "id, direction, received_at, sender_address, subject, level, millionths, recipients, copies, labels, in_sent"
SIGHTING = (
    "m.id, s.mailbox, s.folder, s.uidvalidity, s.uid, s.internal_date, s.flags, s.first_seen, s.last_seen,"
    " s.vanished_at, s.server_id, s.labels, s.by_id"
)
ORIGIN = "o.source, o.internal_date, o.flags, o.brought_at"
EXCLUDED = "mailbox, folder, uidvalidity, uid, internal_date, reason, addresses"
FOLDER = "mailbox, folder, uidvalidity, first_uidnext, last_uid, highestmodseq, last_pass"
DRAFT = (
    "key, state, message, client, thread, mailbox, subject, body, level, why, plugin, created_at, release_at,"
    " folder, uidvalidity, uid, uidnext_before, message_id, digest"
)
ALERT = (
    "key, state, rule, client, thread, message, severity, title, body, raised_at, rung, next_rung_at, count"
)
MAILBOX = "name, state, kind, why, since"
PLUGIN = "name, state, why"
JOB = "id, lane, kind, key, subject, due_at, attempt"
ENTRY = "e.seq, e.leaf, p.salt, p.payload"


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def moment(text: str | None) -> datetime | None:
    """A time that may be absent."""
    return None if text is None else clock.from_text(text)


def maybe_text(when: datetime | None) -> str | None:
    """How a time that may be absent is stored."""
    return None if when is None else clock.to_text(when)


def to_list(values: tuple[str, ...]) -> str:
    """How a tuple of texts is stored."""
    return _ENCODER.encode(values) if values else "[]"


def from_list(text: str) -> tuple[str, ...]:
    """The tuple of texts that `to_list` wrote."""
    return () if text == "[]" else tuple(json.loads(text))


def to_addresses(people: tuple[Address, ...]) -> str:
    """How a tuple of addresses is stored: pairs of address and name."""
    return _ENCODER.encode([(one.address, one.name) for one in people]) if people else "[]"


def _addresses(text: str) -> tuple[Address, ...]:
    return () if text == "[]" else tuple(Address(address=one, name=name) for one, name in json.loads(text))


def message(row: Row) -> MessageRow:
    return MessageRow(
        id=row[0],
        seq=row[1],
        volume=row[2],
        offset=row[3],
        length=row[4],
        size=row[5],
        client=row[6],
        direction=Direction(row[7]),
        thread=row[8],
        sender=None if row[9] is None else Address(address=row[9], name=row[10]),
        to=_addresses(row[11]),
        cc=_addresses(row[12]),
        subject=row[13],
        date=moment(row[14]),
        received_at=clock.from_text(row[15]),
        language=row[16],
        message_id=row[17],
        automatic=row[18],
        history=bool(row[19]),
        same_as=row[20],
        defects=from_list(row[21]),
        level=None if row[22] is None else Level(row[22]),
        millionths=row[23],
        labels=from_list(row[24]),
        in_sent=None if row[25] is None else bool(row[25]),
    )


def past(row: Row) -> Past:
    return Past(
        id=row[0],
        direction=Direction(row[1]),
        received_at=clock.from_text(row[2]),
        sender=row[3] or "",
        subject=row[4],
        level=None if row[5] is None else Level(row[5]),
        score=None if row[6] is None else row[6] / 1_000_000,
        recipients=_bare(row[7], row[8]),
        labels=from_list(row[9]),
        certain=Direction(row[1]) is not Direction.OUT or row[10] != 0,
    )


def _bare(*lists: str) -> tuple[str, ...]:
    """The addresses alone of such lists, in lower case, each once."""
    return tuple(dict.fromkeys(one.address.lower() for text in lists for one in _addresses(text)))


def sighting(row: Row) -> Sighting:
    return Sighting(
        message=row[0],
        place=Place(mailbox=row[1], folder=row[2], uidvalidity=row[3], uid=row[4]),
        internal_date=moment(row[5]),
        flags=from_list(row[6]),
        first_seen=clock.from_text(row[7]),
        last_seen=clock.from_text(row[8]),
        vanished_at=moment(row[9]),
        server_id=row[10] or "",
        labels=from_list(row[11] or "[]"),
        by_id=bool(row[12]),
    )


def origin(row: Row) -> Origin:
    return Origin(
        source=row[0],
        internal_date=moment(row[1]),
        flags=from_list(row[2]),
        brought_at=clock.from_text(row[3]),
    )


def excluded(row: Row) -> Excluded:
    return Excluded(
        place=Place(mailbox=row[0], folder=row[1], uidvalidity=row[2], uid=row[3]),
        internal_date=moment(row[4]),
        reason=row[5],
        addresses=from_list(row[6]),
    )


def folder(row: Row) -> FolderState:
    return FolderState(
        mailbox=row[0],
        folder=row[1],
        uidvalidity=row[2],
        first_uidnext=row[3],
        last_uid=row[4],
        highestmodseq=row[5],
        last_pass=moment(row[6]),
    )


def draft(row: Row) -> DraftRow:
    return DraftRow(
        key=row[0],
        state=row[1],
        message=row[2],
        client=row[3],
        thread=row[4],
        mailbox=row[5],
        subject=row[6],
        body=row[7],
        level=Level(row[8]),
        why=row[9],
        plugin=row[10],
        created_at=clock.from_text(row[11]),
        release_at=clock.from_text(row[12]),
        folder=row[13],
        uidvalidity=row[14],
        uid=row[15],
        uidnext_before=row[16],
        message_id=row[17],
        digest=row[18],
    )


def alert(row: Row) -> AlertRow:
    return AlertRow(
        key=row[0],
        state=row[1],
        rule=row[2],
        client=row[3],
        thread=row[4],
        message=row[5],
        severity=row[6],
        title=row[7],
        body=row[8],
        raised_at=clock.from_text(row[9]),
        rung=row[10],
        next_rung_at=moment(row[11]),
        count=row[12],
    )


def mailbox(row: Row) -> MailboxRow:
    return MailboxRow(name=row[0], state=row[1], kind=row[2], why=row[3], since=moment(row[4]))


def plugin(row: Row) -> PluginRow:
    return PluginRow(name=row[0], state=row[1], why=row[2])


def job(row: Row) -> Job:
    return Job(
        id=row[0],
        lane=row[1],
        kind=row[2],
        key=row[3],
        subject=row[4],
        due_at=clock.from_text(row[5]),
        attempt=row[6],
    )


def entry(row: Row) -> Entry:
    return Entry(seq=row[0], leaf=row[1], salt=row[2], payload=row[3])
