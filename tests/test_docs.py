"""The reference pages name everything that there is: each command, fact, hook and setting has its heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from levelhead import facts
from levelhead.cli.app import program
from levelhead.config.keys import all_keys
from levelhead.hookspecs import HOOKS

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = DOCS / "reference"


def headings(page: Path) -> set[str]:
    """The headings of a page, without the marks of code."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {line.replace("`", "").strip() for line in lines}


def commands(command: Any, name: str = "levelhead") -> Iterator[str]:
    """Every command and group by the words that call it."""
    for key, inner in getattr(command, "commands", {}).items():
        yield f"{name} {key}"
        yield from commands(inner, f"{name} {key}")


def test_every_command_has_its_heading() -> None:
    assert set(commands(typer.main.get_command(program()))) <= headings(REFERENCE / "commands.md")


def test_no_command_is_described_that_there_is_not() -> None:
    described = {
        heading for heading in headings(REFERENCE / "commands.md") if heading.startswith("levelhead ")
    }
    assert described == set(commands(typer.main.get_command(program())))


def test_every_fact_has_its_heading() -> None:
    assert set(facts.names()) <= headings(REFERENCE / "facts.md")


def test_every_hook_has_its_heading() -> None:
    found = {re.sub(r"\(.*", "", heading).strip() for heading in headings(REFERENCE / "hooks.md")}
    assert set(HOOKS) <= found


def test_every_setting_has_its_heading() -> None:
    found = {
        heading.strip("[]").removesuffix(".NAME") for heading in headings(REFERENCE / "configuration.md")
    }
    known = {key.removesuffix(".NAME") for key in all_keys()}
    assert known - found == set()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.relative_to(DOCS)} links to {target}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_every_command_that_a_page_names_is_one(page: Path) -> None:
    known = {name.removeprefix("levelhead ") for name in commands(typer.main.get_command(program()))}
    first = {name.split()[0] for name in known}
    for word in re.findall(r"`levelhead ([a-z]+)", page.read_text(encoding="utf-8")):
        assert word in first, f"{page.relative_to(DOCS)} names levelhead {word}"
