"""The page that is committed belongs to the weights that ship."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from training.composed import composed
from training.judged import columns, judged
from training.material import mails
from training.metrics import auroc, average_precision, recall_at
from training.report import PAGE, PICTURES, SPEED, digest_line


def test_the_page_was_made_with_the_weights_that_ship() -> None:
    assert digest_line() in PAGE.read_text(encoding="utf-8").split("\n"), (
        "run make heat-report after make train"
    )


def test_the_page_ends_with_what_was_measured_of_speed() -> None:
    _, _, last = PAGE.read_text(encoding="utf-8").partition("## Speed and size\n\n")
    assert last.strip() == SPEED.read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("name", ["reliability.svg", "precision-recall.svg"])
def test_a_picture_says_in_words_what_it_shows(name: str) -> None:
    root = ElementTree.parse(PICTURES / name).getroot()
    titles = {
        child.tag.rpartition("}")[2]: child.text for child in root if child.get("id") in ("title", "desc")
    }
    assert root.get("role") == "img"
    assert titles["title"] and titles["desc"]
    assert f"({PICTURES.name}/{name})" in PAGE.read_text(encoding="utf-8")


def test_a_picture_has_colours_for_the_dark() -> None:
    assert all("prefers-color-scheme: dark" in path.read_text() for path in PICTURES.glob("*.svg"))


def goal(what: str) -> str:
    """The figure of a goal on the page, its first number."""
    row = next(
        line for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith(f"| {what} |")
    )
    found = re.match(r"[\d.]+", row.split(" | ")[3])
    assert found, row
    return found.group()


@pytest.mark.sweep
def test_the_goals_on_the_page_are_what_the_weights_that_ship_reach_today() -> None:
    seen = columns(judged(composed(mails("holdout"))))
    assert goal("client mail, whole body: AUROC") == f"{auroc(seen.hot, seen.score):.3f}", (
        "run make heat-report"
    )
    assert goal("client mail: average precision") == f"{average_precision(seen.hot, seen.score):.3f}"
    assert goal("client mail: recall at 5 % false alarms") == f"{recall_at(seen.hot, seen.score, 0.05):.3f}"
    foreign = seen.only([row.mail.mail.language != "en" for row in seen.rows])
    assert goal("mail that is not English: AUROC") == f"{auroc(foreign.hot, foreign.score):.3f}"
