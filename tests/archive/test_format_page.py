"""The page about the format is true: its commands are run on a real archive, without levelhead."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archive import erasing
from levelhead.archive.frames import Frame
from levelhead.archive.volumes import Volumes
from levelhead.raw import raw
from levelhead.store.api import MessageFilter
from servers.requirements import require

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "format.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(BLANKS,) = re.findall(r"```python blanks\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def filled(archive: Any, mail: Any, arrival: Any) -> Any:
    for start in (0, 10):
        archive.recorder.record([arrival(mail(str(n)), n + 1) for n in range(start, start + 10)])
    return archive


def run(command: str, where: Path) -> None:
    subprocess.run(["/bin/sh", "-euc", command], cwd=where, check=True)


def test_every_message_comes_out_with_tar_alone(filled: Any, mail: Any) -> None:
    require("tar", "tar")
    require("zstd", "zstd")
    extract, check = SHELL[:2]
    run(extract + check, filled.path)
    found = sorted((filled.path / "out").iterdir())
    assert [path.read_bytes() for path in found] == [mail(str(n)) for n in range(20)]
    found[3].chmod(0o600)
    found[3].write_bytes(b"changed")
    with pytest.raises(subprocess.CalledProcessError):
        run(check, filled.path)


def test_one_message_comes_out_by_its_offset(filled: Any, mail: Any) -> None:
    require("sqlite3", "sqlite3")
    require("zstd", "zstd")
    run(SHELL[2], filled.path)
    assert (filled.path / "one.eml").read_bytes() == mail("0")


@pytest.mark.parametrize("entries", [1, 2, 3, 40])
def test_the_root_is_recomputed_from_the_files_by_twelve_lines(
    archive: Any, mail: Any, arrival: Any, entries: int
) -> None:
    if entries > 1:
        archive.recorder.record([arrival(mail(str(n))) for n in range(entries - 1)])
    archive.mirror.catch_up(archive.store)
    done = subprocess.run(
        [sys.executable, "-I", "-c", PYTHON], cwd=archive.path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == archive.store.ledger_root().hex()
    assert archive.store.ledger_size() == entries


def test_the_page_names_every_place_of_a_real_archive(filled: Any) -> None:
    names = {path.name for path in filled.path.iterdir()} | {
        path.name for path in (filled.path / "ledger").iterdir()
    }
    for name in names - {"volumes", "ledger"}:
        assert name.replace("index.sqlite-", "-") in PAGE, name


def erased(archive: Any) -> list[Any]:
    """The archive's first, fourth, fifth and last message, erased."""
    rows = list(archive.store.messages(MessageFilter()))
    gone = [rows[0], rows[3], rows[4], rows[-1]]
    erasing.erase(archive, *gone)
    return gone


def test_tar_alone_reads_over_erased_messages(filled: Any, mail: Any) -> None:
    require("tar", "tar")
    require("zstd", "zstd")
    erased(filled)
    run("".join(SHELL[:2]), filled.path)
    found = [path.read_bytes() for path in sorted((filled.path / "out").iterdir())]
    assert found == [mail(str(n)) for n in range(20) if n not in (0, 3, 4, 19)]
    run("zstd -dcq volumes/000001.tar.zst | tar -tf - >list", filled.path)
    assert len((filled.path / "list").read_text().splitlines()) == 16


def test_one_message_comes_out_by_its_offset_after_an_erasure(filled: Any, mail: Any) -> None:
    require("sqlite3", "sqlite3")
    require("zstd", "zstd")
    erased(filled)
    run(SHELL[2], filled.path)
    assert (filled.path / "one.eml").read_bytes() == mail("1")


def test_the_pages_program_lists_the_blanks_and_sees_one_that_is_none(filled: Any) -> None:
    def look() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-c", BLANKS], cwd=filled.path, capture_output=True, text=True
        )

    gone = erased(filled)
    assert look().stdout.splitlines() == [f"{row.volume} {row.offset} {row.length}" for row in gone]
    with filled.volumes.path(1).open("r+b") as volume:
        volume.seek(gone[2].offset + 30)
        volume.write(b"x")
    broken = look()
    assert (broken.returncode, "AssertionError" in broken.stderr) == (1, True)


def test_a_volume_without_a_head_that_begins_with_a_blank_needs_tar_to_be_told(tmp_path: Path) -> None:
    """As the page says; should tar learn it, the page may lose the sentence."""
    require("tar", "tar")
    require("zstd", "zstd")
    volumes = Volumes(tmp_path / "volumes")
    first, _ = volumes.append([(1, raw(b"first" * 30)), (2, raw(b"second"))])
    data = volumes.path(1).read_bytes()[first.offset :]
    volumes.path(1).write_bytes(data)  # as before there were heads
    volumes.blank([Frame(volume=1, offset=0, length=first.length)])
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", str(volumes.path(1)), "-C", str(out)], check=True)
    (only,) = out.iterdir()
    assert only.read_bytes() == b"second"
    plain = subprocess.run(["tar", "-xf", str(volumes.path(1)), "-C", str(out)], capture_output=True)
    assert plain.returncode != 0
    assert [member.seq for member in volumes.scan(1)] == [2]
