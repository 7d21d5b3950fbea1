"""A lost index made again: built beside its place, and put there only when it is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from levelhead.errors import UserError
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.sqlite_open import sync_file


@contextlib.contextmanager
def fresh_index(target: Path) -> Iterator[SqliteStore]:
    """An empty index that becomes `target` (a file) when the block ends well, and is thrown away when it does not.

    Raises UserError when `target` is there already: an index is never overwritten.
    """
    if target.exists():
        raise UserError(f"the index {target} is there; move it away first if it is to be made again")
    building = target.with_name(target.name + ".rebuilding")
    _remove(building)
    store = open_store(building)
    try:
        yield store
    except BaseException:
        store.close()
        _remove(building)
        raise
    store.close()
    sync_file(building)
    # A write-ahead log left by the lost index would be replayed into the new one.
    for left in (_beside(target, "-wal"), _beside(target, "-shm")):
        with contextlib.suppress(FileNotFoundError):
            left.rename(_beside(left, ".lost"))
    building.rename(target)
    sync_file(target.parent)


def _remove(index: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        _beside(index, ending).unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
