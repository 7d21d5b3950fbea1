"""held, release, extend, cancel."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.clock import FrozenClock

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
        assert "cancelled" in said.err
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["release", "{key}"], "--why"),
        (["release", "{key}", "--why", "  "], "--why"),
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
    assert hint in said.err
    assert said.err.count("\n") == 1


def test_nothing_held_is_said_in_a_sentence(levelhead, empty_home: Path, letters) -> None:
    (empty_home / "one.eml").write_bytes(letters.hostile)
    levelhead("add", "one.eml")
    assert levelhead("held").out == "No reply is held.\n"
    assert levelhead("held", "--json").out == ""
