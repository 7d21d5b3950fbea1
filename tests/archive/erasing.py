"""An erasure taken step by step, so that it can be broken off behind each of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.erased import erased
from levelhead.archive.parse import parse
from levelhead.errors import StoreLocked
from levelhead.evidence import erase as erasing
from levelhead.facts import ErasureFinished
from levelhead.store.api import MessageRow
from levelhead.store.sqlite import open_store

KEY = "ab" * 32


def room(archive: Any) -> erasing.Room:
    @contextmanager
    def fresh() -> Any:
        path = Path(archive.path).with_name("fresh.sqlite")
        with closing(open_store(path)) as store:
            yield store
        path.unlink()

    return erasing.Room(
        store=archive.store,
        volumes=archive.volumes,
        mirror=archive.mirror,
        parse=parse,
        fresh=fresh,
        leftovers=tuple,
        clock=archive.clock,
    )


def decide(archive: Any, *rows: MessageRow) -> None:
    """Erase messages up to the commit; the first step behind it fails, as for a reader who never ends."""
    wish = erasing.Wish(rows=rows, client="", whole=False, why="asked for", actor="me")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archive.store, "compact", lambda: False)
        with pytest.raises(StoreLocked):
            erasing.erase(room(archive), wish, owner=lambda address: "", key=lambda: KEY)
    archive.mirror.catch_up(archive.store)


def payloads(archive: Any) -> None:
    """The step that takes payloads out of the ledger's files."""
    archive.mirror.erase(erased(archive.store).entries)


def frames(archive: Any) -> None:
    """The step that blanks messages in their volumes."""
    archive.volumes.blank(erased(archive.store).frames)


def finished(archive: Any) -> None:
    """The step that says that all others are done."""
    with archive.store.transaction(archive.clock.now()) as tx:
        for entry, _ in erased(archive.store).open:
            tx.record(ErasureFinished(entry=entry))
    archive.mirror.catch_up(archive.store)


STEPS: tuple[Callable[[Any], None], ...] = (payloads, frames, finished)


def erase(archive: Any, *rows: MessageRow) -> None:
    """The whole of it."""
    decide(archive, *rows)
    for step in STEPS:
        step(archive)
