"""The page about the format is true: its commands are run on a real archive, without levelhead."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers.requirements import require

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "format.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


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
