"""The command export: a pack, recorded in the ledger, or one sentence and nothing."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levelhead.cli import exporting
from levelhead.config.load import load
from levelhead.daemon.parts import open_archive
from levelhead.errors import StoreLocked
from levelhead.evidence.pack import pdf, withheld
from levelhead.facts import PackExported
from levelhead.store.sqlite import SqliteStore
from servers.disks import fill, small_disk

Levelhead = Callable[..., Any]


@pytest.fixture
def real_typst() -> None:
    """Asked for by a test that wants a PDF."""


@pytest.fixture(autouse=True)
def without_pdf(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A PDF takes a second; few tests want one."""
    if "real_typst" not in request.fixturenames:
        monkeypatch.setattr(pdf, "find_spec", lambda name: None)


def exported(home: Path) -> list[PackExported]:
    archive = open_archive(load(home / "levelhead.toml"), read_only=True)
    try:
        found = [fact for _, fact in archive.store.facts_about(kind=PackExported.name)]
        return [fact for fact in found if isinstance(fact, PackExported)]
    finally:
        archive.close()


def bytes_of(pack: Path) -> dict[str, bytes]:
    return {
        path.relative_to(pack).as_posix(): path.read_bytes() for path in pack.rglob("*") if path.is_file()
    }


def with_key(home: Path) -> None:
    config = home / "levelhead.toml"
    config.write_text(config.read_text() + '\n[evidence]\nkey_file = "signing-key"\n')


def test_a_pack_is_written_recorded_and_right(home: Path, levelhead: Levelhead) -> None:
    said = levelhead("export", "harbour ltd", "--out", "pack", "--json")
    assert said.status == 0
    value = said.one
    manifest = (home / "pack" / "manifest.sha256").read_bytes()
    assert value | {"files": 0} == {
        "out": str(home / "pack"),
        "client": "Harbour Ltd",
        "messages": 5,
        "checkpoint": {
            "size": value["checkpoint"]["size"],
            "root": value["checkpoint"]["root"],
            "signed": False,
        },
        "files": 0,
        "manifest": hashlib.sha256(manifest).hexdigest(),
        "pdf": False,
        "why": pdf.NEEDED,
        "missing": [],
        "part": False,
        "telling": [],
    }
    assert value["files"] == len(bytes_of(home / "pack"))
    (fact,) = exported(home)
    assert (fact.client, fact.messages, fact.part) == ("Harbour Ltd", 5, False)
    assert (fact.manifest, fact.size) == (value["manifest"], value["checkpoint"]["size"])
    done = subprocess.run(
        [sys.executable, "-I", str(home / "pack" / "verify.py")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "the pack has no PDF" in said.err and "not signed" in said.err


def test_with_the_extra_there_is_a_pdf(home: Path, levelhead: Levelhead, real_typst: None) -> None:
    said = levelhead("export", "Harbour Ltd", "--out", "pack", "--json")
    assert said.one["pdf"] is True
    assert (home / "pack" / "bundle.pdf").read_bytes().startswith(b"%PDF-")


def test_with_a_key_the_pack_is_signed_and_an_older_checkpoint_gives_it_again(
    home: Path, levelhead: Levelhead
) -> None:
    with_key(home)
    first = levelhead("export", "Harbour Ltd", "--out", "one", "--json").one
    assert first["checkpoint"]["signed"] is True
    levelhead("note", "Harbour Ltd", "They called again")
    again = levelhead(
        "export", "Harbour Ltd", "--out", "two", "--json", "--checkpoint", first["checkpoint"]["size"]
    )
    assert again.one["manifest"] == first["manifest"]
    assert bytes_of(home / "one") == bytes_of(home / "two")
    newer = levelhead("export", "Harbour Ltd", "--out", "three", "--json").one
    assert newer["checkpoint"]["size"] > first["checkpoint"]["size"]
    assert "They called again" in (home / "three" / "tables" / "custody.csv").read_text()
    assert "evidence handed out" in (home / "three" / "tables" / "custody.csv").read_text()


def test_some_messages_alone(home: Path, levelhead: Levelhead, letters: Any) -> None:
    two = [letters.id(letters.calm), letters.id(letters.answer)]
    said = levelhead("export", "Harbour Ltd", "--out", "p", "--json", "--only", two[0][:12], "--only", two[1])
    assert (said.one["messages"], said.one["part"]) == (2, True)
    about = json.loads((home / "p" / "pack.json").read_text())
    assert [one["id"] for one in about["messages"]] == two
    assert b"UNACCEPTABLE" not in b"".join(bytes_of(home / "p").values())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Harbor Ltd", "--out", "p"), "there is no client 'Harbor Ltd': did you mean 'Harbour Ltd'?"),
        (("Harbour Ltd",), "out"),
        (("Harbour Ltd", "--out", "archive"), "is not empty"),
        (("Harbour Ltd", "--out", "levelhead.toml"), "is no folder"),
        (("Harbour Ltd", "--out", "p", "--since", "yesterday"), "is not a time"),
        (("Harbour Ltd", "--out", "p", "--since", "2026-03-02", "--until", "2026-03-01"), "is not before"),
        (("Harbour Ltd", "--out", "p", "--only", "ffffffff"), "no message of Harbour Ltd has an id"),
        (("Harbour Ltd", "--out", "p", "--checkpoint", "99999"), "there is no checkpoint of 99999"),
        (("Harbour Ltd", "--out", "p", "--until", "2001-01-01"), "no message of Harbour Ltd in that time"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    home: Path, levelhead: Levelhead, words: tuple[str, ...], says: str
) -> None:
    before = sorted(path.name for path in home.iterdir())
    said = levelhead("export", *words)
    assert said.status == 2
    assert says in said.err
    assert said.err.count("\n") == 1
    assert not said.out
    assert sorted(path.name for path in home.iterdir()) == before
    assert not exported(home)


def test_without_an_archive_there_is_nothing_to_export(empty_home: Path, levelhead: Levelhead) -> None:
    said = levelhead("export", "Harbour Ltd", "--out", "p")
    assert said.status == 2
    assert "there is no archive" in said.err


def test_a_pack_that_cannot_be_recorded_is_taken_away_again(
    home: Path, levelhead: Levelhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise StoreLocked("the index is locked")

    monkeypatch.setattr(SqliteStore, "transaction", locked)
    said = levelhead("export", "Harbour Ltd", "--out", "p")
    assert said.status == 3
    assert not (home / "p").exists()


@pytest.mark.sweep
def test_wherever_the_disk_runs_full_it_is_one_sentence_and_nothing_is_left(
    home: Path, levelhead: Levelhead, real_typst: None
) -> None:
    """On a disk with room for a part of it only: for nothing, for the messages, for all but the last files."""
    with small_disk(home / "stick", "4m") as disk:
        whole = levelhead("export", "Harbour Ltd", "--out", disk / "p", "--json")
        assert whole.status == 0, whole.err
        size = sum(path.lstat().st_blocks * 512 for path in (disk / "p").rglob("*"))
        recorded = len(exported(home))
        for part in (0, 1, 10, 30, 50, 70, 85, 95, 99):
            shutil.rmtree(disk / "p", ignore_errors=True)
            fill(disk, leave=size * part // 100)
            said = levelhead("export", "Harbour Ltd", "--out", disk / "p", "--json")
            assert said.status == 3, (part, said)
            assert "the disk is full, so that no pack was written to" in said.err
            assert (said.err.count("\n"), said.out) == (1, "")
            assert [path.name for path in disk.iterdir()] == ["somebody-elses"], part
            (disk / "somebody-elses").unlink()
        assert len(exported(home)) == recorded
        fill(disk, leave=size * 2)
        assert levelhead("export", "Harbour Ltd", "--out", disk / "p").status == 0


def test_entries_that_name_other_messages_and_have_to_be_opened_are_told(
    home: Path, levelhead: Levelhead, letters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a ledger of an older version, in which nothing but its own entry proves mail that `add` brought."""
    copy = b"Received: from one.example\r\n" + letters.calm
    (home / "copy.eml").write_bytes(copy)
    assert levelhead("add", "copy.eml").status == 0
    asked = ("export", "Harbour Ltd", "--only", letters.id(copy), "--json", "--out")
    assert levelhead(*asked, "p").one["telling"] == []
    monkeypatch.setattr(withheld, "_BINDING", ())
    said = levelhead(*asked, "q")
    assert said.one["telling"] == [letters.id(copy)]
    assert (
        f"the entries that archived {letters.id(copy)[:12]} name messages that are not in the pack"
        in said.err
    )


def test_a_terminal_is_told_how_far_it_is_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    tell = exporting._teller()
    for done in range(1, 1001):
        tell("messages", done, 1000)
    tell("", 0, 0)
    said = screen.getvalue()
    assert "writing messages: 1000 of 1000" in said
    assert said.endswith("\r\033[K")
    assert "\n" not in said
    assert said.count("\r") < 200
