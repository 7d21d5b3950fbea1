"""What the tests of the screening room share: a message, a folder for drop-ins, and panels that are closed again."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock
from levelhead.hookspecs import Asked
from levelhead.model import Address, Client, Direction, Finding, Level, Message, Thread, Verdict
from levelhead.screening.build import build_panel
from levelhead.screening.panel import HostPanel
from levelhead.screening.spec import PanelSpec

NOW = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def write_message() -> Callable[..., Message]:
    def write(text: str = "Hello, how is it going?", **fields: object) -> Message:
        values: dict[str, object] = {
            "id": "ab" * 32,
            "seq": 1,
            "client": "ACME",
            "direction": Direction.IN,
            "sender": Address(address="bob@acme.example", name="Bob Builder"),
            "received_at": NOW,
            "subject": "The website",
            "text": text,
            "new_text": text,
            "language": "en",
        }
        return Message(**(values | fields))  # type: ignore[arg-type]

    return write


@pytest.fixture
def message(write_message: Callable[..., Message]) -> Message:
    return write_message()


@pytest.fixture
def thread() -> Thread:
    return Thread(key="t1", client="ACME")


@pytest.fixture
def client() -> Client:
    return Client(name="ACME", addresses=("*@acme.example",))


@pytest.fixture
def verdict() -> Verdict:
    return Verdict(level=Level.HEATED, millionths=700_000, labels=("personal-attack",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "plugins"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def drop(folder: Path) -> Callable[[str, str], Path]:
    """Write a drop-in file; the usual imports stand in front of its code."""

    def write(name: str, code: str) -> Path:
        path = folder / name
        head = "from levelhead import *\nimport os, sys, time\n"
        path.write_text(head + textwrap.dedent(code), encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def seat(folder: Path, clock: FrozenClock) -> Iterator[Callable[..., HostPanel]]:
    """Build a panel over the folder; it is closed when the test ends."""
    panels: list[HostPanel] = []

    def build(**fields: object) -> HostPanel:
        values: dict[str, object] = {"folder": folder, "timeout_seconds": 1.0, "entry_points": False}
        panels.append(build_panel(PanelSpec(**(values | fields)), clock))  # type: ignore[arg-type]
        return panels[-1]

    yield build
    for panel in panels:
        panel.close()


@pytest.fixture(params=["process", "thread"])
def isolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def good(name: str) -> str:
    return f"""
    @hookimpl
    def detect(message):
        return Finding("{name}", 0.1)
    """


@pytest.fixture
def detect(message: Message, thread: Thread, client: Client):  # type: ignore[no-untyped-def]
    """Asks every detector; the answers are those of the test's own plugins, for `tone` always has something to say."""

    def ask(panel: HostPanel) -> Asked[Finding]:
        asked = panel.detect(message, thread, client)
        return replace(asked, answers=tuple(said for said in asked.answers if said.plugin != "tone"))

    return ask
