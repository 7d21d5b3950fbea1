"""Writes the page of figures from what the sections found, the notes by hand, and earlier runs of the same mode.

Beside the page lies a folder of its name with the plots and `results.json`, from which the page can be written again:
a run of one section takes the place of that section's figures alone.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import Line, Plot, Section, Table, Target
from bench.plot import drawn

NOTES = Path(__file__).with_name("notes.md")
FOUND = "results.json"

HEAD = """\
# Benchmarks

How fast levelhead is, beside other programs at the same work, on one machine, in one run; and what it was to reach.
`make bench MODE=full` measures all of it anew and writes this page; `make bench` does the same with less mail within
two minutes and prints what it finds ([how](../../CONTRIBUTING.md)).
Ratios come first: they hold from machine to machine better than seconds do.
"""
QUICK = """\
**These figures are of the quick mode**, on little mail and in few rounds: they show that everything is measured, and
are no ground for a judgement. Starting up is a large part of what they tell of a first sync.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run, or several that were put together, found: sections by name, each with the day it was measured."""

    mode: str
    machine: tuple[tuple[str, str], ...]
    sections: Mapping[str, Section]
    days: Mapping[str, str]

    def with_earlier(self, earlier: Found | None, order: Sequence[str]) -> Found:
        """With the sections of an earlier run that this one left out, if it was in the same mode on such a machine."""
        if earlier is None or earlier.mode != self.mode or not _same(earlier.machine, self.machine):
            return self
        sections = {**earlier.sections, **self.sections}
        days = {**earlier.days, **self.days}
        kept = [name for name in order if name in sections]
        return dataclasses.replace(
            self,
            sections={name: sections[name] for name in kept},
            days={name: days[name] for name in kept},
        )


def _same(one: tuple[tuple[str, str], ...], other: tuple[tuple[str, str], ...]) -> bool:
    """Whether two runs were on the same kind of machine with the same programs."""
    changing = {"load before the run"}
    return {row for row in one if row[0] not in changing} == {row for row in other if row[0] not in changing}


# --- kept between runs -------------------------------------------------------------------------


def folder_of(page: Path) -> Path:
    """Where a page's plots and figures lie."""
    return page.with_suffix("")


def read(page: Path) -> Found | None:
    """What the page was written from; None when there is nothing of this form."""
    path = folder_of(page) / FOUND
    if not path.exists():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    return Found(
        mode=value["mode"],
        machine=tuple((name, said) for name, said in value["machine"]),
        sections={name: _section(section) for name, section in value["sections"].items()},
        days=value["days"],
    )


def _section(value: Mapping[str, Any]) -> Section:
    return Section(
        title=value["title"],
        prose=tuple(value["prose"]),
        tables=tuple(
            Table(head=tuple(table["head"]), rows=tuple(tuple(row) for row in table["rows"]))
            for table in value["tables"]
        ),
        plots=tuple(_plot(plot) for plot in value["plots"]),
        targets=tuple(Target(**target) for target in value["targets"]),
    )


def _plot(value: Mapping[str, Any]) -> Plot:
    lines = tuple(
        Line(name=line["name"], points=tuple((x, y) for x, y in line["points"])) for line in value["lines"]
    )
    bars = tuple((name, length) for name, length in value["bars"])
    return Plot(**{**value, "axes": tuple(value["axes"]), "lines": lines, "bars": bars})


def write(page: Path, found: Found, notes: Path = NOTES) -> None:
    """Write the page, its plots and its figures."""
    folder = folder_of(page)
    folder.mkdir(parents=True, exist_ok=True)
    for section in found.sections.values():
        for plot in section.plots:
            (folder / f"{plot.file}.svg").write_text(drawn(plot), encoding="utf-8")
    kept = json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False)
    (folder / FOUND).write_text(kept + "\n", encoding="utf-8")
    page.write_text(told(found, notes_in(notes), folder.name), encoding="utf-8")


# --- the page ----------------------------------------------------------------------------------


def notes_in(path: Path) -> dict[str, str]:
    """The notes by hand, by the name of their section; an empty part is left out."""
    parts = re.split(r"^## (\w+)\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True) if text.strip()}


def told(found: Found, notes: Mapping[str, str], folder: str) -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    if found.mode != "full":
        parts.append(QUICK)
    targets = [target for section in found.sections.values() for target in section.targets]
    if targets:
        parts.append(f"## What was to be reached\n\n{_targets(targets)}\n")
    for name, section in found.sections.items():
        parts.append(_told(name, section, found.days[name], notes.get(name, ""), folder))
    machine = Table(head=("what", "which"), rows=tuple((name, _cell(said)) for name, said in found.machine))
    parts.append(f"## The machine\n\n{table(machine, words=range(2))}\n")
    return "\n".join(parts)


def _told(name: str, section: Section, day: str, note: str, folder: str) -> str:
    pieces = [f"## {section.title}", "\n".join(section.prose)]
    pieces += [table(one) for one in section.tables]
    pieces += [f"![{plot.title}: {plot.description}]({folder}/{plot.file}.svg)" for plot in section.plots]
    if note:
        pieces.append(note)
    pieces.append(f"Measured on {day}; `python -m bench --only {name}` measures this section alone.")
    return "\n\n".join(pieces) + "\n"


def _targets(targets: Sequence[Target]) -> str:
    reached = {True: "reached", False: "**not reached**", None: "not told"}
    rows = tuple((one.name, one.goal, one.measured, reached[one.reached]) for one in targets)
    return table(Table(head=("what", "goal", "measured", ""), rows=rows), words=range(4))


def table(one: Table, words: Sequence[int] = (0,)) -> str:
    """A table in Markdown; the columns numbered in `words` are words, the others are figures."""
    rule = ["---" if number in words else "---:" for number in range(len(one.head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (one.head, rule, *one.rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
