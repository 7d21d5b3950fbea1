"""What Gmail says of a message beyond IMAP: an id that all its places share, its conversation, its labels. Pure.

Gmail's extensions to IMAP (X-GM-EXT-1) show one message in each folder whose label it bears, and in All Mail. The names
of labels are taken out of an answer before imapclient reads it: Gmail sends some as atoms that are none (`[Post`), and
imapclient makes numbers and nothing of others (`2024`, `NIL`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from imapclient.imap_utf7 import decode, encode

from levelhead.model import Gmail

CAPABILITY = "X-GM-EXT-1"
ID, THREAD, LABELS = b"X-GM-MSGID", b"X-GM-THRID", b"X-GM-LABELS"
NAMES = frozenset({ID, THREAD, LABELS})
ITEMS = " X-GM-MSGID X-GM-THRID X-GM-LABELS"
"""What is asked for beside the size, the date and the flags of a message."""
ROOM = 20_000
"""Bytes that these answers may have for each message."""
MOST_LABELS = 500
"""Labels of one message that are kept."""
LONGEST_LABEL = 1_000
"""Bytes of a label's name as it is sent; Gmail allows 225 characters."""
SENT = "\\sent"
"""The label of what Gmail files as sent, in lower case: its word, worth as much as its folder for sent mail."""
DRAFTS = frozenset({"\\draft", "\\drafts"})

_LIST = re.compile(rb'"(?:\\.|[^"\\])*(?:"|\Z)|(?<=[ (])(X-GM-LABELS) ?\(', re.IGNORECASE | re.DOTALL)
_WORD = re.compile(rb' *(?:(\))|(\()|"((?:\\.|[^"\\])*)"|(\{\d+\}\Z)|([^ ()]+))', re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Part = bytes | tuple[bytes, bytes]
"""One part of an answer as imaplib keeps it: a text, or a text that announces a literal and the literal."""


def said(ids: Sequence[Any], threads: Sequence[Any], labels: Sequence[Any]) -> Gmail | None:
    """What was said of one message, from all values that came for each item; None when none came.

    What cannot be is left out and named in `refused`: an id of more than 64 bits, two that differ, a label that is no
    name, labels beyond `MOST_LABELS`.
    """
    if not ids and not threads and not labels:
        return None
    refused = []
    numbers = []
    for item, values in (("id", ids), ("thread", threads)):
        number = _number(values)
        numbers.append(number)
        refused += [item] if values and not number else []
    names, sound = _names(labels)
    refused += [] if sound else ["labels"]
    return Gmail(id=numbers[0], thread=numbers[1], labels=names, refused=tuple(refused))


def _number(values: Sequence[Any]) -> str:
    """A number from 1 to 64 bits as decimal digits; empty for anything else, and when the values differ."""
    first = values[0] if values else None
    if type(first) is not int or not 0 < first < 2**64 or any(value != first for value in values):
        return ""
    return str(first)


def _names(values: Sequence[Any]) -> tuple[tuple[str, ...], bool]:
    """The labels, sorted, each once, and whether all that came could be read."""
    if not values:
        return (), True
    first = values[0]
    if not isinstance(first, tuple) or any(value != first for value in values):
        return (), False
    names = [_name(word) for word in first[:MOST_LABELS]]
    sound = len(first) <= MOST_LABELS and all(name for name in names)
    return tuple(sorted({name for name in names if name})), sound


def _name(word: Any) -> str:
    """A label that `lifted` has packed; empty for what is no name in modified UTF-7 (RFC 3501, 5.1.3)."""
    try:
        sent = bytes.fromhex(word[1:].decode("ascii")) if isinstance(word, bytes) else b""
        name: str = decode(sent) if len(sent) <= LONGEST_LABEL else ""
        # Half of a surrogate pair cannot be encoded again.
        return name if encode(name) == sent and not _CONTROLS.search(name) else ""
    except (ValueError, IndexError):
        return ""


# --- labels, before an answer is read -----------------------------------------------------------


def lifted(data: Iterable[Any]) -> list[Any]:
    """The parts of an answer to FETCH with each list of labels packed, so that a parser sees nothing of the names.

    A label becomes `x` and its bytes in hexadecimal digits. ValueError when a list has no end.
    """
    return [part for answer in _answers(data) for part in _packed(answer)]


def _answers(data: Iterable[Any]) -> Iterator[list[Part]]:
    """The parts of each message's answer: pairs as long as literals come, then a text that ends it."""
    parts: list[Part] = []
    for part in data:
        if isinstance(part, tuple):
            parts.append((part[0], part[1]))
        elif part is not None:
            parts.append(part)
            yield parts
            parts = []
    if parts:
        yield [*parts, b""]


def _packed(answer: list[Part]) -> list[Part]:
    if not any(LABELS in (part[0] if isinstance(part, tuple) else part).upper() for part in answer):
        return answer
    reader = _Reader(answer)
    packed: list[Part] = []
    text = bytearray()  # bytes would be copied for each list, and an answer may hold a hundred thousand
    while True:
        found = _next_list(reader)
        if found is not None:
            text += reader.upto(found.end()) + b" ".join(reader.labels()) + b")"
            continue
        text += reader.rest()
        literal = reader.literal()
        if literal is None:
            return [*packed, bytes(text)]
        packed.append((bytes(text), literal))
        text.clear()


def _next_list(reader: _Reader) -> re.Match[bytes] | None:
    """Where the next list of labels begins in this part; what stands between quotes is passed over."""
    return next((found for found in _LIST.finditer(reader.text, reader.at) if found[1]), None)


class _Reader:
    """A place in the parts of one answer."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts
        self._number = 0
        self.at = 0

    @property
    def text(self) -> bytes:
        part = self._parts[self._number]
        return part[0] if isinstance(part, tuple) else part

    def upto(self, end: int) -> bytes:
        passed, self.at = self.text[self.at : end], end
        return passed

    def rest(self) -> bytes:
        return self.upto(len(self.text))

    def literal(self) -> bytes | None:
        """The literal behind this part, and go on behind it; None at the end of the answer."""
        part = self._parts[self._number]
        if not isinstance(part, tuple):
            return None
        self._number, self.at = self._number + 1, 0
        return part[1]

    def labels(self) -> Iterator[bytes]:
        """The labels up to the end of their list, packed; a list within the list is one label that cannot be."""
        depth = 1
        while depth:
            found = _WORD.match(self.text, self.at)
            if found is None:
                raise ValueError("a list of labels without an end")
            self.at = found.end()
            closed, opened, quoted, announced, atom = found.groups()
            depth += (opened is not None) - (closed is not None)
            if announced is not None and (literal := self.literal()) is not None:
                yield b"x" + literal.hex().encode()
            elif quoted is not None:
                yield b"x" + re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL).hex().encode()
            elif atom is not None:
                yield b"x" + atom.hex().encode()
            elif opened is not None:
                yield b"x"
