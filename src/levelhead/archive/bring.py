"""`levelhead add`: mail from files into the archive, as history: it is scored, and causes no draft and no alert."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from levelhead.archive.mailfiles import Found, is_folder, is_special, messages, sources, unreadable
from levelhead.archive.packed import is_packed, members
from levelhead.archive.record import Recorder
from levelhead.archive.seen import believable
from levelhead.archive.spool import NO_ROOM, Spool
from levelhead.clock import Clock, to_text
from levelhead.errors import DiskFull
from levelhead.facts import MessagesErased
from levelhead.model import Arrival

BATCH_MESSAGES, BATCH_BYTES = 200, 32_000_000
"""How much shares one durable write."""

STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """How many messages were added, were there already and were left out, and each (path, why) that did not work."""

    added: int
    known: int
    failed: tuple[tuple[str, str], ...]
    left_out: int = 0
    """Messages that were erased once, and are therefore not archived again."""
    erased: tuple[tuple[str, str], ...] = ()
    """Each (path, why) that held such messages."""


def bring(
    paths: Sequence[str],
    recorder: Recorder,
    *,
    stdin: BinaryIO,
    spool: Spool,
    clock: Clock,
    progress: Callable[[int], None] = lambda done: None,
) -> Brought:
    """Archive what lies at these paths: messages, mbox files, Maildirs, folders and packed files of them, pipes, `-`
    for `stdin`. `progress` is told how many messages were taken in so far.

    What somebody names by hand is wanted: `[clients] scope` decides about mailboxes alone. What cannot be read is told
    in `failed`, and what was erased once in `erased`; the rest goes on. DiskFull and StoreLocked end it: what was added
    before stays.
    """
    bringing = _Bringing(recorder, spool, clock, progress)
    with TemporaryDirectory(prefix="levelhead-add-") as folder, closing(bringing):
        for argument in paths:
            for name, path in _sources(argument, stdin, Path(folder), bringing):
                bringing.read(name, path)
        bringing.flush()
    return bringing.outcome()


def _sources(argument: str, stdin: BinaryIO, folder: Path, bringing: _Bringing) -> Iterator[tuple[str, Path]]:
    """The single sources behind one argument, with the names that they go by."""
    path = Path(argument)
    if argument == STDIN:
        yield STDIN, _kept(stdin, folder / "stdin")
        return
    if is_special(path):
        try:
            with _opened(path) as stream:
                kept = _kept(stream, folder / f"piped{path.suffix}")
        except OSError as exc:
            bringing.fail(argument, unreadable(exc))
        else:
            yield argument, kept
        return
    if is_packed(path) and not is_folder(path):
        yield from _unpacked(argument, path, folder, bringing)
        return
    found = list(sources(path)) if is_folder(path) else [path]
    if not found:
        bringing.fail(argument, "holds no Maildir and no file whose name ends in .eml or .mbox")
    for one in found:
        if is_packed(one):
            yield from _unpacked(str(one), one, folder, bringing)
        else:
            yield str(one), one


def _unpacked(name: str, path: Path, folder: Path, bringing: _Bringing) -> Iterator[tuple[str, Path]]:
    """The files of mail in a packed file, such as a Takeout archive."""
    empty = True
    try:
        for member in members(path, folder):
            empty = False
            yield f"{name}/{member.name}", member.path
    except OSError as exc:
        if exc.errno in NO_ROOM:
            raise DiskFull(
                f"no room in {folder.parent} to unpack {path}; make some, or unpack it yourself"
            ) from exc
        bringing.fail(name, unreadable(exc))
    else:
        if empty:
            bringing.fail(name, "holds no file whose name ends in .eml or .mbox")


def _opened(path: Path) -> BinaryIO:
    """A pipe, opened for reading; OSError for a device, which may never end, and for a socket."""
    if not path.is_fifo():
        raise OSError("it is neither a file nor a folder nor a pipe")
    return path.open("rb")


def _kept(stream: BinaryIO, path: Path) -> Path:
    """What a stream that cannot be read twice has brought, in a file that can be."""
    with path.open("wb") as kept:
        shutil.copyfileobj(stream, kept)
    return path


class _Bringing:
    """One run of `bring`: what waits for the next durable write, and what came of the others."""

    def __init__(
        self, recorder: Recorder, spool: Spool, clock: Clock, progress: Callable[[int], None]
    ) -> None:
        self._recorder = recorder
        self._spool = spool
        self._clock = clock
        self._progress = progress
        self._waiting: list[tuple[str, Arrival]] = []
        """Arrivals and the names of their sources."""
        self._bytes = 0
        self._added = 0
        self._known = 0
        self._failed: dict[str, str] = {}
        self._erased: list[tuple[str, str]] = []
        """Source and id of what was erased once."""

    def outcome(self) -> Brought:
        """What came of everything; to be asked once, at the end."""
        erased: dict[str, str] = {}
        for name, why in _why_not(self._erased, self._recorder.buried([id for _, id in self._erased])):
            _joined(erased, name, why)
        return Brought(
            added=self._added,
            known=self._known,
            failed=tuple(self._failed.items()),
            left_out=len(self._erased),
            erased=tuple(erased.items()),
        )

    def fail(self, name: str, why: str) -> None:
        """Note why something did not work; several reasons of one path are joined."""
        _joined(self._failed, name, why)

    def read(self, name: str, path: Path) -> None:
        """Take in the messages of one source."""
        for found in messages(path, self._spool):
            if isinstance(found, Found):
                self._add(name, found)
            else:
                # A file that we made for a stream goes by the stream's name.
                self.fail(str(found.path) if name == str(path) else name, found.why)

    def flush(self) -> None:
        """Record what waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        try:
            receipts = self._recorder.record([arrival for _, arrival in waiting]) if waiting else ()
            for (source, _), receipt in zip(waiting, receipts, strict=True):
                if receipt.erased:
                    self._erased.append((source, receipt.message_id))
                elif receipt.fresh:
                    self._added += 1
                else:
                    self._known += 1
            self._progress(self._added + self._known + len(self._erased))
        finally:
            for _, arrival in waiting:
                arrival.raw.discard()

    def close(self) -> None:
        """Throw away what still waits, after an error."""
        for _, arrival in self._waiting:
            arrival.raw.discard()

    def _add(self, source: str, found: Found) -> None:
        self._waiting.append((source, self._arrival(source, found)))
        self._bytes += found.raw.size
        if len(self._waiting) >= BATCH_MESSAGES or self._bytes >= BATCH_BYTES:
            self.flush()

    def _arrival(self, source: str, found: Found) -> Arrival:
        # A path may hold bytes that are no UTF-8, and the ledger holds UTF-8 alone.
        name = source.encode("utf-8", "replace").decode()
        at, now = found.modified, self._clock.now()
        internal = at if at is not None and believable(at, now) else None
        return Arrival(raw=found.raw, internal_date=internal, flags=found.flags, history=True, source=name)


def _joined(reasons: dict[str, str], name: str, why: str) -> None:
    """Note a reason under a name, behind those that it has already."""
    reasons[name] = f"{reasons[name]}; {why}" if name in reasons else why


def _why_not(
    erased: Sequence[tuple[str, str]], erasures: Mapping[str, MessagesErased]
) -> Iterator[tuple[str, str]]:
    """Each source of erased messages, with one sentence for each erasure that took some of them."""
    counted: Counter[tuple[str, str]] = Counter()
    for source, id in erased:
        fact = erasures.get(id)
        counted[source, f" on {to_text(fact.erased_at)[:10]} ({fact.why})" if fact else ""] += 1
    for (source, when), count in counted.items():
        what, them = ("1 message was", "it") if count == 1 else (f"{count} messages were", "them")
        yield source, f"{what} erased{when}; levelhead does not archive {them} again"
