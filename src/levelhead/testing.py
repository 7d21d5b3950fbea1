"""What a plugin author's tests need: values to ask with, a way to ask, and a clock that is moved by hand.

    from levelhead.testing import ask, make_message

    def test_capitals_are_shouting():
        (finding,) = ask("shouting.py", "detect", message=make_message("WHERE IS MY SITE"))
        assert finding.label == "shouting"

What the plugin returns is checked as the daemon checks it; what it raises comes through with its traceback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from levelhead import facts
from levelhead.clock import FrozenClock
from levelhead.hookspecs import HOOKS, Channel, Notice, PluginInfo
from levelhead.model import (
    Address,
    Client,
    Direction,
    Draft,
    Level,
    Message,
    Past,
    Screening,
    Thread,
    Verdict,
)
from levelhead.screening.answers import MANY, checked
from levelhead.screening.seat import Seat, run_code, take_seat
from levelhead.screening.sources import Refused, Source, plugin_name, read_file

__all__ = [
    "NOW",
    "FrozenClock",
    "Refused",
    "ask",
    "check_plugin",
    "make_client",
    "make_message",
    "make_thread",
    "make_verdict",
]

NOW = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
"""A Friday afternoon; the time at which made messages are received and hooks are asked."""

_SCORES = {Level.CALM: 0.1, Level.TENSE: 0.45, Level.HEATED: 0.7, Level.HOSTILE: 0.9, Level.UNKNOWN: None}


def make_message(text: str = "Hello, how is the website coming along?", **fields: Any) -> Message:
    """A client's message with that newly written text; any field of `Message` can be given."""
    values: dict[str, Any] = {
        "id": hashlib.sha256(text.encode()).hexdigest(),
        "seq": 1,
        "client": "ACME",
        "direction": Direction.IN,
        "sender": Address(address="bob@acme.example", name="Bob Builder"),
        "to": (Address(address="me@studio.example"),),
        "subject": "The website",
        "date": NOW,
        "received_at": NOW,
        "text": text,
        "new_text": text,
        "language": "en",
        "thread_key": "thread-1",
        "message_id": "<1@acme.example>",
        "size": len(text),
    }
    return Message(**(values | fields))


def make_thread(*past: Past, **fields: Any) -> Thread:
    """A conversation with these earlier messages, oldest first."""
    values: dict[str, Any] = {"key": "thread-1", "client": "ACME", "messages": past}
    return Thread(**(values | fields))


def make_client(name: str = "ACME", **fields: Any) -> Client:
    """A client; any field of `Client` can be given."""
    values: dict[str, Any] = {"addresses": ("*@acme.example",), "listed": True}
    return Client(name=name, **(values | fields))


def make_verdict(level: Level = Level.CALM, score: float | None = None, **fields: Any) -> Verdict:
    """A verdict of that level; without a `score` (0..1) one in the middle of the level."""
    chosen = _SCORES[level] if score is None else score
    millionths = None if chosen is None else round(chosen * 1_000_000)
    return Verdict(level=level, millionths=millionths, **fields)


def ask(
    plugin: ModuleType | Path | str,
    hook: str,
    *,
    settings: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """Ask one hook of a plugin (a module, or the path of its file), as the daemon would.

    `settings` is the plugin's own table `[plugins.NAME]`; it goes through `configure` when the plugin has one.
    Arguments of the hook that are not given are made. Returns a tuple for `detect` and `escalate`, for the others
    the answer or None. Raises Refused for a plugin that would not be loaded, and whatever the plugin raises.
    """
    if hook not in HOOKS or hook == "configure":
        raise ValueError(f"there is no hook called {hook} to ask; there are {', '.join(HOOKS[1:])}")
    seat = _seat(plugin, settings or {})
    if hook not in seat.impls:
        raise ValueError(f"the plugin {seat.name} has no {hook}; it has {', '.join(seat.impls)}")
    answers = checked(hook, seat.call(hook, _usual() | arguments))
    if hook in MANY:
        return answers
    return answers[0] if answers else None


def check_plugin(path: Path | str, *, settings: Mapping[str, Any] | None = None) -> PluginInfo:
    """Load a plugin file with every check that the daemon makes, its permissions too; raises Refused with why."""
    source = read_file(Path(path))
    seat = take_seat(source.name, run_code(source), settings or {})
    return PluginInfo(
        name=source.name,
        origin=source.origin,
        state="loaded",
        digest=source.digest,
        hooks=tuple(seat.impls),
    )


def _seat(plugin: ModuleType | Path | str, table: Mapping[str, Any]) -> Seat:
    if isinstance(plugin, ModuleType):
        return take_seat(plugin.__name__.rpartition(".")[2].replace("_", "-"), plugin, table)
    path = Path(plugin)
    source = Source(name=plugin_name(path), origin=str(path), code=path.read_bytes())
    return take_seat(source.name, run_code(source), table)


def _usual() -> dict[str, Any]:
    return {
        "message": make_message(),
        "thread": make_thread(),
        "client": make_client(),
        "screening": Screening(message_id=make_message().id),
        "verdict": make_verdict(),
        "draft": Draft("Re: The website", "Hello Bob,\n\nthank you for your message.\n"),
        "now": NOW,
        "alert": Notice(
            key="alert-1", severity="warning", title="Heated message from ACME", body="", rung=0, count=1
        ),
        "channel": Channel(name="phone", url="json://localhost/"),
        "fact": facts.ConfigLoaded(digest="0" * 64),
    }
