"""Learns the early warning: `python -m training.trajectory` writes heat/trajectory.toml and figures in the docs.

It learns from threads by two hands, training/threads/maple.txt and pine.txt. The threshold is chosen, for precision
first, on what a model of the one hand says of the threads of the other. What it is worth is told by holdout.txt, by a
third. Messages are judged by the plugins that ship, in order, so that the scores are those that a daemon sees; so run
it again after `make train`. Plain Python and no chance in it: the same input gives the same file.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from levelhead.heat.thread import HOT, LOGITS, thread_cues
from levelhead.heat.trajectory import AHEAD, DEMAND, DEMANDS_FROM, SIGNS, signs, trajectory
from levelhead.model import Client, Past, Thread
from training.metrics import wilson
from training.stories import HEATED, Judged, Story, judged, stories

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "heat.md"
BEGINS, ENDS = "<!-- measured by training/trajectory.py -->\n", "<!-- measured: end -->"
TARGET = HERE.parent / "src" / "levelhead" / "heat" / "trajectory.toml"
LEARNT, KEPT = ("maple", "pine"), "holdout"
PENALTY = 0.5
"""On each squared coefficient, beside the sum of the losses."""
STEPS = 300
WANTED_PRECISION = 0.8
LEAST_WARNED = 10
"""Warnings that a threshold must have given before its precision is believed."""


@dataclass(frozen=True, slots=True)
class Row:
    """Something to learn from: values from 0 to 1 by name, and whether it is the case."""

    values: Mapping[str, float]
    so: bool
    known: float = 0.0
    """Logits that stand without learning."""


def demand_rows(threads: Sequence[Sequence[Judged]]) -> list[Row]:
    """The client's messages that are not heated: what their words tell, and whether they are firm rather than calm."""
    return [
        Row(each.told, each.heat == 1)
        for thread in threads
        for each in thread
        if each.told and each.heat < HEATED
    ]


def sign_rows(thread: Sequence[Judged], demand: Model) -> list[Row]:
    """The moments at which a warning could be given, before anything was heated or taken for it: the signs, and whether
    one of the client's next messages (`AHEAD` of them) is heated."""
    seen: list[Past] = []
    rows = []
    heats = [each.heat for each in thread if each.told]
    done = 0
    for each in thread:
        asks = bool(each.told) and demand.chance(each.told) >= DEMANDS_FROM
        seen.append(replace(each.past, labels=(DEMAND,) if asks else ()))
        if each.told:
            done += 1
            if each.past.level in HOT or each.heat >= HEATED:
                break
            rows.append(Row(signs(seen), any(heat >= HEATED for heat in heats[done : done + AHEAD])))
    return rows


# --- learning ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic whose coefficients only raise."""

    bias: float
    coefficients: Mapping[str, float]

    def chance(self, values: Mapping[str, float]) -> float:
        """The probability that it gives."""
        logit = self.bias + math.fsum(part * values[name] for name, part in self.coefficients.items())
        return 1 / (1 + math.exp(-logit))


def fit(rows: Sequence[Row], names: Sequence[str]) -> Model:
    """The model that minimises the logistic loss and the penalty, no coefficient below 0.

    Accelerated projected gradient (Beck and Teboulle 2009), a fixed number of steps.
    """
    count = len(rows)
    values = [[1.0, *(row.values[name] for name in names)] for row in rows]
    target, given = [float(row.so) for row in rows], [row.known for row in rows]
    curve = 0.25 * sum(value * value for line in values for value in line) / count + PENALTY / count
    here = ahead = [0.0] * (len(names) + 1)
    pace = 1.0
    for _ in range(STEPS):
        slope = [0.0, *(PENALTY * part for part in ahead[1:])]
        for line, so, known in zip(values, target, given, strict=True):
            logit = known + sum(part * value for part, value in zip(ahead, line, strict=True))
            error = 1 / (1 + math.exp(-logit)) - so
            for index, value in enumerate(line):
                slope[index] += error * value
        there = [part - each / (count * curve) for part, each in zip(ahead, slope, strict=True)]
        there = [there[0], *(max(0.0, part) for part in there[1:])]
        faster = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = [part + (pace - 1) / faster * (part - old) for part, old in zip(there, here, strict=True)]
        here, pace = there, faster
    return Model(
        round(here[0], 4), {name: round(part, 4) for name, part in zip(names, here[1:], strict=True)}
    )


def learn(threads: Sequence[Sequence[Judged]]) -> tuple[Model, Model]:
    """What demands, and what leads to heat."""
    demand = fit(demand_rows(threads), ("curt", "pressing", "fault"))
    return demand, fit([row for thread in threads for row in sign_rows(thread, demand)], tuple(SIGNS))


Told = list[tuple[float, bool]]
"""Of each moment of a thread the probability, and whether it was so."""


def told(thread: Sequence[Judged], demand: Model, model: Model) -> Told:
    """What a model says of a thread as it goes on."""
    return [(model.chance(row.values), row.so) for row in sign_rows(thread, demand)]


def left_out(threads: Mapping[str, Sequence[Sequence[Judged]]]) -> dict[str, list[Told]]:
    """By hand, for each of its threads what a model says that learnt from the other hands."""
    found = {}
    for hand, own in threads.items():
        demand, model = learn(
            [thread for other, theirs in threads.items() if other != hand for thread in theirs]
        )
        found[hand] = [told(thread, demand, model) for thread in own]
    return found


# --- measuring ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """How a threshold does on threads: one warning each at most, right when heat follows within `AHEAD` messages."""

    threads: int
    derailing: int
    warned: int
    right: int
    calm_warned: int
    """Warnings in threads that stay calm to the end."""

    @property
    def precision(self) -> float:
        """Of the warnings, those that were right."""
        return self.right / self.warned if self.warned else 0.0

    @property
    def recall(self) -> float:
        """Of the threads that derail, those that were warned of in time."""
        return self.right / self.derailing if self.derailing else 0.0


def measure(known: Sequence[Story], found: Sequence[Told], threshold: float) -> Measured:
    """Warnings given at a threshold."""
    warned = right = calm = 0
    for story, moments in zip(known, found, strict=True):
        first = next((so for chance, so in moments if chance >= threshold), None)
        if first is not None:
            warned += 1
            right += first
            calm += not story.derails
    return Measured(len(known), sum(story.derails for story in known), warned, right, calm)


def choose(known: Sequence[Story], found: Sequence[Told]) -> float:
    """The threshold with the most right warnings among those that are precise enough; without one the most precise."""
    best, threshold = (False, 0.0), 1.0
    for percent in range(30, 96):
        seen = measure(known, found, percent / 100)
        if seen.warned >= LEAST_WARNED:
            enough = seen.precision >= WANTED_PRECISION
            rank = (enough, float(seen.right) if enough else seen.precision)
            if rank > best:
                best, threshold = rank, percent / 100
    return threshold


# --- telling -----------------------------------------------------------------------------------


def figures(seen: Measured) -> dict[str, float]:
    """What was measured, as the file holds it."""
    calm = seen.threads - seen.derailing
    found: dict[str, float] = {"threads": seen.threads, "derailing": seen.derailing}
    found |= {"warned": seen.warned, "right": seen.right}
    shares = (
        ("precision", seen.right, seen.warned),
        ("recall", seen.right, seen.derailing),
        ("calm_warned", seen.calm_warned, calm),
    )
    for name, part, whole in shares:
        low, high = wilson(part, whole)
        share = part / whole if whole else 0.0
        found |= {name: round(share, 3), f"{name}_low": round(low, 3), f"{name}_high": round(high, 3)}
    return found


def report(name: str, seen: Measured) -> str:
    """One line of figures."""
    known = figures(seen)
    shares = ", ".join(
        f"{what} {known[key]:.2f} ({known[f'{key}_low']:.2f} to {known[f'{key}_high']:.2f})"
        for what, key in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("of the calm ones warned of", "calm_warned"),
        )
    )
    return (
        f"{name}: {seen.threads} threads, {seen.derailing} derail; warned of {seen.warned},"
        f" right about {seen.right}: {shares}\n"
    )


def cue_table(threads: Sequence[Sequence[Judged]]) -> Iterator[str]:
    """Of each cue: at how many heated and other messages it stands, and what it says beyond their words."""
    rows = []
    for thread in threads:
        for number, each in enumerate(thread):
            if each.told and each.past.score is not None:
                before = Thread(key="", client="", messages=tuple(one.past for one in thread[:number]))
                cues = {cue.label: cue.logits for cue in thread_cues(each.message, before, Client(name=""))}
                words = math.log(each.past.score / (1 - each.past.score)) - math.fsum(cues.values())
                values = {label: float(label in cues) for label in LOGITS}
                rows.append(Row(values, each.heat >= HEATED, words))
    beyond = fit(rows, tuple(LOGITS)).coefficients
    for label, logits in LOGITS.items():
        hot = sum(row.values[label] for row in rows if row.so)
        calm = sum(row.values[label] for row in rows if not row.so)
        yield f"  {label:15}{hot:3.0f} heated,{calm:3.0f} others: {beyond[label]:.2f} logits (given {logits})\n"


def passage(seen: Measured) -> str:
    """What the page says of the figures, one sentence a line."""
    known, calm = figures(seen), seen.threads - seen.derailing
    rare = 0.05 * known["recall"]
    one_in = (rare + 0.95 * known["calm_warned"]) / rare if rare else math.inf

    def share(name: str) -> str:
        return f"{known[name]:.2f} (95 % interval {known[name + '_low']:.2f} to {known[name + '_high']:.2f})"

    return "\n".join(
        [
            f"Tested on {seen.threads} threads by a hand that nothing was learnt from, {seen.derailing} of which"
            f" explode, it warned of {seen.warned}, and {seen.right} of these exploded within two messages.",
            f"That is a precision of {share('precision')} and a recall of {share('recall')}.",
            f"Of the {calm} that stay calm, many of which were written to look dangerous for a while, it warned of"
            f" {seen.calm_warned}: {share('calm_warned')}.",
            "In a mailbox far fewer than half of all threads explode, so fewer warnings are right: were it one in"
            f" twenty, and the others as dangerous to look at as these, about one warning in {one_in:.0f}.",
            "",
        ]
    )


def as_toml(demand: Model, model: Model, threshold: float, seen: Measured) -> str:
    """The file that ships."""
    tables = {"demand": demand.coefficients, "signs": model.coefficients, "measured": figures(seen)}
    lines = [
        "# Made by training/trajectory.py. What was measured is of threads/holdout.txt, which nothing was learnt from.",
        f"demand_bias = {demand.bias}",
        f"bias = {model.bias}",
        f"threshold = {threshold}",
    ]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Made:
    """What learning and measuring made."""

    toml: str
    """The file that ships."""
    passage: str
    """What the page says of the figures."""
    lines: tuple[str, ...]
    """Further figures, for whoever trains."""


def make() -> Made:
    """Learn and measure; writes nothing."""
    known = {name: stories(HERE / "threads" / f"{name}.txt") for name in (*LEARNT, KEPT)}
    threads = {name: [judged(story) for story in found] for name, found in known.items()}
    others = left_out({name: threads[name] for name in LEARNT})
    threshold = choose(
        [story for name in LEARNT for story in known[name]],
        [each for name in LEARNT for each in others[name]],
    )
    demand, model = learn([thread for name in LEARNT for thread in threads[name]])
    seen = measure(known[KEPT], [told(thread, demand, model) for thread in threads[KEPT]], threshold)
    lines = []
    for name in LEARNT:
        own = [told(thread, demand, model) for thread in threads[name]]
        lines.append(report(f"{name}, learnt from the other", measure(known[name], others[name], threshold)))
        lines.append(report(f"{name}, learnt from it too", measure(known[name], own, threshold)))
    lines.append(report(f"{KEPT}, by a third hand", seen))
    for name, found in threads.items():
        lines += [f"cues of the thread in {name}:\n", *cue_table(found)]
    return Made(as_toml(demand, model, threshold, seen), passage(seen), tuple(lines))


ROUNDS = 5


def main() -> None:
    """Write the file and the figures on the page, and tell all of it.

    What asks for something is told by the file that lies here, and moves the scores that it is learnt from. So it is
    learnt until it no longer changes: otherwise what is written would depend on what was there before.
    """
    made = make()
    for _ in range(ROUNDS):
        if TARGET.read_text(encoding="utf-8") == made.toml:
            break
        TARGET.write_text(made.toml, encoding="utf-8")
        trajectory.cache_clear()
        made = make()
    else:
        sys.exit(
            "the early warning changes with every round of learning, so nothing that is written would last"
        )
    page = PAGE.read_text(encoding="utf-8")
    start, end = page.index(BEGINS) + len(BEGINS), page.index(ENDS)
    PAGE.write_text(page[:start] + made.passage + page[end:], encoding="utf-8")
    sys.stdout.write("\n".join([made.toml, made.passage, "".join(made.lines)]))


if __name__ == "__main__":
    main()
