"""Payloads taken out of one of the ledger's files, which is written anew without them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from pathlib import Path

from levelhead.archive.anew import written_anew
from levelhead.archive.lines import PAYLOADS, seq_of, whole_lines
from levelhead.errors import StoreDamaged


def redact(path: Path, first: int, gone: Set[int]) -> int:
    """Leave of these entries' lines in a file of payloads only their numbers; how many lines that changed.

    `first` is the number of the file's first entry. Nothing is written when nothing changes. Durable but for the
    folder's entry. StoreDamaged, and nothing changed, when the line in an entry's place is another's.
    """
    if not any(line != new for line, new in _lines(path, first, gone)):
        return 0
    changed = 0
    with written_anew(path) as handle, os.fdopen(handle, "wb", closefd=False) as file:
        for line, new in _lines(path, first, gone):
            changed += line != new
            file.write(new + b"\n")
    return changed


def _lines(path: Path, first: int, gone: Set[int]) -> Iterator[tuple[bytes, bytes]]:
    """Each whole line as it is and as it is to be."""
    with path.open("rb") as file:
        for seq, line in enumerate(whole_lines(file), first):
            new = b'{"seq":%d,"salt":null,"payload":null}' % seq if seq in gone else line
            if new != line and (found := seq_of(line, PAYLOADS, path)) != seq:
                raise StoreDamaged(
                    f"{path} holds entry {found} in the place of entry {seq}, which is to be erased;"
                    " levelhead verify says more, and nothing was changed in this file"
                )
            yield line, new
