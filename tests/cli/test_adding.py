"""add: what an earlier run left is judged, and pipes are read like standard input."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from levelhead.archive.bring import Brought, bring
from levelhead.archive.mirror import MIRRORED
from levelhead.archive.record import Recorder
from levelhead.cli import main


def test_what_an_earlier_run_could_not_judge_is_judged_by_the_next(
    levelhead, empty_home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_home / "one.eml").write_bytes(letters.hostile)
    with monkeypatch.context() as patch:
        patch.setattr("levelhead.daemon.history.judge_history", lambda *_, **__: 0)
        levelhead("add", "one.eml")
    assert levelhead("messages", "--json").lines[0]["level"] is None
    assert levelhead("add", "one.eml", "--json").one == {
        "added": 0,
        "known": 1,
        "failed": [],
        "left_out": 0,
        "erased": [],
    }
    assert levelhead("messages", "--json").lines[0]["level"] == "hostile"


def test_before_anything_is_added_it_is_noted_how_far_the_ledgers_files_reach(
    levelhead, empty_home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str | None] = []

    def told(paths: object, recorder: Recorder, **rest: object) -> Brought:
        noted.append(recorder._store.meta(MIRRORED))
        return bring(paths, recorder, **rest)

    monkeypatch.setattr("levelhead.archive.bring.bring", told)
    (empty_home / "one.eml").write_bytes(letters.calm)
    levelhead("add", "one.eml")
    assert noted == ["0"]


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
    assert (said.status, said.one) == (0, {"added": 1, "known": 0, "failed": [], "left_out": 0, "erased": []})
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
    (erased,) = said.one["erased"]
    assert (said.status, said.one["failed"], said.one["left_out"]) == (0, [], 1)
    assert (said.one["added"], said.one["known"], erased["path"]) == (1, 0, "one.eml")
    assert erased["why"].startswith("1 message was erased on 20")
    assert erased["why"].endswith(" (she asked for it); levelhead does not archive it again")
    again = levelhead("add", "one.eml")
    assert again.status == 0
    assert again.out == f"one.eml: {erased['why']}\n0 added, 0 known already, 1 left out, 0 failed.\n"
    (empty_home / "empty.eml").write_bytes(b"")
    both = levelhead("add", "one.eml", "empty.eml")
    assert both.status == 1 and both.out.endswith("0 added, 0 known already, 1 left out, 1 failed.\n")
    assert [row["id"] for row in levelhead("messages", "--json").lines] == [letters.id(letters.hostile)]


def test_show_tells_where_a_message_was_found_besides_and_an_erasure_takes_that_along(
    levelhead, home: Path, letters
) -> None:
    """The message came by IMAP; a file and a Maildir hold it too."""
    (home / "old-laptop.eml").write_bytes(letters.calm)
    for part in ("cur", "new"):
        (home / "Maildir" / part).mkdir(parents=True)
    (home / "Maildir" / "cur" / "1.x:2,FS").write_bytes(letters.calm)
    id = letters.id(letters.calm)
    assert levelhead("show", id, "--json").one["origins"] == []
    for _ in range(2):
        assert levelhead("add", "old-laptop.eml", "Maildir", "--json").one["known"] == 2
    page = levelhead("show", id).out
    assert "Found in:   old-laptop.eml, brought 20" in page
    assert "Found in:   Maildir (\\Flagged, \\Seen), brought 20" in page
    shown = levelhead("show", id, "--json").one
    found = {one["source"]: one["flags"] for one in shown["origins"]}
    assert found == {"old-laptop.eml": [], "Maildir": ["\\Flagged", "\\Seen"]}
    assert [seen["mailbox"] for seen in shown["sightings"]] == ["office"]
    assert levelhead("rebuild").status == 0
    assert levelhead("show", id, "--json").one["origins"] == shown["origins"]
    assert levelhead("verify").status == 0
    said = levelhead("export", "Harbour Ltd", "--out", "pack", "--json")
    assert said.status == 0, said.err
    custody = (home / "pack" / "tables" / "custody.csv").read_text("utf-8-sig")
    assert custody.count("found in old-laptop.eml") == 1
    assert custody.count("found in Maildir, delivered 20") == 1
    assert levelhead("erase", "Harbour Ltd", "--why", "asked", "--yes").status == 0
    assert b"old-laptop" not in b"".join(
        path.read_bytes() for path in sorted((home / "archive").rglob("*")) if path.is_file()
    )
    assert levelhead("verify").status == 0


class Terminal(io.StringIO):
    """Where a person reads along."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_how_many_were_read_and_judged_on_one_line(
    empty_home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.archive.bring.BATCH_MESSAGES", 2)
    monkeypatch.setattr("levelhead.daemon.history.AT_ONCE", 3)
    for number, data in enumerate(letters.all):
        (empty_home / f"{number}.eml").write_bytes(data)
    screen = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        assert main(["add", str(empty_home)]) == 0
    said = [part for part in screen.getvalue().split("\r") if part]
    assert said == [
        *(f"\033[K{done} messages read" for done in (2, 4, 5)),
        *(f"\033[K{done} messages judged" for done in (3, 5)),
        "\033[K",
    ]


def test_a_program_that_adds_is_told_nothing_on_the_way(levelhead, empty_home: Path, letters) -> None:
    (empty_home / "one.eml").write_bytes(letters.calm)
    assert levelhead("add", "one.eml").err == ""


UNREADABLE = Path("/proc/self/mem")
"""A file whose first byte nobody can read, root as little as others: nothing is mapped there (EIO)."""


@pytest.mark.parametrize("name", ["letter.eml", "old.mbox"])
def test_a_file_that_cannot_be_read_is_one_sentence_and_the_rest_comes_in(
    levelhead, empty_home: Path, letters, name: str
) -> None:
    (empty_home / name).symlink_to(UNREADABLE)
    (empty_home / "one.eml").write_bytes(letters.calm)
    said = levelhead("add", name, "one.eml")
    assert (said.status, said.err) == (1, "")
    assert said.out == (f"{name}: cannot be read: Input/output error\n1 added, 0 known already, 1 failed.\n")
    assert [row["id"] for row in levelhead("messages", "--json").lines] == [letters.id(letters.calm)]
    assert list((empty_home / "archive").glob("spool/*")) == []
    assert levelhead("verify").status == 0
