"""The page on anchors: what it tells a reader to type does what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.authority import Authority
from evidence.house import SIGNED, House
from levelhead.clock import FrozenClock
from levelhead.config.load import load

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "anchor.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC)))
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize("key", ["", SIGNED], ids=["unsigned", "signed"])
def test_a_stamp_is_taken_out_of_the_ledgers_files_and_checked_by_openssl_alone(
    house: House, tsa: Authority, tmp_path: Path, key: str
) -> None:
    house.again(f'{key}[anchors]\nauthorities = ["{tsa.url}"]\n')
    house.pay()
    house.archive.mirror.catch_up(house.archive.store)
    (program,) = blocks("python")
    ledger = tmp_path / "archive" / "ledger"
    subprocess.run([sys.executable, "-I", "-S", "-c", program, str(ledger)], cwd=tmp_path, check=True)
    shutil.copy(tsa.maker.root, tmp_path / "authorities.pem")
    commands = re.findall(r"^\$ (openssl .*)\n((?:[^$].*\n)*)", blocks("console")[-1], re.M)
    assert len(commands) == 2
    for command, answer in commands:
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=True)
        for line in answer.splitlines():
            assert line.rstrip(".") in done.stdout + done.stderr
    # And it is these bytes, and no others, that were stamped.
    (tmp_path / "checkpoint.txt").write_bytes((tmp_path / "checkpoint.txt").read_bytes() + b" ")
    done = subprocess.run(commands[0][0].split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "Verification: FAILED" in done.stdout + done.stderr


def test_the_configuration_of_the_page_is_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    must = '[me]\naddresses = ["me@example.com"]\n[archive]\npath = "archive"\n'
    (tmp_path / "levelhead.toml").write_text(must + text)
    settings = load(tmp_path / "levelhead.toml")
    assert (
        settings.anchors.witnesses == ("mentor",) and settings.anchors.ca_file == tmp_path / "authorities.pem"
    )
