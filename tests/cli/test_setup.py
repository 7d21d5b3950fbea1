"""check, config explain, config example, plugins, status, run, demo."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from levelhead.cli.state import EMPTY_ROOT


def replaced(home: Path, old: str, new: str) -> None:
    config = home / "levelhead.toml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


# --- check --------------------------------------------------------------------------------------


def test_a_good_configuration_has_no_problem(levelhead, home: Path) -> None:
    said = levelhead("check", "--json")
    assert (said.status, said.one["ok"], said.one["problems"]) == (0, True, [])
    assert "No problem was found." in levelhead("check").out


def test_a_missing_channel_is_a_problem_that_is_named(levelhead, home: Path) -> None:
    config = home / "levelhead.toml"
    config.write_text(config.read_text().partition("[channels.phone]")[0])
    said = levelhead("check", "--json")
    assert said.status == 1
    assert any("no alert channel" in problem["problem"] for problem in said.one["problems"])


def test_all_problems_of_a_file_come_at_once_with_their_lines(levelhead, empty_home: Path) -> None:
    replaced(empty_home, 'timezone = "UTC"', 'timezone = "Mars"\nnmae = "x"')
    said = levelhead("check", "--json")
    assert (said.status, said.err) == (1, "")
    problems = said.one["problems"]
    assert said.one["ok"] is False
    assert all(set(problem) == {"where", "line", "problem", "fix"} for problem in problems)
    assert {problem["line"] for problem in problems} == {4, 5}
    assert any("name" in problem["fix"] for problem in problems)
    assert levelhead("status").status == 2


def test_a_file_that_is_no_toml_is_a_problem(levelhead, empty_home: Path) -> None:
    (empty_home / "levelhead.toml").write_text("[me\n")
    said = levelhead("check", "--json")
    assert (said.status, said.one["problems"][0]["line"]) == (1, 1)


def test_a_missing_secret_is_a_problem_and_the_secret_is_never_shown(levelhead, empty_home: Path) -> None:
    (empty_home / "password").unlink()
    said = levelhead("check", "--json")
    assert said.status == 1
    assert any("password" in problem["problem"] for problem in said.one["problems"])
    (empty_home / "password").write_text("a-password-of-nobody\n")
    assert "a-password-of-nobody" not in levelhead("check", "--json").out


def test_a_plugin_that_cannot_be_loaded_is_a_problem(levelhead, empty_home: Path) -> None:
    (empty_home / "plugins").mkdir(mode=0o755)
    (empty_home / "plugins" / "broken.py").write_text("raise RuntimeError('no')\n")
    said = levelhead("check", "--json")
    assert said.status == 1
    assert any("broken" in problem["where"] for problem in said.one["problems"])
    assert levelhead("plugins", "check", "--json").status == 1


def test_an_index_that_is_none_is_a_problem(levelhead, home: Path) -> None:
    for path in (home / "archive").glob("index.sqlite*"):
        path.unlink()
    (home / "archive" / "index.sqlite").write_text("this is no database")
    said = levelhead("check", "--json")
    assert said.status == 1
    assert any("index.sqlite" in problem["problem"] for problem in said.one["problems"])


def test_a_mailbox_out_of_reach_is_a_problem_online_only(levelhead, home: Path) -> None:
    replaced(home, 'tls = "none"', 'tls = "none"\nport = 1')
    assert levelhead("check", "--json").status == 0
    said = levelhead("check", "--online", "--json")
    assert (said.status, said.one["ok"]) == (1, False)
    assert any("office" in problem["problem"] for problem in said.one["problems"])


# --- config -------------------------------------------------------------------------------------


def test_a_setting_is_explained_without_any_configuration(levelhead, empty_home: Path) -> None:
    (empty_home / "levelhead.toml").unlink()
    assert "4h" in levelhead("config", "explain", "cooldown.heated").out
    assert levelhead("config", "explain", "cooldown.heated", "--json").one["key"] == "cooldown.heated"


def test_an_unknown_setting_is_told_the_nearest_name(levelhead, empty_home: Path) -> None:
    said = levelhead("config", "explain", "cooldown.heatd", "--json")
    assert (said.status, said.out) == (2, "")
    assert "cooldown.heated" in said.err


def test_the_example_is_a_configuration(levelhead, empty_home: Path) -> None:
    text = levelhead("config", "example").out
    assert tomllib.loads(text)["me"]["addresses"]
    assert levelhead("config", "example", "--json").one["text"].strip() == text.strip()


# --- plugins ------------------------------------------------------------------------------------


def test_plugins_are_listed_in_the_order_they_are_asked(levelhead, empty_home: Path) -> None:
    said = levelhead("plugins", "new", "late-night", "--json")
    assert said.status == 0
    assert Path(said.one["path"]).exists()
    lines = levelhead("plugins", "list", "--json").lines
    assert lines[0]["name"] == "late-night"
    assert lines[-1]["name"] == "weigh"
    assert all(set(line) >= {"name", "state", "why"} for line in lines)
    assert levelhead("plugins", "check").status == 0


@pytest.mark.parametrize("name", ["../evil", "tone", "Spaces in it", ""])
def test_a_plugin_with_a_wrong_name_is_refused(levelhead, empty_home: Path, name: str) -> None:
    said = levelhead("plugins", "new", name, "--json")
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1


# --- status -------------------------------------------------------------------------------------


def test_status_has_the_fields_of_the_contract(levelhead, home: Path) -> None:
    said = levelhead("status", "--json")
    assert (said.status, said.err) == (0, "")
    value = said.one
    (office,) = value["mailboxes"]
    assert set(office) >= {"name", "state", "folders", "last_pass", "backlog", "error"}
    assert (office["name"], office["folders"], office["backlog"], office["error"]) == ("office", [], 0, "")
    assert (value["messages"], value["open_alerts"]) == (5, 1)
    assert isinstance(value["held"], int)
    assert value["ledger"]["size"] > 5
    assert len(value["ledger"]["root"]) == 64
    assert {"name": "tone", "state": "loaded", "why": ""} in value["plugins"]
    assert value["warnings"] == ["no daemon is running: nothing is watched; levelhead run starts one"]


def test_status_without_an_archive_answers_with_zeros(levelhead, empty_home: Path) -> None:
    said = levelhead("status", "--json")
    assert said.status == 0
    assert (said.one["messages"], said.one["held"], said.one["open_alerts"]) == (0, 0, 0)
    assert said.one["ledger"] == {"size": 0, "root": EMPTY_ROOT}
    assert not (empty_home / "archive").exists()


def test_status_says_loudly_that_nobody_is_called(levelhead, home: Path) -> None:
    config = home / "levelhead.toml"
    config.write_text(config.read_text().partition("[channels.phone]")[0])
    assert levelhead("status").out.startswith("! NO ALERT CHANNEL")
    assert any("NO ALERT CHANNEL" in warning for warning in levelhead("status", "--json").one["warnings"])


def test_status_counts_what_is_not_judged_yet(levelhead, empty_home: Path, letters, monkeypatch) -> None:
    monkeypatch.setattr("levelhead.daemon.history.judge_history", lambda *_, **__: 0)
    (empty_home / "one.eml").write_bytes(letters.calm)
    levelhead("add", "one.eml")
    assert levelhead("status", "--json").one["backlog"] == 1


# --- run and demo -------------------------------------------------------------------------------


def test_one_pass_over_a_mailbox_out_of_reach_is_exit_3(levelhead, empty_home: Path) -> None:
    replaced(empty_home, 'tls = "none"', 'tls = "none"\nport = 1')
    said = levelhead("run", "--once", "--json")
    assert said.status == 3
    (office,) = said.one["mailboxes"]
    assert (office["state"], bool(office["error"])) == ("lost", True)


def test_one_pass_without_mailboxes_judges_what_was_added(
    levelhead, empty_home: Path, letters, monkeypatch
) -> None:
    config = empty_home / "levelhead.toml"
    head, _, rest = config.read_text().partition("[[mailbox]]")
    config.write_text(head + "[[client]]" + rest.partition("[[client]]")[2])
    with monkeypatch.context() as patch:
        patch.setattr("levelhead.daemon.history.judge_history", lambda *_, **__: 0)
        (empty_home / "one.eml").write_bytes(letters.hostile)
        levelhead("add", "one.eml")
    said = levelhead("run", "--once")
    assert (said.status, said.out) == (0, "")
    assert levelhead("messages", "--json").lines[0]["level"] == "hostile"


def test_two_daemons_on_one_archive_are_refused_with_exit_3(levelhead, home: Path, letters) -> None:
    from levelhead.archive.lock import hold
    from levelhead.daemon.app import LOCK

    with hold(home / "archive" / LOCK, letters.at):
        said = levelhead("run", "--once", "--json")
    assert (said.status, said.out) == (3, "")
    assert "another" in said.err


@pytest.mark.parametrize("words", [["run", "now"], ["demo", "now"], ["status", "now"], ["check", "now"]])
def test_a_word_too_many_is_refused(levelhead, empty_home: Path, words: list[str]) -> None:
    said = levelhead(*words, "--json")
    assert (said.status, said.out) == (2, "")


def test_a_demo_as_json_tells_its_story_on_stderr(levelhead, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell() -> int:
        print("once upon a time")
        return 0

    monkeypatch.setattr("levelhead.daemon.demo.demo", tell)
    said = levelhead("demo", "--json")
    assert json.loads(said.out) == {"ok": True}
    assert "once upon a time" in said.err
    assert levelhead("demo").out == "once upon a time\n"
