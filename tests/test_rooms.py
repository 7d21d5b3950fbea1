"""The laws of the house, read off the source: who imports whom, who asks the time, who catches everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import levelhead

SOURCE = Path(__file__).parents[1] / "src" / "levelhead"
FILES = sorted(SOURCE.rglob("*.py"))

BASE = {"model", "facts", "lifecycle", "errors", "clock", "raw", "tree", "hookspecs"}
LOWER = {"clients", "heat", "policy", "store"}
ROOMS = {"config", "mailbox", "archive", "screening", "outbox"}
TOP = {"daemon", "cli"}

MAY_IMPORT: dict[str, set[str]] = {
    "clock": {"errors"},
    "model": {"raw"},
    "facts": {"clock", "errors"},
    "lifecycle": {"errors"},
    "raw": set(),
    "tree": {"errors"},
    "errors": set(),
    "hookspecs": {"model", "facts"},
    "clients": BASE,
    "heat": BASE,
    "policy": BASE,
    "store": BASE,
    "masking": set(),
    "config": BASE | {"policy", "clients", "masking"},
    "mailbox": BASE | LOWER,
    "archive": BASE | LOWER,
    "screening": BASE | LOWER,
    "outbox": BASE | LOWER,
    "log": BASE | {"masking"},
    "testing": BASE | LOWER | {"screening"},
}
WIDE_CATCHES = {
    "screening": "around a plugin",
    "outbox/work.py": "around a job",
    "daemon/supervise.py": "around a thread",
}


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports_of(path: Path) -> set[str]:
    """The rooms that a file imports, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [node.module]
                if node.module != "levelhead"
                else [f"levelhead.{alias.name}" for alias in node.names]
            )
        found |= {name.split(".")[1] for name in names if name.startswith("levelhead.")}
    # The names that plugin authors import (`from levelhead import Finding`) are no rooms; built-ins take them too.
    found -= set(levelhead.__all__)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    if room in TOP or room in {"__init__", "__main__", "docs"}:
        return
    allowed = MAY_IMPORT[room] | {room, "__version__"}
    assert imports_of(path) <= allowed, f"{room} may not import {sorted(imports_of(path) - allowed)}"


def test_a_room_that_needs_the_store_knows_its_protocol_and_not_its_database() -> None:
    for path in FILES:
        if room_of(path) in {"mailbox", "screening", "outbox", "policy", "clients"}:
            for node in ast.walk(ast.parse(path.read_text())):
                module = node.module if isinstance(node, ast.ImportFrom) else None
                if module and module.startswith("levelhead.store"):
                    assert module == "levelhead.store.api", f"{path.name} imports {module}"


def test_only_the_mailbox_room_speaks_imap() -> None:
    for path in FILES:
        source = path.read_text()
        if room_of(path) != "mailbox" and path.name not in {"demo_server.py"}:
            tree = ast.parse(source)
            names = {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            }
            names |= {
                node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
            }
            assert not {name for name in names if name.split(".")[0] in {"imapclient", "imaplib"}}, path.name


def test_only_the_store_speaks_sql() -> None:
    for path in FILES:
        if room_of(path) != "store":
            tree = ast.parse(path.read_text())
            names = {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            }
            assert "sqlite3" not in names, path.name


def test_nothing_can_send_mail() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not any(
                    alias.name.split(".")[0] in {"smtplib", "aiosmtplib"} for alias in node.names
                ), path.name
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in {"smtplib", "aiosmtplib"}, path.name


ASKS_THE_TIME = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "monotonic"), ("time", "perf_counter"), ("time", "sleep"), ("time", "time_ns"),
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_one_file_asks_the_time(path: Path) -> None:
    if path == SOURCE / "clock.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in ASKS_THE_TIME, f"line {node.lineno} asks the time"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_everything_is_caught_only_around_a_plugin_a_job_or_a_thread(path: Path) -> None:
    relative = path.relative_to(SOURCE).as_posix()
    if any(relative.startswith(place) for place in WIDE_CATCHES):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {name.id for name in caught if isinstance(name, ast.Name)} | (
                {""} if node.type is None else set()
            )
            wide = names & {"Exception", "BaseException", ""}
            # Catching everything to clean up and raise it again is not swallowing it.
            again = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not wide or again, f"line {node.lineno} catches everything"


def test_a_file_has_one_subject() -> None:
    long = {
        str(path.relative_to(SOURCE)): n for path in FILES if (n := len(path.read_text().splitlines())) > 450
    }
    explained = {
        "facts.py": "the list of all facts, which is one subject",
        "model.py": "the list of all nouns",
    }
    assert not set(long) - set(explained), long
