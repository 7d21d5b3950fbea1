"""What was said of a message, as it is recorded: the verdict, its points, and everybody who was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from levelhead.facts import CallPart, MessageJudged, PointPart
from levelhead.hookspecs import Asked, Panel, Said
from levelhead.model import Call, Client, Finding, Level, Message, Noted, Point, Screening, Thread, Verdict
from levelhead.outbox.owed import clean
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import combine, weigh


@dataclass(frozen=True, slots=True)
class Question:
    """A message to be judged, with what is known about it; `unknown` is why it cannot be judged, or empty."""

    message: Message
    thread: Thread
    client: Client
    unknown: str


def asked_verdict(
    panel: Panel,
    message: Message,
    thread: Thread,
    client: Client,
    *,
    unknown: str,
    heat: HeatPolicy,
    may_lower: frozenset[str],
) -> tuple[Verdict, tuple[Call, ...]]:
    """As `asked_verdicts`, of one message."""
    question = Question(message, thread, client, unknown)
    return asked_verdicts(panel, (question,), heat=heat, may_lower=may_lower)[0]


def asked_verdicts(
    panel: Panel,
    questions: Sequence[Question],
    *,
    heat: HeatPolicy,
    may_lower: frozenset[str],
    tick: Callable[[], object] = lambda: None,
) -> tuple[tuple[Verdict, tuple[Call, ...]], ...]:
    """Ask the detectors and the classifiers about all of them at once, and weigh what they say of each.

    `tick()` is called with each answer, to show that something moves.
    """
    detected = panel.detect_many([(one.message, one.thread, one.client) for one in questions], tick)
    screenings = [
        Screening(
            message_id=one.message.id,
            noted=tuple(Noted(plugin=said.plugin, finding=said.value) for said in asked.answers),
            failures=asked.failures,
            unknown=one.unknown,
            first_contact=_first(one.message, one.client),
        )
        for one, asked in zip(questions, detected, strict=True)
    ]
    about = [
        (one.message, one.thread, one.client, screening)
        for one, screening in zip(questions, screenings, strict=True)
    ]
    classified = panel.classify_many(about, tick)
    return tuple(
        _weighed(screening, one.client, found, judged, heat, may_lower)
        for one, screening, found, judged in zip(questions, screenings, detected, classified, strict=True)
    )


def _weighed(
    screening: Screening,
    client: Client,
    detected: Asked[Finding],
    classified: Asked[Verdict],
    heat: HeatPolicy,
    may_lower: frozenset[str],
) -> tuple[Verdict, tuple[Call, ...]]:
    # Our own weighing comes last whatever the panel did, so that no failure leaves a plugin unchecked.
    ours = Said("weigh", weigh(screening, client, heat))
    verdict = combine((*classified.answers, ours), may_lower)
    if classified.failures:
        verdict = replace(verdict, complete=False)
    return verdict, heard(detected) + heard(classified)


def _first(message: Message, client: Client) -> bool:
    """Whether this is the first message ever exchanged with the client; text that is nobody's is no contact."""
    return bool(client.name) and (client.first_contact is None or message.received_at <= client.first_contact)


def heard(asked: Asked[Any]) -> tuple[Call, ...]:
    """The record of everybody who was asked, and of those who should have been and are set aside."""
    known = {(call.plugin, call.hook) for call in asked.calls}
    absent = (
        Call(plugin=failure.plugin, hook=failure.hook, took_ms=failure.took * 1000, error=failure.error)
        for failure in asked.failures
        if (failure.plugin, failure.hook) not in known
    )
    return asked.calls + tuple(absent)


def verdict_of(judged: MessageJudged) -> Verdict:
    """The verdict that was recorded for a message, for its copy that travelled another way."""
    points = tuple(
        Point(
            plugin=part.plugin,
            label=part.label,
            millionths=part.millionths,
            why=part.why,
            quotes=part.quotes,
        )
        for part in judged.because
    )
    return Verdict(
        level=Level(judged.level),
        millionths=judged.millionths,
        complete=judged.complete,
        decided_by=judged.decided_by,
        labels=judged.labels,
        because=points,
    )


def judged_fact(
    id: str, verdict: Verdict, calls: tuple[Call, ...], no_draft: str, now: datetime
) -> MessageJudged:
    """The verdict on a message as it is recorded."""
    return MessageJudged(
        id=id,
        level=verdict.level.value,
        millionths=verdict.millionths,
        because=tuple(
            PointPart(
                plugin=point.plugin,
                label=point.label,
                millionths=point.millionths,
                why=clean(point.why),
                quotes=tuple(clean(quote) for quote in point.quotes),
            )
            for point in verdict.because
        ),
        labels=verdict.labels,
        complete=verdict.complete,
        decided_by=verdict.decided_by,
        calls=tuple(
            CallPart(
                plugin=call.plugin,
                hook=call.hook,
                took_us=max(0, round(call.took_ms * 1000)),
                result=clean(call.result),
                error=clean(call.error),
            )
            for call in calls
        ),
        no_draft=no_draft,
        judged_at=now,
    )
