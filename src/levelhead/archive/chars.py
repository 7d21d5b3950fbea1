"""Bytes to characters for other people's mail: charsets with fall-backs, and what may never stand in a text."""

from __future__ import annotations

import codecs
import re
from email.errors import MessageError
from functools import lru_cache

from levelhead.heat.text import HIDDEN

DEFECT_LIMIT = 50
"""Defects kept for one message."""

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
"""Runs of C0 and C1 but tab and newline, halves of surrogate pairs, and what Unicode says is no character."""

REFUSED_CODECS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"})
"""Codecs of Python that are no charset of mail, or slow, or a way to hide text."""

PROPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:()+-]{0,39}\Z")

ALIASES = {
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "ks-c-5601-1987": "cp949",
    "x-gbk": "gb18030",
    "gb2312": "gb18030",
    "x-sjis": "cp932",
    "shift-jis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "ansi-x3.4-1968": "us-ascii",
    "ansi-x3.110-1983": "latin-1",
}

WIDER = {"iso8859-1": "cp1252", "ascii": "utf-8", "latin-1": "cp1252"}
"""What senders mean when they say so."""


class Defects:
    """What is wrong with one message: short lower-case slugs, some with `: detail`, each once."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, slug: str, detail: str = "") -> None:
        if len(self._found) < DEFECT_LIMIT:
            self._found.setdefault(f"{slug}: {single_line(detail)[:100]}" if detail else slug)

    def all(self) -> tuple[str, ...]:
        return tuple(self._found)


FOREIGN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MessageError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What parsers of the standard library and of wheels throw at hostile mail; none of it is ours to pass on."""


class Guard:
    """A block in which a foreign parser may fail: what it throws becomes a defect. A panic of Rust code counts too."""

    def __init__(self, defects: Defects, slug: str) -> None:
        self._defects = defects
        self._slug = slug
        self.failed = False

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if kind is None or not (issubclass(kind, FOREIGN) or kind.__name__ == "PanicException"):
            return False
        self.failed = True
        self._defects.add(self._slug, kind.__name__)
        return True


def clean(text: str) -> str:
    """A text of several lines without control characters; line ends become newlines, and it can be encoded."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return CONTROLS.sub(_replaced, text)


def single_line(text: str) -> str:
    """A text of one line without control characters; a line end becomes a space."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    return CONTROLS.sub(_replaced, text)


def _replaced(match: re.Match[str]) -> str:
    run = match[0]
    # Of most runs nothing is left, and there may be millions.
    return "" if max(run) < "\ud800" else "".join("\ufffd" for one in run if "\ud800" <= one <= "\udfff")


def visible(text: str) -> str:
    """The text without characters that cannot be seen or that turn the order of reading."""
    return HIDDEN.sub("", text)


@lru_cache(maxsize=256)
def python_codec(charset: str) -> str:
    """The name of Python's codec for a charset of mail, or empty when there is none that we trust."""
    name = charset.strip().strip("\"'").lower().replace("_", "-")
    name = ALIASES.get(name, name)
    if not PROPER_NAME.match(name) or name in REFUSED_CODECS:
        return ""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not getattr(found, "_is_text_encoding", True) or found.name.replace("_", "-") in REFUSED_CODECS:
        return ""
    return WIDER.get(found.name, found.name)


def decode(data: bytes, charset: str, defects: Defects) -> str:
    """The characters that the bytes stand for; what does not fit becomes U+FFFD or is read as windows-1252."""
    if not data:
        return ""
    codec = python_codec(charset) if charset else "utf-8"
    if not codec:
        defects.add("unknown-charset", charset[:40])
        return guess(data)
    try:
        return data.decode(codec)
    except FOREIGN:
        if charset and codec not in ("utf-8", "cp1252"):
            defects.add("bad-charset-bytes", codec)
            return data.decode(codec, "replace")
    if codec == "utf-8" and charset.lower().replace("_", "-") in ("utf-8", "utf8"):
        defects.add("bad-charset-bytes", codec)
        return data.decode("utf-8", "replace")
    if not charset or codec == "utf-8":
        defects.add("8bit-without-charset")
    return guess(data)


def guess(data: bytes) -> str:
    """UTF-8 if it is, else windows-1252, else Latin-1, in which every byte is a character."""
    for codec in ("utf-8", "cp1252"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
