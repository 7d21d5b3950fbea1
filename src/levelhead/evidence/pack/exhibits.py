"""Messages as exhibits: their bytes and attachments as files, and what a reader is shown of them as JSON lines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_tz
from typing import Any

from levelhead.archive.contents import contents
from levelhead.archive.frames import Frame
from levelhead.archive.parse import is_unread, unread
from levelhead.archive.volumes import Volumes
from levelhead.evidence.pack.folder import Folder
from levelhead.evidence.pack.names import attachment_file, message_file, number_of
from levelhead.evidence.pack.records import Record
from levelhead.evidence.pack.selection import Chosen
from levelhead.evidence.pack.sentences import authenticated, moment
from levelhead.facts import MarkUndone, MessageAuthenticated, MessageJudged, MessageMarked
from levelhead.model import Address, Attachment, Parsed
from levelhead.raw import Raw
from levelhead.store.api import Store

TEXT_LIMIT = 200_000
"""Characters of one message that the bundle shows; the whole of it is in its .eml."""

PIECE = 1 << 20
WAYS = {"in": "from the client", "out": "to the client", "other": "by somebody else"}

ASIDE = frozenset(
    {"alert.climbed", "alert.rescheduled", "alert.undelivered", "draft.placing", "draft.rescheduled"}
)
"""Steps of the machine that the bundle leaves to the custody log."""

_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LONG = re.compile(r"[^\s\u200b]{60}")

Parse = Callable[[Raw], Parsed]


@dataclass(slots=True)
class Story:
    """What the ledger says of one exhibit, gathered while its entries go by."""

    level: str = ""
    score: str = ""
    mark: str = ""
    signatures: str = ""
    """Empty when nobody looked when the message came in."""
    custody: list[tuple[str, str]] = field(default_factory=list)
    """Time and sentence."""

    def take(self, record: Record) -> None:
        """Add what one entry says."""
        if record.kind not in ASIDE:
            self.custody.append((moment(record.time), record.sentence))
        match record.fact:
            case MessageJudged() as fact:
                self.level = fact.level
                self.score = "" if fact.millionths is None else f"{fact.millionths / 1e6:.6f}"
            case MessageMarked() as fact:
                self.mark = fact.level
            case MarkUndone():
                self.mark = ""
            case MessageAuthenticated() as fact:
                self.signatures = authenticated(fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An attachment of an exhibit. `file` is where it lies in the pack, empty when its bytes could not be taken out."""

    name: str
    type: str
    size: int
    digest: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """What lists and tables need of a message; its text is not in it."""

    number: str
    id: str
    file: str
    size: int
    way: str
    sender: str
    to: str
    cc: str
    bcc: str
    subject: str
    sent: datetime | None
    sent_zone: str
    received: datetime
    message_id: str
    in_reply_to: str
    references: str
    parts: tuple[Part, ...]
    same_as: str
    defects: tuple[str, ...]
    automatic: str
    language: str
    length: int
    """Characters of its text."""


class Reader:
    """Turns messages into exhibits: each is read once from its volume, checked, and written into the pack."""

    def __init__(self, store: Store, volumes: Volumes, parse: Parse, folder: Folder, total: int) -> None:
        self._store = store
        self._volumes = volumes
        self._parse = parse
        self._folder = folder
        self._total = total

    def take(self, one: Chosen) -> tuple[Exhibit, str]:
        """Write the message and its attachments; what it is, and its text. StoreDamaged when its bytes are bad."""
        fact = one.fact
        frame = Frame(volume=fact.volume, offset=fact.offset, length=fact.length, digest=fact.frame)
        raw = self._volumes.read_checked(fact.id, frame)
        try:
            number = number_of(one.number, self._total)
            self._copy(raw, message_file(number))
            # What ended the parser when the message came in is not given to it again.
            before = self._store.message(fact.id).defects
            parsed = unread(raw, before) if is_unread(before) else self._parse(raw)
            parts = self._attachments(number, raw, parsed.attachments)
        finally:
            raw.discard()
        return _exhibit(one, number, parsed, parts), parsed.text

    def _copy(self, raw: Raw, name: str) -> None:
        with raw.open() as source, self._folder.open(name) as file:
            while piece := source.read(PIECE):
                file.write(piece)

    def _attachments(self, number: str, raw: Raw, listed: Sequence[Attachment]) -> tuple[Part, ...]:
        if not listed:
            return ()
        bodies = contents(raw)
        parts = []
        for position, part in enumerate(listed, start=1):
            name = ""
            if part.digest and (pieces := bodies.get(part.digest)) is not None:
                name = attachment_file(number, position, part.name)
                with self._folder.open(name) as file:
                    file.writelines(pieces())
            parts.append(Part(name=part.name, type=part.type, size=part.size, digest=part.digest, file=name))
        return tuple(parts)


def _exhibit(one: Chosen, number: str, parsed: Parsed, parts: tuple[Part, ...]) -> Exhibit:
    fact = one.fact
    return Exhibit(
        number=number,
        id=fact.id,
        file=message_file(number),
        size=fact.size,
        way=one.direction,
        sender=str(parsed.sender or ""),
        to=_people(parsed.to),
        cc=_people(parsed.cc),
        bcc=_people(parsed.bcc),
        subject=parsed.subject,
        sent=parsed.date,
        sent_zone=_zone(parsed),
        received=fact.received_at,
        message_id=parsed.message_id,
        in_reply_to=" ".join(parsed.in_reply_to),
        references=" ".join(parsed.references),
        parts=parts,
        same_as=fact.same_as,
        defects=tuple(dict.fromkeys((*parsed.defects, *fact.doubts))),
        automatic=parsed.automatic,
        language=parsed.language,
        length=len(parsed.text),
    )


def _people(people: Sequence[Address]) -> str:
    return "; ".join(map(str, people))


def _zone(parsed: Parsed) -> str:
    """The sender's offset from UTC as the Date field gives it (`+01:00`), or empty."""
    written = next((value for name, value in parsed.headers if name.lower() == "date"), "")
    found = parsedate_tz(written[:200])
    if found is None or found[9] is None or abs(found[9]) > 86_400:
        return ""
    sign = "-" if found[9] < 0 else "+"
    return f"{sign}{abs(found[9]) // 3600:02}:{abs(found[9]) % 3600 // 60:02}"


# --- what a reader is shown -------------------------------------------------------------------------


def shown(exhibit: Exhibit, text: str, story: Story) -> dict[str, Any]:
    """An exhibit as bundle and page show it: texts only, by the names that the template uses."""
    return {
        "number": exhibit.number,
        "anchor": f"exhibit-{exhibit.number}",
        "subject": visible(exhibit.subject) or "(no subject)",
        "headers": [list(row) for row in _headers(exhibit, story) if row[1]],
        "text": _lines(exhibit, text),
        "attachments": [_attachment(part) for part in exhibit.parts],
        "custody": [{"time": time, "what": visible(what)} for time, what in story.custody],
        "digest": exhibit.id,
        "file": exhibit.file,
        "defects": ", ".join(map(visible, exhibit.defects)),
    }


def _headers(exhibit: Exhibit, story: Story) -> list[tuple[str, str]]:
    judged = story.level + (f" ({float(story.score):.2f})" if story.score else "")
    marked = f"{judged}, marked {story.mark} by a person" if story.mark else judged
    rows = [
        ("From", exhibit.sender),
        ("To", exhibit.to),
        ("Cc", exhibit.cc),
        ("Bcc", exhibit.bcc),
        ("Sent", _sent(exhibit)),
        ("Received", moment(exhibit.received)),
        ("Subject", exhibit.subject),
        ("Message-ID", exhibit.message_id),
        ("In reply to", exhibit.in_reply_to),
        ("Direction", WAYS.get(exhibit.way, exhibit.way)),
        ("Judged", marked),
        ("Signatures", story.signatures or "not looked at when it came in"),
    ]
    return [(name, visible(value)) for name, value in rows]


def _sent(exhibit: Exhibit) -> str:
    if exhibit.sent is None:
        return "no date, or none that can be read"
    return moment(exhibit.sent) + (f" (the sender's clock: {exhibit.sent_zone})" if exhibit.sent_zone else "")


def _attachment(part: Part) -> dict[str, str]:
    where = part.file or "its bytes could not be taken out; they are in the message"
    return {
        "name": visible(part.name) or "(no name)",
        "what": f"{part.type}, {part.size} bytes",
        "digest": part.digest or "no digest: it was not read to its end, or programs decode it differently",
        "file": where,
    }


def _lines(exhibit: Exhibit, text: str) -> list[str]:
    lines = visible(text[:TEXT_LIMIT]).split("\n")
    if len(text) > TEXT_LIMIT:
        lines.append(f"[{len(text) - TEXT_LIMIT} more characters are not shown here; see {exhibit.file}]")
    elif not text.strip():
        lines = ["(this message has no readable text)"]
    return lines


def visible(text: str) -> str:
    """The text with signs that turn the order of reading written as numbers."""
    return _STEERING.sub(lambda sign: f"[U+{ord(sign[0]):04X}]", text)


def breakable(text: str) -> str:
    """The text with an invisible place to break in each run of 60 signs, so that no line runs off a page."""
    return _LONG.sub(lambda run: run[0] + "\u200b", text)


def edrm_mih(message_id: str) -> tuple[str, str]:
    """The EDRM Message Identification Hash as review programs compute it, and its like without brackets; or empty.

    MD5 in upper-case hex of the Message-ID's first value, up to and with its closing bracket. The specification
    could not be read; programs that implement it were. Some others leave the brackets out: the second is theirs.
    """
    if not message_id:
        return "", ""
    bare = message_id.removeprefix("<").partition(">")[0]
    whole, other = (
        hashlib.md5(one.encode(), usedforsecurity=False).hexdigest() for one in (f"<{bare}>", bare)
    )
    return whole.upper(), other.upper()


def to_line(value: Mapping[str, Any]) -> bytes:
    """One JSON line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
