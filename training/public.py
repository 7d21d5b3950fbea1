"""What can be measured on texts that are not ours: the public rows kept for validation, and the example mails."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from levelhead.heat import score_many
from training.judged import ALARM
from training.material import SHARE_ALIKE
from training.metrics import Flags, Floats, auroc, bootstrap, steps
from training.peers import found
from training.tables import TIMES, Ranking, Value, counted, table

MOST = 1500
"""Rows of a source that are scored, drawn with a seed."""


@dataclass(frozen=True, slots=True)
class Source:
    """The scored rows of one source."""

    name: str
    languages: str
    heat: np.ndarray[Any, np.dtype[np.int64]]
    score: Floats
    vader: Floats | None

    @property
    def ranked(self) -> Flags:
        """Which rows are heated or calm; what is merely firm ranks nowhere."""
        return self.heat != 1


def sources(data: Path) -> list[Source]:
    """The public rows by source, scored; none when they are not on this machine."""
    path = data / "valid.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [row for row in map(json.loads, stream) if row["heat"] is not None]
    vader = found()[0].get("VADER")
    scored = []
    for name in sorted({row["source"] for row in rows}):
        own = [row for row in rows if row["source"] == name]
        if len(own) > MOST:
            chosen = np.random.default_rng(7).choice(len(own), MOST, replace=False)
            own = [own[number] for number in sorted(chosen)]
        texts = [row["text"] for row in own]
        scored.append(
            Source(
                name,
                " ".join(sorted({row["language"] for row in own})),
                np.array([row["heat"] for row in own], np.int64),
                np.array([answer["score"] for answer in score_many(texts)], float),
                np.array(vader(texts)) if vader else None,
            )
        )
    return scored


def rankings(scored: list[Source]) -> dict[str, Ranking]:
    """The ranking of each source that has both heated and calm rows."""
    return {
        source.name: _ranking(source)
        for source in scored
        if (source.heat >= 2).any() and (source.heat == 0).any()
    }


def _ranking(source: Source) -> Ranking:
    hot, score = source.heat[source.ranked] >= 2, source.score[source.ranked]

    def measure(weight: Floats | None) -> tuple[float, float, float, float]:
        known = steps(hot, score, weight)
        return known.auroc(), known.average_precision(), known.recall_at(0.05), known.recall_at(0.01)

    ends = bootstrap(np.arange(len(hot)), measure, times=TIMES)
    return Ranking(*(Value(value, *end) for value, end in zip(measure(None), ends, strict=True)))


def section(scored: list[Source], ranked: dict[str, Ranking], data: Path) -> str:
    """The section on texts that are not ours."""
    if not scored:
        return "The public rows and the example mails were not on the machine where this was made."
    rows = []
    for source in scored:
        calm, firm = source.score[source.heat == 0], source.score[source.heat == 1]
        known = ranked.get(source.name)
        beside = "none"
        if known and source.vader is not None:
            beside = f"{auroc(source.heat[source.ranked] >= 2, source.vader[source.ranked]):.3f}"
        rows.append(
            [
                source.name + (" (not learnt from)" if source.name in SHARE_ALIKE else ""),
                source.languages,
                str(len(source.heat)),
                str(int((source.heat >= 2).sum())),
                str(known.auroc) if known else "none",
                str(known.at_five) if known else "none",
                beside,
                counted(int((calm >= ALARM).sum()), len(calm)),
                counted(int((firm >= ALARM).sum()), len(firm)),
            ]
        )
    return "\n".join(
        [
            f"The public rows are those of `valid.jsonl.gz`, at most {MOST} of each source, scored by"
            " `score_many`.",
            "Their sources were learnt from, and a part of these very rows helped to set the"
            " coefficients, so that they say how well"
            " it fits posts and subtitles rather than how it travels; only told-br is new to it.",
            "",
            table(
                [
                    "source",
                    "languages",
                    "rows",
                    "heated",
                    "AUROC",
                    "recall at 5 %",
                    "VADER’s AUROC",
                    f"calm at {ALARM}",
                    f"firm at {ALARM}",
                ],
                rows,
            ),
            "",
            *_examples(data),
        ]
    )


def _examples(data: Path) -> list[str]:
    with (data / "challenge_examples.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    hot = np.array([row["heated"] for row in rows], bool)
    values = []
    for field in ("text", "latest"):
        score = np.array(
            [answer["score"] for answer in score_many(f"{row['subject']}\n\n{row[field]}" for row in rows)],
            float,
        )
        (ends,) = bootstrap(np.arange(len(rows)), lambda weight, score=score: [auroc(hot, score, weight)])  # type: ignore[misc]
        values.append(Value(auroc(hot, score), *ends))
    return [
        f"The {len(rows)} published example mails ({int(hot.sum())} heated): AUROC {values[0]} on the"
        f" whole mail, {values[1]} on the newest text alone.",
        "They are too few for more than that, everybody who worked on the detector could read them, and"
        " no threshold was chosen on them.",
    ]
