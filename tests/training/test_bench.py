"""The benchmark that lies beside the public data: its figures of today stand on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import bench
from training.report import DATA, PAGE
from training.tables import table


@pytest.mark.sweep
@pytest.mark.skipif(not bench.here(DATA), reason="the benchmark is not beside this checkout")
def test_the_page_holds_what_the_benchmark_finds() -> None:
    found = bench.measured(DATA)
    lines = bench.rows(found)
    assert len(lines) == len(bench.SLICES)
    section = PAGE.read_text(encoding="utf-8").partition("## By the benchmark\n")[2]
    for line in table([], lines).split("\n")[2:]:
        assert line in section, "run make heat-report"
    assert found["slices"]["mail-examples"]["auroc"] >= 0.95
    assert found["evidence_hit"] >= 0.8


def test_without_the_benchmark_the_page_says_so(tmp_path: Path) -> None:
    assert not bench.here(tmp_path / "data" / "heated")
    assert "not on the machine" in bench.section(tmp_path / "data" / "heated")


def test_a_slice_that_the_benchmark_did_not_measure_has_no_line() -> None:
    figures = {"n": 2, "pos": 1, "auroc": 1.0, "ap": 0.5, "r_at_5": 0.25, "r_at_1": 0.125, "ece": 0.0}
    (line,) = bench.rows({"slices": {"valid": figures}})
    assert line == ["public rows", "2", "1", "1.000", "0.500", "0.250", "0.125", "0.000"]
