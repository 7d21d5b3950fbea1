"""The ledger as files that a person and any program can read: JSON Lines, caught up from the index after each commit.

`ledger/000001.jsonl` holds leaves, each line exactly the bytes that the tree is built over;
`000001.payload.jsonl` holds `{"seq":N,"salt":"hex","payload":"text"}`.
File K holds entries (K - 1) * 1,000,000 up to K * 1,000,000 - 1.
A payload is durable before its leaf is, so that every leaf has one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import BinaryIO

import structlog

from levelhead.archive.lines import (
    LEAVES,
    PAYLOADS,
    last_line,
    leaf_line,
    payload_line,
    read_lines,
    seq_of,
    whole_lines,
)
from levelhead.archive.redact import redact
from levelhead.archive.waiting import wait_for
from levelhead.clock import Clock, SystemClock
from levelhead.durable import sync_folder
from levelhead.errors import (
    DiskFailed,
    DiskFull,
    DiskReadOnly,
    StoreDamaged,
    StoreLocked,
    Unavailable,
)
from levelhead.store.api import Entry, Store

log = structlog.get_logger()

PER_FILE = 1_000_000
"""Entries of one pair of files; part of the format."""

MIRRORED = "mirrored"
"""The meta key of how many entries these files are known to hold, so that files which lost their end are told from
files that a crash or a busy daemon left a moment behind the index."""

LOCK = "lock"
"""The file in the folder that one process at a time holds while it appends."""

Following = Callable[[int], Iterable[Entry]]
"""The ledger's entries from a number on, as somebody else has them."""

_AT_ONCE = 5_000


class Mirror:
    """The ledger's files in one folder. Several processes may catch up and read at the same time."""

    def __init__(self, folder: Path, *, per_file: int = PER_FILE, clock: Clock | None = None) -> None:
        self._folder = folder
        self._per_file = per_file
        self._clock = clock or SystemClock()
        self._holds = 0
        self.hurried: Callable[[], bool] = lambda: False
        """Whether somebody wants to end, so that no lock is waited for long."""

    # --- writing

    def catch_up(self, store: Store, /) -> int:
        """Append what the index holds beyond these files, durably; returns how many entries that were.

        An incomplete last line, which a crash leaves, is cut and logged. Raises StoreDamaged when the files contradict
        the index, DiskFull or Unavailable when they cannot be written, StoreLocked when another process holds them
        for too long.
        """
        with self._in_our_words(), self._locked():
            # Asked under the lock: what another process appends meanwhile is never taken for a contradiction.
            return self._append(store)

    def erase(self, entries: Collection[int], /) -> int:
        """Take salt and payload of these entries out of the files; how many lines that changed. Raises as `catch_up`.

        Each file is old or new, whatever crashes, and whoever reads the old one reads on in it. The index must have
        lost them before: what these files do not hold yet is written as the index has it.
        """
        gone, changed = frozenset(entries), 0
        with self._in_our_words(), self._locked():
            self._end(PAYLOADS)  # cuts an incomplete last line, which may hold any payload
            for number in sorted({seq // self._per_file + 1 for seq in gone} & {*self._numbers(PAYLOADS)}):
                changed += redact(self._path(number, PAYLOADS), (number - 1) * self._per_file, gone)
            # Even if nothing was left to do: who did it may have died before the new name was durable.
            sync_folder(self._folder)
        return changed

    @contextlib.contextmanager
    def _in_our_words(self) -> Iterator[None]:
        """What a disk says against being written."""
        try:
            yield
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"no room for the ledger's files in {self._folder}; make some, nothing is lost"
                ) from exc
            kind = {errno.EROFS: DiskReadOnly, errno.EIO: DiskFailed}.get(exc.errno or 0, Unavailable)
            raise kind(f"the ledger's files in {self._folder} cannot be written: {exc.strerror}") from exc

    def keep_up(self, store: Store, now: datetime) -> None:
        """Catch up, and note in the index how far these files reach."""
        self.catch_up(store)
        size = str(self._holds)
        if store.meta(MIRRORED) != size:
            with store.transaction(now) as tx:
                tx.set_meta(MIRRORED, size)

    def _append(self, store: Store) -> int:
        leaves, payloads = self._end(LEAVES), self._end(PAYLOADS)
        size = store.ledger_size()
        self._must_agree(store, leaves, payloads, size)
        # After a crash between the two files, the payloads reach further than the leaves.
        entries = store.entries(min(leaves, payloads), size)
        while batch := tuple(islice(entries, _AT_ONCE)):
            self._write(PAYLOADS, [entry for entry in batch if entry.seq >= payloads])
            self._write(LEAVES, [entry for entry in batch if entry.seq >= leaves])
        self._holds = size
        return size - leaves

    def _must_agree(self, store: Store, leaves: int, payloads: int, size: int) -> None:
        if max(leaves, payloads) > size:
            raise StoreDamaged(
                f"the files in {self._folder} hold {max(leaves, payloads)} entries and the index only {size}:"
                " the index is older than its ledger; rebuild it from the volumes and these files"
            )
        if payloads < leaves:
            raise StoreDamaged(
                f"the files in {self._folder} have lost payloads: they end at entry {payloads} of {leaves};"
                " move the folder away, and it is written anew from the index"
            )
        if leaves:
            (entry,) = store.entries(leaves - 1, leaves)
            if self._last_leaf() != entry.leaf:
                raise StoreDamaged(
                    f"entry {leaves - 1} in {self._folder} is not the one that the index holds;"
                    " one of the two was replaced, `levelhead verify` says which entries differ"
                )

    def _write(self, ending: str, entries: list[Entry]) -> None:
        """Append entries to the files they belong to, and wait until they are durable."""
        while entries:
            number = entries[0].seq // self._per_file + 1
            here = [entry for entry in entries if entry.seq // self._per_file + 1 == number]
            path = self._path(number, ending)
            fresh = not path.exists()
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(
                    b"".join(leaf_line(one) if ending == LEAVES else payload_line(one) for one in here)
                )
                file.flush()
                os.fsync(file.fileno())
            if fresh:
                sync_folder(self._folder)
            entries = entries[len(here) :]

    def _end(self, ending: str) -> int:
        """How many entries the files of one kind hold; an incomplete last line is cut off first."""
        number = max(self._numbers(ending), default=0)
        if not number:
            return 0
        path = self._path(number, ending)
        with path.open("r+b") as file:
            line, end, size = last_line(file)
            if end < size:
                file.truncate(end)
                os.fsync(file.fileno())
                log.warning("mirror.cut", file=path.name, bytes=size - end)
        return (number - 1) * self._per_file if line is None else seq_of(line, ending, path) + 1

    def _last_leaf(self) -> bytes:
        """The last leaf of the last file that has one."""
        for number in sorted(self._numbers(LEAVES), reverse=True):
            with self._path(number, LEAVES).open("rb") as file:
                line, _, _ = last_line(file)
            if line is not None:
                return line
        return b""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time appends; the kernel frees the lock of one that died."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / LOCK
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for(handle, path, self._clock, hurried=self.hurried)
            yield
        finally:
            os.close(handle)

    # --- reading

    def read(self, start: int = 0) -> Iterator[Entry]:
        """The entries from `start` on, from the files alone; an incomplete last line counts as not there.

        Raises StoreDamaged at the first line that is no entry, is out of order, or has no payload beside it.
        """
        wanted = start
        for number in sorted(self._numbers(LEAVES)):
            if (first := (number - 1) * self._per_file) + self._per_file <= start:
                continue
            if first > wanted:
                raise StoreDamaged(
                    f"{self._path(number - 1, LEAVES)} is missing; it held entries before {first}"
                )
            for entry in self._read_file(number, first):
                if entry.seq >= start:
                    yield entry
                    wanted = entry.seq + 1

    def _read_file(self, number: int, first: int) -> Iterator[Entry]:
        leaves, payloads = self._path(number, LEAVES), self._path(number, PAYLOADS)
        try:
            with leaves.open("rb") as left, payloads.open("rb") as right:
                others = whole_lines(right)
                for seq, leaf in enumerate(whole_lines(left), first):
                    payload = next(others, None)
                    if payload is None:
                        raise StoreDamaged(f"{payloads} has no payload for entry {seq}")
                    yield read_lines(seq, leaf, payload, leaves, payloads)
        except FileNotFoundError as exc:
            raise StoreDamaged(f"{exc.filename} is missing") from exc

    def walk(self, following: Following = lambda seq: ()) -> Iterator[Entry | str]:
        """All that stands in the files: the entries, and a sentence for whatever is none or is not as we write it.

        What a process that is just appending leaves unfinished is looked at again once it is done; where it was killed
        over it, the files end in the middle of what comes next by `following`, and that is nothing to be named. Raises
        StoreDamaged as `read`, OSError for files that cannot be read.
        """
        reader = _Reader(self._path, self._per_file)
        for number in sorted(self._numbers(LEAVES)):
            yield from reader.entries(number)
        with self._nobody_writing():
            late: list[Entry | str] = []
            for number in sorted({*self._numbers(LEAVES), *self._numbers(PAYLOADS)}):
                late += reader.entries(number)
                late += reader.rest(number, following)
        yield from late
        yield from reader.otherwise_written()

    def lines(self) -> Iterator[tuple[bytes, bytes]]:
        """Each leaf's line and its payload's with their ends, as they stand; empty where one file has fewer lines.

        For who knows what they should be (`lines_of`) and only asks whether they are. OSError as `walk`.
        """
        for number in sorted({*self._numbers(LEAVES), *self._numbers(PAYLOADS)}):
            with (
                self._path(number, LEAVES).open("rb") as left,
                self._path(number, PAYLOADS).open("rb") as right,
            ):
                yield from zip_longest(left, right, fillvalue=b"")

    def lengths(self, size: int) -> Iterator[tuple[Path, int]]:
        """For each file how many bytes its entries before `size` take, for a copy of these and no others."""
        for ending in (PAYLOADS, LEAVES):
            for number in sorted(self._numbers(ending)):
                wanted = min(self._per_file, size - (number - 1) * self._per_file)
                if wanted > 0:
                    with (path := self._path(number, ending)).open("rb") as file:
                        yield path, sum(len(line) + 1 for line in islice(whole_lines(file), wanted))

    def strangers(self) -> tuple[str, ...]:
        """Names in the folder that are neither files of the ledger nor the lock, nor just being written."""
        if self._strangers():
            with self._nobody_writing():
                return self._strangers()
        return ()

    def _strangers(self) -> tuple[str, ...]:
        with contextlib.suppress(FileNotFoundError):
            ours = {LOCK}
            for ending in (LEAVES, PAYLOADS):
                ours |= {self._path(number, ending).name for number in self._numbers(ending)}
            return tuple(sorted(path.name for path in self._folder.iterdir() if path.name not in ours))
        return ()

    @contextlib.contextmanager
    def _nobody_writing(self) -> Iterator[None]:
        """Wait until a process that appends is done. Makes no file: where there is no lock, nobody ever appended."""
        try:
            handle = os.open(self._folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield
            return
        try:
            with contextlib.suppress(StoreLocked, OSError):  # then what is unfinished is told as it stands
                wait_for(handle, self._folder / LOCK, self._clock)
            yield
        finally:
            os.close(handle)

    # --- files

    def _path(self, number: int, ending: str) -> Path:
        return self._folder / f"{number:06}{ending}"

    def _numbers(self, ending: str) -> list[int]:
        names = (path.name.removesuffix(ending) for path in self._folder.glob("*" + ending))
        numbers = [(name, int(name)) for name in names if name.isascii() and name.isdecimal()]
        return [number for name, number in numbers if number and name == f"{number:06}"]


class _Reader:
    """One reading of the files, byte for byte, that can go on where it stopped when more has been appended."""

    def __init__(self, path: Callable[[int, str], Path], per_file: int) -> None:
        self._path = path
        self._per_file = per_file
        self._read: dict[int, tuple[int, int, int]] = {}
        """For each pair of files: entries read, and the bytes of leaves and of payloads that they took."""
        self._files: dict[int, tuple[int, int]] = {}
        """For each pair of files which file the payloads were read from."""
        self._other: dict[Path, tuple[int, int]] = {}
        """For each file with lines that we write otherwise: the first such entry, and how many there are."""

    def entries(self, number: int) -> Iterator[Entry]:
        """The entries of one pair of files, from where the last call stopped up to the first unfinished line."""
        leaves, payloads = self._path(number, LEAVES), self._path(number, PAYLOADS)
        try:
            with leaves.open("rb") as left, payloads.open("rb") as right:
                count, left_at, right_at = self._resumed(number, right)
                left.seek(left_at)
                right.seek(right_at)
                for leaf, line in zip(whole_lines(left), whole_lines(right), strict=False):
                    entry = read_lines((number - 1) * self._per_file + count, leaf, line, leaves, payloads)
                    if line + b"\n" != payload_line(entry):
                        first, others = self._other.get(payloads, (entry.seq, 0))
                        self._other[payloads] = (first, others + 1)
                    count, left_at, right_at = count + 1, left_at + len(leaf) + 1, right_at + len(line) + 1
                    self._read[number] = (count, left_at, right_at)
                    yield entry
        except FileNotFoundError as exc:
            if Path(exc.filename) == leaves:
                return  # the payloads come first; `rest` tells of them
            raise StoreDamaged(f"{exc.filename} is missing") from exc

    def _resumed(self, number: int, payloads: BinaryIO) -> tuple[int, int, int]:
        """Where to go on; an erasure may have put another file of payloads there, whose lines are shorter."""
        count, left_at, right_at = self._read.get(number, (0, 0, 0))
        there = os.fstat(payloads.fileno())
        which = (there.st_dev, there.st_ino)
        if self._files.setdefault(number, which) != which:
            right_at = sum(len(line) + 1 for line in islice(whole_lines(payloads), count))
            self._files[number], self._read[number] = which, (count, left_at, right_at)
        return count, left_at, right_at

    def rest(self, number: int, following: Following) -> Iterator[str]:
        """What stands in a pair of files behind the last entry and does not begin what comes next, a sentence each."""
        count, left_at, right_at = self._read.get(number, (0, 0, 0))
        next_one = (number - 1) * self._per_file + count
        last = f"entry {next_one - 1}"
        for ending, at in ((LEAVES, left_at), (PAYLOADS, right_at)):
            path = self._path(number, ending)
            if not path.exists():
                raise StoreDamaged(f"{path} is missing")
            size = path.stat().st_size
            if size > at and _begins(
                path, at, following(next_one), leaf_line if ending == LEAVES else payload_line
            ):
                continue
            if not count:
                yield f"the file {path.name} of the ledger has {size} bytes and no entry"
            elif size > at:
                yield f"the file {path.name} of the ledger has {size - at} bytes behind {last}, the last that is whole"

    def otherwise_written(self) -> Iterator[str]:
        """Lines that say what they should in other bytes than ours, one sentence a file."""
        for path, (first, count) in self._other.items():
            what = (
                f"{count} lines, the first that of entry {first}, are"
                if count > 1
                else f"the line of entry {first} is"
            )
            yield f"in the file {path.name} of the ledger {what} not in the bytes that levelhead writes"


def _begins(path: Path, at: int, entries: Iterable[Entry], line_of: Callable[[Entry], bytes]) -> bool:
    """Whether what stands behind `at` is how these entries' lines begin, to wherever a crash let it come."""
    with path.open("rb") as file:
        file.seek(at)
        for entry in entries:
            line = line_of(entry)
            found = file.read(len(line))
            if found != line:
                return line.startswith(found) and not file.read(1)
        return not file.read(1)
