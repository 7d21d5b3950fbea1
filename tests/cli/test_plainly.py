"""The quick reading of a command line says what typer says, or nothing."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelhead.cli import app
from levelhead.cli.options import Unclear, plainly
from levelhead.cli.running import LOOKING, _looking
from levelhead.model import Direction, Level

ACTS = {name: _looking(name) for name in LOOKING}
"""The commands as they are before any of them is made to write down only."""

Read = tuple[str, Path | None, bool, dict[str, Any]]


def looking(name: str) -> Any:
    return ACTS[name] if name in ACTS else _looking(name)


def quickly(words: list[str]) -> Read | None:
    """What the quick reader makes of these words; None where it leaves them to typer."""
    try:
        act, config, as_json, values = plainly(words, looking)
    except Unclear:
        return None
    return act.__name__, config, as_json, values


@pytest.fixture(scope="module")
def in_full() -> Any:
    """What typer makes of these words, by real commands that only write down what they are given."""
    found: list[Read] = []

    def noting(act: Any) -> Any:
        @wraps(act)
        def note(desk: Any, **values: Any) -> None:
            found.append((act.__name__, desk.config, desk.as_json, values))

        return note

    def read(words: list[str]) -> Read | None:
        found.clear()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            app.call(words)
        return found[0] if found else None

    with pytest.MonkeyPatch.context() as patch:
        for name, part in LOOKING.items():
            module = import_module(f"levelhead.cli.{part}")
            patch.setattr(module, name, noting(getattr(module, name)))
        app.program.cache_clear()
        yield read
    app.program.cache_clear()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("status", {}),
        ("--json status", {}),
        ("--config a.toml status --json", {}),
        ("held --all", {"all_": True}),
        ("alerts", {"all_": False}),
        ("explain 5f0c2a91", {"message": "5f0c2a91"}),
        ("show 5f0c2a91 --raw", {"message": "5f0c2a91", "raw": True}),
        ("search lawyer", {"query": "lawyer", "limit": 50}),
        ("messages --limit 50", {"limit": 50}),
        ("messages --level=heated --direction in", {"level": Level.HEATED, "direction": Direction.IN}),
        ("messages --no-attachment --since 7d", {"attachment": False, "since": "7d"}),
        ("search lawyer --client Harbour --attachment", {"client": "Harbour", "attachment": True}),
    ],
)
def test_an_ordinary_line_is_read_without_typer_and_means_the_same(
    in_full: Any, line: str, values: dict[str, Any]
) -> None:
    found = quickly(line.split())
    assert found is not None
    assert found[3].items() >= values.items()
    assert found == in_full(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "", "--version", "--help", "status --help", "run", "status more", "explain", "explain a b", "search",
        "messages --limit 0", "messages --limit -1", "messages --limit x", "messages --limit", "messages --limit=",
        "messages --limit 3 --limit 4", "messages --lim 3", "messages --level hot", "messages --level HEATED",
        "messages -- --json", "messages --since -7d", "messages --json=yes", "held --all=yes", "held --all --all",
        "held --all --nothing", "messages --attachment --no-attachment", "--config a.toml messages --config b.toml",
        "messages --limit 12345678901234567890", "messages --limit 1_0", "search -word", "casehold list", "mark a calm",
    ],
)  # fmt: skip
def test_whatever_leaves_a_doubt_is_left_to_typer(line: str) -> None:
    assert quickly(line.split()) is None


def test_an_empty_word_is_left_to_typer() -> None:
    assert quickly(["search", ""]) is None
    assert quickly(["messages", "--client", ""]) is None
    assert quickly(["explain", "a", ""]) is None
    assert quickly(["", "status"]) is None


WORDS = [
    *LOOKING, "--json", "--json=1", "--config", "--config=c.toml", "c.toml", "--limit", "--limit=3", "3", "0", "007",
    "-3", "３", "--level", "--level=calm", "heated", "hot", "--direction", "out", "--since", "--until=7d", "7d", "=",
    "--client=A=B", "A B", "--attachment", "--no-attachment", "--raw", "--all", "--", "-", "-x", "", "--limit=",
    "--client", "ü\udc80",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(WORDS), max_size=2),
    st.sampled_from(list(LOOKING)),
    st.lists(st.sampled_from(WORDS), max_size=6),
)
@example(["--json"], "search", ["A B", "--limit=3", "--client", "A B"])
@example([], "messages", ["--config", "c.toml", "--json", "--limit", "007"])
def test_what_the_quick_reader_says_of_any_line_typer_says_too(
    in_full: Any, before: list[str], name: str, after: list[str]
) -> None:
    words = [*before, name, *after]
    found = quickly(words)
    assert found is None or found == in_full(words)


def test_the_commands_that_only_look_are_those_of_the_program() -> None:
    for name, part in LOOKING.items():
        assert name in app.PARTS[part]
