"""The other tools in the report, and the pictures: enough to trust what they show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training.draw import Curve, picture, thinned
from training.peers import ELSEWHERE, OURS, found, word_list
from training.registers import OTHERS, group_of


def test_the_word_list_gives_more_chillies_to_hotter_words() -> None:
    calm, sharp, hot = word_list(
        ["Thanks, see you on Friday.", "This is unacceptable.", "You fucking idiot."]
    )
    assert calm == 0 < sharp < hot


def test_the_word_list_is_always_there_and_a_missing_tool_is_named() -> None:
    ready, missing = found()
    assert OURS in ready
    assert set(missing).isdisjoint(ready)
    assert {"VADER", "AFINN"} <= {*ready, *missing}


OTHER_PYTHON = """#!{python}
# A Python that has one more module: it drops -I and runs the file behind it.
import runpy, sys
sys.path.insert(0, "{folder}")
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
AFINN = """
class Afinn:
    def __init__(self, emoticons): pass
    def score(self, text): return -4.0 * text.count("liar")
"""


@pytest.fixture
def other_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python of another environment, which has AFINN; this one has it in no case."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "afinn.py").write_text(AFINN)
    python = tmp_path / "python"
    python.write_text(OTHER_PYTHON.format(python=sys.executable, folder=tmp_path / "lib"))
    python.chmod(0o755)
    monkeypatch.setitem(sys.modules, "afinn", None)
    monkeypatch.setenv(ELSEWHERE, str(python))
    return python


def test_a_tool_of_another_environment_is_asked_through_its_python(other_python: Path) -> None:
    ready, missing = found()
    assert "AFINN" not in missing
    assert ready["AFINN"](["all fine", "you liar liar x"]) == [0.0, 4.0]


def test_without_another_environment_a_missing_tool_stays_missing(
    other_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ELSEWHERE)
    ready, missing = found()
    assert "AFINN" in missing and "AFINN" not in ready


def test_a_python_that_cannot_run_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "afinn", None)
    monkeypatch.setenv(ELSEWHERE, "/nowhere/python")
    with pytest.raises(SystemExit, match="LEVELHEAD_PEERS_PYTHON names /nowhere/python") as ended:
        found()
    assert "\n" not in str(ended.value)


def test_the_first_group_that_fits_a_register_counts() -> None:
    assert group_of("lawyer") == "law and authorities"
    assert group_of("korean-esl") == "second language"
    assert group_of("grandma") == OTHERS


def test_a_thinned_curve_keeps_its_ends() -> None:
    points = [(number / 1000, 0.5) for number in range(1001)]
    kept = thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert 200 < len(kept) < 400


def test_words_in_a_picture_are_no_markup() -> None:
    drawn = picture("a <b>", "c & d", ("x", "y"), [Curve("e", [(0, 0), (1, 1)], [3, 3])])
    assert "<b>" not in drawn
    assert "c &amp; d" in drawn
