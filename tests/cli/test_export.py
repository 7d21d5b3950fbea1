"""The command export: a pack, recorded in the ledger, or one sentence and nothing."""

from __future__ import annotations

import hashlib
import io
import json
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
from levelhead.evidence.pack import pdf
from levelhead.facts import PackExported
from levelhead.store.sqlite import SqliteStore

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
