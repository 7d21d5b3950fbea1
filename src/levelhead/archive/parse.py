"""Bytes to `Parsed`: total, bounded, pure. Never raises for what a sender wrote; lists `defects` instead.

The header block is read by `headers`, the parts by fast-mail-parser or the standard library's compat32 (`mime`),
text and attachments by `body`, the new part by `newtext`. Every limit is checked before a foreign parser is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from levelhead.archive.addresses import addresses_of
from levelhead.archive.automatic import CALENDAR_METHODS, automatic
from levelhead.archive.body import Body, read_body
from levelhead.archive.chars import Defects, Guard, visible
from levelhead.archive.headers import (
    Head,
    date_of,
    decode_words,
    message_id,
    message_ids,
    split_head,
    text_of,
    value_and_parameters,
)
from levelhead.archive.mime import read_parts
from levelhead.heat.language import language_of
from levelhead.heat.newtext import NewText, new_text_of
from levelhead.model import Address, Parsed
from levelhead.raw import Raw

READ_LIMIT = 40_000_000
"""Bytes of a message that are parsed; what stands behind them is archived, and its digest is taken."""
SUBJECT_LIMIT = 2_000
"""Characters of a subject."""
SHORT_TEXT = 8
"""Words; a shorter text may be in no language that can be told."""
CHUNK = 1 << 20


def parse(raw: Raw) -> Parsed:
    """All that the bytes say. Time and memory grow with the size of the message, up to 40 MB of it."""
    defects = Defects()
    data = raw.head(READ_LIMIT)
    cut = raw.size > len(data)
    if cut:
        defects.add("message-cut", f"{raw.size} bytes")
    if not data:
        defects.add("empty")
    head = split_head(data, defects)
    if head.bare_cr:
        data = data.replace(b"\r", b"\n")
    facts = _read_head(head, defects)
    body = Body()
    with Guard(defects, "body-unread"):
        body = read_body(read_parts(head, data[head.body_at :], defects, cut=cut), defects)
    text, new = "", NewText("")
    with Guard(defects, "text-unread"):
        text = body.text()
        new = new_text_of("\n\n".join(body.own))
    calendar = "calendar" if body.calendar in CALENDAR_METHODS and not facts.automatic else ""
    return _parsed(
        head,
        facts,
        defects,
        text=text,
        new_text=new.text,
        whole_judged=new.whole,
        language=_language(new.text, text),
        attachments=tuple(body.attachments),
        automatic=facts.automatic or calendar,
        encrypted=body.encrypted,
        body_digest=_body_digest(raw, head),
    )


def parse_head(head: bytes) -> Parsed:
    """What a header block alone says (as `BODY.PEEK[HEADER]` brings it), for decisions before a body is fetched."""
    defects = Defects()
    block = split_head(head, defects)
    facts = _read_head(block, defects)
    return _parsed(block, facts, defects, automatic=facts.automatic)


def _language(new_text: str, text: str) -> str:
    """The language of the new text; of so short a one that it cannot be told, that of the conversation below it."""
    language = language_of(new_text)
    if not language and 0 < len(new_text.split()) < SHORT_TEXT:
        language = language_of(text)
    return language


@dataclass(slots=True)
class _HeadFacts:
    """What the header block says beyond its fields."""

    senders: tuple[Address, ...] = ()
    subject: str = ""
    automatic: str = ""
    people: Mapping[str, tuple[Address, ...]] | None = None


def _read_head(head: Head, defects: Defects) -> _HeadFacts:
    facts = _HeadFacts()
    with Guard(defects, "addresses-unread"):
        froms = head.every("from")
        if len(froms) > 1:
            defects.add("several-from-fields")
        facts.senders = addresses_of(froms[:1], defects)
        if len(facts.senders) > 1:
            defects.add("several-senders")
        if not facts.senders:
            defects.add("no-sender")
            facts.senders = addresses_of(head.every("sender")[:1], defects)
        facts.people = {
            name: addresses_of(head.every(name), defects) for name in ("reply-to", "to", "cc", "bcc")
        }
    with Guard(defects, "subject-unread"):
        subject = text_of(head, "subject", defects)
        facts.subject = visible(subject)[:SUBJECT_LIMIT]
        if facts.subject != subject:
            defects.add("subject-altered")
    with Guard(defects, "automatic-unread"):
        kind, parameters = value_and_parameters(head.first("content-type"), defects)
        sender = facts.senders[0].address if facts.senders else ""
        facts.automatic = automatic(head, facts.subject, sender, kind, parameters)
    return facts


def _parsed(head: Head, facts: _HeadFacts, defects: Defects, **rest: object) -> Parsed:
    people = facts.people or {}
    values: dict[str, object] = {
        "sender": facts.senders[0] if facts.senders else None,
        "reply_to": people.get("reply-to", ()),
        "to": people.get("to", ()),
        "cc": people.get("cc", ()),
        "bcc": people.get("bcc", ()),
        "subject": facts.subject,
        "date": date_of(head, defects),
        "message_id": message_id(head, defects),
        "in_reply_to": message_ids(head, "in-reply-to", defects),
        "references": message_ids(head, "references", defects),
        "headers": tuple((name, decode_words(value, defects)) for name, value in head.raw),
    }
    return Parsed(**values, **rest, defects=defects.all())  # type: ignore[arg-type]  # names are those of Parsed


# --- the digest of the body ---------------------------------------------------------------------


def _body_digest(raw: Raw, head: Head) -> str:
    """SHA-256 over what two copies share: the body with LF line ends and no empty lines at its end, and its type."""
    digest = hashlib.sha256()
    for name in ("content-type", "content-transfer-encoding"):
        digest.update(" ".join(head.first(name).split()).encode("utf-8", "replace") + b"\n")
    with raw.open() as stream:
        stream.seek(head.body_at)
        _update(digest, stream)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, stream: BinaryIO) -> None:
    held = b""
    while chunk := stream.read(CHUNK):
        chunk = held + chunk
        carried = b"\r" if chunk.endswith(b"\r") else b""
        chunk = chunk[: len(chunk) - len(carried)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        kept = chunk.rstrip(b"\n")
        digest.update(kept)
        held = chunk[len(kept) :] + carried
    if rest := held.replace(b"\r", b"").rstrip(b"\n"):
        digest.update(rest)
