"""What a tree of parts says to a reader: its text, what was forwarded, and the attachments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import reduce

from levelhead.archive.chars import Defects, clean, decode, single_line, visible
from levelhead.archive.headers import SPACES, decode_words
from levelhead.archive.html import text_of_html
from levelhead.archive.large import measured
from levelhead.archive.mime import NESTING_LIMIT, Part
from levelhead.heat.forms import OTHER_FORM, differ, joined
from levelhead.model import Attachment

TEXT_LIMIT = 1_000_000
"""Characters of text that are kept for reading and judging."""
ATTACHMENTS_LIMIT = 1_000
NAME_LIMIT = 255
FORMS = 3
"""The last forms of a text that are compared with the one that is read; the last is the one that is shown."""
NESTED_FORMS = 3
"""Alternatives in each other up to which forms are compared; what is nested deeper is read in every form."""
SHORT = 100
"""Characters; a plain text shorter than this may only stand in for the HTML beside it."""
STUB = re.compile(
    r"\bhtml\b|\bbrowser\b|e-?mail (?:client|program)|navegador|navigateur|webversie|web-?version",
    re.IGNORECASE,
)
SHOWING = re.compile(
    rf"{STUB.pattern}|\b(?:affich|darstell|anzeig|angezeigt|visualiz|visualis|weergegeven|display|view)",
    re.IGNORECASE,
)
"""What a plain form says that only stands in, and that is no other text: that the HTML is not shown."""
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
    other: list[str] = field(default_factory=list)
    """The same as it reads in the other form, where two forms of it say different things (`forms_differ`)."""
    forms_differ: bool = False
    nested: int = 0
    """How many alternatives this one is a form in."""
    forwarded: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    encrypted: bool = False
    calendar: str = ""
    """The METHOD of an invitation in it, lower-case, or empty."""
    length: int = 0

    def text(self) -> str:
        """All of it: the forms of the message itself, then what was forwarded."""
        own, other = self.forms()
        return "\n\n".join(piece for piece in (joined(own, other), *self.forwarded) if piece)

    def forms(self) -> tuple[str, str]:
        """The message itself, and its other form where that says something else; empty where it does not."""
        own = "\n\n".join(piece for piece in self.own if piece)
        return own, "\n\n".join(piece for piece in self.other if piece) if self.forms_differ else ""


def read_body(root: Part, defects: Defects) -> Body:
    """Read all parts once; their number and depth are already bounded."""
    body = Body()
    _read(root, body, defects, first=True, inside=0)
    if PGP_MESSAGE in "\n".join(body.own):
        body.encrypted = True
    body.own, body.other = _unsigned(body.own), _unsigned(body.other)
    return body


def _unsigned(pieces: list[str]) -> list[str]:
    return [PGP_SIGNED.sub("", piece) if "-----BEGIN PGP SIG" in piece else piece for piece in pieces]


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
        if body.length < TEXT_LIMIT:
            _add_text(_text_of(part, defects), body, defects, inside)
        elif part.content:
            defects.add("text-cut")
        if part.left_out:
            defects.add("text-cut")
    elif not part.type.startswith("multipart/"):
        _read_attachment(part, body, defects, inside)


def _is_text(part: Part, *, first: bool) -> bool:
    if part.type not in ("text/plain", "text/html", "text") or part.disposition == "attachment":
        return False
    return first or not part.filename


def _read_alternative(part: Part, body: Body, defects: Defects, inside: int) -> None:
    """One of several forms of the same text: the plain one, unless it only stands in for the HTML.

    Both where one has a passage that the other lacks: a reader is shown one of them, and neither may hide the other.
    """
    readings = []
    for child in part.children:
        reading = Body(nested=body.nested + 1, length=body.length)
        _read(child, reading, defects, first=True, inside=0)
        readings.append((child.type == "text/plain", reading))
        body.attachments.extend(reading.attachments[: ATTACHMENTS_LIMIT - len(body.attachments)])
        body.encrypted = body.encrypted or (reading.encrypted and inside == 0)
        body.calendar = body.calendar or reading.calendar
        body.forwarded.extend(reading.forwarded)
    written = [(is_plain, reading.forms()) for is_plain, reading in readings if any(reading.own)]
    plain = next((own for is_plain, (own, _) in written if is_plain), "")
    rich = next((own for is_plain, (own, _) in reversed(written) if not is_plain), "")
    chosen = rich if rich and _stands_in(plain, rich) else plain
    stub = plain if SHOWING.search(plain) and chosen != plain else ""
    last = [form for _, both in written[-FORMS:] for form in both if form not in ("", stub, chosen)]
    others = [] if inside or body.length >= TEXT_LIMIT else list(dict.fromkeys(last))
    if body.nested < NESTED_FORMS:
        others = [form for form in others if differ(chosen, form)]
    _add_text(chosen, body, defects, inside, other=reduce(joined, others, ""))


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


def _add_text(text: str, body: Body, defects: Defects, inside: int, *, other: str = "") -> None:
    """Add a text of the message, or of one inside it; `other` is another form of it that says something else."""
    if other and not inside:
        defects.add("forms-differ")
        body.forms_differ = True
    text = _within(text, body, defects)
    other = _within(other, body, defects) if other and not inside else text
    if inside and text:
        body.forwarded.append(text)
    elif text or other:
        body.own.append(text)
        body.other.append(other)


def _within(text: str, body: Body, defects: Defects) -> str:
    """As much of a text as there is room for, without empty lines around it; empty where it says nothing."""
    room = TEXT_LIMIT - body.length
    if len(text) > room:
        defects.add("text-cut")
        text = text[:room]
    body.length += len(text)
    return text.strip("\n") if text.strip() else ""


def _text_of(part: Part, defects: Defects) -> str:
    """The characters of a text part as lines; the line is ours alone that parts two forms of a message."""
    text = _lines_of(part, defects)
    return text.replace(OTHER_FORM, "-" * 10) if OTHER_FORM in text else text


def _lines_of(part: Part, defects: Defects) -> str:
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
    size, digest = (
        measured(part.left_out)
        if part.left_out
        else (len(part.content), "" if part.cut else hashlib.sha256(part.content).hexdigest())
    )
    body.attachments.append(
        Attachment(name=safe_name(name, defects), type=single_line(part.type)[:100], size=size, digest=digest)
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
