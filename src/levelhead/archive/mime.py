"""The parts of a message as a tree, whichever parser read them.

fast-mail-parser reads nearly all mail. The standard library's `compat32` parser reads what that one refuses, or
what a look at the bytes shows to cost it too much; a crude reader takes what both cannot. Neither of them sees the
message's own header block, only its Content-* fields, so that one reading of the other fields holds everywhere.
"""

from __future__ import annotations

import binascii
import email
import email.message
import email.policy
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import fast_mail_parser

from levelhead.archive.chars import Defects, Guard, guess, single_line
from levelhead.archive.headers import Head, split_head, value_and_parameters
from levelhead.raw import Raw

NESTING_LIMIT = 100
PARTS_LIMIT = 10_000
NESTED_BYTES = 200_000_000
"""Bytes that embedded messages may make a parser copy: their number times the size of the body."""
WORDS_COST = 1_000_000_000
"""Number of `=?` times bytes; fast-mail-parser's time for encoded words in parts grows with it (0.06 s at this)."""
PARAMETERS_LIMIT = 2_000_000
"""Number of `;`; fast-mail-parser reads about as many parameters in a second."""
PARAMETERS_COST = 10_000_000_000
"""Number of `;` times bytes; compat32's time for parameters grows with it (about 1 s at this)."""

SLOW_BYTES, SLOW_LINES = 10_000_000, 250_000
"""Of a body that compat32 is given (about 0.4 s)."""
UU_LINES = 300_000
"""Lines of uuencoded text that are decoded (0.2 s, 13 MB)."""

UUENCODE = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
EMBEDDED_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})

PART_LINE = re.compile(rb"\n--")
NESTING = re.compile(rb"boundary\s*+\*?+0?+\*?+\s*+=|message/")
BOUNDARY = re.compile(rb"boundary\s*=\s*")
BOUNDARY_VALUE = re.compile(rb"\"?([^\"\s;]{1,200})")
ANY_LINE_END = re.compile(rb"[\r\n]")
LINE = re.compile(rb"[^\r\n]+")
LINE_END = re.compile(rb"(?:--)?[ \t]*(?:\r?\n|\Z)")
ENCODED_TYPE = re.compile(rb"\ncontent-type\s*:[^\n]{0,200}=\?")
ENCODED_EMBEDDED = re.compile(rb"base64|quoted-printable")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Where the whole content of a part lies of which `Part.content` has only the beginning (see `large`)."""

    raw: Raw
    start: int
    stop: int
    encoding: str
    """The transfer encoding, in lower case."""
    bare_cr: bool = False
    """Whether each CR is to be read as a line end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. `content` is the decoded bytes of a leaf or of an embedded message; containers have none."""

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""
    filename: str = ""
    content: bytes = b""
    children: tuple[Part, ...] = ()
    embedded: bool = False
    """True for message/rfc822 and its like: the one child is the root of the message inside."""
    fields: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    """True when the bytes may end before the part does."""
    left_out: LeftOut | None = None
    """In a large message."""


def read_parts(head: Head, body: bytes, defects: Defects, *, cut: bool = False) -> Part:
    """The tree of parts of a message whose header block is `head`; `cut` when `body` is not all of it."""
    body, cut, fast, slow = _within_limits(head, body, defects, cut=cut)
    top = _content_fields(head)
    data = top + b"\n" + body
    if fast:
        with Guard(defects, "fast-parser-failed"):
            found = _fast(data, defects)
            if found is not None and not _without_parts(found):
                return _marked_cut(found) if cut else found
    if slow:
        body, cut = _affordable(body, defects, cut=cut)
        data = top + b"\n" + body
        with Guard(defects, "compat32-failed"):
            message = email.message_from_bytes(data, policy=email.policy.compat32)
            found = _from_compat32(message, defects, 0, [0])
            if not (_without_parts(found) and body.strip()):
                return _marked_cut(found) if cut else found
            defects.add("multipart-without-parts")
            return Part(type="text/plain", content=body, cut=cut)
    defects.add("structure-unread")
    return _crude(head, body, defects)


def _affordable(body: bytes, defects: Defects, *, cut: bool) -> tuple[bytes, bool]:
    """What the slow parser may have of the body, and whether that is not all of it: it takes its time for each line."""
    end = min(len(body), SLOW_BYTES)
    if body.count(b"\n", 0, end) + body.count(b"\r", 0, end) > SLOW_LINES:
        end = next(match.end() for match in islice(ANY_LINE_END.finditer(body), SLOW_LINES, None))
    if end == len(body):
        return body, cut
    defects.add("structure-cut", f"{len(body)} bytes")
    return body[:end], True


def _without_parts(part: Part) -> bool:
    """True when a message says that it has parts and shows none, by a boundary that is missing or never comes."""
    return part.type.startswith("multipart/") and not _holds_anything(part)


def _holds_anything(part: Part) -> bool:
    return (
        part.embedded or bool(part.content.strip()) or any(_holds_anything(child) for child in part.children)
    )


def _content_fields(head: Head) -> bytes:
    """The fields that say how the body is to be read, each on one line and once."""
    lines = []
    for name in ("content-type", "content-transfer-encoding", "content-disposition"):
        if value := head.first(name):
            lines.append(f"{name}: {' '.join(value.split())}\n")
    return "".join(lines).encode("utf-8", "replace")


def _within_limits(head: Head, body: bytes, defects: Defects, *, cut: bool) -> tuple[bytes, bool, bool, bool]:
    """The body under the limits, whether it was cut, and whether the fast and the slow parser may have it."""
    lower_type = head.first("content-type").lower()
    if not ("multipart" in lower_type or "message" in lower_type or "=?" in lower_type):
        quoted = head.first("content-transfer-encoding").strip().lower() == "quoted-printable"
        return body, cut, not quoted or body.isascii(), True
    if body.count(b"\n--") > PARTS_LIMIT:
        last = next(islice(PART_LINE.finditer(body), PARTS_LIMIT, None), None)
        if last is not None:
            defects.add("too-many-parts")
            body, cut = body[: last.start() + 1], True
    typed = head.first("content-type").encode("utf-8", "replace") + b"\n" + body
    lower = typed.lower()
    embedded = min(PARTS_LIMIT, lower.count(b"message/"))
    if embedded * len(body) > NESTED_BYTES:
        defects.add("embedded-messages-cut")
        body, cut = body[: NESTED_BYTES // embedded], True
    nesting = lower.count(b"boundary") + embedded
    if nesting > NESTING_LIMIT:
        nesting = sum(1 for _ in islice(NESTING.finditer(lower), NESTING_LIMIT + 1))
    parameters = body.count(b";")
    # One character is looked for many times quicker than two, and a large attachment has no `?`.
    words = body.count(b"=?") if b"?" in body else 0
    cheap = words * len(body) <= WORDS_COST and parameters <= PARAMETERS_LIMIT
    fast = cheap and not (
        _misread(lower, body, embedded)
        or _disguised(lower, embedded)
        or _boundary_begins_a_line(typed, lower)
    )
    slow = nesting <= NESTING_LIMIT and parameters * len(body) <= PARAMETERS_COST
    return body, cut, fast, slow


def _misread(lower: bytes, body: bytes, embedded: int) -> bool:
    """True where fast-mail-parser loses something: 8-bit bytes in quoted-printable, what is in message/global."""
    if embedded and (b"message/global" in lower or b"message/news" in lower):
        return True
    return not body.isascii() and b"quoted-printable" in lower


def _boundary_begins_a_line(typed: bytes, lower: bytes) -> bool:
    """True when a line goes on after a boundary, as `--b12` after `--b1`: fast-mail-parser takes that for `--b1`."""
    declared = {
        match[1]
        for start in islice(_boundaries(lower), NESTING_LIMIT)
        if (match := BOUNDARY_VALUE.match(typed, start))
    }
    return any(
        typed.startswith(value, line + 3) and not LINE_END.match(typed, line + 3 + len(value))
        for line in _places(typed, b"\n--")
        for value in declared
    )


def _boundaries(lower: bytes) -> Iterator[int]:
    """Where what is declared a boundary begins."""
    for place in _places(lower, b"boundary"):
        if match := BOUNDARY.match(lower, place):
            yield match.end()


def _disguised(lower: bytes, embedded: int) -> bool:
    """True for an embedded message that is encoded, or a type in encoded words: what is inside cannot be counted."""
    if b"?" in lower and ENCODED_TYPE.search(lower):
        return True
    return embedded > 0 and any(
        ENCODED_EMBEDDED.search(lower, max(0, start - 500), start + 500)
        for start in islice(_places(lower, b"message/"), 1_000)
    )


def _places(data: bytes, piece: bytes) -> Iterator[int]:
    """Where a piece stands in data; many times quicker than a pattern."""
    at = data.find(piece)
    while at >= 0:
        yield at
        at = data.find(piece, at + len(piece))


# --- fast-mail-parser ---------------------------------------------------------------------------


def _fast(data: bytes, defects: Defects) -> Part | None:
    """The tree as fast-mail-parser reads it; None where it refuses, so that the other parser is asked."""
    try:
        root = fast_mail_parser.parse_email_tree(data, mode="lazy")
        return _from_fast(root, defects, 0, [0])
    except fast_mail_parser.ParseError:
        return None


def _from_fast(node: fast_mail_parser.PyLazyMimePart, defects: Defects, depth: int, count: list[int]) -> Part:
    count[0] += 1
    headers = {name.lower(): values[0] for name, values in node.headers.items() if values}
    kind, parameters = value_and_parameters(headers.get("content-type", ""), defects)
    disposition, placing = value_and_parameters(headers.get("content-disposition", ""), defects)
    default = "multipart/mixed" if node.content is None else "text/plain"
    return Part(
        type=next((name for name in (kind, node.content_type.lower()) if name.count("/") == 1), default),
        parameters=parameters,
        disposition=disposition,
        filename=placing.get("filename") or parameters.get("name") or node.filename,
        content=_plain_bytes(node.content or b"", headers, defects),
        children=tuple(
            _from_fast(child, defects, depth + 1, count)
            for child in node.children
            if _allowed(defects, depth, count)
        ),
        embedded=node.is_message,
        fields=tuple(headers.items()),
    )


def _plain_bytes(content: bytes, headers: Mapping[str, str], defects: Defects) -> bytes:
    """The content with uuencode undone, which fast-mail-parser leaves as it is."""
    if headers.get("content-transfer-encoding", "").strip().lower() in UUENCODE:
        with Guard(defects, "undecodable-part"):
            return _undone(content, "x-uuencode")
    return content


def _allowed(defects: Defects, depth: int, count: list[int]) -> bool:
    if depth >= NESTING_LIMIT:
        defects.add("nesting-too-deep")
        return False
    if count[0] >= PARTS_LIMIT:
        defects.add("too-many-parts")
        return False
    return True


# --- the standard library -----------------------------------------------------------------------


def _from_compat32(message: email.message.Message, defects: Defects, depth: int, count: list[int]) -> Part:
    count[0] += 1
    for defect in message.defects[:5]:
        defects.add("mime", type(defect).__name__)
    headers = {name.lower(): _raw_text(value) for name, value in reversed(list(message.raw_items()))}
    kind, parameters = value_and_parameters(headers.get("content-type", ""), defects)
    disposition, placing = value_and_parameters(headers.get("content-disposition", ""), defects)
    kind = kind if kind.count("/") == 1 else message.get_default_type()
    inner = message.get_payload() if message.is_multipart() else []
    children = inner if isinstance(inner, list) else []
    embedded = kind in EMBEDDED_TYPES
    return Part(
        type=kind,
        parameters=parameters,
        disposition=disposition,
        filename=placing.get("filename") or parameters.get("name") or "",
        content=_compat32_content(message, children, defects) if not kind.startswith("multipart/") else b"",
        children=tuple(
            _from_compat32(child, defects, depth + 1, count)
            for child in (children if embedded or kind.startswith("multipart/") else ())
            if isinstance(child, email.message.Message) and _allowed(defects, depth, count)
        ),
        embedded=embedded and bool(children),
        fields=tuple(headers.items()),
    )


def _raw_text(value: object) -> str:
    """A field's text; compat32 hides its 8-bit bytes in surrogates."""
    return single_line(guess(str(value).encode("utf-8", "surrogateescape")))


def _compat32_content(message: email.message.Message, inner: Sequence[object], defects: Defects) -> bytes:
    """The bytes of a leaf with its transfer encoding undone as far as it can be, or of an embedded message."""
    with Guard(defects, "undecodable-part"):
        if inner:
            return b"\n".join(part.as_bytes() for part in inner if isinstance(part, email.message.Message))
        payload = None if message.is_multipart() else message.get_payload(decode=True)
        for defect in message.defects[:5]:
            defects.add("mime", type(defect).__name__)
        return payload if isinstance(payload, bytes) else b""
    return b""


# --- the crude reader ---------------------------------------------------------------------------


def _crude(head: Head, body: bytes, defects: Defects) -> Part:
    """What lies between lines that begin with `--`, each as a part; no nesting, the first hundred texts only."""
    parts: list[Part] = []
    for segment in islice(_segments(body), PARTS_LIMIT):
        inner = split_head(segment, Defects())
        kind, parameters = value_and_parameters(inner.first("content-type") or "text/plain", defects)
        content = segment[inner.body_at :]
        if kind not in ("text/plain", "text/html") or not content.strip():
            continue
        encoding = inner.first("content-transfer-encoding").strip().lower()
        parts.append(Part(type=kind, parameters=parameters, content=_undone(content, encoding)))
        if len(parts) >= NESTING_LIMIT:
            break
    return Part(type="multipart/mixed", children=tuple(parts), cut=True)


def _undone(content: bytes, encoding: str) -> bytes:
    """The bytes with their transfer encoding undone, or as they are."""
    if encoding == "quoted-printable":
        return quopri.decodestring(content)
    if encoding in UUENCODE:
        return b"".join(_uu_line(line[0]) for line in islice(LINE.finditer(content), UU_LINES))
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
    return content


def _uu_line(line: bytes) -> bytes:
    """The bytes of one uuencoded line; none for its first and last lines and for what is no such line."""
    if line.startswith(b"begin ") or line in (b"end", b"`"):
        return b""
    length = (((line[0] - 32) & 63) * 4 + 5) // 3
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""


def _segments(body: bytes) -> Iterator[bytes]:
    at = 0
    for match in PART_LINE.finditer(body):
        if match.start() > at:
            yield body[at : match.start()]
        end = body.find(b"\n", match.end())
        at = len(body) if end < 0 else end + 1
    if at < len(body):
        yield body[at:]


def _marked_cut(part: Part) -> Part:
    """The tree with its last leaf marked: it may be longer than what was read."""
    if not part.children:
        return replace(part, cut=True)
    return replace(part, cut=part.embedded, children=(*part.children[:-1], _marked_cut(part.children[-1])))
