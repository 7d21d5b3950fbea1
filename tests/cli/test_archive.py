"""add, note, verify, rebuild."""

from __future__ import annotations

import fcntl
import mailbox
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from levelhead.archive.frames import volume_head
from levelhead.archive.lock import hold
from levelhead.daemon.app import LOCK
from levelhead.store.sqlite import open_store


@pytest.fixture
def mail(empty_home: Path, letters) -> Path:
    """A folder with two messages and something else."""
    folder = empty_home / "mail"
    folder.mkdir()
    (folder / "calm.eml").write_bytes(letters.calm)
    (folder / "hostile.eml").write_bytes(letters.hostile)
    return folder


# --- add ----------------------------------------------------------------------------------------


def test_added_mail_is_archived_once_and_judged_at_once(levelhead, mail: Path, letters) -> None:
    said = levelhead("add", mail, "--json")
    assert (said.status, said.err) == (0, "")
    assert said.one == {"added": 2, "known": 0, "failed": [], "left_out": 0, "erased": []}
    again = levelhead("add", mail, "--json").one
    assert again == {"added": 0, "known": 2, "failed": [], "left_out": 0, "erased": []}
    lines = levelhead("messages", "--json").lines
    assert {line["id"]: line["level"] for line in lines} == {
        letters.id(letters.calm): "calm",
        letters.id(letters.hostile): "hostile",
    }
    assert levelhead("verify", "--json").one["ok"]


def test_history_causes_no_draft_and_no_alert(levelhead, mail: Path, letters) -> None:
    levelhead("add", mail)
    status = levelhead("status", "--json").one
    assert (status["messages"], status["held"], status["open_alerts"]) == (2, 0, 0)
    value = levelhead("explain", letters.id(letters.hostile), "--json").one
    assert (value["draft"], value["alerts"]) == (None, [])


def test_mail_is_added_from_standard_input_mbox_and_maildir(levelhead, empty_home: Path, letters) -> None:
    assert levelhead("add", "-", "--json", stdin=letters.calm).one["added"] == 1
    box = mailbox.mbox(empty_home / "old.mbox")
    box.add(letters.answer)
    box.close()
    maildir = mailbox.Maildir(empty_home / "Maildir")
    maildir.add(letters.hostile)
    said = levelhead("add", "old.mbox", "Maildir", "--json")
    assert (said.status, said.one["added"]) == (0, 2)


def test_a_path_that_is_not_there_is_named_and_the_rest_is_archived(levelhead, mail: Path) -> None:
    said = levelhead("add", "nowhere.eml", mail, "--json")
    assert said.status == 2
    assert said.one["added"] == 2
    assert [failed["path"] for failed in said.one["failed"]] == ["nowhere.eml"]
    assert said.one["failed"][0]["why"]
    assert "nowhere.eml" in said.err


def test_mail_of_strangers_that_somebody_adds_is_archived(levelhead, mail: Path) -> None:
    (mail / "stranger.eml").write_bytes(
        b"From: a@stranger.example\r\nTo: robin@studio.example\r\n\r\nhello\r\n"
    )
    said = levelhead("add", mail, "--json")
    assert (said.status, said.one["added"], said.one["failed"]) == (0, 3, [])


def test_an_archive_that_is_too_damaged_to_add_to_is_no_traceback(
    levelhead, empty_home: Path, mail: Path
) -> None:
    (empty_home / "archive").write_text("a file where the folder should be")
    said = levelhead("add", mail, "--json")
    assert said.status in {2, 3}
    assert said.out == ""
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", [["add"], ["add", ""], ["add", "\x00"], ["add", "a" * 5000]])
def test_a_wrong_path_is_refused(levelhead, empty_home: Path, words: list[str]) -> None:
    said = levelhead(*words, "--json")
    assert said.status == 2
    assert "Traceback" not in said.err


def test_mail_can_be_added_and_read_beside_a_running_daemon(levelhead, home: Path, letters) -> None:
    (home / "more.eml").write_bytes(letters.calm.replace(b"m1@", b"m99@"))
    with hold(home / "archive" / LOCK, letters.at):
        assert levelhead("add", "more.eml", "--json").one["added"] == 1
        assert levelhead("messages", "--json").lines[-1]["level"] == "calm"
        assert levelhead("verify", "--json").one["ok"]


# --- note ---------------------------------------------------------------------------------------


def test_a_note_stands_in_the_ledger(levelhead, home: Path) -> None:
    before = levelhead("status", "--json").one["ledger"]["size"]
    said = levelhead("note", "harbour ltd", "They called; I promised Monday.", "--json")
    assert (said.status, said.one["client"]) == (0, "Harbour Ltd")
    assert levelhead("status", "--json").one["ledger"]["size"] == before + 1
    assert levelhead("verify", "--json").one["ok"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["Nobody Inc", "x"], "Nobody Inc"), (["Harbour Ltd", "  "], "text"), (["Harbour Ltd"], "TEXT")],
)
def test_a_wrong_note_is_refused(levelhead, home: Path, words: list[str], hint: str) -> None:
    said = levelhead("note", *words, "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err


# --- verify -------------------------------------------------------------------------------------


def test_a_whole_archive_is_verified(levelhead, home: Path) -> None:
    status = levelhead("status", "--json").one["ledger"]
    for words in (["verify"], ["verify", "--deep"]):
        said = levelhead(*words, "--json")
        assert said.status == 0
        assert said.one == {
            "ok": True,
            "size": status["size"],
            "root": status["root"],
            "checked": 5,
            "damaged": [],
            "missing": [],
            "unexplained": [],
            "outdated": [],
            "time_stamps": {"checked": 0, "signers": {}, "signatures_unchecked": ""},
        }
    assert levelhead("verify").out.startswith("Whole: ")


def test_one_changed_byte_is_found_and_the_answer_is_no(levelhead, home: Path) -> None:
    (volume,) = (home / "archive" / "volumes").glob("*.tar.zst")
    data = bytearray(volume.read_bytes())
    data[len(data) // 2] ^= 1
    volume.chmod(0o600)
    volume.write_bytes(data)
    said = levelhead("verify", "--json")
    assert said.status == 1
    assert said.one["ok"] is False
    assert said.one["damaged"]
    page = levelhead("verify")
    assert page.status == 1
    assert "DAMAGED: " in page.out and "NOT WHOLE" in page.out


def test_after_an_update_that_reads_mail_differently_the_archive_is_whole_and_rebuild_is_advised(
    levelhead, home: Path
) -> None:
    with closing(sqlite3.connect(home / "archive" / "index.sqlite")) as index, index:
        index.execute("DELETE FROM meta WHERE key = 'read-by'")
        index.execute("UPDATE message SET language = 'xx' WHERE seq < 3")
    page = levelhead("verify")
    assert page.status == 0
    assert page.out.startswith(
        "OUTDATED: the language of 2 messages in the index is not what this version reads"
    )
    assert "levelhead rebuild" in page.out and "\nWhole: " in page.out and "DAMAGED" not in page.out
    said = levelhead("verify", "--json")
    assert (said.status, said.one["ok"], len(said.one["outdated"])) == (0, True, 1)
    assert levelhead("rebuild").status == 0
    assert levelhead("verify").out.startswith("Whole: ")


def test_a_missing_volume_is_found(levelhead, home: Path) -> None:
    shutil.rmtree(home / "archive" / "volumes")
    said = levelhead("verify", "--json")
    assert (said.status, bool(said.one["missing"])) == (1, True)


@pytest.mark.parametrize("words", [["verify"], ["verify", "--deep"]])
def test_without_an_index_there_is_a_report_all_the_same(levelhead, home: Path, words: list[str]) -> None:
    for path in (home / "archive").glob("index.sqlite*"):
        path.unlink()
    said = levelhead(*words, "--json")
    assert (said.status, said.one["ok"], said.one["checked"]) == (1, False, 5)
    assert "levelhead rebuild makes it again" in said.one["missing"][0]
    assert not list((home / "archive").glob("index.sqlite*"))


def cut_to(size: int) -> Callable[[Path], None]:
    def change(index: Path) -> None:
        os.truncate(index, size)

    return change


def emptied(index: Path) -> None:
    with sqlite3.connect(index) as connection:
        connection.execute("DELETE FROM meta")
    connection.close()


def flipped(index: Path) -> None:
    data = bytearray(index.read_bytes())
    for at in range(4096 * 2, len(data), 997):
        data[at] ^= 0xFF
    index.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    [cut_to(0), cut_to(50), cut_to(4096), cut_to(4096 * 20), emptied, flipped],
    ids=["empty", "half a page", "a page", "twenty pages", "no meta", "flipped"],
)
def test_with_a_damaged_index_there_is_a_report_all_the_same(
    levelhead, home: Path, change: Callable[[Path], None]
) -> None:
    index = home / "archive" / "index.sqlite"
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    change(index)
    said = levelhead("verify", "--json")
    assert (said.status, said.one["ok"], said.one["checked"]) == (1, False, 5), said
    assert said.one["damaged"]


def test_a_volume_that_is_a_folder_is_reported(levelhead, home: Path) -> None:
    (volume,) = (home / "archive" / "volumes").glob("*.tar.zst")
    volume.unlink()
    volume.mkdir()
    said = levelhead("verify", "--deep", "--json")
    assert said.status == 1
    assert len([one for one in said.one["damaged"] if "cannot be read: Is a directory" in one]) >= 5


def test_one_flipped_byte_of_the_index_never_ends_in_a_traceback(levelhead, home: Path, letters) -> None:
    index = home / "archive" / "index.sqlite"
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    clean, id = index.read_bytes(), letters.id(letters.hostile)
    places = [found.start() for found in re.finditer(id.encode(), clean)]
    assert places
    commands = (
        ["messages"],
        ["show", id[:8]],
        ["explain", id],
        ["search", "files"],
        ["status"],
        ["held"],
        ["replay"],
    )
    for place in places:
        bad = bytearray(clean)
        bad[place + 28] ^= 0xFF
        index.write_bytes(bad)
        report = levelhead("verify", "--json")
        assert (report.status, report.one["ok"]) == (1, False)
        for words in commands:
            assert levelhead(*words, "--json").status in {0, 1, 2}, (words, place)


def test_a_note_stands_though_the_ledgers_files_are_held_by_a_program_that_hangs(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.archive.waiting.LONGEST", 0.05)
    with (home / "archive" / "ledger" / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = levelhead("note", "Harbour Ltd", "They called.", "--json")
        assert said.status == 0
        assert "mirror.behind" in said.err
    assert levelhead("note", "Harbour Ltd", "They called again.").status == 0
    assert levelhead("verify", "--json").one["ok"]


# --- rebuild ------------------------------------------------------------------------------------


def test_a_lost_index_is_made_again_and_says_the_same(levelhead, home: Path) -> None:
    before = levelhead("messages", "--json").lines
    held = levelhead("held", "--json").lines
    for path in (home / "archive").glob("index.sqlite*"):
        path.unlink()
    lost = levelhead("messages", "--json")
    assert (lost.status, lost.out) == (2, "")
    assert "levelhead rebuild" in lost.err
    said = levelhead("rebuild", "--json")
    assert (said.status, said.one["messages"], said.one["unreadable"]) == (0, 5, [])
    assert levelhead("messages", "--json").lines == before
    assert levelhead("held", "--json").lines == held
    assert levelhead("verify", "--deep", "--json").one["ok"]


def test_a_rebuild_tells_the_entries_and_the_root_that_verify_finds(levelhead, home: Path) -> None:
    said = levelhead("rebuild", "--json").one
    found = levelhead("verify", "--quick", "--json").one
    assert (said["facts"], said["root"]) == (found["size"], found["root"])
    again = levelhead("rebuild").out
    assert f"5 messages, {said['facts'] + 1} entries of the ledger; root " in again


def test_the_old_index_is_kept_beside_the_new_one(levelhead, home: Path) -> None:
    assert levelhead("rebuild").status == 0
    assert (home / "archive" / "index.old.sqlite").exists()
    assert levelhead("rebuild").status == 0
    assert levelhead("verify", "--json").one["ok"]


def test_what_only_the_old_index_knew_is_not_lost(levelhead, home: Path, letters, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("levelhead.cli.desk.mirrored", lambda *_: None)
        levelhead("mark", letters.id(letters.calm), "tense")
    assert levelhead("rebuild").status == 0
    assert levelhead("explain", letters.id(letters.calm), "--json").one["mark"] == "tense"
    assert levelhead("verify", "--json").one["ok"]


def test_an_index_that_is_no_database_is_made_again_and_kept(levelhead, home: Path) -> None:
    before = levelhead("messages", "--json").lines
    for path in (home / "archive").glob("index.sqlite-*"):
        path.unlink()
    (home / "archive" / "index.sqlite").write_text("this is no database, whatever it was before")
    assert levelhead("messages").status in {1, 2, 3}
    assert levelhead("rebuild").status == 0
    assert levelhead("messages", "--json").lines == before
    assert "no database" in (home / "archive" / "index.old.sqlite").read_text()


def newer_index(archive: Path) -> None:
    connection = sqlite3.connect(archive / "index.sqlite")
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    connection.close()


def newer_ledger(archive: Path) -> None:
    leaves = archive / "ledger" / "000001.jsonl"
    leaves.write_bytes(leaves.read_bytes().replace(b'{"v":1,', b'{"v":2,'))


def newer_volume(archive: Path) -> None:
    volume = archive / "volumes" / "000001.tar.zst"
    volume.write_bytes(volume_head(2) + volume.read_bytes())


@pytest.mark.parametrize("newer", [newer_index, newer_ledger, newer_volume])
@pytest.mark.parametrize("command", ["rebuild", "verify"])
def test_what_a_newer_levelhead_wrote_is_refused_in_a_sentence_and_left_alone(
    levelhead, home: Path, newer: Callable[[Path], None], command: str
) -> None:
    newer(home / "archive")
    kept = [path for path in (home / "archive").rglob("*") if path.is_file() and "lock" not in path.name]
    before = {path: path.read_bytes() for path in kept if not path.name.endswith(("-wal", "-shm"))}
    said = levelhead(command, "--json")
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1, said.err
    assert "use the newer levelhead" in said.err
    assert {path: path.read_bytes() for path in before} == before
    assert not list((home / "archive").glob("index.old*"))


def test_nothing_is_added_to_a_volume_that_a_newer_levelhead_wrote(levelhead, home: Path) -> None:
    newer_volume(home / "archive")
    volume = home / "archive" / "volumes" / "000001.tar.zst"
    before = volume.read_bytes()
    more = home / "more.eml"
    more.write_bytes(b"From: sam@harbour.example\r\nTo: robin@studio.example\r\n\r\nmore\r\n")
    assert levelhead("add", str(more), "--json").status == 2
    assert volume.read_bytes() == before


def test_nothing_is_rebuilt_under_a_running_daemon(levelhead, home: Path, letters) -> None:
    with hold(home / "archive" / LOCK, letters.at):
        said = levelhead("rebuild", "--json")
    assert (said.status, said.out) == (3, "")
    assert not list((home / "archive").glob("index.sqlite.*"))


def test_without_a_ledger_there_is_nothing_to_rebuild_from(levelhead, empty_home: Path) -> None:
    said = levelhead("rebuild", "--json")
    assert (said.status, said.out) == (2, "")
    assert not (empty_home / "archive").exists()


def test_a_store_that_stays_locked_is_exit_3(levelhead, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_store.__kwdefaults__, "busy_seconds", 0.05)
    blocker = sqlite3.connect(home / "archive" / "index.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        said = levelhead("note", "Harbour Ltd", "x", "--json")
    finally:
        blocker.close()
    assert (said.status, said.out) == (3, "")
    assert said.err.count("\n") == 1
