"""The spool: a message on its way in is hashed, small in memory, large in a file, and never left behind."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from levelhead.archive.spool import Spool
from levelhead.errors import ProgrammerError
from levelhead.raw import SPOOL_ABOVE


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", above=100)


def test_a_small_message_never_touches_the_disk(spool: Spool) -> None:
    writer = spool.writer()
    writer.write(b"a" * 60)
    writer.write(b"b" * 40)
    message = writer.finish()
    assert message.data == b"a" * 60 + b"b" * 40
    assert message.digest == hashlib.sha256(message.data).hexdigest()
    assert message.size == 100
    assert not spool.folder.exists()


def test_a_large_message_is_a_private_file_until_it_is_discarded(spool: Spool) -> None:
    writer = spool.writer()
    for _ in range(11):
        writer.write(b"x" * 10)
    message = writer.finish()
    assert message.data is None
    assert message.path is not None
    assert message.path.stat().st_mode & 0o777 == 0o600
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert message.read() == b"x" * 110
    assert message.digest == hashlib.sha256(b"x" * 110).hexdigest()
    message.discard()
    assert list(spool.folder.iterdir()) == []


def test_the_limit_is_that_of_the_handle(tmp_path: Path) -> None:
    writer = Spool(tmp_path).writer()
    writer.write(bytes(SPOOL_ABOVE))
    assert list(tmp_path.iterdir()) == []
    writer.write(b"1")
    assert len(list(tmp_path.iterdir())) == 1
    writer.discard()


def test_an_empty_message_is_a_message(spool: Spool) -> None:
    message = spool.writer().finish()
    assert (message.size, message.data, message.digest) == (0, b"", hashlib.sha256(b"").hexdigest())


def test_what_is_not_finished_is_thrown_away(spool: Spool) -> None:
    with pytest.raises(ValueError), spool.writer() as writer:
        writer.write(b"x" * 200)
        raise ValueError
    assert list(spool.folder.iterdir()) == []
    with pytest.raises(ProgrammerError):
        writer.write(b"more")


def test_a_large_message_is_spooled_with_flat_memory(spool: Spool) -> None:
    tracemalloc.start()
    writer = spool.writer()
    for _ in range(200):
        writer.write(bytes(100_000))
    message = writer.finish()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message.size == 20_000_000
    assert most < 1_000_000


def test_leftovers_of_a_crash_go_and_what_others_still_write_stays(spool: Spool) -> None:
    spool.folder.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [
        f"{ended.pid}-aa.spool",
        f"{os.getpid()}-bb.spool",
        f"{os.getppid()}-cc.spool",
        "unknown-dd.spool",
    ]
    for name in (*names, "other.txt"):
        (spool.folder / name).write_bytes(b"x")
    assert set(spool.clear()) == {names[0], names[1], names[3]}
    assert {path.name for path in spool.folder.iterdir()} == {names[2], "other.txt"}


def test_clearing_a_spool_that_is_not_there_is_fine(spool: Spool) -> None:
    assert spool.clear() == ()


FULL = """
import resource, signal, sys
from pathlib import Path
from levelhead.archive.spool import Spool
from levelhead.errors import DiskFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with Spool(Path(sys.argv[1]), above=100).writer() as writer:
        for _ in range(20):
            writer.write(bytes(10_000))
        writer.finish()
except DiskFull as exc:
    print(exc)
"""


def test_no_room_is_told_as_such_and_leaves_nothing(tmp_path: Path) -> None:
    assert hasattr(signal, "SIGXFSZ")
    assert hasattr(resource, "RLIMIT_FSIZE")
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "spool"], capture_output=True, text=True, check=True
    )
    assert "no room in" in done.stdout
    assert list((tmp_path / "spool").iterdir()) == []
