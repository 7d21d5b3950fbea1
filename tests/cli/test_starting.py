"""What a command loads before it answers: a start-up costs about a millisecond for three modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CALL = (
    "import sys; from levelhead.cli import main; status = main(sys.argv[1:]);"
    "sys.stderr.write(chr(10).join(sys.modules)); sys.exit(status)"
)
NEVER = {
    "apprise", "asyncio", "cryptography", "dkim", "dns", "imapclient", "imaplib", "multiprocessing", "numpy",
    "pluggy", "requests", "rich", "ssl", "structlog", "tenacity",
    "levelhead.daemon.app", "levelhead.daemon.parts", "levelhead.evidence.authenticate", "levelhead.heat.aside",
    "levelhead.heat.engine", "levelhead.heat.names", "levelhead.log", "levelhead.mailbox", "levelhead.screening",
    "levelhead.store.sqlite_tx",
}  # fmt: skip
"""What no command needs that only looks at the index."""

PARSERS = {"fast_mail_parser", "selectolax", "zstandard", "levelhead.archive", "levelhead.heat"}
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


@pytest.mark.parametrize("command", ["status", "messages", "explain", "held", "alerts"])
def test_a_command_that_looks_at_the_index_loads_no_parser_no_plugin_and_no_log(
    home: Path, letters, command: str
) -> None:
    words = [command, letters.id(letters.hostile)] if command == "explain" else [command]
    found = loaded(*words, "--json" if command != "messages" else "--limit=3")
    assert not found & (NEVER | PARSERS - {"levelhead.archive"})
    # `status` asks the lock whether a daemon runs.
    beside = {"levelhead.archive.lock"} if command == "status" else set()
    assert {name for name in found if name.startswith("levelhead.archive.")} <= beside
    assert (
        len(found) <= 400
    )  # 330 to 340 of them when this was written, of which half are those of typer and pydantic


def test_a_search_loads_what_reads_texts_and_nothing_that_judges_them(home: Path) -> None:
    found = loaded("search", "lawyer", "--json")
    assert not found & NEVER
    assert "levelhead.archive.words" in found
    assert "levelhead.archive.parse" not in found
    assert len(found) <= 440  # 376 when this was written


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
        for name in ("app", "desk", "output", "holds", "views", "times")
    }  # fmt: skip
    assert loaded("held", "--help") & files == helping
