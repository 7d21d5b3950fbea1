"""The guard around a plugin: whatever it raises becomes one sentence, and nothing else happens."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from levelhead.errors import LevelheadError
from levelhead.screening.answers import checked
from levelhead.screening.seat import Seat, hooks_of, load, take_seat
from levelhead.screening.sources import Refused, Source

LONGEST_ERROR = 500
"""Characters of a plugin's error that are kept."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call: checked answers, or why there are none."""

    answers: tuple[Any, ...] = ()
    error: str = ""
    gone: bool = False
    """True when the call never came back, so that the plugin can no longer be trusted to answer."""
    starved: bool = False
    """True when memory ran out, which in a shared process may be another plugin's doing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of loading a plugin: its hooks, as far as they could be read, and why it is refused, or empty."""

    hooks: tuple[str, ...] = ()
    refused: str = ""


def guarded(seat: Seat, hook: str, arguments: Mapping[str, Any]) -> Reply:
    """Call one hook of one plugin, drain and check what it returns; never raises for a plugin's fault."""
    try:
        return Reply(checked(hook, seat.call(hook, arguments)))
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - the guard around a plugin
        return Reply(error=sentence(exc), starved=isinstance(exc, MemoryError))


def opened(source: Source, table: Mapping[str, Any], keep: Callable[[Seat], None]) -> Opened:
    """Load and seat one plugin and hand the seat to `keep`; never raises for a plugin's fault."""
    hooks: tuple[str, ...] = ()
    try:
        plugin = load(source)
        hooks = tuple(hooks_of(source.name, plugin))
        seat = take_seat(source.name, plugin, table)
    except Refused as exc:
        return Opened(hooks, refused=str(exc))
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - the guard around a plugin
        own_words = (
            isinstance(exc, ValueError) and not isinstance(exc, UnicodeError | SyntaxError) and str(exc)
        )
        return Opened(hooks, refused=str(exc)[:LONGEST_ERROR] if own_words else sentence(exc))
    keep(seat)
    return Opened(hooks)


def sentence(exc: BaseException) -> str:
    """An exception as one line: its kind, its words, and the plugin's line that raised it."""
    try:
        words = " ".join(str(exc).split())
    except Exception:  # noqa: BLE001 - an exception of a plugin may fail to show itself, too
        words = "(its text cannot be shown)"
    if isinstance(exc, SystemExit):
        words = f"it called sys.exit({words})"
    kind = type(exc).__name__
    ours = isinstance(exc, LevelheadError) or kind in ("WrongAnswer", "SystemExit")
    text = words if ours and words else f"{kind}: {words}".rstrip(": ")
    frames = [
        frame
        for frame in traceback.extract_tb(exc.__traceback__)
        if "levelhead/screening" not in frame.filename
    ]
    if frames:
        text = (
            f"{text[:LONGEST_ERROR]} (line {frames[-1].lineno} of {frames[-1].filename.rpartition('/')[2]})"
        )
    return text[:LONGEST_ERROR]
