"""The laws of the house, read off the source: who imports whom, who asks the time, who catches everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import levelhead

SOURCE = Path(__file__).parents[1] / "src" / "levelhead"
FILES = sorted(SOURCE.rglob("*.py"))

BASE = {
    "model",
    "facts",
    "lifecycle",
    "errors",
    "clock",
    "raw",
    "tree",
    "hookspecs",
    "values",
    "pipes",
    "plain",
    "durable",
    "exchange",
    "serving",
    "workers",
}
LOWER = {"clients", "heat", "policy", "store"}
ROOMS = {"config", "mailbox", "signin", "discovery", "archive", "evidence", "screening", "outbox"}
TOP = {"daemon", "cli"}

MAY_IMPORT: dict[str, set[str]] = {
    "values": set(),
    "clock": {"errors"},
    "model": {"raw", "values"},
    "facts": {"clock", "errors", "values"},
    "lifecycle": {"errors"},
    "raw": {"values"},
    "tree": {"errors"},
    "errors": {"values"},
    "pipes": {"clock"},
    "plain": {"pipes"},
    "exchange": {"clock", "errors"},
    "hardening": {"errors"},
    "durable": set(),
    "serving": {"hardening", "pipes", "plain"},
    "workers": {"clock", "hardening", "pipes", "plain", "serving"},
    "hookspecs": {"model", "facts", "masking"},
    "clients": BASE,
    "heat": BASE,
    "policy": BASE,
    "store": BASE,
    "masking": set(),
    # `check` asks whether somebody is signed in, as it reads every other secret.
    "config": BASE | {"policy", "clients", "masking", "signin"},
    "mailbox": BASE | LOWER,
    # Speaks HTTP with a provider and keeps a file: it needs neither a store nor a mailbox.
    "signin": BASE | {"masking"},
    # Asks strangers for the name of a server: what they say meets neither a store, nor a mailbox, nor a secret.
    "discovery": BASE | {"clients"},
    "archive": BASE | LOWER,
    "evidence": BASE | LOWER | {"archive"},
    "screening": BASE | LOWER,
    "outbox": BASE | LOWER,
    "log": BASE | {"masking"},
    "testing": BASE | LOWER | {"screening"},
}
WIDE_CATCHES = {
    "screening/guard.py": "around a plugin",
    "screening/builtin/apprise_delivery.py": "inside a plugin: around a transport and its thread",
    "outbox/work.py": "around a job",
    "daemon/supervise.py": "around a thread",
}
KNOWS_THE_DATABASE = {
    "daemon/parts.py": "opens the archive of a configuration",
    "daemon/reading.py": "opens it for one who only looks",
    "daemon/remake.py": "makes the index again",
    "daemon/erasing.py": "plays an index without what is erased",
    "daemon/demo.py": "looks into the archive that it shows",
    "cli/archive.py": "gives verify its temporary copy",
    "cli/backups.py": "opens the index of a backup",
}


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def modules_of(tree: ast.AST) -> set[str]:
    """Whatever is imported, lazily or not, in full: `from a import b` is both `a` and `a.b`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def imports_of(path: Path) -> set[str]:
    """The rooms that a file imports."""
    modules = modules_of(ast.parse(path.read_text()))
    assert not {name for name in modules if name.startswith(".")}, f"{path.name} imports relatively"
    rooms = {name.split(".")[1] for name in modules if name.startswith("levelhead.")}
    # The names that plugin authors import (`from levelhead import Finding`) are no rooms; built-ins take them too.
    return rooms - set(levelhead.__all__)


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
            for module in modules_of(ast.parse(path.read_text())):
                if module.startswith("levelhead.store"):
                    known = module.startswith("levelhead.store.api") or module == "levelhead.store"
                    assert known, f"{path.name} imports {module}"


def test_only_these_files_know_which_database_it_is() -> None:
    know = set()
    for path in FILES:
        modules = modules_of(ast.parse(path.read_text()))
        if room_of(path) != "store" and any(name.startswith("levelhead.store.sqlite") for name in modules):
            know.add(path.relative_to(SOURCE).as_posix())
    assert know == set(KNOWS_THE_DATABASE)


def outside_modules(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.split(".")[0] for name in modules_of(ast.parse(path.read_text()))}


def test_only_the_mailbox_room_speaks_imap() -> None:
    for path in FILES:
        if room_of(path) != "mailbox" and path.name not in {"demo_server.py"}:
            assert not outside_modules(path) & {"imapclient", "imaplib"}, path.name


def test_only_the_store_speaks_sql() -> None:
    for path in FILES:
        if room_of(path) != "store":
            assert "sqlite3" not in outside_modules(path), path.name


def test_nothing_can_send_mail() -> None:
    for path in FILES:
        assert not outside_modules(path) & {"smtplib", "aiosmtplib"}, path.name


# --- the time ----------------------------------------------------------------------------------

ASKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
"""What asks the time in the module `datetime`; of the module `time` nothing is used outside `clock.py`."""


def time_asked(source: str) -> list[int]:
    """Lines that import the module `time`, or call or name what asks the time, under whatever name it was imported."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }
    found = []
    for node in ast.walk(tree):
        modules = modules_of(node) if isinstance(node, ast.Import | ast.ImportFrom) else set()
        if any(name.split(".")[0] == "time" for name in modules):
            found.append(node.lineno)
        elif isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            full = ".".join([names.get(first, first), *rest])
            if full.removeprefix("datetime.") in ASKS:
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_one_file_asks_the_time(path: Path) -> None:
    if path != SOURCE / "clock.py":
        assert not time_asked(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import time", "import time as t", "from time import monotonic", "def f():\n    from time import sleep as s",
        "import datetime\ndatetime.datetime.now()", "import datetime as dt\ndt.datetime.utcnow()",
        "from datetime import datetime\ndatetime.now(UTC)", "from datetime import datetime as d\nd.now()",
        "from datetime import datetime\nnow = datetime.now", "from datetime import date\ndate.today()",
        "import datetime\nx = datetime.date.today",
    ],
)  # fmt: skip
def test_whoever_asks_the_time_is_seen(source: str) -> None:
    assert time_asked(source)


@pytest.mark.parametrize(
    "source", ["from datetime import datetime\ndatetime.fromtimestamp(1)", "clock.now()", "import timeit"]
)
def test_whoever_is_told_the_time_is_left_alone(source: str) -> None:
    assert not time_asked(source)


# --- catching everything -------------------------------------------------------------------------


def wide_catches(source: str) -> list[int]:
    """Lines that catch everything and do not end by raising again; `suppress(Exception)` is one of them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(map(is_wide, caught)) and not raises_again(node):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "suppress":
            found += [node.lineno for caught in node.args if is_wide(caught)]
    return found


def is_wide(caught: ast.expr | None) -> bool:
    return caught is None or ast.unparse(caught).split(".")[-1] in {"Exception", "BaseException"}


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether it ends, in every case, with `raise` or with `raise X from exc`: that is cleaning up, not swallowing.

    A `return` on the way, or an exception whose cause is thrown away, is swallowing.
    """
    last = handler.body[-1]
    if not isinstance(last, ast.Raise) or any(isinstance(node, ast.Return) for node in ast.walk(handler)):
        return False
    return last.exc is None or (isinstance(last.cause, ast.Name) and last.cause.id == handler.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_everything_is_caught_only_around_a_plugin_a_job_or_a_thread(path: Path) -> None:
    if path.relative_to(SOURCE).as_posix() not in WIDE_CATCHES:
        assert not wide_catches(path.read_text())


def test_every_place_that_may_catch_everything_does() -> None:
    for name in WIDE_CATCHES:
        assert wide_catches((SOURCE / name).read_text()), f"{name} needs no allowance any more"


@pytest.mark.parametrize(
    ("handler", "swallows"),
    [
        ("except Exception:\n    pass", True),
        ("except:\n    pass", True),
        ("except (OSError, Exception):\n    pass", True),
        ("except builtins.BaseException:\n    pass", True),
        ("except Exception as exc:\n    if other:\n        raise", True),
        ("except Exception as exc:\n    if other:\n        return\n    raise", True),
        ("except Exception as exc:\n    raise ValueError from None", True),
        ("except Exception as exc:\n    raise ValueError", True),
        ("except Exception as exc:\n    def later():\n        raise", True),
        ("except Exception as exc:\n    clean()\n    raise", False),
        ("except BaseException as exc:\n    raise ValueError from exc", False),
        ("except OSError:\n    pass", False),
    ],
)
def test_whoever_swallows_everything_is_seen(handler: str, swallows: bool) -> None:
    assert bool(wide_catches(f"try:\n    work()\n{handler}")) is swallows


def test_everything_suppressed_is_seen() -> None:
    assert wide_catches("with contextlib.suppress(Exception):\n    work()")


def test_a_file_has_one_subject() -> None:
    long = {
        str(path.relative_to(SOURCE)): n for path in FILES if (n := len(path.read_text().splitlines())) > 450
    }
    explained = {
        "facts/walk.py": "the list of all facts, which is one subject",
        "model.py": "the list of all nouns",
        "evidence/pack/verify.py": "goes along in every pack as one file that needs nothing else",
    }
    assert not set(long) - set(explained), long
