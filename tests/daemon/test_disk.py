"""The disk as the daemon sees it: full once, told once, over when there is room, and at an end when it is read-only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from levelhead.archive.reserve import RESERVE_BYTES, Reserve
from levelhead.clock import FrozenClock
from levelhead.daemon.disk import DISK_FULL, Disk, hinders
from levelhead.daemon.supervise import HINDERED_PAUSE, Supervisor
from levelhead.errors import DiskFailed, DiskFull, DiskReadOnly, StoreDamaged, StoreLocked
from levelhead.outbox.health import Health
from levelhead.policy.types import Calendar, LadderPolicy
from levelhead.store.api import AlertRow, Store
from levelhead.store.sqlite import open_store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MB = 1024**2
PLENTY = 100 * MB


@dataclass
class Setting:
    """A disk whose free space and flags the test sets; index and reserve are real."""

    folder: Path
    store: Store
    free: int = PLENTY
    flags: int = 0
    shouted: list[str] = field(default_factory=list)
    eased: int = 0
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOON))

    def __post_init__(self) -> None:
        self.disk = self.make()

    def make(self) -> Disk:
        """The disk as a daemon that starts now has it."""
        health = Health(self.store, self.clock, LadderPolicy(), Calendar(zone=ZoneInfo("UTC"), hours={}))
        return Disk(
            Reserve(self.folder, statvfs=self.statvfs),
            self.store,
            self.clock,
            health,
            shout=lambda title, body: self.shouted.append(title),
            eased=self.ease,
        )

    def ease(self) -> None:
        self.eased += 1

    def statvfs(self, folder: Path) -> os.statvfs_result:
        blocks = self.free // 4096
        return os.statvfs_result((4096, 4096, 10**6, blocks, blocks, 0, 0, 0, self.flags, 255))

    def alerts(self) -> list[AlertRow]:
        return [alert for alert in self.store.alerts() if alert.rule == DISK_FULL]

    @property
    def reserve(self) -> bool:
        return (self.folder / "reserve").exists()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Setting]:
    store = open_store(tmp_path / "index.sqlite")
    yield Setting(tmp_path, store)
    store.close()


def test_a_disk_that_runs_full_is_one_alert_however_often_it_is_met(at: Setting) -> None:
    at.disk.look()
    assert at.reserve
    at.free = MB // 2
    for _ in range(3):
        at.disk.note(DiskFull("no room"))
        with pytest.raises(DiskFull, match="no room is left on the disk of"):
            at.disk.must_have_room()
        at.disk.look()
    assert not at.reserve, "it made the room in which this was written"
    (alert,) = at.alerts()
    assert alert.state == "open"
    assert not at.shouted
    at.free = 2 * RESERVE_BYTES - 4096
    at.disk.look()
    assert at.disk.full, "what the reserve gave is no new room"
    at.free = 2 * RESERVE_BYTES
    at.disk.look()
    at.disk.must_have_room()
    assert at.eased == 1
    assert at.reserve
    assert [alert.state for alert in at.alerts()] == ["resolved"]
    at.free = 0
    at.clock.advance(seconds=1)
    at.disk.look()
    assert [alert.state for alert in at.alerts()] == ["resolved", "open"], "the next time is told again"


def test_what_is_too_large_for_the_room_that_is_left_is_not_begun(at: Setting) -> None:
    at.disk.look()
    at.free = 31 * MB
    at.disk.must_hold(20 * MB)
    with pytest.raises(DiskFull):
        at.disk.must_hold(20 * MB + 1)
    at.disk.look()
    assert at.disk.full
    at.free = 34 * MB
    at.disk.look()
    assert at.disk.full, "it would meet the same message again"
    at.free = 35 * MB + 4096
    at.disk.look()
    assert not at.disk.full


def test_what_cannot_be_written_down_is_called_out_and_put_on_record_later(
    at: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.disk.look()
    at.free = 0

    def refuse(now: datetime) -> None:
        raise DiskFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(at.store, "transaction", refuse)
        for _ in range(5):
            at.disk.look()
    at.disk.look()
    assert at.shouted == ["The disk of the archive is full"]
    assert not at.alerts(), "it was told already"
    at.free = PLENTY
    at.disk.look()
    assert [alert.state for alert in at.alerts()] == ["resolved"]
    assert not at.disk.full


def test_an_alert_that_an_earlier_process_left_open_ends_with_the_trouble(at: Setting) -> None:
    at.free = 0
    at.disk.look()
    fresh = at.make()
    fresh.look()
    assert len(at.alerts()) == 1, "the same trouble is the same alert"
    at.free = PLENTY
    at.make().look()
    assert [alert.state for alert in at.alerts()] == ["resolved"]


def test_a_full_disk_that_has_room_by_now_was_somebody_elses(at: Setting) -> None:
    at.disk.look()
    assert not at.disk.note(DiskFull("a quota, perhaps"))
    at.disk.must_have_room()


@pytest.mark.parametrize("how", ["the flag", "an error", "a system call"])
def test_a_disk_that_cannot_be_written_ends_the_daemon(at: Setting, how: str) -> None:
    at.disk.look()
    if how == "the flag":
        at.flags = os.ST_RDONLY
    elif how == "an error":
        at.disk.note(DiskReadOnly("so it is"))
    else:
        at.disk.note(OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(DiskReadOnly, match="make it writable and start levelhead again"):
        at.disk.look()


def test_a_disk_that_failed_once_and_can_be_written_ends_nobody(at: Setting) -> None:
    at.disk.note(DiskFailed("disk I/O error"))
    at.disk.note(OSError(errno.EIO, "Input/output error"))
    at.disk.look()


@pytest.mark.parametrize(
    ("exc", "disk"),
    [
        (DiskFull("x"), True),
        (StoreLocked("x"), True),
        (DiskFailed("x"), True),
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EIO, "x"), True),
        (OSError(errno.ENOENT, "x"), False),
        (StoreDamaged("x"), False),
        (KeyError("x"), False),
    ],
)
def test_errors_of_the_disk_are_told_from_mistakes(exc: Exception, disk: bool) -> None:
    assert hinders(exc) is disk


def test_a_loop_that_the_disk_hinders_has_not_crashed_and_goes_on() -> None:
    """Five times in a row; the pause is always the same, and nobody is told that a part of levelhead crashed."""
    import threading

    crashed: list[str] = []
    hindered: list[int] = []
    done = threading.Event()
    clock = FrozenClock(NOON)

    def body(stop: threading.Event, pulse: object) -> None:
        if len(hindered) < 5:
            raise DiskFull("no room")
        done.set()
        stop.wait(10)

    supervisor = Supervisor(
        clock,
        on_crash=lambda name, exc: crashed.append(name),
        hinders=hinders,
        on_hindered=lambda name, exc, times: hindered.append(times),
    )
    supervisor.start("worker", body)
    assert done.wait(10)
    assert supervisor.join(10) == ()
    assert hindered == [1, 2, 3, 4, 5]
    assert not crashed
    assert clock.monotonic() == 5 * HINDERED_PAUSE
