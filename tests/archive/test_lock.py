"""The daemon's lock: one at a time, told by name, freed by the kernel whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.archive.lock import Holder, hold
from levelhead.archive.lock import holder as who_holds
from levelhead.errors import DiskFull, DiskReadOnly, StoreLocked

STARTED = datetime(2026, 11, 20, 17, tzinfo=UTC)

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead.archive.lock import hold
with hold(Path(sys.argv[1]), datetime(2026, 11, 20, 17, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_daemon_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "archive" / "lock"
    process = holder(path)
    words = f"process {process.pid}, started 2026-11-20T17:00:00.000000Z"
    with pytest.raises(StoreLocked, match=words), hold(path, STARTED):
        pytest.fail("held twice")
    process.communicate("")
    with hold(path, STARTED):
        assert path.read_text().startswith(f"{os.getpid()} ")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_daemon_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with hold(tmp_path / "lock", STARTED):
        pass


def test_the_lock_is_refused_within_one_process_too(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", STARTED), pytest.raises(StoreLocked), hold(tmp_path / "lock", STARTED):
        pass


def test_a_lock_whose_holder_cannot_be_read_is_refused_all_the_same(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", STARTED):
        (tmp_path / "lock").write_bytes(b"\xff")
        with pytest.raises(StoreLocked, match="another process"), hold(tmp_path / "lock", STARTED):
            pass


def test_who_holds_the_lock_is_known_while_it_is_held_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert who_holds(path) is None
    with hold(path, STARTED):
        assert who_holds(path) == Holder(pid=os.getpid(), since=STARTED)
    assert who_holds(path) is None


def test_a_lock_that_a_killed_process_left_is_held_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("4711 2026-03-06T12:00:00.000000Z\n")
    assert who_holds(path) is None


def test_the_archives_folder_is_durable_before_anything_is_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    with hold(tmp_path / "mail" / "archive" / "lock", STARTED):
        assert synced == [str(tmp_path), str(tmp_path / "mail")]
    with hold(tmp_path / "mail" / "archive" / "lock", STARTED):
        assert len(synced) == 2, "what is there is durable already"
    assert (tmp_path / "mail" / "archive").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("number", "error"), [(errno.EROFS, DiskReadOnly), (errno.ENOSPC, DiskFull)])
def test_a_disk_that_takes_no_lock_is_told_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(error, match=f"the disk of the archive {tmp_path}"), hold(tmp_path / "lock", STARTED):
        pytest.fail("held")
