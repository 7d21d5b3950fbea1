"""add: what an earlier run left is judged, and pipes are read like standard input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def test_what_an_earlier_run_could_not_judge_is_judged_by_the_next(
    levelhead, empty_home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_home / "one.eml").write_bytes(letters.hostile)
    with monkeypatch.context() as patch:
        patch.setattr("levelhead.daemon.history.judge_history", lambda *_: 0)
        levelhead("add", "one.eml")
    assert levelhead("messages", "--json").lines[0]["level"] is None
    assert levelhead("add", "one.eml", "--json").one == {"added": 0, "known": 1, "failed": []}
    assert levelhead("messages", "--json").lines[0]["level"] == "hostile"


def test_without_anything_to_judge_no_plugin_is_loaded(
    levelhead, empty_home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_home / "one.eml").write_bytes(letters.calm)
    levelhead("add", "one.eml")
    monkeypatch.setattr("levelhead.daemon.history.panel_of", lambda *_: pytest.fail("plugins were loaded"))
    assert levelhead("add", "one.eml").status == 0


def test_a_pipe_of_the_shell_is_read_to_its_end(levelhead, empty_home: Path, letters) -> None:
    reading, writing = os.pipe()
    os.write(writing, letters.calm)
    os.close(writing)
    said = levelhead("add", f"/dev/fd/{reading}", "--json")
    os.close(reading)
    assert (said.status, said.one) == (0, {"added": 1, "known": 0, "failed": []})
    assert levelhead("show", letters.id(letters.calm), "--raw").status == 0


def test_a_device_is_refused_with_its_reason(levelhead, empty_home: Path) -> None:
    said = levelhead("add", "/dev/null", "--json")
    assert said.status == 1
    (failed,) = said.one["failed"]
    assert failed["why"] == "cannot be read: it is neither a file nor a folder nor a pipe"


def test_what_was_erased_is_not_added_again_and_it_says_so(levelhead, empty_home: Path, letters) -> None:
    (empty_home / "one.eml").write_bytes(letters.calm)
    (empty_home / "two.eml").write_bytes(letters.hostile)
    levelhead("add", "one.eml")
    assert levelhead("erase", "Harbour Ltd", "--why", "she asked for it", "--yes").status == 0
    said = levelhead("add", "one.eml", "two.eml", "--json")
    (failed,) = said.one["failed"]
    assert (said.status, said.one["added"], said.one["known"], failed["path"]) == (1, 1, 0, "one.eml")
    assert failed["why"].startswith("1 message was erased on 20")
    assert failed["why"].endswith(" (she asked for it); levelhead does not archive it again")
    again = levelhead("add", "one.eml")
    assert again.status == 1
    assert again.out == f"one.eml: {failed['why']}\n0 added, 0 known already, 1 failed.\n"
    assert [row["id"] for row in levelhead("messages", "--json").lines] == [letters.id(letters.hostile)]
