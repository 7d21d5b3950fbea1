"""`[anchors]`: what is wrong with it is told before the first checkpoint is lost."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from levelhead.config.check import notes, problems
from levelhead.config.settings import Settings
from levelhead.errors import Problem

Load = Callable[..., Settings]
CHANNEL = '[channels.mentor]\nurl = "json://localhost:9/x"\n'


def told(settings: Settings) -> list[tuple[int | None, str]]:
    return [(one.line, f"{one.problem} ({one.fix})") for one in problems(settings, env={})]


def test_anchors_that_work_are_no_problem_and_no_note(settings_of: Load, tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("")
    settings = settings_of(
        CHANNEL + '[anchors]\nauthorities = ["https://tsa.example.com/", "http://127.0.0.1:8318/stamp?x=1"]\n'
        'ca_file = "roots.pem"\nwitnesses = ["mentor"]\n[evidence]\nkey_file = "key"\n'
    )
    assert told(settings) == []
    assert not any("`anchors." in note for note in notes(settings))
    assert settings.anchors.ca_file == tmp_path / "roots.pem"


def test_authorities_without_the_extra_are_named(settings_of: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "rfc3161_client" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    ((line, said),) = told(settings_of(CHANNEL + '[anchors]\nauthorities = ["https://tsa.example.com/"]\n'))
    assert line == 10 and "[anchors] needs pip install 'levelhead[evidence]'" in said
    assert told(settings_of(CHANNEL + '[anchors]\nwitnesses = ["mentor"]\n')) == []


def test_anchors_that_prove_less_than_they_could_are_noted(settings_of: Load) -> None:
    said = notes(settings_of('[anchors]\nauthorities = ["https://tsa.example.com/"]\n'))
    assert any("anchored unsigned" in note for note in said)
    assert any("kept and not checked" in note for note in said)


def test_root_certificates_that_are_not_there_are_named(settings_of: Load) -> None:
    ((line, said),) = told(settings_of(CHANNEL + '[anchors]\nca_file = "roots.pem"\n'))
    assert line == 10 and "roots.pem cannot be read" in said


@pytest.mark.parametrize(
    ("anchors", "problem"),
    [
        ('witnesses = ["mentr"]', 'there is no channel "mentr" (did you mean "mentor"?)'),
        ('witnesses = ["xyz"]', "add a table [channels.xyz]"),
        ('authorities = ["tsa.example.com"]', "is not an address such as"),
        ('authorities = ["ftp://tsa.example.com/"]', "is not an address such as"),
        ('authorities = ["https:///stamp"]', "is not an address such as"),
        ('authorities = ["https://tsa.example.com/a b"]', "is not an address such as"),
        ('authorities = ["https://tsa.example.com:0/"]', "is not an address such as"),
        ('authorities = ["https://tsa.example.com:99999/"]', "is not an address"),
        ('authorities = ["https://me:pw@tsa.example.com/"]', "must not hold a user or a password"),
        ('authorities = ["https://tsa.example.com/#x"]', 'has a part behind "#"'),
    ],
)
def test_what_no_anchor_can_be_is_told_at_its_line(
    problems_of: Callable[..., tuple[Problem, ...]], anchors: str, problem: str
) -> None:
    (found,) = problems_of(CHANNEL + "[anchors]\n" + anchors + "\n")
    assert found.line == 10 and problem in f"{found.problem} ({found.fix})"
