"""held, release, extend, cancel."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock
from levelhead.facts import DraftHeld
from levelhead.store.sqlite import open_store

FIELDS = {"key", "client", "thread", "subject", "level", "created_at", "release_at", "why", "state"}


@pytest.fixture(autouse=True)
def same_day(monkeypatch: pytest.MonkeyPatch, walked_at) -> None:
    """The commands run five minutes after the mail was judged."""
    clock = FrozenClock(walked_at)
    clock.advance(minutes=5)
    monkeypatch.setattr("levelhead.cli.desk.SystemClock", lambda: clock)


@pytest.fixture
def key(levelhead, home: Path, letters) -> str:
    """The key of the answer to the hostile message."""
    held = levelhead("held", "--json").lines
    (found,) = [line["key"] for line in held if line["message"] == letters.id(letters.hostile)]
    return found


def test_held_are_lines_with_the_fields_of_the_contract_next_first(levelhead, home: Path) -> None:
    said = levelhead("held", "--json")
    assert (said.status, said.err) == (0, "")
    assert said.lines
    assert all(set(line) >= FIELDS for line in said.lines)
    assert all(line["state"] == "held" for line in said.lines)
    releases = [line["release_at"] for line in said.lines]
    assert releases == sorted(releases)
    assert levelhead("status", "--json").one["held"] == len(said.lines)


def test_a_release_is_due_now_and_recorded_with_its_reason(levelhead, key: str, walked_at) -> None:
    said = levelhead("release", key[:10], "--why", "we spoke on the phone", "--json")
    assert said.status == 0
    assert said.one["key"] == key
    assert said.one["release_at"] == "2026-03-06T16:10:00.000000Z"
    assert levelhead("verify", "--json").one["ok"]


def test_an_extension_moves_the_release_later(levelhead, key: str) -> None:
    before = next(line for line in levelhead("held", "--json").lines if line["key"] == key)["release_at"]
    after = levelhead("extend", key, "2h", "--json").one["release_at"]
    assert after > before
    assert key in levelhead("extend", key, "1d").out


def test_a_cancelled_draft_is_gone_from_held_and_stays_in_all(levelhead, key: str) -> None:
    assert levelhead("cancel", key, "--json").one["state"] == "cancelled"
    assert key not in {line["key"] for line in levelhead("held", "--json").lines}
    assert {line["key"]: line["state"] for line in levelhead("held", "--all", "--json").lines}[
        key
    ] == "cancelled"


def test_an_act_that_comes_too_late_is_one_clear_sentence(levelhead, key: str) -> None:
    levelhead("cancel", key)
    for words in (["cancel", key], ["extend", key, "1h"], ["release", key, "--why", "late"]):
        said = levelhead(*words, "--json")
        assert (said.status, said.out) == (2, "")
        assert (
            "the draft is cancelled already" if words[0] == "cancel" else "the draft is cancelled, so"
        ) in said.err
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["release", "{key}"], 'say why: levelhead release {key} --why "called her"'),
        (["release", "{key}", "--why", "  "], 'say why: levelhead release {key} --why "called her"'),
        (["release", "nokey", "--why", "x"], "nokey"),
        (["extend", "{key}", "soon"], "soon"),
        (["extend", "{key}", "0s"], "0s"),
        (["extend", "{key}"], "DURATION"),
        (["cancel"], "KEY"),
        (["cancel", "nokey"], "nokey"),
        (["held", "extra"], "extra"),
    ],
)
def test_a_wrong_act_is_refused(levelhead, key: str, words: list[str], hint: str) -> None:
    said = levelhead(*(word.format(key=key) for word in words), "--json")
    assert (said.status, said.out) == (2, "")
    assert hint.format(key=key) in said.err
    assert said.err.count("\n") == 1


def test_a_calm_reply_that_is_held_says_why_in_the_table(levelhead, home: Path, letters, walked_at) -> None:
    why = "a plugin that should have been heard was not, so it is held as a heated message is: held for 4h"
    fact = DraftHeld(
        key="0123456789abcdef",
        message=letters.id(letters.calm),
        client="Harbour Ltd",
        thread="",
        mailbox="office",
        subject="Re: Friday's delivery",
        body="Hello",
        level="calm",
        why=why,
        plugin="templates",
        created_at=walked_at,
        release_at=walked_at + timedelta(hours=4),
    )
    store = open_store(home / "archive" / "index.sqlite")
    with store.transaction(walked_at) as tx:
        tx.record(fact)
    store.close()
    rows = {row.split("\t")[0]: row.split("\t")[-1] for row in levelhead("held").out.splitlines()}
    assert rows.pop("key") == "why"
    shown = rows.pop(fact.key)
    assert shown.endswith("…") and len(shown) <= 60 and why.startswith(shown[:-1])
    assert set(rows.values()) == {"-"}
    assert why in [line["why"] for line in levelhead("held", "--json").lines]


def test_nothing_held_is_said_in_a_sentence(levelhead, empty_home: Path, letters) -> None:
    (empty_home / "one.eml").write_bytes(letters.hostile)
    levelhead("add", "one.eml")
    assert levelhead("held").out == "No reply is held.\n"
    assert levelhead("held", "--json").out == ""
