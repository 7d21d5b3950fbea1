"""Locks of files are waited for, and not for ever: a program that hangs stops nobody else."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.mirror import Mirror
from levelhead.archive.volumes import Volumes
from levelhead.archive.waiting import LONGEST
from levelhead.clock import FrozenClock
from levelhead.errors import StoreLocked
from levelhead.raw import raw

MOMENT = datetime(2026, 11, 20, 17, tzinfo=UTC)


@contextmanager
def held(path: Path) -> Iterator[int]:
    """The lock as another program would hold it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


class Passing(FrozenClock):
    """A clock on which the other program frees its lock while it is waited for."""

    def __init__(self, handle: int, after: int) -> None:
        super().__init__(MOMENT)
        self._handle = handle
        self.left = after

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.left -= 1
        if self.left == 0:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        return super().wait(stop, seconds)


def test_a_lock_of_the_volumes_that_is_never_freed_is_told_and_named(tmp_path: Path) -> None:
    clock = FrozenClock(MOMENT)
    volumes = Volumes(tmp_path / "volumes", clock=clock)
    volumes.append([(1, raw(b"one"))])
    with held(tmp_path / "volumes" / ".lock"), pytest.raises(StoreLocked, match=r"volumes/\.lock"):
        volumes.append([(2, raw(b"two"))])
    assert LONGEST <= clock.monotonic() < LONGEST + 1
    assert len(volumes.append([(2, raw(b"two"))])) == 1


def test_a_lock_of_the_volumes_that_is_freed_in_time_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "volumes").mkdir()
    with held(tmp_path / "volumes" / ".lock") as handle:
        clock = Passing(handle, 3)
        assert len(Volumes(tmp_path / "volumes", clock=clock).append([(1, raw(b"one"))])) == 1
    assert clock.left == 0


def test_a_lock_of_the_ledgers_files_that_is_never_freed_is_told_and_named(archive: Any) -> None:
    archive.mirror.catch_up(archive.store)
    clock = FrozenClock(MOMENT)
    with held(archive.path / "ledger" / "lock"), pytest.raises(StoreLocked, match="ledger/lock"):
        Mirror(archive.path / "ledger", clock=clock).catch_up(archive.store)
    assert LONGEST <= clock.monotonic() < LONGEST + 1


def test_verifying_goes_on_where_a_program_hangs_with_the_lock(archive: Any) -> None:
    archive.mirror.catch_up(archive.store)
    with held(archive.path / "ledger" / "lock"):
        found = list(Mirror(archive.path / "ledger", clock=FrozenClock(MOMENT)).walk())
    assert found == list(archive.store.entries())
