"""How what plugins answered crosses from their worker to the host, as plain values that are made into nouns again.

The host knows which hook it asked, and so what must come; whatever has another shape is no answer. Every noun is made
by its own constructor, so that it has passed the same checks as one that was made in the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from levelhead.hookspecs import HOOKS
from levelhead.model import Alert, Delivered, Draft, Finding, Hold, Level, Point, Severity, Verdict
from levelhead.pipes import BadFrame
from levelhead.plain import from_json, many, moment, one_of, real, row, text, texts, to_json, truth, whole
from levelhead.screening.answers import MANY, MOST
from levelhead.screening.guard import LONGEST_ERROR, Opened, Reply

LARGEST_ANSWER = 4_000_000
"""Bytes; the 200,000 characters that a call may return are 1,200,000 at most."""


def packed(answer: Opened | Reply) -> bytes:
    """What came of a call or of loading a plugin, as the worker sends it; one that is too large is its failure."""
    data = to_json(answer)
    if len(data) <= LARGEST_ANSWER:
        return data
    why = f"its answer of {len(data):,} bytes is too large"
    return to_json(Reply(error=why) if isinstance(answer, Reply) else Opened(refused=why))


def read_reply(data: bytes, hook: str) -> Reply:
    """What came of a call of this hook; BadFrame when it is nothing that a worker says of one."""
    answers, error, gone, starved = row(from_json(data), 4)
    given = many(answers)
    if len(given) > (MOST if hook in MANY else 1) or truth(gone):
        raise BadFrame(f"{len(given)} answers to {hook}")
    make = _MADE.get(hook)
    if given and make is None:
        raise BadFrame(f"an answer to {hook}, which has none")
    try:
        return Reply(tuple(map(make, given)) if make else (), text(error), starved=truth(starved))
    except ValueError as exc:
        raise BadFrame(f"a wrong answer to {hook}: {exc}"[:LONGEST_ERROR]) from exc


def read_opened(data: bytes) -> Opened:
    """What came of loading a plugin; BadFrame when it is nothing that a worker says of that."""
    hooks, refused = row(from_json(data), 2)
    names = texts(hooks)
    if len(names) > len(HOOKS) or not set(names) <= set(HOOKS):
        raise BadFrame("a hook that there is not")
    return Opened(names, text(refused))


def _finding(value: object) -> Finding:
    label, strength, why, quotes = row(value, 4)
    return Finding(text(label), real(strength), text(why), texts(quotes))


def _verdict(value: object) -> Verdict:
    level, millionths, because, labels, complete, decided_by = row(value, 6)
    return Verdict(
        level=one_of(level, Level),
        millionths=None if millionths is None else whole(millionths),
        because=tuple(map(_point, many(because))),
        labels=texts(labels),
        complete=truth(complete),
        decided_by=text(decided_by),
    )


def _point(value: object) -> Point:
    plugin, label, millionths, why, quotes = row(value, 5)
    return Point(
        plugin=text(plugin),
        label=text(label),
        millionths=whole(millionths),
        why=text(why),
        quotes=texts(quotes),
    )


def _draft(value: object) -> Draft:
    subject, body = row(value, 2)
    return Draft(text(subject), text(body))


def _hold(value: object) -> Hold:
    until, why = row(value, 2)
    return Hold(moment(until), text(why))


def _alert(value: object) -> Alert:
    key, severity, title, body = row(value, 4)
    return Alert(text(key), one_of(severity, Severity), text(title), text(body))


def _delivered(value: object) -> Delivered:
    (detail,) = row(value, 1)
    return Delivered(text(detail))


_MADE: Mapping[str, Callable[[object], Any]] = {
    "detect": _finding,
    "classify": _verdict,
    "draft_reply": _draft,
    "hold": _hold,
    "escalate": _alert,
    "deliver": _delivered,
}
