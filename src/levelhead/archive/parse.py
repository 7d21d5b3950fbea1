"""Bytes to `Parsed`: total, bounded, pure. Never raises for what a sender wrote; lists `defects` instead.

The header block is read by `headers`, the parts by fast-mail-parser or the standard library's compat32 (`mime`),
text and attachments by `body`, the new part by `newtext`. Every limit is checked before a foreign parser is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from levelhead.archive import tree
from levelhead.archive.addresses import addresses_of
from levelhead.archive.automatic import CALENDAR_METHODS, automatic
from levelhead.archive.body import Body, read_body
from levelhead.archive.chars import Defects, Guard, visible
from levelhead.archive.headers import (
    SCAN_LIMIT,
    Head,
    date_of,
    decode_words,
    message_id,
    message_ids,
    split_head,
    text_of,
    value_and_parameters,
)
from levelhead.heat.aside import aside
from levelhead.heat.forms import joined
from levelhead.heat.language import language_of
from levelhead.heat.newtext import NewText, new_text_of
from levelhead.heat.text import shown
from levelhead.model import HEADERS_UNREAD, UNREAD, Address, Parsed
from levelhead.raw import Raw

HEADERS_READ = SCAN_LIMIT + 4
"""Bytes among which the end of a header block is looked for when nothing else is read."""
SUBJECT_LIMIT = 2_000
"""Characters of a subject."""
SHORT_TEXT = 8
"""Words; a shorter text may be in no language that can be told."""
CHUNK = 1 << 20


def parse(raw: Raw) -> Parsed:
    """All that the bytes say. Memory grows with the size of the message up to 8 MB, and time for hashing the rest."""
    defects = Defects()
    data = raw.head(tree.READ_LIMIT)
    if not data:
        defects.add("empty")
    head = split_head(data, defects)
    facts = _read_head(head, defects)
    body = Body()
    with Guard(defects, "body-unread"):
        if raw.size > len(data):
            del data
            root = tree.parts_of_large(raw, head, defects)
        else:
            root = tree.parts_of(head, data, defects)
        body = read_body(root, defects)
    text, new, other = "", NewText(""), NewText("")
    with Guard(defects, "text-unread"):
        text = body.text()
        new, other = map(new_text_of, body.forms())
    calendar = "calendar" if body.calendar in CALENDAR_METHODS and not facts.automatic else ""
    return _parsed(
        head,
        facts,
        defects,
        text=text,
        new_text=joined(new.text, other.text),
        whole_judged=new.whole or other.whole,
        language=_language(new.text or other.text, text),
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


def parse_headers(raw: Raw) -> Parsed:
    """What the header block of a whole message says, read by code of ours alone; with the digest of its body."""
    defects = Defects()
    head = split_head(raw.head(HEADERS_READ), defects)
    facts = _read_head(head, defects)
    return _parsed(head, facts, defects, automatic=facts.automatic, body_digest=_body_digest(raw, head))


def unread(raw: Raw, defects: Sequence[str]) -> Parsed:
    """A message that could not be read when it was archived, by its defects from then; nobody tries it again here."""
    found = Parsed() if HEADERS_UNREAD in defects else parse_headers(raw)
    return replace(found, defects=tuple(defects))


def is_unread(defects: Sequence[str]) -> bool:
    """Whether these are the defects of a message that could not be read."""
    return any(defect.partition(":")[0] == UNREAD for defect in defects)


def _language(new_text: str, text: str) -> str:
    """The language of the new text; of so short a one that it cannot be told, that of the conversation below it."""
    judged = aside(shown(new_text)).text
    language = language_of(judged)
    if not language and 0 < len(judged.split()) < SHORT_TEXT:
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
            name: addresses_of(head.every(name), defects, of_sender=False)
            for name in ("reply-to", "to", "cc", "bcc")
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
    """Line ends that may be the last ones are counted and not kept: a body can consist of them."""
    ends, carried = 0, b""
    while chunk := stream.read(CHUNK):
        chunk = carried + chunk
        carried = b"\r" if chunk.endswith(b"\r") else b""
        chunk = chunk[: len(chunk) - len(carried)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        kept = chunk.rstrip(b"\n")
        if kept:
            _add_ends(digest, ends)
            digest.update(kept)
            ends = 0
        ends += len(chunk) - len(kept)


def _add_ends(digest: hashlib._Hash, ends: int) -> None:
    for _ in range(ends // CHUNK):
        digest.update(b"\n" * CHUNK)
    digest.update(b"\n" * (ends % CHUNK))
