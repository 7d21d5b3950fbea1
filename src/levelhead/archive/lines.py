"""The lines of the ledger's files: how they are written, and how they are read.

A leaf's line is exactly the bytes that the tree is built over; that of its payload is
`{"seq":N,"salt":"hex","payload":"text"}`, with `null` for both when they were erased.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from levelhead.errors import NewerSchema, StoreDamaged
from levelhead.store.api import Entry
from levelhead.store.ledger import read_leaf

LEAVES, PAYLOADS = ".jsonl", ".payload.jsonl"
"""How the names of the files end."""

_QUOTED = json.encoder.encode_basestring
_BLOCK = 1 << 16


def lines_of(entry: Entry) -> tuple[bytes, bytes]:
    """The two lines of an entry with their ends; StoreDamaged for a payload that is no text."""
    return leaf_line(entry), payload_line(entry)


def leaf_line(entry: Entry) -> bytes:
    """The line of an entry's leaf."""
    return entry.leaf + b"\n"


def payload_line(entry: Entry) -> bytes:
    """The line of an entry's salt and payload; StoreDamaged for a payload that is no text."""
    try:
        payload = None if entry.payload is None else entry.payload.decode()
    except UnicodeDecodeError as exc:
        raise StoreDamaged(f"the payload of entry {entry.seq} is not text") from exc
    salt = "null" if entry.salt is None else f'"{entry.salt.hex()}"'
    text = "null" if payload is None else _QUOTED(payload)
    return f'{{"seq":{entry.seq},"salt":{salt},"payload":{text}}}\n'.encode()


def read_lines(seq: int, leaf: bytes, line: bytes, leaves: Path, payloads: Path) -> Entry:
    """The entry that two lines without their ends hold; StoreDamaged, naming the file, unless it is number `seq`."""
    if (found := seq_of(leaf, LEAVES, leaves)) != seq:
        raise StoreDamaged(f"{leaves} holds entry {found} in the place of entry {seq}")
    values = _values_of(line, payloads)
    if (found := _number(values["seq"], payloads)) != seq:
        raise StoreDamaged(f"{payloads} holds entry {found} in the place of entry {seq}")
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


def seq_of(line: bytes, ending: str, path: Path) -> int:
    """The number that a line says it has; StoreDamaged for a line not of the format, NewerSchema for a later form."""
    if ending == PAYLOADS:
        return _number(_values_of(line, path)["seq"], path)
    try:
        return _number(read_leaf(line).seq, path)
    except NewerSchema as exc:
        raise NewerSchema(f"{path} cannot be used: {exc}") from exc
    except ValueError as exc:
        raise _no_entry(path, exc) from exc


def _values_of(line: bytes, path: Path) -> dict[str, Any]:
    """The object of a payload's line, which has a `seq`."""
    try:
        values = json.loads(line)
        values["seq"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise _no_entry(path, exc) from exc
    return cast(dict[str, Any], values)


def _no_entry(path: Path, exc: Exception) -> StoreDamaged:
    return StoreDamaged(f"{path} holds a line that is no entry of a ledger: {exc}")


def _number(seq: object, path: Path) -> int:
    if type(seq) is not int or seq < 0:
        raise StoreDamaged(f"{path} holds a line without a number")
    return seq


def last_line(file: BinaryIO) -> tuple[bytes | None, int, int]:
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


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines without their ends; an incomplete last one counts as not there."""
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield line[:-1]
