"""The archive as an erasure needs it: a place for the index that is played anew, and the copies that must not stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from levelhead.archive.folder import INDEX, SPOOL
from levelhead.archive.lock import hold
from levelhead.archive.parse import parse
from levelhead.archive.spool import Spool
from levelhead.clock import Clock
from levelhead.daemon.parts import Archive
from levelhead.errors import StoreLocked
from levelhead.evidence.erase import Room, finish
from levelhead.store.sqlite import SqliteStore, open_store

BESIDE = "index.erasing.sqlite"
"""The index without what is to be erased, while it is being played."""

LOCK = "erasing.lock"
"""Held by whoever erases, and by whoever makes the index again."""

_ENDINGS = ("", "-wal", "-shm")

log = structlog.get_logger()


def room_of(archive: Archive, clock: Clock) -> Room:
    """An open archive as the room of an erasure."""

    @contextmanager
    def fresh() -> Iterator[SqliteStore]:
        path = archive.path / BESIDE
        _remove(path)
        store = open_store(path)
        try:
            yield store
        finally:
            store.close()
            _remove(path)

    return Room(
        store=archive.store,
        volumes=archive.volumes,
        mirror=archive.mirror,
        parse=archive.reader or parse,
        fresh=fresh,
        leftovers=lambda: older_copies(archive.path),
        clock=clock,
        spool=Spool(archive.path / SPOOL).clear,
        alone=lambda: nothing_else_erased(archive.path, clock),
    )


@contextmanager
def nothing_else_erased(path: Path, clock: Clock) -> Iterator[None]:
    """Keep erasures away from an archive, and who makes its index again; StoreLocked while one is at work."""
    with ExitStack() as held:
        try:
            held.enter_context(hold(path / LOCK, clock.now()))
        except StoreLocked as exc:
            raise StoreLocked("messages are being erased; try again when that has ended") from exc
        yield


def older_copies(path: Path) -> tuple[Path, ...]:
    """Indexes from before: what a rebuild or a migration kept, what was lost or left half made."""
    return tuple(
        sorted(
            found
            for found in path.glob("index*")
            if found.is_file() and found.name not in {INDEX + ending for ending in _ENDINGS}
        )
    )


def finish_erasures(archive: Archive, clock: Clock, *, again: bool = False) -> int:
    """Finish what a crash broke off; how many erasures that were. `again` and errors as `evidence.erase.finish`."""
    done = finish(room_of(archive, clock), again=again)
    if done:
        log.warning("erasure.finished", erasures=done)
    return done


def _remove(path: Path) -> None:
    for ending in _ENDINGS:
        path.with_name(path.name + ending).unlink(missing_ok=True)
