"""The page about the ledger is true: its example, its program, and what it says of the files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from levelhead import facts
from levelhead.archive.mirror import Mirror
from levelhead.store.ledger import entry_of
from levelhead.store.sqlite import SqliteStore
from levelhead.tree import EMPTY_ROOT

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ledger.md"


def program() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(code)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's program as the page says: without levelhead, without anything installed."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program(), str(folder)], capture_output=True, text=True, timeout=60
    )


def test_the_example_is_an_entry_of_this_program(make: Any) -> None:
    leaf, payload = re.findall(r"^    (\{.*\})$", PAGE.read_text(), re.MULTILINE)
    fact = facts.NoteTaken(client="Acme", text="Anna called: wants it on Monday", actor="me")
    entry = entry_of(fact, seq=0, time=make.at(hours=5), salt=bytes(32))
    assert (entry.leaf.decode(), (entry.payload or b"").decode()) == (leaf, payload)
    assert EMPTY_ROOT.hex() in PAGE.read_text()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 7, 12])
def test_the_pages_program_finds_the_same_root(
    sqlite_store: SqliteStore, tmp_path: Path, make: Any, count: int
) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        for number in range(count):
            tx.record(facts.NoteTaken(client="Acme", text=f"call {number} \u2028 für 5 €", actor="me"))
    Mirror(tmp_path / "ledger", per_file=5).catch_up(sqlite_store)
    done = run(tmp_path / "ledger")
    assert done.stdout == f"{count} entries, root {sqlite_store.ledger_root().hex()}\n", done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("000001.payload.jsonl", b"call 1", b"call 7"), ("000001.jsonl", b'"seq":1', b'"seq":3')],
)
def test_the_pages_program_sees_a_change(
    sqlite_store: SqliteStore, tmp_path: Path, make: Any, name: str, old: bytes, new: bytes
) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        for number in range(3):
            tx.record(facts.NoteTaken(client="Acme", text=f"call {number}", actor="me"))
    Mirror(tmp_path / "ledger").catch_up(sqlite_store)
    path = tmp_path / "ledger" / name
    path.write_bytes(path.read_bytes().replace(old, new))
    done = run(tmp_path / "ledger")
    assert done.returncode == 1
    assert "entry 1" in done.stderr


def test_the_pages_program_passes_over_erased_payloads_and_the_root_stays(
    sqlite_store: SqliteStore, tmp_path: Path, make: Any
) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        for number in range(9):
            tx.record(facts.NoteTaken(client="Acme", text=f"call {number}", actor="me"))
    mirror = Mirror(tmp_path / "ledger", per_file=5)
    mirror.catch_up(sqlite_store)
    before = run(tmp_path / "ledger").stdout
    with sqlite_store.transaction(make.noon) as tx:
        tx.erase([2, 7])
    mirror.erase({2, 7})
    assert run(tmp_path / "ledger").stdout == before
    (example,) = re.findall(r"`(\{\S+null\})`", PAGE.read_text())
    lines = (tmp_path / "ledger" / "000002.payload.jsonl").read_text().splitlines()
    assert example in lines
