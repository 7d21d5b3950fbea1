"""What a daemon says without an archive, and how often."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from levelhead.daemon.shout import Stamp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_same_trouble_is_told_once_a_day_and_again_when_it_was_over(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "archive", tmp_path)
    assert not stamp.fresh(NOON)
    stamp.set(NOON)
    assert stamp.fresh(NOON + timedelta(hours=23))
    assert not stamp.fresh(NOON + timedelta(hours=24))
    assert not stamp.fresh(NOON - timedelta(hours=1)), "a note from the future says nothing"
    assert not Stamp(tmp_path / "another", tmp_path).fresh(NOON), "each archive has its own"
    stamp.clear()
    assert not stamp.fresh(NOON)


def test_a_note_is_not_written_through_a_link_that_somebody_has_put_there(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "archive", tmp_path)
    stamp.path.symlink_to(tmp_path / "elsewhere")
    stamp.set(NOON)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a file of somebody else: run this test as root"
)
def test_a_note_of_somebody_else_silences_nobody(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "archive", tmp_path)
    stamp.set(NOON)
    os.chown(stamp.path, 65534, 65534)
    assert not stamp.fresh(NOON)
