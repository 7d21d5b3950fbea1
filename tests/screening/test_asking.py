"""How plugins are asked: each alone, guarded, recorded; one bad plugin never takes another's answer away."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from levelhead import facts
from levelhead.hookspecs import Channel, Notice
from levelhead.model import Client, Draft, Level, Message, Screening, Severity, Thread, Verdict
from levelhead.screening.panel import HostPanel
from screening.conftest import good

Drop = Callable[[str, str], Path]
Seat = Callable[..., HostPanel]

CHOOSY = "@hookimpl\ndef configure(): raise ValueError('words is missing')\n@hookimpl\ndef {hook}(): ..."
"""A plugin that refuses its settings, with one hook."""

NOTICE = Notice(key="k", severity="warning", title="t", body="b", rung=0, count=1)


NASTY = {
    "raises": ("raise KeyError('oops')", "KeyError: 'oops' (line 5 of b_nasty.py)"),
    "exits": ("sys.exit('bye')", "it called sys.exit(bye)"),
    "wrong type": ("return 5", "detect returned int 5; expected Finding, several of them, or None"),
    "bad finding": ("return Finding('Not A Slug', 0.1)", "a label is lower-case words joined by hyphens"),
    "wrong in the middle": ("yield Finding('a', 0.1); yield 'x'", "detect returned str 'x' among others"),
    "raises in the middle": ("yield Finding('a', 0.1); 1 / 0", "ZeroDivisionError"),
    "without end": ("while True: yield Finding('a', 0.1)", "more than 200 answers"),
    "huge": ("return Finding('a', 0.1, why='x' * 3_000_000)", "at most 200,000 are taken"),
    "recursion": ("return detect(message, client)", "RecursionError"),
    "mutates": ("message.subject = 'mine'", "FrozenInstanceError"),
    "mutates a mapping": ("client.calibration.marks['calm'] = 9", "TypeError"),
    "mutates another": ("client.calibration.labels['shouting'] = 9", "TypeError"),
    "unshowable error": (
        "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
        "E: (its text cannot be shown)",
    ),
}


@pytest.mark.parametrize("kind", NASTY)
def test_one_bad_plugin_is_a_failure_and_the_others_are_heard(
    drop: Drop, seat: Seat, detect, isolation: str, kind: str
) -> None:
    code, sentence = NASTY[kind]
    drop("a_good.py", good("before"))
    drop("b_nasty.py", f"@hookimpl\ndef detect(message, client):\n    {code}\n")
    drop("c_good.py", good("after"))
    panel = seat(isolation=isolation)
    asked = detect(panel)
    assert [said.value.label for said in asked.answers] == ["before", "after"]
    (failure,) = asked.failures
    assert (failure.plugin, failure.hook) == ("b-nasty", "detect")
    assert sentence in failure.error
    assert [call.plugin for call in asked.calls] == ["a-good", "b-nasty", "c-good", "tone", "thread"]
    assert [call.error for call in asked.calls] == ["", failure.error, "", "", ""]
    assert asked.calls[0].result == "before +0.10"


DEADLY = {
    "hangs": ("while True: pass", "timed out after 0.5 s"),
    "sleeps": ("time.sleep(60)", "timed out after 0.5 s"),
    "hangs in C": ("import re; re.match('(a+)+b', 'a' * 64)", "timed out after 0.5 s"),
    "leaves": ("os._exit(7)", "it ended the worker process (exit status 7)"),
    "crashes": ("os.kill(os.getpid(), 11)", "it ended the worker process (SIGSEGV)"),
    "closes everything": ("os.closerange(3, 50)", "it ended the worker process"),
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.sweep) if kind in ("hangs", "sleeps") else kind for kind in DEADLY],
)
def test_a_plugin_that_takes_its_process_down_costs_one_call(
    drop: Drop, seat: Seat, detect, kind: str
) -> None:
    code, sentence = DEADLY[kind]
    drop("a_good.py", good("before"))
    drop("b_deadly.py", f"@hookimpl\ndef detect():\n    {code}\n")
    drop("c_good.py", good("after"))
    panel = seat(timeout_seconds=0.5)
    for _ in range(2):
        asked = detect(panel)
        assert [said.value.label for said in asked.answers] == ["before", "after"]
        (failure,) = asked.failures
        assert failure.error.startswith(sentence)


def test_a_hung_plugin_on_a_thread_is_set_aside_at_once(drop: Drop, seat: Seat, detect) -> None:
    drop("a_hangs.py", "import threading\n@hookimpl\ndef detect(): threading.Event().wait(30)")
    drop("b_good.py", good("after"))
    panel = seat(isolation="thread", timeout_seconds=0.1)
    assert [said.value.label for said in detect(panel).answers] == ["after"]
    (info,) = panel.set_aside_since()
    assert info.name == "a-hangs" and info.why.startswith("a call of it never came back")
    assert panel.set_aside_since() == ()


def test_what_a_plugin_prints_disturbs_nothing(drop: Drop, seat: Seat, detect) -> None:
    drop(
        "loud.py",
        """
        print("at import")
        @hookimpl
        def detect():
            print("x" * 70)
            os.write(1, b"y" * 70 + b"\\n")
            return Finding("loud", 0.1)
        """,
    )
    panel = seat()
    for _ in range(2):
        (said,) = detect(panel).answers
        assert said.value.label == "loud"


def test_a_plugin_that_closes_standard_output_only_harms_itself(drop: Drop, seat: Seat, detect) -> None:
    drop("closes.py", "@hookimpl\ndef detect():\n    sys.stdout.close()\n    return Finding('a', 0.1)")
    panel = seat()
    assert [len(detect(panel).answers) for _ in range(2)] == [1, 1]


def test_a_plugin_that_reads_standard_input_finds_it_empty(drop: Drop, seat: Seat, detect) -> None:
    drop("reads.py", "@hookimpl\ndef detect(): return Finding('read', 0.1, why=repr(sys.stdin.read()))")
    (said,) = detect(seat()).answers
    assert said.value.why == "''"


def test_a_plugin_that_forks_answers_once(drop: Drop, seat: Seat, detect) -> None:
    drop(
        "forks.py",
        """
        calls = 0
        @hookimpl
        def detect():
            global calls
            calls += 1
            os.fork()
            return Finding("forked", 0.1, why=str(calls))
        """,
    )
    panel = seat()
    for turn in range(1, 5):
        assert [said.value.why for said in detect(panel).answers] == [str(turn)]


def test_a_plugin_that_takes_all_memory_is_a_failure(drop: Drop, seat: Seat, detect) -> None:
    drop("hog.py", "@hookimpl\ndef detect(): return bytearray(5_000_000_000)")
    (failure,) = detect(seat()).failures
    assert failure.error.startswith("MemoryError")


def test_one_plugin_cannot_bend_what_another_is_given(
    drop: Drop, seat: Seat, detect, isolation: str, message: Message
) -> None:
    drop(
        "a_bends.py",
        "@hookimpl\ndef detect(message): object.__setattr__(message, 'subject', 'bent')",
    )
    drop("b_reads.py", "@hookimpl\ndef detect(message): return Finding('read', 0.1, why=message.subject)")
    (said,) = detect(seat(isolation=isolation)).answers
    assert said.value.why == "The website"
    assert message.subject == "The website"


def test_a_worker_that_dies_between_calls_is_nobody_s_fault(drop: Drop, seat: Seat, detect) -> None:
    drop(
        "pid.py",
        "@hookimpl\ndef detect(): return Finding('pid', 0.1, why=str(os.getpid()))",
    )
    panel = seat()
    first = int(detect(panel).answers[0].value.why)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    asked = detect(panel)
    assert asked.failures == () and int(asked.answers[0].value.why) != first


def test_plugins_see_nothing_of_the_service_manager(
    drop: Drop, seat: Seat, detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/y")
    drop(
        "looks.py",
        "@hookimpl\ndef detect(): return Finding('env', 0.1, why=repr(sorted("
        "{'NOTIFY_SOCKET', 'CREDENTIALS_DIRECTORY'} & set(os.environ))))",
    )
    assert detect(seat()).answers[0].value.why == "[]"


def test_many_threads_may_ask_at_once(drop: Drop, seat: Seat, detect) -> None:
    drop("echo.py", good("echo"))
    panel = seat(timeout_seconds=10.0)
    counts: list[int] = []

    def ask() -> None:
        for _ in range(20):
            counts.append(len(detect(panel).answers))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert counts == [1] * 100


# --- setting aside -----------------------------------------------------------------------------


def test_five_failures_in_a_row_set_a_plugin_aside_and_that_is_told_once(
    drop: Drop, seat: Seat, detect
) -> None:
    drop("bad.py", "@hookimpl\ndef detect(): 1 / 0")
    panel = seat()
    for _ in range(4):
        detect(panel)
    assert panel.set_aside_since() == ()
    detect(panel)
    (info,) = panel.set_aside_since()
    assert info.state == "set-aside"
    assert info.why.startswith("it failed 5 times in a row; the last time in detect: ZeroDivisionError")
    assert panel.set_aside_since() == ()
    assert info in panel.plugins()


def test_a_detector_that_is_set_aside_still_makes_every_verdict_incomplete(
    drop: Drop, seat: Seat, detect
) -> None:
    drop("bad.py", "@hookimpl\ndef detect(): 1 / 0")
    panel = seat()
    for _ in range(6):
        asked = detect(panel)
    (failure,) = asked.failures
    assert failure.error.startswith("set aside: it failed 5 times in a row")
    assert [call.plugin for call in asked.calls] == ["tone", "thread"]


def test_whoever_is_set_aside_from_judging_makes_holds_longer_and_never_shorter(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client, verdict: Verdict, clock
) -> None:
    drop(
        "bad.py",
        "\n".join(
            f"@hookimpl\ndef {hook}(): 1 / 0" for hook in ("classify", "hold", "draft_reply", "escalate")
        ),
    )
    panel = seat()
    for _ in range(5):
        panel.hold(message, client, verdict, Draft("Re:", "x"), clock.now())
    assert len(panel.set_aside_since()) == 1
    held = panel.hold(message, client, verdict, Draft("Re:", "x"), clock.now())
    classified = panel.classify(message, thread, client, Screening(message_id="x"))
    assert [failure.plugin for failure in (*held.failures, *classified.failures)] == ["bad", "bad"]
    assert panel.draft_reply(message, thread, client, verdict).failures == ()
    assert panel.escalate(message, thread, client, verdict).failures == ()


def test_more_than_half_of_the_last_twenty_sets_aside(drop: Drop, seat: Seat, detect) -> None:
    drop(
        "flaky.py",
        """
        calls = 0
        @hookimpl
        def detect():
            global calls
            calls += 1
            if calls % 3:
                raise OSError("flaky")
        """,
    )
    panel = seat()
    for _ in range(15):
        detect(panel)
    assert panel.set_aside_since() == ()
    detect(panel)
    (info,) = panel.set_aside_since()
    assert info.why.startswith("it failed 11 times in its last 16 calls")


def test_a_channel_that_is_down_does_not_set_its_transport_aside(drop: Drop, seat: Seat) -> None:
    drop("pager.py", "@hookimpl\ndef deliver(): raise OSError('no line')")
    panel = seat(disable=("apprise",))
    for _ in range(30):
        asked = panel.deliver(NOTICE, Channel(name="pager", url="pager://x"))
        assert asked.answers == () and asked.failures[0].error.startswith("OSError: no line")
    assert panel.set_aside_since() == ()


# --- each hook ---------------------------------------------------------------------------------


def test_the_first_verdict_wins_and_the_built_in_weighing_is_always_the_last_answer(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client
) -> None:
    for name in ("a", "b"):
        drop(
            f"{name}.py",
            "@hookimpl\ndef classify(): return Verdict(level=Level.HOSTILE, millionths=900_000)",
        )
    panel = seat(order=("weigh", "b"))
    asked = panel.classify(message, thread, client, Screening(message_id=message.id))
    assert [(said.plugin, said.value.decided_by) for said in asked.answers] == [
        ("b", "b"),
        ("weigh", "weigh"),
    ]
    assert asked.answers[-1].value.level is Level.CALM


def test_a_failing_classifier_leaves_the_built_in_weighing(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client
) -> None:
    drop("bad.py", "@hookimpl\ndef classify(): return 'calm'")
    asked = seat().classify(message, thread, client, Screening(message_id=message.id))
    assert [said.plugin for said in asked.answers] == ["weigh"]
    assert [failure.plugin for failure in asked.failures] == ["bad"]


def test_the_first_draft_wins_and_the_next_plugin_is_not_asked(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client, verdict: Verdict
) -> None:
    drop("a.py", "@hookimpl\ndef draft_reply(): return None")
    drop("b.py", "@hookimpl\ndef draft_reply(message): return Draft('Re: ' + message.subject, 'Hello.')")
    asked = seat().draft_reply(message, thread, client, verdict)
    (said,) = asked.answers
    assert (said.plugin, said.value) == ("b", Draft("Re: The website", "Hello."))
    assert [call.plugin for call in asked.calls] == ["a", "b"]


def test_all_holds_and_all_alerts_are_kept(
    drop: Drop, seat: Seat, message: Message, thread: Thread, client: Client, verdict: Verdict, clock
) -> None:
    drop(
        "more.py",
        """
        from datetime import timedelta
        @hookimpl
        def hold(now): return Hold(now + timedelta(days=3), "a weekend")
        @hookimpl
        def escalate():
            yield Alert("one", "info", "first")
            yield Alert("two", Severity.CRITICAL, "second")
        """,
    )
    panel = seat()
    holds = panel.hold(message, client, verdict, Draft("Re:", "x"), clock.now())
    assert [(said.plugin, said.value.until - clock.now()) for said in holds.answers] == [
        ("more", timedelta(days=3)),
        ("cooldown", timedelta(hours=4)),
    ]
    alerts = panel.escalate(message, thread, client, verdict)
    assert [(said.value.key, said.value.severity) for said in alerts.answers] == [
        ("one", Severity.INFO),
        ("two", Severity.CRITICAL),
        ("heat", Severity.WARNING),
    ]


def test_observers_see_every_fact_and_may_fail_without_harm(drop: Drop, seat: Seat, folder: Path) -> None:
    drop("a_bad.py", "@hookimpl\ndef observe(): 1 / 0")
    drop("b_book.py", "@hookimpl\ndef observe(fact): open(__file__ + '.log', 'a').write(fact.name + '\\n')")
    panel = seat()
    panel.observe(facts.MarkUndone(id="x", actor="me"))
    panel.observe(facts.ConfigRefused(why="y"))
    assert (folder / "b_book.py.log").read_text().split() == ["mark.undone", "config.refused"]


def test_a_package_comes_through_the_same_door(
    seat: Seat, tmp_path: Path, detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "heat_pack-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heat-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[levelhead]\nheat = heat_pack\nabsent = nothing_here\n")
    (site / "heat_pack.py").write_text(
        "from levelhead import *\n@hookimpl\ndef detect(settings): return Finding(settings['label'], 0.1)\n"
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    panel = seat(entry_points=True, tables={"heat": {"label": "packed"}})
    found = {info.name: (info.state, info.origin) for info in panel.plugins()}
    assert found["heat"] == ("loaded", "package heat-pack")
    assert found["absent"] == ("refused", "package heat-pack")
    assert detect(panel).answers[0].value.label == "packed"


@pytest.mark.parametrize(
    ("code", "hooks"),
    [
        ("def broken(:", {"detect", "hold"}),
        (CHOOSY.format(hook="hold"), {"hold"}),
        (CHOOSY.format(hook="classify"), {"classify"}),
        (CHOOSY.format(hook="observe"), set()),
    ],
)
def test_a_judge_that_was_refused_makes_holds_longer_and_never_shorter(
    drop: Drop,
    seat: Seat,
    isolation: str,
    message: Message,
    thread: Thread,
    client: Client,
    verdict: Verdict,
    clock,
    code: str,
    hooks: set[str],
) -> None:
    drop("bad.py", code)
    panel = seat(isolation=isolation)
    asked = (
        panel.detect(message, thread, client),
        panel.classify(message, thread, client, Screening(message_id="x")),
        panel.hold(message, client, verdict, Draft("Re:", "x"), clock.now()),
        panel.draft_reply(message, thread, client, verdict),
        panel.escalate(message, thread, client, verdict),
    )
    failures = [failure for each in asked for failure in each.failures]
    assert {failure.hook for failure in failures} == hooks
    assert all(one.plugin == "bad" and one.error.startswith("refused: ") for one in failures)


def test_a_file_that_others_may_write_to_is_missed_until_it_is_disabled(
    drop: Drop, seat: Seat, detect
) -> None:
    drop("open.py", "@hookimpl\ndef hold(): ...").chmod(0o666)
    (failure,) = detect(seat()).failures
    assert (failure.plugin, failure.hook) == ("open", "detect") and "chmod go-w" in failure.error
    assert detect(seat(disable=("open",))).failures == ()
