"""A text cut up for judging: sentences, words folded to lower case without accents, what stands in quotation marks.

Folding keeps the length, so that a place in the folded text is the same place in what was written. Everything here is
linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

LONGEST = 20_000
"""Characters of a message that are judged: a heated letter is shorter, and a longer text is a document."""

HIDDEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
"""Bidirectional controls, zero-width and invisible characters, and tags."""


def has_any(text: str, pieces: Iterable[str]) -> bool:
    """Whether any of the pieces stands in a text; quicker than a pattern."""
    for piece in pieces:  # noqa: SIM110 - twice as fast as `any` here
        if piece in text:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Guarded:
    """A pattern that is tried only on texts with a piece without which it finds nothing: that is quickly told."""

    pieces: tuple[str, ...]
    pattern: re.Pattern[str]

    def search(self, text: str) -> re.Match[str] | None:
        """The first place where the pattern is found."""
        return self.pattern.search(text) if has_any(text, self.pieces) else None


TOKEN = re.compile(
    r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[!?]+|\.\.+|…|[:;]-?[()dp/](?!\w)|[☀-➿\U0001f300-\U0001faff]|[*@#$%&]{2,}|[\"“”„«»]"
)
"""What is counted in a folded text: words, numbers, marks of excitement, smileys, masked swearing, quotation marks."""

_PLAIN_TOKEN = re.compile(
    r"[a-z]++(?:'[a-z]++)*+|[0-9]++|[!?]++|\.\.++|[:;]-?[()dp/](?![a-z0-9_])|[*@#$%&]{2,}+|\""
)
"""The same where every character is ASCII, which is most folded texts, and faster."""

SEGMENT_END = re.compile(
    r"[.!?…](?<![.!?…]{2})[.!?…]*+[\"”»)]*+\s+|\n\s*\n\s*|\n(?=\s*(?:[-*•]|\d+[.)])\s)|\n(?=[^\W\d_a-zß-ÿ])"
)
"""Where a sentence, a paragraph or an item of a list ends; a row of marks is looked at from its first one only."""

REPORTED = re.compile(
    r'"[^"\n]{12,600}"|“[^”\n]{12,600}”|„[^“”\n]{12,600}[“”]|«[^»\n]{12,600}»|»[^«\n]{12,600}«'
)
"""Several words in quotation marks: somebody else's, or copy. Around one word they are the writer's own scorn."""

MASKED = re.compile(
    r"(?:https?://|www\.)\S{1,500}|\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}"
    r"|^[ \t]*(?:at [\w.$]+\(|File \".{1,200}\", line \d|Traceback \(|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d).*$"
    r"|(?<!\S)[\w.-]{0,64}[/\\][\w.-]{1,64}[/\\][\w./\\-]{1,200}",
    re.MULTILINE,
)
"""Addresses, lines of logs, and paths: they are nobody's tone."""

_CALL = re.compile(r"at [\w.$]+\(")
_PATH = re.compile(r"[/\\][\w.-]{1,64}[/\\]")
_DATED = re.compile(r"-\d\d[T ]\d\d:\d\d")
"""What every call in a trace, every path, and every line that begins with a date has in it."""

CODE_PAGE = "cp1252"
"""Has the characters of nearly every mail in the seven languages, one byte each, which is what makes folding fast."""


class Segment(NamedTuple):
    """A sentence or a line: where it begins and ends, and its normalised words."""

    start: int
    end: int
    words: tuple[str, ...]


@cache
def _table() -> Mapping[int, str]:
    """Letters with accents and capitals to their base letter, one for one, and every apostrophe to a straight one."""
    table = {}
    for code in (*range(0x41, 0x5B), *range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFKD", chr(code))[:1].lower()
        if base.isalpha() and base != chr(code):
            table[code] = base
    return table | {ord(mark): "'" for mark in "’‘ʼ´`"} | {0x00D8: "o", 0x00F8: "o", 0x0130: "i"}


@cache
def _bytes_table() -> bytes:
    """The same for the bytes of the code page; those that it leaves undefined stand for themselves."""
    folded = bytearray(range(256))
    for byte in range(256):
        letter = bytes([byte]).decode(CODE_PAGE, "ignore").translate(_table())
        folded[byte : byte + 1] = letter.encode(CODE_PAGE) or bytes([byte])
    return bytes(folded)


def fold(text: str) -> str:
    """Lower case without accents and with straight apostrophes, character for character, so that places stay."""
    if text.isascii():
        return text.lower().replace("`", "'")
    try:
        return text.encode(CODE_PAGE).translate(_bytes_table()).decode(CODE_PAGE)
    except UnicodeEncodeError:
        return text.translate(_table())


def shown(text: str) -> str:
    """The text without the characters that nobody sees: they must not break up the words that are judged."""
    return text if text.isascii() else HIDDEN.sub("", text)


def masked(text: str) -> str:
    """The text with addresses, logs and paths blanked out, character for character."""
    return MASKED.sub(lambda match: " " * len(match[0]), text) if _may_be_masked(text) else text


def _may_be_masked(text: str) -> bool:
    """Whether a text has the marks without which `MASKED` finds nothing; quick."""
    return bool(
        "@" in text
        or "www." in text
        or (text.count("/") + text.count("\\") > 1 and ("://" in text or _PATH.search(text)))
        or ("(" in text and ("Traceback" in text or _CALL.search(text)))
        or 'File "' in text
        or (text.count("-") > 1 and _DATED.search(text))
    )


def normal(token: str) -> str:
    """A token as it is counted: any number is one number, and marks are alike however often they stand."""
    first = token[0]
    if first.isdigit():
        return "0"
    if first in "!?" and len(token) > 1:
        if "?" not in token:
            return "!!"
        return "??" if "!" not in token else "!?"
    return ".." if first in ".…" else token


def segments(text: str, folded: str) -> Iterator[Segment]:
    """The sentences of a text that have any word or mark in them, in order."""
    plain, tokens = _PLAIN_TOKEN.findall, TOKEN.findall
    start = 0
    for end in (*[match.end() for match in SEGMENT_END.finditer(text)], len(text)):
        said = folded[start:end]
        if words := plain(said) if said.isascii() else tokens(said):
            yield Segment(start, end, tuple(words))
        start = end
