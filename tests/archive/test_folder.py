"""The archive's folder is closed to everybody but its owner, or it is no archive's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog

from levelhead.archive.folder import close_to_others
from levelhead.errors import UserError


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o750, 0o701])
def test_a_folder_that_was_open_is_closed_and_that_is_logged(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    folder.chmod(mode)
    with structlog.testing.capture_logs() as said:
        close_to_others(folder)
        close_to_others(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(line["event"], line["mode"]) for line in said] == [("archive.closed", f"{mode:04o}")]


def test_a_folder_that_is_not_there_yet_is_left_to_who_makes_it(tmp_path: Path) -> None:
    close_to_others(tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_a_file_in_the_place_of_the_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "archive").touch(0o644)
    close_to_others(tmp_path / "archive")
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o644


class Stubborn(type(Path())):  # type: ignore[misc]
    """A folder on a file system that has no rights: it says yes and changes nothing."""

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        pass


def test_a_folder_that_stays_open_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(UserError, match=r"open to others \(mode 0755\).*chmod 700"):
        close_to_others(Stubborn(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_a_folder_of_somebody_else_that_is_open_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(tmp_path)
            os.setresuid(65534, 65534, 65534)
            close_to_others(Path("."))
        except UserError:
            os._exit(7)
        finally:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert tmp_path.stat().st_mode & 0o777 == 0o777
