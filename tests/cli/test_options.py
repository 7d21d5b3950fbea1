"""Options that every command shares, and what a mistake in the command line is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
import typer

from levelhead import __version__
from levelhead.cli.app import program


def commands() -> list[list[str]]:
    """Every command of the program as the words that call it."""
    root = typer.main.get_command(program())
    found: list[list[str]] = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", {})
        found += [[name, one] for one in inner] or [[name]]
    return found


@pytest.mark.parametrize(
    "words", [["--json", "status"], ["status", "--json"], ["--json", "status", "--json"]]
)
def test_json_may_stand_before_the_command_and_after_it(levelhead, home: Path, words: list[str]) -> None:
    said = levelhead(*words)
    assert said.status == 0
    assert said.one["messages"] == 5


def test_the_configuration_may_be_named_before_the_command_and_after_it(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    config = home / "levelhead.toml"
    for words in (
        ["--config", config, "status"],
        ["status", "--config", config],
        ["status", f"--config={config}"],
    ):
        assert levelhead("--json", *words).one["messages"] == 5
    monkeypatch.setenv("LEVELHEAD_CONFIG", str(config))
    assert levelhead("status", "--json").one["messages"] == 5


def test_groups_take_the_shared_options_too(levelhead, home: Path) -> None:
    config = home / "levelhead.toml"
    for words in (["plugins", "--json", "list"], ["plugins", "list", "--json"], ["plugins", "--json"]):
        assert "tone" in {line["name"] for line in levelhead("--config", config, *words).lines}


@pytest.mark.parametrize("group", [[], ["plugins"], ["alert"], ["config"]])
def test_no_line_of_the_overview_is_cut(levelhead, monkeypatch: pytest.MonkeyPatch, group: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, listed = levelhead(*group, "--help").out.partition("Commands:\n")
    assert listed
    assert "..." not in listed


def test_the_log_of_a_command_is_for_people(
    levelhead, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    levelhead("notes")
    structlog.get_logger().warning("mirror.behind", error="no room")
    said = capsys.readouterr().err
    assert "mirror.behind" in said
    assert not said.startswith("{")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_takes_help_json_and_config(levelhead, words: list[str]) -> None:
    said = levelhead(*words, "--help")
    assert said.status == 0
    assert "--json" in said.out and "--config FILE" in said.out


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_refuses_an_unknown_option_with_exit_2(levelhead, home: Path, words: list[str]) -> None:
    said = levelhead(*words, "--jsno")
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "Did you mean --json" in said.err


def test_an_unknown_command_is_told_the_nearest_names(levelhead) -> None:
    said = levelhead("mesages")
    assert (said.status, said.out) == (2, "")
    assert "Did you mean 'messages'?" in said.err


@pytest.mark.parametrize("name", ["init", "login", "export", "backup", "restore", "purge", "erase", "proof"])
def test_commands_of_later_versions_are_absent(levelhead, name: str) -> None:
    assert levelhead(name).status == 2


@pytest.mark.parametrize("words", [[], ["--json"], ["config"], ["alert"]])
def test_a_missing_command_is_one_sentence_and_exit_2(levelhead, words: list[str]) -> None:
    said = levelhead(*words)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1


def test_the_version_is_told_as_json_too(levelhead) -> None:
    assert levelhead("--version", "--json").one == {"version": __version__}
    assert levelhead("--version").out == f"levelhead {__version__}\n"


def test_a_configuration_that_is_not_there_is_the_callers_mistake(levelhead, empty_home: Path) -> None:
    for words in (["status"], ["check"], ["messages"], ["run", "--once"], ["score"]):
        said = levelhead(*words, "--config", "nowhere.toml", "--json")
        assert (said.status, said.out) == (2, "")
        assert "nowhere.toml" in said.err


def test_without_any_configuration_the_places_are_named(levelhead, empty_home: Path) -> None:
    (empty_home / "levelhead.toml").unlink()
    said = levelhead("status")
    assert (said.status, said.out) == (2, "")
    assert "--config FILE" in said.err


def test_a_bad_configuration_tells_all_its_problems_with_exit_2(levelhead, empty_home: Path) -> None:
    config = empty_home / "levelhead.toml"
    config.write_text(config.read_text() + "\n[cooldwn]\ncalm = '1h'\n[heat]\ntense = 7\n")
    said = levelhead("status", "--json")
    assert (said.status, said.out) == (2, "")
    assert "cooldown" in said.err and "tense" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words",
    (
        "messages",
        "show 00000000",
        "explain 00000000",
        "search x",
        "held",
        "alerts",
        "verify",
        "replay",
        "ack k",
        "cancel k",
        "mark 00000000 calm",
        "note Harbour x",
    ),
)
def test_without_an_archive_a_command_says_how_one_is_made(levelhead, empty_home: Path, words: str) -> None:
    said = levelhead(*words.split(), "--json")
    assert (said.status, said.out) == (2, "")
    assert "there is no archive at" in said.err and "levelhead add" in said.err
    assert not (empty_home / "archive").exists()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("x", "must be a whole number, not 'x'"),
        ("1.5", "must be a whole number, not '1.5'"),
        ("0", "must be 1 or more, not 0"),
        ("-3", "must be 1 or more, not -3"),
    ],
)
def test_a_number_that_is_none_is_told_in_words(levelhead, home: Path, word: str, told: str) -> None:
    said = levelhead("messages", "--limit", word)
    assert said.status == 2 and told in said.err and "Input should" not in said.err
