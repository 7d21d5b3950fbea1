"""The weighing: what the detectors found becomes a probability, a level, and named points that sum to it exactly.

The logit of the score is a baseline plus four times each finding's strength times the weight of its label. The score
is shared out along the straight path from the baseline to the logit reached (Aumann-Shapley): a finding that moved
the logit by `c` earns `c * (p - p0) / sum(c)`, so that shares are additive and independent of order.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from levelhead.errors import ProgrammerError
from levelhead.hookspecs import Said
from levelhead.model import Client, Level, Noted, Point, Screening, Verdict
from levelhead.policy.types import HeatPolicy

BASELINE_LOGIT = -3.0
"""The logit of a message in which nothing was found: a score of 0.047."""

LOGITS_PER_STRENGTH = 4.0
"""A finding of strength 1 and weight 1 takes the baseline to 0.73, which is heated and not yet hostile."""

LABEL_CAP = 3.0
"""However often a label is found, it counts for no more than this strength; the rest is a named point against it."""

EXPLICIT = frozenset({"threat", "legal"})
"""Labels of explicit threats, for which a first contact is not spared."""

EXPLICIT_LOGITS = 0.5
"""What such a label must add to be an explicit threat rather than a hint."""

HABIT = "habit-"
"""How the label begins of what a client's habit takes off the label named after it."""

ENOUGH_JUDGED = 20
"""A client's own normal is believed after this many judged messages."""

OURS = "levelhead"
"""The plugin named in points that are nobody's finding: the baseline, caps, the client's own normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """What one cause moves the logit by."""

    plugin: str
    label: str
    logits: float
    why: str
    quotes: tuple[str, ...] = ()


def weigh(screening: Screening, client: Client, policy: HeatPolicy) -> Verdict:
    """The verdict on one screening; pure, total and independent of the order of the findings.

    A message that cannot be judged (`screening.unknown`) has level UNKNOWN, no score and no points; its reason is
    the verdict's only label, as a slug. A verdict is complete when no detector failed.
    """
    complete = not screening.failures
    if screening.unknown:
        return Verdict(
            level=Level.UNKNOWN, millionths=None, labels=(_slug(screening.unknown),), complete=complete
        )
    pushes = _found(screening.noted, policy)
    pushes += _capped(pushes)
    pushes += _normal(pushes, client, policy)
    pushes += _spared(pushes, screening, policy)
    points = _shares(pushes)
    score = sum(point.millionths for point in points)
    return Verdict(
        level=level_of(score, policy),
        millionths=score,
        because=points,
        labels=_labels(pushes, points),
        complete=complete,
    )


def level_of(millionths: int, policy: HeatPolicy) -> Level:
    """The level of a score (0..1,000,000): the highest threshold that it reaches."""
    for level, threshold in (
        (Level.HOSTILE, policy.hostile),
        (Level.HEATED, policy.heated),
        (Level.TENSE, policy.tense),
    ):
        if millionths >= round(threshold * 1_000_000):
            return level
    return Level.CALM


def combine(verdicts: tuple[Said[Verdict], ...], may_lower: frozenset[str]) -> Verdict:
    """The one verdict that counts, of those the `classify` plugins gave; the last is the built-in weighing.

    The first answer wins, but a plugin may lower the built-in's level only when `may_lower` names it. One
    incomplete verdict makes the result incomplete. Raises ProgrammerError when there is no verdict at all.
    """
    if not verdicts:
        raise ProgrammerError("the built-in weighing always answers, but there is no verdict to combine")
    first, builtin = verdicts[0], verdicts[-1]
    complete = all(said.value.complete for said in verdicts)
    lowers = first.value.level.rank < builtin.value.level.rank
    chosen = builtin if lowers and first.plugin not in may_lower else first
    return replace(chosen.value, complete=complete, decided_by=chosen.plugin)


def _found(noted: tuple[Noted, ...], policy: HeatPolicy) -> list[_Push]:
    """One push for each finding, strongest first; equal ones by name, so that the order is always the same."""
    pushes = [
        _Push(
            plugin=note.plugin,
            label=note.finding.label,
            logits=LOGITS_PER_STRENGTH * note.finding.strength * _factor(note.finding.label, policy),
            why=note.finding.why,
            quotes=note.finding.quotes,
        )
        for note in noted
    ]
    return sorted(pushes, key=_order)


def _factor(label: str, policy: HeatPolicy) -> float:
    """How much a label counts; what a habit takes off a label counts as much as that label."""
    return policy.weights.get(label, policy.weights.get(label.removeprefix(HABIT), 1.0))


def _order(push: _Push) -> tuple[float, str, str, str, tuple[str, ...]]:
    return (-push.logits, push.plugin, push.label, push.why, push.quotes)


def _capped(pushes: list[_Push]) -> list[_Push]:
    """Points against labels that were found over and over, in either direction."""
    limit = LOGITS_PER_STRENGTH * LABEL_CAP
    caps = []
    for label in sorted({push.label for push in pushes}):
        logits = [push.logits for push in pushes if push.label == label]
        # A single finding is never capped: its size is what the operator's own weight made of it.
        total = math.fsum(logits)
        bound = max(limit, *(abs(each) for each in logits))
        if len(logits) > 1 and abs(total) > bound:
            why = f"{label} was found {len(logits)} times; together they count for no more than this"
            caps.append(
                _Push(plugin=OURS, label=f"cap-{label}", logits=math.copysign(bound, total) - total, why=why)
            )
    return caps


def _normal(pushes: list[_Push], client: Client, policy: HeatPolicy) -> list[_Push]:
    """What this client's own past adds: an unusual outburst weighs more, a habit never weighs less.

    A person's marks move the client either way, by half a logit at most; the client's mean only upwards, because
    subtracting a sender's mean was measured to make judging worse.
    """
    if not policy.baseline or not pushes:
        return []
    known = client.calibration
    added = []
    score = _sigmoid(BASELINE_LOGIT + math.fsum(push.logits for push in pushes))
    if known.judged >= ENOUGH_JUDGED:
        unusual = (score - known.mean) / max(known.deviation, 0.1) - 2.0
        if unusual > 0:
            why = f"hotter than this client's last {known.judged} messages usually are"
            added.append(_Push(plugin=OURS, label="above-normal", logits=min(1.0, unusual / 4), why=why))
    hotter = known.marks.get(Level.HEATED, 0) + known.marks.get(Level.HOSTILE, 0)
    net = max(-4, min(4, hotter - known.marks.get(Level.CALM, 0)))
    if net:
        label = "marked-hotter" if net > 0 else "marked-calmer"
        why = "you marked this client's messages as " + ("heated" if net > 0 else "calm")
        added.append(_Push(plugin=OURS, label=label, logits=net / 8, why=why))
    return added


def _spared(pushes: list[_Push], screening: Screening, policy: HeatPolicy) -> list[_Push]:
    """What keeps a first message below heated: people write first when something is broken, and know no better tone.

    An explicit threat is never spared, nor is anything when `heated` is 0.
    """
    threats = math.fsum(push.logits for push in pushes if push.label in EXPLICIT)
    if not screening.first_contact or threats >= EXPLICIT_LOGITS or policy.heated <= 0:
        return []
    most = math.log(policy.heated / (1 - policy.heated)) - 0.01 if policy.heated < 1 else math.inf
    over = BASELINE_LOGIT + math.fsum(push.logits for push in pushes) - most
    if over <= 0:
        return []
    why = "a first message is judged tense at most, unless it threatens"
    return [_Push(plugin=OURS, label="first-contact", logits=-over, why=why)]


def _shares(pushes: list[_Push]) -> tuple[Point, ...]:
    """The baseline and every push as points that sum to the rounded score exactly."""
    start = _sigmoid(BASELINE_LOGIT)
    moved = math.fsum(push.logits for push in pushes)
    score = _sigmoid(BASELINE_LOGIT + moved)
    # Where the pushes cancel out, the mean slope along the path is the slope at its start.
    slope = start * (1 - start) if abs(moved) < 1e-9 else (score - start) / moved
    exact = [start, *(push.logits * slope for push in pushes)]
    whole = _apportion([value * 1_000_000 for value in exact], round(score * 1_000_000))
    baseline = Point(
        plugin=OURS,
        label="baseline",
        millionths=whole[0],
        why="what a message scores before anything is found",
    )
    return (
        baseline,
        *(
            Point(plugin=push.plugin, label=push.label, millionths=part, why=push.why, quotes=push.quotes)
            for push, part in zip(pushes, whole[1:], strict=True)
        ),
    )


def _apportion(exact: list[float], total: int) -> list[int]:
    """Whole numbers near `exact` that sum to `total`: floors, and one more for those with the largest remainders."""
    whole = [math.floor(value) for value in exact]
    missing = total - sum(whole)
    by_remainder = sorted(range(len(exact)), key=lambda index: (whole[index] - exact[index], index))
    step = 1 if missing >= 0 else -1
    for turn in range(abs(missing)):
        whole[by_remainder[turn % len(whole)]] += step
    return whole


def _labels(pushes: list[_Push], points: tuple[Point, ...]) -> tuple[str, ...]:
    """Labels that raised the score, each once, strongest first, then remarks (findings of strength 0).

    The host's own points are not labels.
    """
    sums: dict[str, int] = {}
    remarks = set()
    for push in pushes:
        if push.plugin != OURS and push.logits == 0:
            remarks.add(push.label)
    for point in points:
        if point.plugin != OURS:
            sums[point.label] = sums.get(point.label, 0) + point.millionths
    raised = sorted((item for item in sums.items() if item[1] > 0), key=lambda item: (-item[1], item[0]))
    names = [label for label, _ in raised]
    return (*names, *sorted(remarks - set(names)))


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    power = math.exp(max(logit, -700.0))
    return power / (1 + power)


def _slug(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words) or "not-judged"
