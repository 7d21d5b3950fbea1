"""A glance at a mailbox: whether any folder can have changed, asked in one go and answered in a few lines.

LIST, STATUS for each folder that is not open (RFC 3501, 6.3.10; HIGHESTMODSEQ by RFC 7162, 3.1.7) and NOOP for the one
that is are sent together (RFC 3501, 5.5: none of them has an effect on the answer to another) and read together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from imapclient.imap_utf7 import encode

from levelhead.errors import ConnectionLost, ServerBusy
from levelhead.mailbox.api import FolderStatus, Glance
from levelhead.mailbox.guard import check_line
from levelhead.mailbox.idle import BYE, NEWS, whole_line
from levelhead.mailbox.wire import CRLF, Wire

VAIN = 10
"""Glances in a row in which STATUS told the figures of no folder: after these the connection makes no more of them."""

_LIST = b"* LIST "
_STATUS = re.compile(rb"\* STATUS (.*) \(([A-Z0-9 ]*)\) ?\Z", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(rb"\{\d+\} ")
_PASSING = re.compile(rb" ?\\(?:Marked|Unmarked|HasChildren|HasNoChildren)\b", re.IGNORECASE)
"""Attributes of a folder that come and go with its mail and its neighbours, and say nothing about what it is for."""


class Glances:
    """What one connection remembers between its glances, so that an answer like the last one is not read again."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._list = b""
        self._able = True
        self._vain = 0
        """How many glances in a row were for nothing (`VAIN`)."""
        self._folders: frozenset[bytes] = frozenset()
        self._asked = 0
        self._round: Round | None = None
        self._seen: tuple[object, Glance] | None = None

    def listed(self, command: bytes, data: Iterable[object]) -> None:
        """Remember the last LIST: how it was asked, and what imaplib has kept of its answer."""
        self._list, self._folders, self._round, self._seen = command, _known(data), None, None

    @property
    def possible(self) -> bool:
        """Whether folders were listed, and the server answers what a glance asks."""
        return self._able and bool(self._list)

    def look(
        self, folders: Sequence[str], opened: str, standing: tuple[str, FolderStatus] | None, *, modseq: bool
    ) -> tuple[Glance | None, bool]:
        """The glance, None for none, and whether the `standing` open folder still is as it was.

        `opened` is the open folder, if any, of which STATUS is not asked.
        """
        asked = (tuple(folders), opened, standing is not None)
        if self._round is None or self._round.asked != asked:
            self._round = Round.of(asked, self._list, modseq=modseq)
        lines, ends = ask(self._wire, self._round, self._asked)
        self._asked += len(ends)
        self._able = b"BAD" not in ends
        if not self._able or ends[0] != b"OK":
            return None, False
        key = (self._round, standing, lines, ends)
        if self._seen is not None and self._seen[0] == key and not self._vain:
            return self._seen[1], standing is not None and standing[0] in self._seen[1].told
        told = {
            self._round.names[name]: status
            for name, status in _figures(lines, modseq=modseq)
            if name in self._round.names
        }
        self._vain = self._vain + 1 if self._round.names and not told else 0
        self._able = self._vain < VAIN
        stands = standing is not None and ends[-1] == b"OK" and not _has_news(lines)
        if standing is not None and stands:
            told[standing[0]] = standing[1]
        self._seen = key, Glance(same_folders=_listed(lines) == self._folders, told=told)
        return self._seen[1], stands


@dataclass(frozen=True, slots=True)
class Round:
    """The commands of a glance, ready to be sent. `names` are the folders that STATUS asks for, by encoded name."""

    asked: tuple[tuple[str, ...], str, bool]
    names: Mapping[bytes, str]
    commands: bytes
    """A template that wants a number for each tag."""
    count: int

    @classmethod
    def of(cls, asked: tuple[tuple[str, ...], str, bool], listing: bytes, *, modseq: bool) -> Round:
        """`asked` is the folders, the open one, and whether that one still stands. UnsafeArgument as `check_line`."""
        folders, opened, stands = asked
        names = {bytes(encode(folder)): folder for folder in folders if folder != opened}
        commands = [listing, *(_status_command(name, modseq=modseq) for name in names)]
        commands += [b"NOOP"] if stands else []
        for command in commands:
            check_line(command + CRLF)
        lines = [b"Q%d " + command.replace(b"%", b"%%") + CRLF for command in commands]
        return cls(asked, names, b"".join(lines), len(lines))


def ask(wire: Wire, asked: Round, first: int) -> tuple[list[bytes], list[bytes]]:
    """Send the commands at once, with tags of our own that count on from `first`, and read all answers.

    All untagged lines, with their literals, and how each command ended: `OK`, `NO` or `BAD`. ServerBusy for a BYE,
    ConnectionLost for what is no answer.
    """
    numbers = range(first, first + asked.count)
    wire.send(asked.commands % tuple(numbers))
    ends: dict[bytes, bytes] = dict.fromkeys((b"Q%d" % number for number in numbers), b"")
    lines = []
    missing = asked.count
    while missing:
        line = whole_line(wire, wire.read_line())
        if line.startswith(b"*"):
            if bye := BYE.match(line):
                raise ServerBusy(f"the server ended the session: {wire.plain(bye.group(1))}")
            lines.append(line)
            continue
        tag, _, rest = line.partition(b" ")
        if ends.get(tag) != b"" or not rest:
            raise ConnectionLost(f"the answer to STATUS cannot be read: {wire.plain(line, 60)}")
        ends[tag] = rest.partition(b" ")[0].upper()
        missing -= 1
    return lines, list(ends.values())


def _status_command(name: bytes, *, modseq: bool) -> bytes:
    quoted = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    more = b" HIGHESTMODSEQ" if modseq else b""
    return b'STATUS "%s" (MESSAGES UIDNEXT UIDVALIDITY%s)' % (quoted, more)


def _has_news(lines: Iterable[bytes]) -> bool:
    """Whether there is a word of a change in the open folder among these lines."""
    return any(NEWS.match(line) for line in lines)


def _listed(lines: Iterable[bytes]) -> frozenset[bytes]:
    """What LIST said, comparable with what `_known` makes of imaplib's view of it."""
    return frozenset(_lasting(line[len(_LIST) :]) for line in lines if line[: len(_LIST)].upper() == _LIST)


def _known(data: Iterable[object]) -> frozenset[bytes]:
    """The same of what imaplib keeps of an answer to LIST: bytes, or a pair that ends in a literal and what follows."""
    lines: list[bytes] = []
    literal = False
    for item in data:
        if isinstance(item, tuple):
            lines.append(b" ".join(item))
        elif isinstance(item, bytes) and literal:
            lines[-1] += item
        elif isinstance(item, bytes):
            lines.append(item)
        literal = isinstance(item, tuple)
    return frozenset(map(_lasting, lines))


def _lasting(line: bytes) -> bytes:
    attributes, end, name = line.partition(b")")
    return _PASSING.sub(b"", attributes).replace(b"( ", b"(") + end + name


def _figures(lines: Iterable[bytes], *, modseq: bool) -> Iterator[tuple[bytes, FolderStatus]]:
    """The encoded name and the figures of each answer to STATUS that leaves out nothing of what was asked."""
    for line in lines:
        if found := _STATUS.match(line):
            status = _status(found.group(2), modseq=modseq)
            if status is not None:
                yield _name(found.group(1)), status


def _status(words: bytes, *, modseq: bool) -> FolderStatus | None:
    pairs = words.upper().split()
    told = {name: int(value) for name, value in zip(pairs[::2], pairs[1::2], strict=False) if value.isdigit()}
    wanted = {b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"} | ({b"HIGHESTMODSEQ"} if modseq else set())
    if wanted - told.keys() or not told[b"UIDNEXT"] or not told[b"UIDVALIDITY"]:
        return None
    return FolderStatus(
        uidvalidity=told[b"UIDVALIDITY"],
        uidnext=told[b"UIDNEXT"],
        exists=told[b"MESSAGES"],
        highestmodseq=told.get(b"HIGHESTMODSEQ", 0),
    )


def _name(word: bytes) -> bytes:
    """A name as an atom, a quoted string or a literal."""
    if word.startswith(b'"') and word.endswith(b'"') and len(word) > 1:
        return re.sub(rb"\\(.)", rb"\1", word[1:-1])
    return _LITERAL.sub(b"", word, count=1) if word.startswith(b"{") else word
