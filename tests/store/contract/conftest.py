"""The backends that the contract is held against; a new one is one more line in BACKENDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from levelhead.store.api import Store
from levelhead.store.sqlite import open_store


class SqliteBackend:
    """An SQLite file; each `open` is a further handle on it, each `fresh` another empty store."""

    def __init__(self, folder: Path, salt: Callable[[], bytes]) -> None:
        self._folder = folder
        self._index = folder / "archive" / "index.sqlite"
        self._salt = salt
        self._opened: list[Any] = []

    def open(self) -> Store:
        self._opened.append(open_store(self._index, salt=self._salt, busy_seconds=0.2))
        return self._opened[-1]

    def fresh(self) -> Store:
        self._opened.append(open_store(self._folder / f"fresh-{len(self._opened)}.sqlite", salt=self._salt))
        return self._opened[-1]

    def close(self) -> None:
        for store in self._opened:
            store.close()


BACKENDS = {"sqlite": SqliteBackend}


@pytest.fixture(params=sorted(BACKENDS))
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, salted: Callable[[], Callable[[], bytes]]
) -> Iterator[SqliteBackend]:
    """Opens handles on one fresh store, as several processes would."""
    backend = BACKENDS[request.param](tmp_path, salted())
    yield backend
    backend.close()


@pytest.fixture
def store(backend: SqliteBackend) -> Store:
    """One open, empty store."""
    return backend.open()
