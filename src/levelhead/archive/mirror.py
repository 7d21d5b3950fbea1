"""The ledger as files that a person and any program can read: JSON Lines, caught up from the index after each commit.

`ledger/000001.jsonl` holds leaves, each line exactly the bytes that the tree is built over;
`000001.payload.jsonl` holds `{"seq":N,"salt":"hex","payload":"text"}`.
File K holds entries (K - 1) * 1,000,000 up to K * 1,000,000 - 1.
A payload is durable before its leaf is, so that every leaf has one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import BinaryIO

import structlog

from levelhead.archive.waiting import wait_for
from levelhead.clock import Clock, SystemClock
from levelhead.errors import (
    DiskFailed,
    DiskFull,
    DiskReadOnly,
    NewerSchema,
    StoreDamaged,
    StoreLocked,
    Unavailable,
)
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import read_leaf

log = structlog.get_logger()

PER_FILE = 1_000_000
"""Entries of one pair of files; part of the format."""

MIRRORED = "mirrored"
"""The meta key of how many entries these files are known to hold, so that files which lost their end are told from
files that a crash or a busy daemon left a moment behind the index."""

LEAVES, PAYLOADS = ".jsonl", ".payload.jsonl"
LOCK = "lock"
"""The file in the folder that one process at a time holds while it appends."""

_QUOTED = json.JSONEncoder(ensure_ascii=False).encode
_AT_ONCE = 5_000
_BLOCK = 1 << 16


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
        try:
            with self._locked():
                # Asked under the lock: what another process appends meanwhile is never taken for a contradiction.
                return self._append(store)
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
                    b"".join(_leaf_line(one) if ending == LEAVES else _payload_line(one) for one in here)
                )
                file.flush()
                os.fsync(file.fileno())
            if fresh:
                self._sync_folder()
            entries = entries[len(here) :]

    def _end(self, ending: str) -> int:
        """How many entries the files of one kind hold; an incomplete last line is cut off first."""
        number = max(self._numbers(ending), default=0)
        if not number:
            return 0
        path = self._path(number, ending)
        with path.open("r+b") as file:
            line, end, size = _last_line(file)
            if end < size:
                file.truncate(end)
                os.fsync(file.fileno())
                log.warning("mirror.cut", file=path.name, bytes=size - end)
        return (number - 1) * self._per_file if line is None else _seq_of(line, ending, path) + 1

    def _last_leaf(self) -> bytes:
        """The last leaf of the last file that has one."""
        for number in sorted(self._numbers(LEAVES), reverse=True):
            with self._path(number, LEAVES).open("rb") as file:
                line, _, _ = _last_line(file)
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

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
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
                others = _whole_lines(right)
                for seq, leaf in enumerate(_whole_lines(left), first):
                    payload = next(others, None)
                    if payload is None:
                        raise StoreDamaged(f"{payloads} has no payload for entry {seq}")
                    yield _entry(seq, leaf, payload, leaves, payloads)
        except FileNotFoundError as exc:
            raise StoreDamaged(f"{exc.filename} is missing") from exc

    def walk(self) -> Iterator[Entry | str]:
        """All that stands in the files: the entries, and a sentence for whatever is none or is not as we write it.

        What a process that is just appending leaves unfinished is looked at again once it is done. Raises StoreDamaged
        as `read`, OSError for files that cannot be read.
        """
        reader = _Reader(self._path, self._per_file)
        for number in sorted(self._numbers(LEAVES)):
            yield from reader.entries(number)
        with self._nobody_writing():
            late: list[Entry | str] = []
            for number in sorted({*self._numbers(LEAVES), *self._numbers(PAYLOADS)}):
                late += reader.entries(number)
                late += reader.rest(number)
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
                        yield path, sum(len(line) + 1 for line in islice(_whole_lines(file), wanted))

    def strangers(self) -> tuple[str, ...]:
        """Names in the folder that are neither files of the ledger nor the lock."""
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
        self._other: dict[Path, tuple[int, int]] = {}
        """For each file with lines that we write otherwise: the first such entry, and how many there are."""

    def entries(self, number: int) -> Iterator[Entry]:
        """The entries of one pair of files, from where the last call stopped up to the first unfinished line."""
        leaves, payloads = self._path(number, LEAVES), self._path(number, PAYLOADS)
        count, left_at, right_at = self._read.get(number, (0, 0, 0))
        try:
            with leaves.open("rb") as left, payloads.open("rb") as right:
                left.seek(left_at)
                right.seek(right_at)
                for leaf, line in zip(_whole_lines(left), _whole_lines(right), strict=False):
                    entry = _entry((number - 1) * self._per_file + count, leaf, line, leaves, payloads)
                    if line + b"\n" != _payload_line(entry):
                        first, others = self._other.get(payloads, (entry.seq, 0))
                        self._other[payloads] = (first, others + 1)
                    count, left_at, right_at = count + 1, left_at + len(leaf) + 1, right_at + len(line) + 1
                    self._read[number] = (count, left_at, right_at)
                    yield entry
        except FileNotFoundError as exc:
            if Path(exc.filename) == leaves:
                return  # the payloads come first; `rest` tells of them
            raise StoreDamaged(f"{exc.filename} is missing") from exc

    def rest(self, number: int) -> Iterator[str]:
        """What stands in one pair of files behind the last entry, one sentence a file."""
        count, left_at, right_at = self._read.get(number, (0, 0, 0))
        last = f"entry {(number - 1) * self._per_file + count - 1}"
        for ending, at in ((LEAVES, left_at), (PAYLOADS, right_at)):
            path = self._path(number, ending)
            if not path.exists():
                raise StoreDamaged(f"{path} is missing")
            size = path.stat().st_size
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


def differences(left: Iterable[Entry], right: Iterable[Entry]) -> Iterator[str]:
    """What two copies of a ledger (the mirror's files, the index) do not agree on, one sentence an entry.

    A payload that one of them has erased is no difference.
    """
    first, second = iter(left), iter(right)
    while True:
        one, other = next(first, None), next(second, None)
        if one is None or other is None:
            if (more := one or other) is not None:
                rest = 1 + sum(1 for _ in (first if one is not None else second))
                yield f"entry {more.seq} and {rest - 1} after it are only in {'files' if one else 'the index'}"
            return
        if one.leaf != other.leaf:
            yield f"entry {one.seq} has another leaf in the files than in the index"
        elif None not in (one.payload, other.payload) and (one.salt, one.payload) != (
            other.salt,
            other.payload,
        ):
            yield f"entry {one.seq} has another payload in the files than in the index"


def lines_of(entry: Entry) -> tuple[bytes, bytes]:
    """The two lines of an entry with their ends; StoreDamaged for a payload that is no text."""
    return _leaf_line(entry), _payload_line(entry)


def _leaf_line(entry: Entry) -> bytes:
    return entry.leaf + b"\n"


def _payload_line(entry: Entry) -> bytes:
    try:
        payload = None if entry.payload is None else entry.payload.decode()
    except UnicodeDecodeError as exc:
        raise StoreDamaged(f"the payload of entry {entry.seq} is not text") from exc
    salt = "null" if entry.salt is None else f'"{entry.salt.hex()}"'
    text = "null" if payload is None else _QUOTED(payload)
    return f'{{"seq":{entry.seq},"salt":{salt},"payload":{text}}}\n'.encode()


def _entry(seq: int, leaf: bytes, line: bytes, leaves: Path, payloads: Path) -> Entry:
    if (found := _seq_of(leaf, LEAVES, leaves)) != seq:
        raise StoreDamaged(f"{leaves} holds entry {found} in the place of entry {seq}")
    if (found := _seq_of(line, PAYLOADS, payloads)) != seq:
        raise StoreDamaged(f"{payloads} holds entry {found} in the place of entry {seq}")
    values = json.loads(line)
    try:
        salt, payload = values["salt"], values["payload"]
        return Entry(
            seq=seq,
            leaf=leaf,
            salt=None if salt is None else bytes.fromhex(salt),
            payload=None if payload is None else payload.encode(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise StoreDamaged(f"{payloads}: the line of entry {seq} cannot be read") from exc


def _seq_of(line: bytes, ending: str, path: Path) -> int:
    """The number that a line says it has; StoreDamaged for a line not of the format, NewerSchema for a later form."""
    try:
        seq = read_leaf(line).seq if ending == LEAVES else json.loads(line)["seq"]
    except NewerSchema as exc:
        raise NewerSchema(f"{path} cannot be used: {exc}") from exc
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise StoreDamaged(f"{path} holds a line that is no entry of a ledger: {exc}") from exc
    if type(seq) is not int or seq < 0:
        raise StoreDamaged(f"{path} holds a line without a number")
    return seq


def _last_line(file: BinaryIO) -> tuple[bytes | None, int, int]:
    """The last complete line without its end, where it ends, and the file's size; None when there is no such line."""
    size = file.seek(0, os.SEEK_END)
    tail, at = b"", size
    while at > 0 and tail.count(b"\n") < 2:
        at = max(0, at - _BLOCK)
        file.seek(at)
        tail = file.read(min(_BLOCK, size - len(tail) - at)) + tail
    end = tail.rfind(b"\n") + 1
    if not end:
        return None, 0, size
    return tail[tail.rfind(b"\n", 0, end - 1) + 1 : end - 1], at + end, size


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield line[:-1]
