"""The index made again: a fresh one is filled from volumes and ledger, and takes the old one's place."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import structlog

from levelhead.archive.erased import erased_of, without
from levelhead.archive.folder import INDEX, LEDGER, VOLUMES
from levelhead.archive.frames import Frame
from levelhead.archive.lock import LOCK, hold
from levelhead.archive.mirror import Mirror
from levelhead.archive.readers import Readers
from levelhead.archive.rebuild import Rebuilt, rebuild, restore_jobs
from levelhead.archive.volumes import Volumes
from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.erasing import nothing_else_erased
from levelhead.errors import LevelheadError, NewerSchema, UserError
from levelhead.facts import IndexRebuilt, MessageArchived
from levelhead.raw import Raw
from levelhead.store.sqlite import open_store
from levelhead.store.sqlite_restore import fresh_index

OLD = "index.old.sqlite"

log = structlog.get_logger()


def remake(settings: Settings, clock: Clock) -> Rebuilt:
    """Make the index of a configuration's archive again; the one that was there is kept as `index.old.sqlite`.

    UserError when there is no ledger, StoreLocked while a daemon runs, StoreDamaged when the ledger contradicts
    itself, NewerSchema when a newer levelhead wrote index, ledger or volumes; in each case the old index stays in
    its place.
    """
    path = settings.archive.path
    if not any((path / LEDGER).glob("*.jsonl")):
        raise UserError(f"there is no ledger in {path / LEDGER} to make an index from")
    volumes = Volumes(path / VOLUMES)
    with hold(path / LOCK, clock.now()), nothing_else_erased(path, clock), volumes.lock():
        volumes.must_be_known()
        _save_the_last(path, clock)
        made = _fill(path, clock)
        _keep_up(path, clock)
    return made


def _save_the_last(path: Path, clock: Clock) -> None:
    """Facts that only the old index has yet: a crash came before the ledger's files were caught up."""
    try:
        if (path / INDEX).exists():
            _keep_up(path, clock)
    except NewerSchema:
        # It is whole, and a newer program knows more of it than could be made again here.
        raise
    except (LevelheadError, OSError) as exc:
        # A damaged index is the very reason to be here.
        log.warning("rebuild.old_index_unread", error=str(exc))


def _keep_up(path: Path, clock: Clock) -> None:
    store = open_store(path / INDEX)
    try:
        Mirror(path / LEDGER).keep_up(store, clock.now())
    finally:
        store.close()


def _fill(path: Path, clock: Clock) -> Rebuilt:
    """The fresh index, complete and in its place."""
    volumes, mirror = Volumes(path / VOLUMES), Mirror(path / LEDGER)

    def read_raw(fact: MessageArchived) -> Raw:
        frame = Frame(volume=fact.volume, offset=fact.offset, length=fact.length, digest=fact.frame)
        return volumes.read_checked(fact.id, frame)

    now = clock.now()
    with closing(Readers()) as parse, fresh_index(path / INDEX, keep_old=path / OLD) as store:
        # A crash may have left payloads in the files that an erasure has named: they do not come back.
        entries = without(mirror.read(), erased_of(mirror.read()).entries)
        made = rebuild(entries, read_raw=read_raw, parse_many=parse.many, store=store, now=now)
        restore_jobs(store, now)
        with store.transaction(now) as tx:
            tx.record(IndexRebuilt(messages=made.messages, facts=made.facts))
        # That is an entry too: what is told is what `verify` will find.
        return replace(made, facts=store.ledger_size(), root=store.ledger_root())
