"""The header block of a message: fields in order, under limits, and the words in them. Linear in its size."""

from __future__ import annotations

import binascii
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from levelhead.archive.chars import FOREIGN, Defects, Guard, decode, guess, single_line

SCAN_LIMIT = 1_000_000
"""Bytes of a header block that are looked at."""
BLOCK_LIMIT = 102_400
"""Bytes of fields that are kept; fields that decide something come first."""
FIELD_COUNT_LIMIT = 1_000
FIELD_LIMIT = 65_536
"""Bytes of one field."""
DATE_LIMIT = 200
"""Characters of a Date field."""
ID_LIMIT = 998
REFERENCES_LIMIT = 100

ENDS = re.compile(rb"\n\r?\n")
FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
MESSAGE_ID = re.compile(r"<[^<>\s\x00-\x20\x7f-\x9f\\\"]{1,996}>")
SPACES = re.compile(r"[ \t]+")
Q_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")

DECIDING = frozenset(
    {
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "auto-submitted",
        "precedence",
        "return-path",
        "list-id",
        "list-post",
        "list-unsubscribe",
        "list-help",
        "x-auto-response-suppress",
        "x-autoreply",
        "x-autorespond",
        "x-autoresponder",
        "delivered-to",
        "x-original-to",
        "envelope-to",
        "x-failed-recipients",
    }
)
"""Fields that are kept before all others when a block is too large."""

TELLING = frozenset(
    {b"from", b"to", b"subject", b"date", b"message-id", b"received", b"content-type", b"mime-version"}
)
"""A line that is no field stands inside the header block, not after it, when one of these follows it soon."""
TELLING_WIDTH = 100
"""Bytes of a line in which such a field's name ends."""
SOON_LINES, SOON_BYTES = 50, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A header block. `raw` is (name, unfolded text before its words are decoded); `body_at` the body's first byte."""

    raw: tuple[tuple[str, str], ...]
    body_at: int
    bare_cr: bool = False
    """True when lines end in CR alone, so that the body must be read likewise."""

    _first: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.raw:
            self._first.setdefault(key.lower(), value)

    def first(self, name: str) -> str:
        """The raw text of the first field of that lower-case name, or empty."""
        return self._first.get(name, "")

    def every(self, name: str) -> tuple[str, ...]:
        if name not in self._first:
            return ()
        return tuple(value for key, value in self.raw if key.lower() == name)


def split_head(data: bytes, defects: Defects) -> Head:
    """Part the header block from the body and its fields from each other. `data` may be the block alone."""
    bare_cr = b"\r" in data[:SCAN_LIMIT] and b"\n" not in data[:SCAN_LIMIT]
    if bare_cr:
        defects.add("bare-cr")
        data = data.replace(b"\r", b"\n")
    if data[:1] == b"\n" or data[:2] == b"\r\n":
        defects.add("no-headers")
        return Head(raw=(), body_at=1 if data[:1] == b"\n" else 2, bare_cr=bare_cr)
    end = ENDS.search(data)
    block = data[: end.start() + 1] if end else data
    body_at = end.end() if end else len(data)
    if len(block) > SCAN_LIMIT:
        defects.add("headers-cut", f"{len(block)} bytes")
        block = block[: block.rfind(b"\n", 0, SCAN_LIMIT) + 1] or block[:SCAN_LIMIT]
    fields, stopped_at = _fields(block, defects)
    if stopped_at is not None:
        body_at = stopped_at
    if not fields and block:
        defects.add("no-headers")
    return Head(raw=_kept(fields, defects), body_at=body_at, bare_cr=bare_cr)


def _fields(block: bytes, defects: Defects) -> tuple[list[tuple[str, str]], int | None]:
    """All fields, and where the body begins when no empty line parts it."""
    found: list[tuple[str, list[bytes]]] = []
    lines = block.split(b"\n")
    telling: deque[tuple[int, int]] | None = None
    at = 0
    for index, line in enumerate(lines):
        start, at = at, at + len(line) + 1
        stripped = line.rstrip(b"\r")
        if stripped[:1] in (b" ", b"\t") and found:
            found[-1][1].append(stripped)
            continue
        if field := FIELD.match(stripped):
            found.append((field[1].decode("ascii"), [field[2]]))
            continue
        if stripped.startswith((b"From ", b">From ")) or not stripped:
            continue
        telling = _telling(lines) if telling is None else telling
        if not _fields_follow(telling, index, at):
            defects.add("no-empty-line-after-headers")
            return [(name, _unfolded(parts, defects)) for name, parts in found], start
        defects.add("bad-header-line")
    return [(name, _unfolded(parts, defects)) for name, parts in found], None


def _telling(lines: list[bytes]) -> deque[tuple[int, int]]:
    """Index and first byte of every line that is a field which a body would hardly hold."""
    found: deque[tuple[int, int]] = deque()
    at = 0
    for index, line in enumerate(lines):
        name, colon, _ = line[:TELLING_WIDTH].partition(b":")
        if colon and name.strip().lower() in TELLING:
            found.append((index, at))
        at += len(line) + 1
    return found


def _fields_follow(telling: deque[tuple[int, int]], index: int, at: int) -> bool:
    """Whether one of the lines soon after the line `index`, which ends before the byte `at`, is such a field.

    Asked for rising lines only: what lies behind is taken out of `telling`, so that all questions together are linear.
    """
    while telling and telling[0][0] <= index:
        telling.popleft()
    return bool(telling) and telling[0][0] - index <= SOON_LINES and telling[0][1] < at + SOON_BYTES


def _unfolded(parts: list[bytes], defects: Defects) -> str:
    value = b"".join(part.replace(b"\r", b" ") for part in parts)
    if len(value) > FIELD_LIMIT:
        defects.add("field-cut", f"{len(value)} bytes")
        value = value[:FIELD_LIMIT]
        value = (
            value[: max(value.rfind(b","), value.rfind(b" "))] if b" " in value or b"," in value else value
        )
    if value.isascii():
        return value.decode("ascii").strip(" \t")
    try:
        return value.decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        defects.add("8bit-header")
        return guess(value).strip(" \t")


def _kept(fields: list[tuple[str, str]], defects: Defects) -> tuple[tuple[str, str], ...]:
    """The fields within the limits: first those that decide, then the others, in the order in which they came."""
    if len(fields) <= FIELD_COUNT_LIMIT and sum(len(k) + len(v) for k, v in fields) <= BLOCK_LIMIT:
        return tuple(fields)
    defects.add("headers-cut", f"{len(fields)} fields")
    budget = BLOCK_LIMIT
    kept: set[int] = set()
    seen: dict[str, int] = {}
    order = sorted(range(len(fields)), key=lambda index: fields[index][0].lower() not in DECIDING)
    for index in order:
        name, value = fields[index]
        key = name.lower()
        seen[key] = seen.get(key, 0) + 1
        size = len(name) + len(value)
        if len(kept) >= FIELD_COUNT_LIMIT or size > budget or seen[key] > 100:
            continue
        kept.add(index)
        budget -= size
    return tuple(field for index, field in enumerate(fields) if index in kept)


# --- words --------------------------------------------------------------------------------------


def decode_words(value: str, defects: Defects) -> str:
    """The text of a field with its encoded words (RFC 2047) read, on one line, without control characters."""
    if "=?" not in value:
        return _harmless(value, defects)
    pieces: list[str] = []
    run: list[tuple[str, bytes]] = []
    at = 0
    for word in WORD.finditer(value):
        between = value[at : word.start()]
        if between.strip() or not run:
            pieces.append(_joined(run, defects))
            pieces.append(between)
            run = []
        run.append((word[1].split("*", 1)[0], _word_bytes(word[2], word[3], defects)))
        at = word.end()
    pieces.append(_joined(run, defects))
    pieces.append(value[at:])
    return _harmless("".join(pieces), defects)


def _harmless(text: str, defects: Defects) -> str:
    cleaned = single_line(text)
    if cleaned != text:
        defects.add("control-characters")
    return cleaned


def _joined(run: list[tuple[str, bytes]], defects: Defects) -> str:
    """Words side by side; those of one charset are joined first, because senders split characters between them."""
    merged: list[tuple[str, list[bytes]]] = []
    for charset, data in run:
        if merged and merged[-1][0].lower() == charset.lower():
            merged[-1][1].append(data)
        else:
            merged.append((charset, [data]))
    return "".join(decode(b"".join(parts), charset, defects) for charset, parts in merged)


def _word_bytes(encoding: str, text: str, defects: Defects) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return Q_BYTE.sub(lambda match: bytes((int(match[1], 16),)), data.replace(b"_", b" "))
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        defects.add("bad-encoded-word")
        return data


def text_of(head: Head, name: str, defects: Defects) -> str:
    """The decoded text of the first field of that name, its runs of spaces made one."""
    return SPACES.sub(" ", decode_words(head.first(name), defects)).strip()


# --- structured fields --------------------------------------------------------------------------


def message_id(head: Head, defects: Defects) -> str:
    """The Message-ID with its brackets; empty, with a defect, for one that holds what no id may hold."""
    value = head.first("message-id")
    if not value:
        return ""
    found = MESSAGE_ID.findall(value[: ID_LIMIT * 4])
    if len(found) == 1 and value.strip() == found[0] and found[0].isascii():
        return str(found[0])
    defects.add("bad-message-id")
    return ""


def message_ids(head: Head, name: str, defects: Defects) -> tuple[str, ...]:
    """The ids in a field that lists them, each once, at most the last 100."""
    value = head.first(name)
    if not value:
        return ()
    found = tuple(dict.fromkeys(word for word in MESSAGE_ID.findall(value) if word.isascii()))
    if not found and "<" in value:
        defects.add(f"bad-{name}")
    if len(found) > REFERENCES_LIMIT:
        defects.add(f"{name}-cut", f"{len(found)} ids")
    return found[-REFERENCES_LIMIT:]


def date_of(head: Head, defects: Defects) -> datetime | None:
    """The Date field in UTC; None, with a defect, when it is no moment between the years 1970 and 9000."""
    value = head.first("date")
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value[:DATE_LIMIT])
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except FOREIGN:
        defects.add("bad-date")
        return None
    if not 1970 <= moment.year <= 9000:
        defects.add("bad-date")
        return None
    return moment


PARAMETER = re.compile(r';\s*([^\s=;"]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;\s]*))', re.DOTALL)
PARAMETER_LIMIT = 100


def value_and_parameters(value: str, defects: Defects) -> tuple[str, Mapping[str, str]]:
    """A field such as Content-Type in two: its lower-case value, and its parameters (RFC 2045, RFC 2231)."""
    main = (value.split(";", 1)[0].lower().split() or [""])[0]
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, match in enumerate(PARAMETER.finditer(value, value.find(";") if ";" in value else len(value))):
        if count >= PARAMETER_LIMIT:
            defects.add("parameters-cut")
            break
        name = match[1].lower()
        text = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, text)
            continue
        number = rest.rstrip("*")
        if (number.isdigit() and len(number) <= 3) or not number:
            pieces.setdefault(base, {}).setdefault(int(number or 0), (text, name.endswith("*")))
    for base, parts in pieces.items():
        with Guard(defects, "bad-parameter"):
            plain[base] = _continued(parts, defects)
    return main, plain


def _continued(parts: dict[int, tuple[str, bool]], defects: Defects) -> str:
    """The pieces of one parameter in their order; the first may name a charset (RFC 2231)."""
    charset, data = "", []
    for position, (number, (text, encoded)) in enumerate(sorted(parts.items())):
        if encoded and position == 0 and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        data.append(unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace"))
    return decode(b"".join(data), charset or "utf-8", defects)
