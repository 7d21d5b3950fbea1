"""What a hook may return: checks it, drains iterables, and makes plain immutable values of ours from it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from levelhead.model import Alert, Delivered, Draft, Finding, Hold, Level, Point, Severity, Verdict
from levelhead.plain import LARGEST_WHOLE

MOST = 200
"""Answers of one call; a plugin that says more is wrong, and a generator without end is stopped here."""

LONGEST = 200_000
"""Characters in all that one call returns."""

EXPECTED: Mapping[str, type] = {
    "detect": Finding,
    "classify": Verdict,
    "draft_reply": Draft,
    "hold": Hold,
    "escalate": Alert,
    "deliver": Delivered,
}
MANY = ("detect", "escalate")
"""Hooks that may return several answers."""

VALUES = (Finding, Verdict, Draft, Hold, Alert, Delivered, Point)
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in VALUES}
_PLAIN = frozenset((type(None), str, int, float, bool, Level, Severity))


class WrongAnswer(TypeError):
    """A plugin returned what its hook does not take; the message says what came and what was expected."""


def checked(hook: str, value: object) -> tuple[Any, ...]:
    """The answers in what a hook returned; WrongAnswer or ValueError when it is not what was expected."""
    if value is None:
        return ()
    kind = EXPECTED.get(hook)
    if kind is None:
        raise WrongAnswer(f"{hook} returned {_shown(value)}; it returns nothing")
    if isinstance(value, kind):
        given: tuple[object, ...] = (value,)
    elif hook in MANY and isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        given = _drained(hook, value)
    else:
        raise WrongAnswer(f"{hook} returned {_shown(value)}; expected {_wanted(hook, kind)}")
    for item in given:
        if not isinstance(item, kind):
            raise WrongAnswer(f"{hook} returned {_shown(item)} among others; expected {_wanted(hook, kind)}")
    answers = tuple(plain(item) for item in given)
    if (length := sum(_length(answer) for answer in answers)) > LONGEST:
        raise WrongAnswer(f"{hook} returned {length:,} characters; at most {LONGEST:,} are taken")
    return answers


def _drained(hook: str, value: Iterable[object]) -> tuple[object, ...]:
    given: list[object] = []
    for item in value:
        given.append(item)
        if len(given) > MOST:
            raise WrongAnswer(f"{hook} returned more than {MOST} answers")
    return tuple(given)


def plain(value: Any) -> Any:
    """The same value made anew from our own types and Python's, so that it passes every check and any pipe.

    One that consists of nothing else already is checked and stays; that is most, and takes a fraction.
    """
    if _is_plain(value):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return datetime(*moment.timetuple()[:6], moment.microsecond, tzinfo=UTC)
    if isinstance(value, tuple | list):
        return tuple(plain(item) for item in value)
    for kind in VALUES:
        if isinstance(value, kind):
            return _typed(kind(**{name: plain(getattr(value, name)) for name in _NAMES[kind]}))
    if isinstance(value, int | float):
        return float(value) if isinstance(value, float) else int(value)
    raise WrongAnswer(f"an answer cannot hold {_shown(value)}")


def _is_plain(value: Any) -> bool:
    """Whether a value, to its last part, is of our own types and Python's, and not of a class made of one."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is tuple:
        return all(map(_is_plain, value))
    if kind is datetime:
        return value.tzinfo is UTC
    names = _NAMES.get(kind)
    if names is None or not all(_is_plain(getattr(value, name)) for name in names):
        return False
    if check := getattr(value, "__post_init__", None):
        check()  # as it would be made anew: somebody may have changed it behind its own back
    _typed(value)
    return True


def _typed(value: Any) -> Any:
    """Checks of fields that the nouns themselves leave to mypy."""
    if isinstance(value, Verdict):
        texts = (value.decided_by, *value.labels)
        if not isinstance(value.level, Level) or not isinstance(value.complete, bool):
            raise WrongAnswer(f"a Verdict has a Level and a bool, not {value.level!r} and {value.complete!r}")
        if value.millionths is not None and type(value.millionths) is not int:
            raise WrongAnswer(f"a Verdict's millionths is a whole number, not {value.millionths!r}")
        if not all(isinstance(point, Point) for point in value.because):
            raise WrongAnswer("a Verdict's because holds Points")
    elif isinstance(value, Point):
        texts = (value.plugin, value.label, value.why, *value.quotes)
        if type(value.millionths) is not int:
            raise WrongAnswer(f"a Point's millionths is a whole number, not {value.millionths!r}")
        if abs(value.millionths) > LARGEST_WHOLE:
            raise WrongAnswer("a Point's millionths is a whole number of at most 64 bits")
    elif isinstance(value, Delivered):
        texts = (value.detail,)
    else:
        return value
    if not all(isinstance(text, str) for text in texts):
        raise WrongAnswer(f"{_shown(value)} holds something else where a text belongs")
    return value


def summary(answers: tuple[Any, ...]) -> str:
    """What was answered, in at most 200 characters and without a word of the message, for `explain`."""
    text = "; ".join(_said(answer) for answer in answers)
    return text if len(text) <= 200 else text[:199] + "…"


def _said(answer: Any) -> str:
    match answer:
        case Finding():
            return f"{answer.label} {answer.strength:+.2f}"
        case Verdict():
            return answer.level.value if answer.score is None else f"{answer.level.value} {answer.score:.3f}"
        case Draft():
            return f"a draft of {len(answer.body)} characters"
        case Hold():
            return f"until {answer.until:%Y-%m-%d %H:%M} UTC, {answer.why}"
        case Alert():
            return f"{answer.key} ({answer.severity.value})"
        case Delivered():
            return answer.detail or "delivered"
        case _:
            return ""


def _wanted(hook: str, kind: type) -> str:
    return f"{kind.__name__}, several of them, or None" if hook in MANY else f"{kind.__name__} or None"


def _shown(value: object) -> str:
    return f"{type(value).__name__} {reprlib.repr(value)}"


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, tuple):
        return sum([_length(item) for item in value])
    if isinstance(value, VALUES):
        return sum([_length(getattr(value, name)) for name in _NAMES[type(value)]])
    return 0
