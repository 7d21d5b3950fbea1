"""The page: what sections found is told whole, a target that was missed stays missed, nothing names this machine."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import page as pages
from bench.core import Line, Plot, Section, Table, Target
from bench.machine import described
from bench.page import Found, notes_in, read, table, told, write
from bench.plot import drawn
from bench.sections import SECTIONS
from bench.sizes import MODES

BARS = Plot(
    file="race",
    title="A race",
    description="Bars.",
    axes=("seconds", ""),
    bars=(("levelhead", 1.5), ("another <one>", 30.0)),
)
LINES = Plot(
    file="growth",
    title="Growth",
    description="Lines.",
    axes=("messages", "ms"),
    lines=(Line(name="recorded", points=((100, 1.0), (1000, 1.25), (1_000_000, 0.5))),),
    logarithmic=True,
)
RACE = Section(
    title="A race",
    prose=("Two ran.",),
    tables=(Table(head=("who", "seconds"), rows=(("levelhead", "1.50"), ("another", "30.0"))),),
    plots=(BARS, LINES),
    targets=(
        Target(name="won", goal="first", measured="first", reached=True),
        Target(name="by far", goal="a lap", measured="half a lap", reached=False),
        Target(name="in the rain", goal="dry", measured="it was dry", reached=None),
    ),
)
OTHER = Section(title="Another race", prose=("One ran.",), tables=())


def found(mode: str = "full", day: str = "2026-11-23", **sections: Section) -> Found:
    machine = (("processor", "one, 2 cores"), ("load before the run", "0.1"))
    return Found(mode=mode, machine=machine, sections=sections, days=dict.fromkeys(sections, day))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.md"
    path.write_text("Read by nobody.\n\n## first_sync\n\nThe legs limit it.\n\n## idle\n\n")
    return path


def test_the_page_tells_figures_targets_notes_and_machine(tmp_path: Path, notes: Path) -> None:
    page = tmp_path / "benchmarks.md"
    write(page, found(first_sync=RACE), notes)
    text = page.read_text()
    assert "| levelhead | 1.50 |" in text
    assert "| won | first | first | reached |" in text
    assert "| by far | a lap | half a lap | **not reached** |" in text
    assert "| in the rain | dry | it was dry | not told |" in text
    assert "The legs limit it." in text and "Read by nobody" not in text
    assert "one, 2 cores" in text and "Measured on 2026-11-23" in text
    for plot in ("race", "growth"):
        assert f"](benchmarks/{plot}.svg)" in text
        assert (tmp_path / "benchmarks" / f"{plot}.svg").exists()


def test_a_page_of_the_quick_mode_says_so() -> None:
    assert "no ground for a judgement" in told(found("quick", first_sync=RACE), {}, "x")
    assert "no ground for a judgement" not in told(found("full", first_sync=RACE), {}, "x")


def test_what_a_page_was_written_from_can_be_read_again(tmp_path: Path, notes: Path) -> None:
    page = tmp_path / "benchmarks.md"
    assert read(page) is None
    write(page, found(first_sync=RACE, idle=OTHER), notes)
    assert read(page) == found(first_sync=RACE, idle=OTHER)


def test_a_run_of_one_section_leaves_the_others_as_they_are() -> None:
    earlier = found(day="2026-11-01", first_sync=OTHER, idle=OTHER)
    merged = found(first_sync=RACE).with_earlier(earlier, list(SECTIONS))
    assert merged.sections == {"first_sync": RACE, "idle": OTHER}
    assert merged.days == {"first_sync": "2026-11-23", "idle": "2026-11-01"}


@pytest.mark.parametrize("what", ["mode", "machine"])
def test_figures_of_another_mode_or_machine_are_not_mixed_in(what: str) -> None:
    other = {"mode": "quick"} if what == "mode" else {"machine": (("processor", "another"),)}
    earlier = dataclasses.replace(found(first_sync=RACE, idle=OTHER), **other)
    assert found(first_sync=RACE).with_earlier(earlier, list(SECTIONS)) == found(first_sync=RACE)


def test_another_load_is_no_other_machine() -> None:
    earlier = dataclasses.replace(
        found(idle=OTHER), machine=(("processor", "one, 2 cores"), ("load before the run", "7"))
    )
    assert "idle" in found(first_sync=RACE).with_earlier(earlier, list(SECTIONS)).sections


def test_a_table_has_its_words_left_and_its_figures_right() -> None:
    text = table(Table(head=("who", "s"), rows=(("a", "1"),)))
    assert text == "| who | s |\n| --- | ---: |\n| a | 1 |"


@pytest.mark.parametrize("plot", [BARS, LINES], ids=["bars", "lines"])
def test_a_plot_is_an_svg_with_its_words_and_stays_in_its_frame(plot: Plot) -> None:
    svg = ElementTree.fromstring(drawn(plot))
    wide, high = map(float, svg.attrib["viewBox"].split()[2:])
    words = {element.text for element in svg.iter() if element.tag.endswith("text")}
    assert {name for name, _ in plot.bars} | {line.name for line in plot.lines} <= words
    for element in svg.iter():
        for name, most in (("x", wide), ("cx", wide), ("y", high), ("cy", high)):
            assert 0 <= float(element.attrib.get(name, 0)) <= most
    assert drawn(plot) == drawn(plot)


def test_longer_bars_are_of_larger_figures() -> None:
    svg = ElementTree.fromstring(drawn(BARS))
    widths = [float(one.attrib["width"]) for one in svg.iter() if one.tag.endswith("rect")][1:]
    assert widths[1] == pytest.approx(20 * widths[0], rel=0.01)


def test_the_notes_by_hand_are_of_sections_that_there_are() -> None:
    named = pages.NOTES.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [part.split("\n")[0] for part in named] == list(SECTIONS)
    assert set(notes_in(pages.NOTES)) <= set(SECTIONS)


def test_the_machine_is_described_without_its_name_and_folders() -> None:
    text = " ".join(f"{name} {said}" for name, said in described())
    assert "cores" in text and "Linux" in text and "Dovecot" in text
    for secret in (socket.gethostname(), os.getcwd(), os.environ.get("USER", "")):
        assert not secret or secret not in text.split()
    assert "/" not in text.replace("ext2/ext3", "")


def test_the_quick_mode_is_less_than_the_full_one_in_everything() -> None:
    quick, full = MODES["quick"], MODES["full"]
    for field in dataclasses.fields(quick):
        assert getattr(quick, field.name) <= getattr(full, field.name), field.name
