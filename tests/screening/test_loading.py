"""How plugins are taken in: refusals that say what to do, the operator's order, settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.model import Client, Message, Thread
from levelhead.policy.types import DraftPolicy
from levelhead.screening.build import examine
from levelhead.screening.panel import HostPanel
from levelhead.screening.spec import PanelSpec

Drop = Callable[[str, str], Path]
Seat = Callable[..., HostPanel]

GOOD = """
    @hookimpl
    def detect(message):
        return Finding("good", 0.1, why="it is there")
    """


def why(panel: HostPanel, name: str) -> str:
    (info,) = (info for info in panel.plugins() if info.name == name)
    assert info.state == "refused"
    return info.why


def test_a_good_file_is_loaded_with_its_digest_and_hooks(drop: Drop, seat: Seat) -> None:
    path = drop("good_one.py", GOOD)
    (info,) = (info for info in seat().plugins() if info.origin != "built-in")
    assert (info.name, info.state, info.hooks) == ("good-one", "loaded", ("detect",))
    assert info.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.origin == str(path)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("@hookimpl\ndef detekt(message): ...", "there is no hook called detekt (did you mean detect?)"),
        (
            "@hookimpl\ndef on_mail(message): ...",
            "there is no hook called on_mail; there are configure, detect",
        ),
        (
            "@hookimpl\ndef detect(mesage): ...",
            "detect asks for mesage, which it is not given (did you mean message?); "
            "the right signature is detect(message, thread, client, settings)",
        ),
        ("def detect(message): ...", "detect() is a hook's name but has no @hookimpl above it"),
        ("x = 1", "it has no hook: write @hookimpl above one of configure"),
        ("@hookimpl\nasync def detect(message): ...", "take async away"),
        ("@hookimpl(wrapper=True)\ndef detect(message): yield", "take wrapper=True away"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero (line 3 of bad.py)"),
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("sys.exit(3)", "it called sys.exit(3)"),
        ("@hookimpl\ndef configure(settings): raise ValueError('words is missing')", "words is missing"),
        ("@hookimpl\ndef configure(settings): settings['x'] = 1", "TypeError"),
    ],
)
def test_what_is_not_fit_is_refused_in_one_sentence(
    drop: Drop, seat: Seat, isolation: str, code: str, sentence: str
) -> None:
    path = drop("bad.py", "")
    path.write_text(path.read_text() + code, encoding="utf-8")
    drop("good.py", GOOD)
    panel = seat(isolation=isolation)
    assert sentence in why(panel, "bad")
    assert next(info.name for info in panel.plugins() if info.state == "loaded") == "good"


@pytest.mark.parametrize("code", ["os._exit(7)", "os.kill(os.getpid(), 11)", "while True: pass"])
def test_a_file_that_ends_or_stalls_its_process_while_it_loads_is_refused_alone(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client, code: str
) -> None:
    drop("a_good.py", GOOD)
    drop("bad.py", code)
    drop("c_good.py", GOOD)
    panel = seat(timeout_seconds=0.25)
    assert "loading it failed" in why(panel, "bad")
    asked = panel.detect(message, thread, client)
    assert [said.plugin for said in asked.answers] == ["a-good", "c-good", "tone"]


def test_a_file_that_hangs_while_it_loads_on_a_thread_is_refused(drop: Drop, seat: Seat) -> None:
    drop("slow.py", "import threading; threading.Event().wait(60)")
    assert "loading it timed out after 0.2 s" in why(seat(isolation="thread", timeout_seconds=0.05), "slow")


def test_the_operator_s_order_comes_first_then_file_names_then_built_ins(drop: Drop, seat: Seat) -> None:
    for name in ("b.py", "a.py", "z.py"):
        drop(name, GOOD)
    names = [info.name for info in seat(order=("z", "cooldown")).plugins()]
    assert names == ["z", "cooldown", "a", "b", "tone", "thread", "templates", "levels", "apprise", "weigh"]


def test_a_disabled_plugin_is_not_even_read(drop: Drop, seat: Seat, folder: Path) -> None:
    drop("off.py", "open(__file__ + '.ran', 'w')")
    panel = seat(disable=("off", "templates"))
    assert not {"off", "templates"} & {info.name for info in panel.plugins()}
    assert not (folder / "off.py.ran").exists()


def test_the_weighing_cannot_be_disabled(seat: Seat) -> None:
    assert "weigh" in {info.name for info in seat(disable=("weigh",)).plugins()}


def test_a_name_that_is_taken_is_refused(drop: Drop, seat: Seat) -> None:
    drop("tone.py", GOOD)
    drop("my_one.py", GOOD)
    drop("my-one.py", GOOD)
    panel = seat()
    refused = {
        info.origin.rpartition("/")[2]: info.why for info in panel.plugins() if info.state == "refused"
    }
    assert "taken by a built-in" in refused["tone.py"]
    assert len(refused) == 2


def test_settings_are_the_plugin_s_own_table_and_read_only(
    drop: Drop, seat: Seat, isolation: str, message: Message, thread: Thread, client: Client
) -> None:
    drop(
        "own.py",
        """
        @hookimpl
        def detect(settings):
            try:
                settings["words"] = ()
            except TypeError:
                return Finding("own", settings["strength"], quotes=settings["words"])
        """,
    )
    panel = seat(isolation=isolation, tables={"own": {"strength": 0.3, "words": ["a", "b"]}})
    said, *_ = panel.detect(message, thread, client).answers
    assert (said.value.strength, said.value.quotes) == (0.3, ("a", "b"))


def test_what_configure_returns_becomes_the_settings_even_when_it_cannot_be_pickled(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client
) -> None:
    drop(
        "own.py",
        """
        @hookimpl
        def configure(settings):
            return lambda: settings["label"]

        @hookimpl
        def detect(settings):
            return Finding(settings(), 0.5)
        """,
    )
    panel = seat(tables={"own": {"label": "from-configure"}})
    said, *_ = panel.detect(message, thread, client).answers
    assert said.value.label == "from-configure"


def test_examine_tells_every_problem_and_names_that_no_plugin_has(drop: Drop, folder: Path) -> None:
    drop("good.py", GOOD)
    drop("bad.py", "1 / 0")
    spec = PanelSpec(
        folder=folder,
        order=("goood",),
        disable=("cooldwn", "weigh"),
        may_lower=("good", "xxxxxxxx"),
        tables={"god": {}},
        entry_points=False,
    )
    found, problems = examine(spec)
    told = [str(problem) for problem in problems]
    assert {info.name for info in found} >= {"good", "bad", "tone"}
    assert any(text.startswith("plugin bad: ZeroDivisionError") for text in told)
    assert "[plugins] order: there is no plugin called goood (did you mean good?)" in told
    assert "[plugins] disable: there is no plugin called cooldwn (did you mean cooldown?)" in told
    assert "[plugins] may_lower: there is no plugin called xxxxxxxx" in told
    assert "[plugins.god]: there is no plugin called god (did you mean good?)" in told
    assert "[plugins] disable: weigh cannot be disabled: it makes the verdict" in told
    assert len(told) == 6


def test_examine_tells_of_templates_that_cannot_be_filled_in(tmp_path: Path) -> None:
    (tmp_path / "heated.txt").write_text("Dear ${nmae}", encoding="utf-8")
    builtin = {"templates": DraftPolicy(templates=tmp_path)}
    _, problems = examine(PanelSpec(builtin=builtin, entry_points=False))
    assert [problem.where for problem in problems] == [str(tmp_path / "heated.txt")]


def test_no_process_is_started_when_there_is_no_drop_in(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert all(info.origin == "built-in" for info in seat().plugins())
