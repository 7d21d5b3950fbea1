"""The page on faults and attacks: it has every row, and every test that it names is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "faults.md"
ROWS = {"Faults": 30, "Attacks": 21}
NAMED = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@cache
def source(path: str) -> str:
    """The text of a test file, or nothing where there is none."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.parametrize("title", ROWS)
def test_every_row_is_there_and_in_order(title: str) -> None:
    """A row that has several parts stands once for each of them."""
    numbers = [int(cells[0]) for cells in rows(title)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, ROWS[title] + 1))


@pytest.mark.parametrize("title", ROWS)
def test_every_row_names_a_test_or_says_that_it_is_not_reached(title: str) -> None:
    for number, _, promise, shown, seen in rows(title):
        assert promise, number
        assert NAMED.search(shown) or "not reached" in f"{promise} {seen}".lower(), f"{title}, row {number}"


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in source(path)]
    assert len(named) > 40
    assert not missing


def test_every_guard_that_is_taken_out_in_ci_names_a_test_that_exists() -> None:
    patches = sorted((ROOT / ".ci" / "mutations").glob("*.patch"))
    heads = [re.match(r"# TEST: (\S+?)::(\w+).*\n# GUARD: \S", patch.read_text("utf-8")) for patch in patches]
    assert len(patches) > 20
    for patch, head in zip(patches, heads, strict=True):
        assert head and f"def {head[2]}(" in source(head[1]), patch.name
