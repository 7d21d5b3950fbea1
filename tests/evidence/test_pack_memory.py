"""What a pack of many messages takes in memory: so little more for each that 10,000 stay below 300 MB."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.packs import World, mail, with_attachments
from levelhead.facts import MessageMarked
from levelhead.raw import raw

MOST, TYPST = 300, 163
"""Megabytes for an export of 10,000 messages in all, and what typst took of them (`docs/reference/pack.md`)."""
FEW, MANY = 500, 2_000
BODY = "word " * 480

MEASURED = """
import re, sys
from pathlib import Path
from evidence.packs import World
World(path=Path(sys.argv[1]), verifier="").pack(Path(sys.argv[2]), int(sys.argv[3]))
# Not ru_maxrss: it begins with what the process held that started it.
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def letters(first: int, last: int) -> Iterator[bytes]:
    """Mails of 2.6 KB, a tenth of them with seven attachments."""
    for number in range(first, last):
        yield with_attachments(number) if number % 10 == 0 else mail(number, f"Mail {number}", BODY)


def megabytes(world: World, out: Path) -> float:
    """The most that a process had in memory (`VmHWM`) which did nothing but make a pack of all there is."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(world.path), str(out), str(world.size())],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024


def grow(world: World, first: int, last: int) -> None:
    """Archive so many more mails, each with a second entry that speaks of it."""
    world.archive(letters(first, last))
    ids = (raw(one).digest for one in letters(first, last))
    world.record(*(MessageMarked(id=id, level="calm", why="read and filed", actor="robin") for id in ids))


@pytest.mark.sweep
def test_what_each_message_adds_lets_10000_stay_below_300_mb(own_world: World, tmp_path: Path) -> None:
    grow(own_world, 100, 100 + FEW)
    few = megabytes(own_world, tmp_path / "few")
    grow(own_world, 100 + FEW, 100 + MANY)
    many = megabytes(own_world, tmp_path / "many")
    most = many + (many - few) / (MANY - FEW) * (10_000 - MANY)
    print(f"{few:.0f} MB for {FEW} messages, {many:.0f} MB for {MANY}: {most:.0f} MB for 10,000")
    assert most < MOST - TYPST
