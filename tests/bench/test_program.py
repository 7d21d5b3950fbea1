"""`python -m bench`: what it writes where, and what it does when a section cannot be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as program
from bench.core import Bench, Section, Target
from bench.measure import Broken


def good(bench: Bench) -> Section:
    """Measures nothing, and finds that somebody lost."""
    missed = Target(name="won", goal="first", measured="last", reached=False)
    return Section(title=f"Good, {bench.mode}", prose=("It ran.",), tables=(), targets=(missed,))


def bad(bench: Bench) -> Section:
    """Breaks."""
    raise Broken("it fell over")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a full run writes its page, for a program with these two sections."""
    monkeypatch.setattr(program, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(program, "SECTIONS", {"bad": bad, "good": good})
    return tmp_path / "benchmarks.md"


def test_a_missed_target_is_no_failure(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--only", "good"]) == 0
    assert "**not reached**" in capsys.readouterr().out


def test_a_section_that_breaks_fails_the_run_and_leaves_the_others_measured(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([]) == 1
    told = capsys.readouterr()
    assert "Good, quick" in told.out
    assert "it fell over" in told.err and "could not be measured: bad" in told.err


def test_a_quick_run_leaves_the_page_alone(page: Path) -> None:
    program.main(["--only", "good"])
    assert not page.exists()


def test_a_full_run_writes_the_page(page: Path) -> None:
    program.main(["--mode", "full", "--only", "good"])
    assert "Good, full" in page.read_text()


def test_a_page_is_written_where_it_is_asked_for(page: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "figures.md"
    program.main(["--only", "good", "--page", str(other)])
    assert "Good, quick" in other.read_text() and not page.exists()


def test_the_disk_that_is_named_is_measured_and_left_empty(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots: list[Path] = []

    def look(bench: Bench) -> Section:
        (bench.root / "file").write_text("left behind")
        roots.append(bench.root)
        return good(bench)

    monkeypatch.setattr(program, "SECTIONS", {"look": look})
    (tmp_path / "disk").mkdir()
    program.main(["--at", str(tmp_path / "disk")])
    assert roots[0].parent == tmp_path / "disk"
    assert list((tmp_path / "disk").iterdir()) == []


def test_the_sections_can_be_listed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--list"]) == 0
    assert capsys.readouterr().out.split() == ["bad", "good"]
