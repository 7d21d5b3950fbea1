"""The kit for plugin authors: it asks as the daemon asks."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from levelhead import Finding, hookimpl
from levelhead.model import Level
from levelhead.testing import (
    NOW,
    Refused,
    ask,
    check_plugin,
    make_client,
    make_message,
    make_thread,
    make_verdict,
)


def plugin(**hooks: object) -> types.ModuleType:
    module = types.ModuleType("my_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def test_made_values_can_be_changed_field_by_field() -> None:
    assert make_message("hi", subject="x", language="de").subject == "x"
    assert make_message("hi").new_text == "hi"
    assert make_thread().messages == ()
    assert make_client("Beta", language="fr").language == "fr"
    assert make_verdict(Level.HEATED).level is Level.HEATED
    assert make_verdict(Level.UNKNOWN).score is None
    assert make_verdict(Level.TENSE, score=0.5).score == 0.5
    assert NOW.strftime("%A") == "Friday"


def test_an_answer_is_checked_as_the_daemon_checks_it() -> None:
    assert ask(plugin(detect=lambda message: Finding("a", 0.1)), "detect") == (Finding("a", 0.1),)
    with pytest.raises(TypeError, match="expected Finding"):
        ask(plugin(detect=lambda message: "a"), "detect")


def test_what_a_plugin_raises_comes_through() -> None:
    def detect(message: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ask(plugin(detect=detect), "detect")


def test_a_plugin_that_would_be_refused_is_refused_here_too() -> None:
    with pytest.raises(Refused, match="did you mean message"):
        ask(plugin(detect=lambda mesage: None), "detect")


def test_asking_for_a_hook_that_is_not_there_says_which_are() -> None:
    with pytest.raises(ValueError, match="there is no hook called detekt"):
        ask(plugin(detect=lambda: None), "detekt")
    with pytest.raises(ValueError, match="the plugin my-plugin has no hold; it has detect"):
        ask(plugin(detect=lambda: None), "hold")


def test_checking_a_file_checks_its_permissions_too(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("from levelhead import hookimpl\n@hookimpl\ndef observe(fact): ...\n", encoding="utf-8")
    path.chmod(0o600)
    assert check_plugin(path).hooks == ("observe",)
    path.chmod(0o666)
    with pytest.raises(Refused, match="chmod go-w"):
        check_plugin(path)
