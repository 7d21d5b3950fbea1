"""Messages that a test has erased, by the program's own erasure; also from an office that has an index and no bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from levelhead.evidence import erase as erasing
from levelhead.evidence.erase import Room, Wish
from levelhead.store.sqlite import SqliteStore, open_store

KEY = "5a" * 32


def erase(
    store: Any,
    folder: Path,
    *ids: str,
    clock: Any,
    volumes: Any,
    parse: Callable[..., Any],
    mirror: Any = None,
    client: str = "",
    why: str = "she asked for it",
) -> None:
    """Erase these messages; without `mirror` as a death right behind the transaction leaves it."""

    @contextmanager
    def fresh() -> Iterator[SqliteStore]:
        beside = open_store(folder / "beside.sqlite")
        try:
            yield beside
        finally:
            beside.close()
            for path in folder.glob("beside.sqlite*"):
                path.unlink()

    room = Room(
        store=store, volumes=volumes, mirror=mirror, parse=parse, fresh=fresh, leftovers=tuple, clock=clock
    )
    wish = Wish(rows=tuple(map(store.message, ids)), client=client, whole=bool(client), why=why, actor="me")
    finish = erasing._finish if mirror is not None else lambda room: 0
    with mock.patch.object(erasing, "_finish", finish):
        erasing.erase(room, wish, owner=lambda address: client, key=lambda: KEY)
