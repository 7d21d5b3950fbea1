"""An index made again: built beside its place, and put there only when it is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from levelhead.durable import sync_folder
from levelhead.errors import UserError
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.sqlite_open import sync_file

_ENDINGS = ("", "-wal", "-shm")
"""What SQLite keeps beside its file. A write-ahead log left by one index would be replayed into another."""


@contextlib.contextmanager
def fresh_index(target: Path, *, keep_old: Path | None = None) -> Iterator[SqliteStore]:
    """An empty index that becomes `target` (a file) when the block ends well, and is thrown away when it does not.

    An index that is there already is moved to `keep_old`, in place of what lies there; without `keep_old` it raises
    UserError: an index is never overwritten. What a lost index left beside it is kept too, under `.lost` names.
    """
    if target.exists() and keep_old is None:
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
    if keep_old is not None and target.exists():
        _remove(keep_old)
        _move(target, keep_old)
    _move(target, target.with_name(target.name + ".lost"))
    building.rename(target)
    sync_folder(target.parent)


def _move(index: Path, to: Path) -> None:
    for ending in _ENDINGS:
        with contextlib.suppress(FileNotFoundError):
            _beside(index, ending).rename(_beside(to, ending))


def _remove(index: Path) -> None:
    for ending in _ENDINGS:
        _beside(index, ending).unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
