"""What a tree of parts says to a reader: its text, what was forwarded, and the attachments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from levelhead.archive.chars import Defects, clean, decode, single_line, visible
from levelhead.archive.headers import SPACES, decode_words
from levelhead.archive.html import text_of_html
from levelhead.archive.mime import NESTING_LIMIT, Part
from levelhead.model import Attachment

TEXT_LIMIT = 1_000_000
"""Characters of text that are kept for reading and judging."""
ATTACHMENTS_LIMIT = 1_000
NAME_LIMIT = 255
SHORT = 100
"""Characters; a plain text shorter than this may only stand in for the HTML beside it."""
STUB = re.compile(
    r"\bhtml\b|\bbrowser\b|e-?mail (?:client|program)|navegador|navigateur|webversie|web-?version",
    re.IGNORECASE,
)
PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"
PGP_SIGNED = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z]+:[^\n]*\n)*\n?"
    r"|^-----BEGIN PGP SIGNATURE-----\n.*?(?:^-----END PGP SIGNATURE-----$|\Z)",
    re.MULTILINE | re.DOTALL,
)
METHOD = re.compile(rb"^METHOD:([A-Za-z]{1,20})", re.MULTILINE)
SHOWN_FIELDS = ("from", "date", "subject", "to")


@dataclass(slots=True)
class Body:
    """What was read so far. `own` is text of the message itself, `forwarded` text of messages inside it."""

    own: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    encrypted: bool = False
    calendar: str = ""
    """The METHOD of an invitation in it, lower-case, or empty."""
    length: int = 0
    only_plain: bool = False
    """True where HTML is another form of a text that is already read."""

    def text(self) -> str:
        return "\n\n".join(piece for piece in (*self.own, *self.forwarded) if piece)


def read_body(root: Part, defects: Defects) -> Body:
    """Read all parts once; their number and depth are already bounded."""
    body = Body()
    _read(root, body, defects, first=True, inside=0)
    if PGP_MESSAGE in "\n".join(body.own):
        body.encrypted = True
    body.own = [PGP_SIGNED.sub("", piece) if "-----BEGIN PGP SIG" in piece else piece for piece in body.own]
    return body


def _read(part: Part, body: Body, defects: Defects, *, first: bool, inside: int) -> None:
    """`first` while no part before this one was read; `inside` counts the embedded messages around it."""
    if part.embedded:
        _read_embedded(part, body, defects, inside)
    elif part.type == "multipart/alternative" and part.children:
        _read_alternative(part, body, defects, inside)
    elif part.children:
        if part.type == "multipart/encrypted":
            body.encrypted = body.encrypted or inside == 0
        for position, child in enumerate(part.children):
            _read(child, body, defects, first=first and position == 0, inside=inside)
    elif _is_text(part, first=first):
        if body.only_plain and part.type == "text/html":
            return
        _add_text(_text_of(part, defects), body, defects, inside)
    elif not part.type.startswith("multipart/"):
        _read_attachment(part, body, defects, inside)


def _is_text(part: Part, *, first: bool) -> bool:
    if part.type not in ("text/plain", "text/html", "text") or part.disposition == "attachment":
        return False
    return first or not part.filename


def _read_alternative(part: Part, body: Body, defects: Defects, inside: int) -> None:
    """One of several forms of the same text: the plain one, unless it only stands in for the HTML."""
    readings = []
    enough = False
    for child in part.children:
        reading = Body(only_plain=enough)
        _read(child, reading, defects, first=True, inside=0)
        readings.append((child.type == "text/plain", reading))
        enough = enough or (child.type == "text/plain" and _length(reading) >= SHORT * 4)
        body.attachments.extend(reading.attachments[: ATTACHMENTS_LIMIT - len(body.attachments)])
        body.encrypted = body.encrypted or (reading.encrypted and inside == 0)
        body.calendar = body.calendar or reading.calendar
        body.forwarded.extend(reading.forwarded)
    plain = next(("\n\n".join(r.own) for is_plain, r in readings if is_plain and any(r.own)), "")
    rich = next(("\n\n".join(r.own) for is_plain, r in reversed(readings) if not is_plain and any(r.own)), "")
    _add_text(rich if rich and _stands_in(plain, rich) else plain, body, defects, inside)


def _length(reading: Body) -> int:
    return sum(len(piece.strip()) for piece in reading.own)


def _stands_in(plain: str, rich: str) -> bool:
    bare = plain.strip()
    if not bare:
        return True
    return (
        len(bare) < SHORT * 4 and len(rich) > 2 * len(bare) and (len(bare) < SHORT or bool(STUB.search(bare)))
    )


def _read_embedded(part: Part, body: Body, defects: Defects, inside: int) -> None:
    """A message in a message: listed as an attachment, shown below a line that says so, never newly written."""
    root = part.children[0] if part.children else None
    fields = dict(root.fields) if root is not None else {}
    shown = {
        name: single_line(decode_words(fields[name][:1000], defects))
        for name in SHOWN_FIELDS
        if name in fields
    }
    _attach(part, part.filename or f"{shown.get('subject') or 'message'}.eml", body, defects)
    lines = [f"{name.capitalize()}: {value}" for name, value in shown.items()]
    _add_text("\n".join(["---------- Forwarded message ----------", *lines]), body, defects, inside + 1)
    if root is not None and inside < NESTING_LIMIT:
        _read(root, body, defects, first=True, inside=inside + 1)


def _add_text(text: str, body: Body, defects: Defects, inside: int) -> None:
    room = TEXT_LIMIT - body.length
    if len(text) > room:
        defects.add("text-cut")
        text = text[:room]
    body.length += len(text)
    if text.strip():
        (body.forwarded if inside else body.own).append(text.strip("\n"))


def _text_of(part: Part, defects: Defects) -> str:
    """The characters of a text part as lines."""
    room = TEXT_LIMIT * 4
    text = decode(part.content[:room], _charset(part), defects)
    if part.type == "text/html":
        return text_of_html(text, defects)
    text = clean(text.removeprefix("\ufeff"))
    if part.parameters.get("format", "").lower() == "flowed":
        text = unflowed(text, delsp=part.parameters.get("delsp", "").lower() == "yes")
    return text


def _charset(part: Part) -> str:
    """The charset that the part names; that of HTML may stand in the HTML alone."""
    named = part.parameters.get("charset", "")
    if named or part.type != "text/html":
        return named
    found = re.search(
        rb"<meta[^>]{0,200}charset=[\"']?([A-Za-z0-9_:.-]{1,40})", part.content[:4096], re.IGNORECASE
    )
    return found[1].decode("ascii") if found else ""


def unflowed(text: str, *, delsp: bool) -> str:
    """Paragraphs of a `format=flowed` text on one line each (RFC 3676, section 4)."""
    paragraphs: list[tuple[int, list[str]]] = []
    open_depth = -1
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "
        flowed = content.endswith(" ") and not signature
        piece = content[:-1] if flowed and delsp else content
        if open_depth == depth and not signature:
            paragraphs[-1][1].append(piece)
        else:
            paragraphs.append((depth, [piece]))
        open_depth = depth if flowed else -1
    return "\n".join(
        f"{'>' * depth} {''.join(pieces)}" if depth else "".join(pieces) for depth, pieces in paragraphs
    )


# --- attachments --------------------------------------------------------------------------------


def _read_attachment(part: Part, body: Body, defects: Defects, inside: int) -> None:
    smime = part.type in ("application/pkcs7-mime", "application/x-pkcs7-mime")
    if smime and part.parameters.get("smime-type", "").lower() in ("signed-data", "certs-only"):
        defects.add("opaque-signature")
    elif smime and inside == 0:
        body.encrypted = True
    if part.type == "text/calendar" and inside == 0:
        found = METHOD.search(part.content[:65_536])
        body.calendar = (
            body.calendar
            or (part.parameters.get("method", "") or (found[1].decode("ascii") if found else "")).lower()
        )
    _attach(part, part.filename, body, defects)


def _attach(part: Part, name: str, body: Body, defects: Defects) -> None:
    if len(body.attachments) >= ATTACHMENTS_LIMIT:
        defects.add("attachments-cut")
        return
    body.attachments.append(
        Attachment(
            name=safe_name(name, defects),
            type=single_line(part.type)[:100],
            size=len(part.content),
            digest="" if part.cut else hashlib.sha256(part.content).hexdigest(),
        )
    )


def safe_name(name: str, defects: Defects) -> str:
    """The sender's name for a file, without a path, control characters, or characters that hide its ending."""
    decoded = decode_words(name[:4000], defects)
    shown = visible(decoded)
    if shown != decoded:
        defects.add("hidden-characters-in-file-name")
    last = re.split(r"[/\\]", shown)[-1]
    if last != shown:
        defects.add("path-in-file-name")
    last = SPACES.sub(" ", last.replace("\t", " ")).strip()
    if len(last) > NAME_LIMIT:
        stem, dot, ending = last.rpartition(".")
        last = f"{stem[: NAME_LIMIT - 20]}.{ending}" if dot and len(ending) < 15 else last[:NAME_LIMIT]
    return "" if last in (".", "..") else last
