"""A large message made small before any parser sees it: what its large parts hold is left out, and measured in place.

The structure stays: every delimiter and every part's header block. Of a text its beginning is kept, of anything else
a few bytes. What was left out is known again by a field with a number that nobody can guess, and is read in pieces
when its size and digest are wanted, so that memory does not grow with the message.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from levelhead.archive.chars import Defects
from levelhead.archive.headers import Head, split_head, value_and_parameters
from levelhead.archive.mime import EMBEDDED_TYPES, NESTING_LIMIT, PARTS_LIMIT, LeftOut, Part
from levelhead.raw import Raw

PART_HEAD = 16_384
"""Bytes among which the end of a part's header block is looked for."""
HEADS_READ = 300_000
"""Bytes of all parts' header blocks together."""
SMALL = 16_384
"""Bytes; a part that is no larger is kept as it is."""
TEXT_KEPT, TEXTS_KEPT, LEAST_TEXT = 4_000_000, 6_000_000, 65_536
"""Bytes of one text, and of all together, that are kept; of each at least the last."""
OTHER_KEPT = 1_024
"""Bytes that are kept of a part that is no text."""

NO_TEXT = ("application/", "image/", "audio/", "video/", "font/", "model/")
"""How types begin of which nothing is shown; any other may be text, or is read as one."""

WINDOW, OVERLAP = 1 << 20, 512
"""Bytes that are looked through at once, and a delimiter's longest line."""
LONGEST_BOUNDARY = 200

QUOTED_READ = 24_000_000
"""Bytes of a message within which quoted-printable is decoded (up to 0.7 s); files are hardly ever sent so."""
PADDED_RUNS = 1_000_000
"""Runs of base64 of one part, each with padding at its end, that are decoded (about 0.5 s)."""

_NAME = "levelhead-left-out"
_PLAIN = ("", "7bit", "8bit", "binary")
_BLANKS = b" \t"

_SPACES = b" \t\r\n\f"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_LETTER = bytes(set(range(256)) - set(_LETTERS))
_RUN = re.compile(rb"[^=]++=*+")

_QUOTED = b"\t\r\n" + bytes(range(32, 127))
_NO_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*+(?:\r?\n|\Z))")
_FEW_BLANKS = 4
_BLANKS_AT_END = re.compile(rb"(?<![ \t])[ \t]++(?=\n)")


@dataclass(frozen=True, slots=True)
class Made:
    """The small body, whether it ends before the message does, and what was left out of it, by its mark."""

    body: bytes
    cut: bool
    left_out: Mapping[str, LeftOut]
    secret: str

    def marked(self, root: Part) -> Part:
        """The tree that a parser made of the body, each part with what was left out of it."""
        if not root.children and not root.type.startswith("multipart/"):
            root = replace(root, fields=((_NAME, f"{self.secret}-0"), *root.fields))
        return self._marked(root)

    def _marked(self, part: Part) -> Part:
        children = tuple(map(self._marked, part.children))
        said = next((value for name, value in part.fields if name.lower() == _NAME), "").strip()
        left_out = self.left_out.get(said)
        # A mark that is not the first of its part's own fields: nobody knows what belongs to what there.
        lost = left_out is None and said.startswith(self.secret) and said != f"{self.secret}-0"
        strange = lost or self.secret.encode() in part.content
        return replace(
            part, left_out=None if strange else left_out, children=children, cut=part.cut or strange
        )


def _is_message(head: Head) -> bool:
    """Whether a part is a message whose own header block follows, to be read as it stands."""
    kind = value_and_parameters(head.first("content-type"), Defects())[0]
    return kind in EMBEDDED_TYPES and head.first("content-transfer-encoding").strip().lower() in _PLAIN


def made_small(raw: Raw, head: Head, limit: int) -> Made:
    """The body of a message whose header block is `head`, in `limit` bytes at most."""
    with raw.open() as stream:
        return _Maker(raw, stream, head, limit).made()


@dataclass(slots=True)
class _Maker:
    """One reading of a message, from its body's first byte to its last."""

    raw: Raw
    stream: BinaryIO
    head: Head
    limit: int
    end: bytes = b"\n"
    boundaries: list[bytes] = field(default_factory=list)
    delimiter: re.Pattern[bytes] | None = None
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    heads: int = 0
    number: int = 0
    """Of the part that is being added."""
    texts: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_hex(8))
    window: bytes = b""
    window_at: int = -1

    def made(self) -> Made:
        """Part after part; those that no longer fit are left away."""
        self.end = b"\r" if self.head.bare_cr else b"\n"
        self._know(self.head)
        at = self.head.body_at
        stop = self._add_segment(at, self.head)
        while stop < self.raw.size and self._has_room():
            behind = self._behind(stop)
            # Where one delimiter follows another, its line end was that one's.
            self._add_line(max(at, stop), behind)
            self.number += 1
            at = behind
            stop = self._add_segment(at)
        body = b"".join(self.pieces)
        cut = stop < self.raw.size or len(body) > self.limit
        body = body[: self.limit]
        if self.head.bare_cr:
            body = body.replace(b"\r", b"\n")
        return Made(body, cut, self.left_out, self.secret)

    def _has_room(self) -> bool:
        return self.number <= PARTS_LIMIT and self.heads < HEADS_READ and self.size < self.limit

    def _add_segment(self, at: int, head: Head | None = None) -> int:
        """Add what stands from a place to the next delimiter, and say where that begins.

        It begins with a header block, unless that was read before and is `head`.
        """
        before, stop = self.boundaries, self._delimiter(at)
        opening = self._bytes(at, min(stop, at + PART_HEAD))
        own, content, fielded = 0, 0, head is None
        for _ in range(NESTING_LIMIT):
            if head is None:
                own, head = content, split_head(opening[content:], Defects())
                content += head.body_at
                self._know(head)
            if not _is_message(head):
                break
            head, fielded = None, True
        self.heads += content
        if self.boundaries is not before:
            stop = self._delimiter(at)
        if stop - at <= SMALL or head is None or content >= stop - at:
            shown = min(stop, at + max(SMALL, content))
            self._add(self._bytes(at, shown))
            if shown < stop:
                self._add_no_mark()
            return stop
        kept = self._kept(at + content, stop, head)
        if fielded and kept is not None:
            if content >= PART_HEAD:
                # Nobody knows where its content begins.
                del self.left_out[f"{self.secret}-{self.number}"]
            mark = f"{_NAME}: {self.secret}-{self.number}".encode() + self.end
            self._add(opening[:own] + mark + opening[own:content])
        else:
            self._add(opening[:content])
        self._add(self._bytes(at + content, stop) if kept is None else kept)
        return stop

    def _kept(self, at: int, stop: int, head: Head) -> bytes | None:
        """What is kept of a part's content, whose rest is left out; None where all of it is."""
        kind = value_and_parameters(head.first("content-type"), Defects())[0]
        text, keep = not kind.startswith(NO_TEXT), OTHER_KEPT
        if text:
            keep = max(LEAST_TEXT, min(TEXT_KEPT, TEXTS_KEPT - self.texts))
        if stop - at <= keep:
            return None
        kept = self._bytes(at, at + keep)
        line = kept.rfind(self.end) + 1
        kept = kept[:line] if line > keep // 2 else kept[: keep // 4 * 4]
        encoding = head.first("content-transfer-encoding").strip().lower()
        if encoding == "base64" and len(letters := kept.translate(None, _SPACES)) % 4:
            # Half a quantum would have all parts read by the other parser.
            kept, line = letters[: len(letters) // 4 * 4], 0
        # What is cut off must make no delimiter of a line that only begins like one.
        if self.delimiter is not None and (found := self.delimiter.search(self.end + kept, max(0, line - 1))):
            kept = kept[: found.start()]
        self.texts += len(kept) if text else 0
        # The line end before a delimiter belongs to that.
        bare = self.head.bare_cr
        stop -= not bare and stop < self.raw.size and self._bytes(stop - 1, stop) == b"\r"
        self.left_out[f"{self.secret}-{self.number}"] = LeftOut(self.raw, at, stop, encoding, bare_cr=bare)
        return kept

    def _add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.size += len(data)

    def _add_line(self, start: int, stop: int) -> None:
        """Add a delimiter's line; of one that is far too long the beginning, and a mark that fits nothing."""
        self._add(self._bytes(start, min(stop, start + PART_HEAD)))
        if stop > start + PART_HEAD:
            self._add_no_mark()

    def _add_no_mark(self) -> None:
        """Add a mark that stands for nothing left out: no part that it is found in gets a digest."""
        self._add(self.end + f"{_NAME}: {self.secret}-cut".encode() + self.end)

    def _know(self, head: Head) -> None:
        """Look out for the boundary that a header block declares, from here on."""
        kind, parameters = value_and_parameters(head.first("content-type"), Defects())
        value = parameters.get("boundary", "").encode("utf-8", "replace")
        wanted = kind.startswith("multipart/") and 0 < len(value) <= LONGEST_BOUNDARY
        if wanted and value not in self.boundaries and len(self.boundaries) < NESTING_LIMIT:
            self._look_out([*self.boundaries, value])

    def _look_out(self, boundaries: list[bytes]) -> None:
        """Look out for these boundaries alone, the innermost last."""
        if boundaries != self.boundaries:
            self.boundaries = boundaries
            self.delimiter = re.compile(
                re.escape(self.end)
                + rb"--("
                + b"|".join(map(re.escape, boundaries))
                + rb")((?:--)?)[ \t]*+(?:[\r\n]|\Z)"
            )

    def _delimiter(self, at: int) -> int:
        """Where the line end before the next delimiter stands, the last one before `at` included; else the size."""
        at = max(0, at - 1)
        while self.delimiter is not None and at < self.raw.size:
            self._look_at(at)
            found = self.delimiter.search(self.window, at - self.window_at)
            # One that begins in the overlap is cut by the window's end: the next window has all of it.
            if found is None or found.start() >= WINDOW:
                at = max(at + 1, self.window_at + WINDOW)
            elif self._line_end(self.window_at + found.end(2)) is not None:
                return self.window_at + found.start()
            else:
                at = self.window_at + found.start() + 1
        return self.raw.size

    def _line_end(self, at: int) -> int | None:
        """Where the line end behind these blanks stands, or the message ends; None where something else comes.

        There may be more blanks than a window holds.
        """
        for piece in self._from(at):
            if rest := piece.lstrip(_BLANKS):
                return at + len(piece) - len(rest) if rest[:1] in (b"\r", b"\n") else None
            at += len(piece)
        return self.raw.size

    def _from(self, at: int) -> Iterator[bytes]:
        """The bytes from a place on, few at first."""
        size = OVERLAP
        while piece := self._bytes(at, at + size):
            yield piece
            at, size = at + len(piece), WINDOW

    def _behind(self, stop: int) -> int:
        """Behind the line of the delimiter whose line end stands there; what it ends is looked out for no longer."""
        self._look_at(stop)
        found = self.delimiter.match(self.window, stop - self.window_at) if self.delimiter else None
        if found is None:
            return self.raw.size
        self._look_out(self.boundaries[: self.boundaries.index(found[1]) + 1])
        line_end = self._line_end(self.window_at + found.end(2))
        if line_end is None:
            return self.raw.size
        two = not self.head.bare_cr and self._bytes(line_end, line_end + 2) == b"\r\n"
        return min(self.raw.size, line_end + 1 + two)

    def _look_at(self, at: int) -> None:
        """Have the window where a place and a delimiter that begins there are in it."""
        if not self.window_at <= at < self.window_at + WINDOW or self.window_at < 0:
            self.window_at, self.window = at, self._bytes(at, at + WINDOW + OVERLAP)

    def _bytes(self, start: int, stop: int) -> bytes:
        self.stream.seek(start)
        return self.stream.read(max(0, min(stop, self.raw.size) - start))


# --- what was left out --------------------------------------------------------------------------


@dataclass(slots=True)
class Doubt:
    """Whether what was decoded may be other bytes than a parser makes of the whole message."""

    there: bool = False


def measured(left_out: LeftOut) -> tuple[int, str]:
    """Size and SHA-256 of the whole content, its transfer encoding undone.

    Without a digest where that is in doubt; the size is then what could be decoded, and of quoted-printable that would
    take too long (`QUOTED_READ`) what it is encoded.
    """
    if left_out.encoding == "quoted-printable" and left_out.stop > QUOTED_READ:
        return left_out.stop - left_out.start, ""
    digest, size, doubt = hashlib.sha256(), 0, Doubt()
    for piece in decoded(left_out, doubt):
        digest.update(piece)
        size += len(piece)
    return size, "" if doubt.there else digest.hexdigest()


def decoded(left_out: LeftOut, doubt: Doubt) -> Iterator[bytes]:
    """The whole content in pieces of some megabytes at most; what is in doubt is known behind the last."""
    pieces = _pieces(left_out)
    if left_out.encoding == "base64":
        return _from_base64(pieces, doubt)
    if left_out.encoding == "quoted-printable":
        return _from_quoted(pieces, doubt)
    doubt.there = left_out.encoding not in _PLAIN
    return pieces


def _pieces(left_out: LeftOut) -> Iterator[bytes]:
    with left_out.raw.open() as stream:
        stream.seek(left_out.start)
        left = left_out.stop - left_out.start
        while left and (piece := stream.read(min(left, WINDOW))):
            left -= len(piece)
            yield piece.replace(b"\r", b"\n") if left_out.bare_cr else piece


def _from_base64(pieces: Iterator[bytes], doubt: Doubt) -> Iterator[bytes]:
    """Run after run, each up to its padding. Whatever is no letter of base64 is passed over.

    In doubt where padding is in the wrong place, where one letter is left over, and where letters follow padding in a
    content that is not all quanta: parsers end there or go on.
    """
    carried, clean, runs, padded, after = b"", True, 0, False, False
    for piece in pieces:
        clean = clean and not piece.translate(None, _SPACES + _LETTERS)
        letters = carried + piece.translate(None, _NO_LETTER)
        after = after or (padded and letters != b"")
        whole = len(letters) // 4 * 4
        quanta, carried = letters[:whole], letters[whole:]
        if b"=" not in quanta:
            yield binascii.a2b_base64(quanta)
            continue
        found = _RUN.findall(quanta)
        runs += len(found)
        if runs > PADDED_RUNS or quanta[:1] == b"=" or not all(map(_is_run, found)):
            doubt.there = True
            return
        padded, after = True, after or len(found) > 1 or not quanta.endswith(b"=")
        yield b"".join(map(binascii.a2b_base64, found))
    doubt.there = len(carried) == 1 or b"=" in carried or (padded and carried != b"") or (after and not clean)
    last = carried.partition(b"=")[0]
    if len(last) > 1:
        yield binascii.a2b_base64(last + b"=" * (-len(last) % 4))


def _is_run(run: bytes) -> bool:
    return len(run) % 4 == 0 and not run.endswith(b"===")


def _from_quoted(pieces: Iterator[bytes], doubt: Doubt) -> Iterator[bytes]:
    """Blanks before a line end are dropped and line ends are CRLF, as RFC 2045, section 6.7, has it.

    A line goes on in the next piece, and what its last letters and blanks mean depends on what follows. In doubt where
    something is no quoted-printable, and where a soft line end is the last thing.
    """
    carried, soft = b"", False
    for piece in pieces:
        text = carried + piece
        end = text.rfind(b"\n") + 1
        if len(text) - end > WINDOW:
            end = max(end, _unfinished(text))
        if len(text) - end > WINDOW:
            # Nothing but blanks.
            doubt.there, end = True, len(text)
        carried = text[end:]
        if end:
            soft = text[:end].removesuffix(b"\n").removesuffix(b"\r").rstrip(_BLANKS).endswith(b"=")
            yield _unquoted(text[:end], doubt)
    carried = carried.rstrip(_BLANKS)
    doubt.there = doubt.there or (soft and not carried)
    yield _unquoted(carried, doubt)


def _unfinished(text: bytes) -> int:
    """Where that begins at the end of a text whose meaning is not known yet: an escape, blanks, half a line end."""
    end = len(text.rstrip(b" \t\r"))
    escape = text.find(b"=", max(0, end - 2), end)
    return end if escape < 0 else escape


def _unquoted(text: bytes, doubt: Doubt) -> bytes:
    doubt.there = doubt.there or not _is_quoted(text)
    text = text.replace(b"\r\n", b"\n")
    # Quicker than a pattern for the few blanks that there usually are.
    for _ in range(_FEW_BLANKS):
        if b" \n" not in text and b"\t\n" not in text:
            break
        text = text.replace(b" \n", b"\n").replace(b"\t\n", b"\n")
    else:
        text = _BLANKS_AT_END.sub(b"", text)
    return binascii.a2b_qp(text.replace(b"\n", b"\r\n"))


def _is_quoted(text: bytes) -> bool:
    """Whether quoted-printable can hold this (RFC 2045, section 6.7): of what it cannot, parsers make this or that."""
    if text.translate(None, _QUOTED) or text.count(b"\r") != text.count(b"\r\n"):
        return False
    return _NO_ESCAPE.search(text) is None
