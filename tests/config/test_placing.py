"""Files that are written once: whole, for their owner only, all or none, and never over another."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from levelhead.config.placing import place
from levelhead.errors import UserError


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_all_are_there_for_their_owner_only_with_the_folders_that_were_missing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place({tmp_path / "a" / "b" / "secret": b"1", tmp_path / "config": b"2"}, replace=False)
    finally:
        os.umask(before)
    assert left_in(tmp_path) == ["a", "a/b", "a/b/secret", "config"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o700, "b": 0o700, "secret": 0o600, "config": 0o600}
    assert (tmp_path / "config").read_bytes() == b"2"


def test_one_that_is_there_stays_and_the_others_do_not_come(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"mine")
    with pytest.raises(UserError, match="is there already; --force"):
        place({tmp_path / "a" / "secret": b"1", tmp_path / "config": b"2"}, replace=False)
    assert left_in(tmp_path) == ["config"] and (tmp_path / "config").read_bytes() == b"mine"


def test_with_replace_the_new_one_takes_its_place_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"another's")
    (tmp_path / "config").symlink_to(tmp_path / "other")
    with pytest.raises(UserError):
        place({tmp_path / "config": b"2"}, replace=False)
    place({tmp_path / "config": b"2"}, replace=True)
    assert (tmp_path / "other").read_bytes() == b"another's"
    assert (tmp_path / "config").read_bytes() == b"2" and left_in(tmp_path) == ["config", "other"]


def test_with_replace_a_new_one_goes_again_when_a_later_one_fails(tmp_path: Path) -> None:
    (tmp_path / "older").write_bytes(b"mine")
    (tmp_path / "config").mkdir()
    files = {tmp_path / "older": b"1", tmp_path / "a" / "secret": b"2", tmp_path / "config": b"3"}
    with pytest.raises(IsADirectoryError):
        place(files, replace=True)
    assert left_in(tmp_path) == ["config", "older"] and (tmp_path / "older").read_bytes() == b"1"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whatever_ends_it_on_the_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    whole: list[bool] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        whole.append(stat.S_ISREG(os.fstat(handle).st_mode))
        if len(whole) == fails_at:
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    for fails_at in (1, 2, 3, 4):  # each file, then each folder
        whole.clear()
        with pytest.raises(type(error)):
            place({tmp_path / "a" / "secret": b"1", tmp_path / "config": b"2"}, replace=False)
        assert left_in(tmp_path) == []
        # Both were whole on the disk before a folder was touched.
        assert whole == [True, True, False, False][:fails_at]
