"""Which files count as plugins, and which are refused because somebody else could have written them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.screening.sources import Refused, drop_ins, plugin_name, read_file

Drop = Callable[[str, str], Path]


def test_only_py_files_that_begin_with_a_letter_count(folder: Path) -> None:
    for name in ("b.py", "a.py", "_helper.py", ".hidden.py", "old.pyc", "notes.txt", "c.py~", "d.PY"):
        (folder / name).touch()
    (folder / "package.py").mkdir()
    assert [path.name for path in drop_ins(folder)] == ["a.py", "b.py"]


def test_a_folder_that_is_not_there_holds_no_plugins(tmp_path: Path) -> None:
    assert drop_ins(tmp_path / "nowhere") == ()
    assert drop_ins(None) == ()


def test_a_plugin_is_called_by_its_file_with_hyphens() -> None:
    assert plugin_name(Path("friday_evening.py")) == "friday-evening"


def test_the_digest_is_of_the_bytes_that_run(drop: Drop) -> None:
    path = drop("good.py", "x = 1")
    source = read_file(path)
    assert source.code == path.read_bytes()
    assert source.digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("mode", "who"), [(0o620, "its group"), (0o602, "everybody"), (0o666, "everybody")])
def test_a_file_that_others_may_write_is_refused_with_the_command_that_mends_it(
    drop: Drop, mode: int, who: str
) -> None:
    path = drop("open.py", "")
    path.chmod(mode)
    with pytest.raises(Refused, match=f"{who}.*run chmod go-w {path}"):
        read_file(path)
    path.chmod(mode & ~0o022)
    assert read_file(path).name == "open"


def test_a_folder_that_others_may_write_refuses_its_files(folder: Path, drop: Drop) -> None:
    path = drop("good.py", "")
    folder.chmod(0o770)
    with pytest.raises(Refused, match=f"its group may write to {folder}"):
        read_file(path)


def test_a_folder_above_that_everybody_may_write_refuses_unless_it_is_sticky(
    folder: Path, drop: Drop
) -> None:
    path = drop("good.py", "")
    folder.parent.chmod(0o777)
    with pytest.raises(Refused, match=f"chmod o-w {folder.parent}"):
        read_file(path)
    folder.parent.chmod(0o1777)
    assert read_file(path).name == "good"


def test_a_link_is_judged_by_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    target = elsewhere / "real.py"
    target.write_text("", encoding="utf-8")
    target.chmod(0o600)
    link = folder / "link.py"
    link.symlink_to(target)
    assert read_file(link).name == "link"
    elsewhere.chmod(0o777)
    with pytest.raises(Refused, match="everybody may write"):
        read_file(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused_even_for_root(drop: Drop) -> None:
    path = drop("foreign.py", "")
    os.chown(path, 12345, -1)
    with pytest.raises(Refused, match="belongs to user 12345, who is neither me nor root"):
        read_file(path)


def test_a_pipe_or_a_dangling_link_is_refused_and_never_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py", 0o600)
    with pytest.raises(Refused, match="not an ordinary file"):
        read_file(folder / "pipe.py")
    (folder / "dangling.py").symlink_to(folder / "nothing.py")
    with pytest.raises(Refused, match="cannot be read"):
        read_file(folder / "dangling.py")


def test_a_plugin_of_a_million_bytes_and_one_is_refused(drop: Drop) -> None:
    path = drop("big.py", "#" * 1_000_001)
    with pytest.raises(Refused, match="larger than 1,000,000 bytes"):
        read_file(path)
