"""Makes the page on how well heat is told, with its pictures: `make heat-report`.

The same weights, material and peers make the same page, but for the section on speed, which is a file of its own
that the page ends with. `--keep-speed` takes that file as it is instead of measuring anew.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.resources import files
from pathlib import Path

from levelhead.heat.weights import weights
from training import bench, evidence, goals, public, sections, speed, translated
from training.composed import announced, composed, footed
from training.judged import Columns, columns, judged
from training.material import HERE, mails
from training.tables import ranking

PAGE = HERE.parent / "docs" / "reference" / "heat.md"
PICTURES = PAGE.parent / "heat"
SPEED = PICTURES / "speed.md"
DROPPED = HERE / "dropped.md"
DATA = HERE.parents[1] / "shared" / "data" / "heated"


def digest_line() -> str:
    """What the page was made with: the weights that ship, and how much they were learnt from."""
    data = files("levelhead.heat").joinpath("weights.bin").read_bytes()
    known = weights().trained
    return (
        f"Weights: SHA-256 `{hashlib.sha256(data).hexdigest()}`, learnt from {known['mails']} mails,"
        f" {known['sentences']} sentences and {known['public']} public rows."
    )


def page(seen: Columns, data: Path) -> tuple[str, dict[str, str]]:
    """The page without its last section, and the pictures by file name."""
    scored = public.sources(data)
    ranked = public.rankings(scored)
    error = sections.calibration(seen)
    beside, curves = sections.peers(seen)
    whole = ranking(seen)
    footers = columns(judged(footed(mails("holdout"))))
    parts = [
        "# How well heat is told",
        "This page is made by `make heat-report`; every figure on it comes from one run.",
        digest_line(),
        f"In short: heated mail scores above calm mail in {100 * whole.auroc.value:.1f} of 100 pairs,"
        f" and {100 * whole.at_five.value:.0f} % of it is found while 5 % of calm mail alarms.",
        "How it works is told in [heat](../explanation/heat.md); here is what it is worth, and where it fails.",
        *_titled("What is measured, and on what", sections.material(mails("holdout"), seen)),
        *_titled("The goals", goals.section(seen, footers, error, ranked)),
        *_titled("Finding the newest text", sections.preparation(seen)),
        *_titled("By category of heat", sections.heat(seen)),
        *_titled("False alarms", sections.calm(seen, footers, columns(judged(announced(mails("holdout")))))),
        *_titled("By language, author and register", sections.groups(seen)),
        *_titled("The same thing in seven languages", translated.section()),
        *_titled("Texts that are not ours", public.section(scored, ranked, data)),
        *_titled("By the benchmark", bench.section(data)),
        *_titled("Calibration", sections.calibrated(error)),
        *_titled("Beside other tools", beside),
        *_titled("What it points at", evidence.section(list(seen.rows))),
        *_titled("Where it still fails", sections.failures(seen)),
    ]
    if DROPPED.exists():
        parts += _titled("What was tried and dropped", DROPPED.read_text(encoding="utf-8").strip())
    pictures = {
        "reliability.svg": sections.reliability_plot(seen),
        "precision-recall.svg": sections.peers_plot(seen, curves),
    }
    return "\n\n".join(parts) + "\n", pictures


def _titled(title: str, text: str) -> list[str]:
    return [f"## {title}", text]


def main() -> None:
    """Measure and write; the folder of the public data can be given."""
    given = [word for word in sys.argv[1:] if not word.startswith("-")]
    seen = columns(judged(composed(mails("holdout"))))
    text, pictures = page(seen, Path(given[0]) if given else DATA)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, drawn in pictures.items():
        (PICTURES / name).write_text(drawn, encoding="utf-8")
    if "--keep-speed" not in sys.argv:
        SPEED.write_text(speed.fragment(seen.rows), encoding="utf-8")
    fragment = SPEED.read_text(encoding="utf-8").strip()
    PAGE.write_text(f"{text}\n## Speed and size\n\n{fragment}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
