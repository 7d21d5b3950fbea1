"""The reserve: it takes up room, gives it, and never takes the last."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.archive.reserve import LOW_BYTES, RESERVE_BYTES, Reserve


def a_disk(free: Callable[[], int]) -> Callable[[Path], os.statvfs_result]:
    """statvfs of a disk with that many bytes free, in blocks of 4 KB."""

    def statvfs(folder: Path) -> os.statvfs_result:
        blocks = free() // 4096
        return os.statvfs_result((4096, 4096, 10**6, blocks, blocks, 0, 0, 0, 0, 255))

    return statvfs


def test_the_reserve_takes_up_its_room_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    before = os.statvfs(tmp_path).f_bfree
    assert reserve.make()
    assert reserve.there
    stat = reserve.path.stat()
    assert stat.st_blocks * 512 >= RESERVE_BYTES, "a file with a hole in it takes up nothing"
    assert stat.st_mode & 0o777 == 0o600
    assert before > 0
    assert reserve.give()
    assert not reserve.path.exists()
    assert not reserve.give()


@pytest.mark.parametrize("short", [0, 1])
def test_the_reserve_never_takes_the_last_of_a_disk(tmp_path: Path, short: int) -> None:
    reserve = Reserve(tmp_path, statvfs=a_disk(lambda: 2 * RESERVE_BYTES - 4096 * short))
    assert reserve.make() is not short
    assert reserve.path.exists() is not bool(short)


def test_a_reserve_that_cannot_be_made_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(handle: int, start: int, length: int) -> None:
        os.posix_fallocate(handle, start, length // 2)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    reserve = Reserve(tmp_path, allocate=half)
    assert not reserve.make()
    assert not reserve.path.exists()


def test_half_a_reserve_is_none(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.path.write_bytes(b"x")
    assert not reserve.there
    assert reserve.make()
    assert reserve.there


@pytest.mark.parametrize(("free", "given"), [(LOW_BYTES - 4096, True), (LOW_BYTES, False)])
def test_a_start_on_a_full_disk_takes_the_reserve_and_another_does_not(
    tmp_path: Path, free: int, given: bool
) -> None:
    Reserve(tmp_path).make()
    reserve = Reserve(tmp_path, statvfs=a_disk(lambda: free))
    assert reserve.make_way() is given
    assert reserve.there is not given


def test_an_archive_that_is_not_there_yet_has_no_reserve(tmp_path: Path) -> None:
    assert not Reserve(tmp_path / "nothing").make_way()
