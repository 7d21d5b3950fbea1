"""What a command loads before it answers: a start-up costs about a millisecond for three modules."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from levelhead.config.load import load
from levelhead.errors import ConfigError

CALL = (
    "import sys; from levelhead.cli import main; status = main(sys.argv[1:]);"
    "sys.stderr.write(chr(10).join(sys.modules)); sys.exit(status)"
)
NEVER = {
    "apprise", "asyncio", "cryptography", "dkim", "dns", "imapclient", "imaplib", "multiprocessing", "numpy",
    "pluggy", "requests", "rich", "ssl", "structlog", "tenacity",
    "_pydatetime", "base64", "click", "difflib", "getpass", "pydantic", "pydantic_core", "random", "secrets", "tomllib",
    "typer", "zoneinfo", "levelhead.cli.app", "levelhead.config.load", "levelhead.config.settings",
    "levelhead.daemon.app", "levelhead.daemon.parts", "levelhead.evidence.authenticate", "levelhead.heat.aside",
    "levelhead.heat.engine", "levelhead.heat.names", "levelhead.log", "levelhead.mailbox", "levelhead.screening",
    "levelhead.store.sqlite_tx",
}  # fmt: skip
"""What no command needs that only looks at the index."""

PARSERS = {
    "dataclasses", "email", "fast_mail_parser", "inspect", "selectolax", "shutil", "socket", "tempfile", "zstandard",
    "levelhead.archive", "levelhead.heat",
}  # fmt: skip
"""What only a command needs that reads messages back from their bytes."""


def loaded(*words: str) -> set[str]:
    """The modules that a process of its own has loaded when it has answered this command."""
    ended = subprocess.run(
        [sys.executable, "-c", CALL, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stderr.splitlines())


def test_the_version_is_said_with_no_more_modules_than_a_script_that_reads_a_database() -> None:
    script = "import sqlite3, json, sys; sys.stderr.write(chr(10).join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = loaded("--version")
    assert len(found) <= len(ended.stderr.splitlines())
    assert {name for name in found if name.startswith("levelhead")} == {"levelhead", "levelhead.cli"}


@pytest.mark.parametrize("command", ["status", "messages", "search", "explain", "held", "alerts"])
def test_a_command_that_looks_at_the_index_loads_no_parser_no_plugin_and_no_log(
    home: Path, letters, command: str
) -> None:
    words = [command, *{"explain": [letters.id(letters.hostile)], "search": ["lawyer"]}.get(command, [])]
    words.append("--json" if command != "messages" else "--limit=3")
    first, found = loaded(*words), loaded(*words)
    # The first call after any change of the configuration reads all of it; nothing of it is kept in the archive.
    assert {"pydantic", "tomllib"} <= first
    assert not found & (NEVER | PARSERS - {"levelhead.archive"})
    # A verdict is a fact of the walk, of which there are many; nothing else here is one.
    assert ("levelhead.facts.walk" in found) is (command == "explain")
    # `status` asks the lock whether a daemon runs.
    beside = {"levelhead.archive.lock"} if command == "status" else set()
    assert {name for name in found if name.startswith("levelhead.archive.")} <= beside
    assert (
        len(found) <= 150
    )  # 119 to 129 when this was written; a bare Python has 30, with sqlite3 and json 60


def test_a_search_that_must_read_texts_loads_nothing_that_judges_them(home: Path) -> None:
    """As beside an index from before openings were kept."""
    with closing(sqlite3.connect(home / "archive" / "index.sqlite")) as index:
        index.execute("DELETE FROM opening")
        index.commit()
    loaded("status")
    found = loaded("search", "lawyer", "--json")
    assert not found & (NEVER - {"base64", "random", "secrets"})
    assert "levelhead.archive.words" in found
    assert "levelhead.archive.parse" not in found
    assert len(found) <= 260  # 225 when this was written


def test_showing_a_message_logs_nothing_for_there_is_no_log_yet_that_could_go_to_stderr(
    home: Path, letters
) -> None:
    assert "structlog" not in loaded("show", letters.id(letters.hostile), "--json")


def test_a_command_loads_the_file_that_it_stands_in_and_no_other() -> None:
    files = {
        "levelhead.cli." + part.stem for part in Path(sys.modules["levelhead.cli"].__path__[0]).glob("*.py")
    }
    helping = {
        f"levelhead.cli.{name}"
        for name in ("app", "desk", "options", "output", "running", "holds", "views", "times")
    }  # fmt: skip
    assert loaded("held", "--help") & files == helping


def test_a_mistake_in_the_configuration_is_told_as_ever_whatever_was_kept_before(
    levelhead, home: Path
) -> None:
    config = home / "levelhead.toml"
    whole = config.read_text()
    assert levelhead("status").status == levelhead("status").status == 0
    config.write_text(whole + "[drafst]\nenabled = true\n")
    with pytest.raises(ConfigError) as refused:
        load(config)
    for _ in range(2):
        said = levelhead("status")
        assert (said.status, said.out, said.err) == (2, "", f"{refused.value}\n")
    config.unlink()
    assert "there is no configuration" in levelhead("status").err
    config.write_text(whole)
    assert levelhead("status").status == 0


def test_the_first_answer_and_the_second_are_the_same(levelhead, home: Path, letters) -> None:
    whole = (home / "levelhead.toml").read_text()
    for words in (
        ["status"],
        ["messages"],
        ["explain", letters.id(letters.hostile)],
        ["search", "lawyer"],
        ["held"],
    ):
        for more in ([], ["--json"]):
            (home / "levelhead.toml").write_text(f"{whole}# {words} {more}\n")
            first, second = levelhead(*words, *more), levelhead(*words, *more)
            assert (first.status, first.out, first.err) == (second.status, second.out, second.err)
            assert first.out


def test_who_changes_something_reads_the_configuration_in_full(home: Path) -> None:
    loaded("status")
    found = loaded("note", "Harbour Ltd", "called")
    assert {"pydantic", "levelhead.config.settings"} <= found
