"""The ledger as files that a person and any program can read: JSON Lines, caught up from the index after each commit.

`ledger/000001.jsonl` holds leaves, each line exactly the bytes that the tree is built over;
`000001.payload.jsonl` holds `{"seq":N,"salt":"hex","payload":"text"}`.
File K holds entries (K - 1) * 1,000,000 up to K * 1,000,000 - 1.
A payload is durable before its leaf is, so that every leaf has one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import structlog

from levelhead.errors import DiskFull, NewerSchema, StoreDamaged, Unavailable
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import read_leaf

log = structlog.get_logger()

PER_FILE = 1_000_000
"""Entries of one pair of files; part of the format."""

MIRRORED = "mirrored"
"""The meta key of how many entries these files are known to hold, so that files which lost their end are told from
files that a crash or a busy daemon left a moment behind the index."""

LEAVES, PAYLOADS = ".jsonl", ".payload.jsonl"

_AT_ONCE = 5_000
_BLOCK = 1 << 16


class Mirror:
    """The ledger's files in one folder. Several processes may catch up and read at the same time."""

    def __init__(self, folder: Path, *, per_file: int = PER_FILE) -> None:
        self._folder = folder
        self._per_file = per_file
        self._holds = 0

    # --- writing

    def catch_up(self, store: Store, /) -> int:
        """Append what the index holds beyond these files, durably; returns how many entries that were.

        An incomplete last line, which a crash leaves, is cut and logged. Raises StoreDamaged when the files contradict
        the index, DiskFull or Unavailable when they cannot be written.
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
            raise Unavailable(
                f"the ledger's files in {self._folder} cannot be written: {exc.strerror}"
            ) from exc

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
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
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

    # --- files

    def _path(self, number: int, ending: str) -> Path:
        return self._folder / f"{number:06}{ending}"

    def _numbers(self, ending: str) -> list[int]:
        names = (path.name.removesuffix(ending) for path in self._folder.glob("*" + ending))
        return [int(name) for name in names if name.isdecimal()]


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


def _leaf_line(entry: Entry) -> bytes:
    return entry.leaf + b"\n"


def _payload_line(entry: Entry) -> bytes:
    try:
        payload = None if entry.payload is None else entry.payload.decode()
    except UnicodeDecodeError as exc:
        raise StoreDamaged(f"the payload of entry {entry.seq} is not text") from exc
    values = {"seq": entry.seq, "salt": None if entry.salt is None else entry.salt.hex(), "payload": payload}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


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
