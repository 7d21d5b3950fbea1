"""One worker for many plugins: who is to blame when it goes down, many calls at once, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import Stopping
from levelhead.hookspecs import Asked, Channel, Notice
from levelhead.model import Finding, Message, Screening
from levelhead.screening import remote
from levelhead.screening.bench import Arguments, Ask
from levelhead.screening.build import build_panel
from levelhead.screening.panel import HostPanel
from levelhead.screening.spec import PanelSpec
from levelhead.serving import Limits
from levelhead.testing import make_client, make_thread
from screening.conftest import good

Drop = Callable[[str, str], Path]
Seat = Callable[..., HostPanel]

NOTICE = Notice(key="k", severity="warning", title="t", body="b", rung=0, count=1)


# --- who is to blame ---------------------------------------------------------------------------


def counts_calls(name: str, body: str) -> str:
    """A detector that notes its calls in a file of its own, since its memory goes with its process."""
    return f"""
    @hookimpl
    def detect(message):
        with open(__file__ + ".calls", "a") as book:
            book.write(f"{{os.getpid()}}\\n")
        {body}
        return Finding("{name}", 0.1)
    """


def calls_of(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.calls").read_text().split()


@pytest.mark.parametrize(
    "body",
    ["os._exit(7)", "os.kill(os.getpid(), 11)", "time.sleep(60)", "raise MemoryError"],
    ids=["leaves", "crashes", "hangs", "starves"],
)
def test_whoever_takes_the_worker_down_is_asked_once_more_and_alone(
    drop: Drop, seat: Seat, folder: Path, detect, body: str
) -> None:
    drop("a_good.py", counts_calls("before", "pass"))
    drop("b_deadly.py", counts_calls("never", body))
    panel = seat(timeout_seconds=0.5)
    (failure,) = detect(panel).failures
    assert failure.plugin == "b-deadly"
    first, second = calls_of(folder, "b_deadly.py")
    assert first == calls_of(folder, "a_good.py")[0] != second, "the second time in a worker of its own"
    assert panel._chairs[1].strikes.count(False) == ""
    assert sum(panel._chairs[1].strikes._failed) == 1, "two tries are one strike"


def test_whoever_has_a_worker_to_itself_is_not_asked_again(
    drop: Drop, seat: Seat, folder: Path, detect
) -> None:
    drop("deadly.py", counts_calls("never", "os._exit(7)"))
    panel = seat()
    for _ in range(2):
        assert len(detect(panel).failures) == 1
    assert len(calls_of(folder, "deadly.py")) == 2


def test_a_channel_is_never_told_twice_because_its_plugin_died(
    drop: Drop, seat: Seat, folder: Path, detect
) -> None:
    drop("a_good.py", good("before"))
    drop("b_deadly.py", counts_calls("never", "os._exit(7)").replace("detect(message)", "deliver(alert)"))
    panel = seat(disable=("apprise",))
    detect(panel)
    asked = panel.deliver(NOTICE, Channel(name="phone", url="mine://x"))
    assert [failure.plugin for failure in asked.failures] == ["b-deadly"]
    assert len(calls_of(folder, "b_deadly.py")) == 1


def test_an_innocent_plugin_pays_nothing_for_another_that_ate_the_memory(
    drop: Drop, seat: Seat, detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "Limits", lambda: Limits(memory=300 << 20))
    drop(
        "a_leaks.py",
        """
        kept = []
        @hookimpl
        def detect():
            try:
                while True:
                    kept.append(bytearray(10_000_000))
            except MemoryError:
                return Finding("leaked", 0.1)
        """,
    )
    drop(
        "b_needs.py",
        "@hookimpl\ndef detect(): return Finding('needed', 0.1, why=str(len(bytes(90_000_000))))",
    )
    panel = seat(timeout_seconds=20.0)
    asked = detect(panel)
    assert [said.value.label for said in asked.answers] == ["leaked", "needed"]
    assert asked.failures == ()


@pytest.mark.sweep
def test_an_innocent_plugin_pays_nothing_for_a_thread_that_another_left_behind(
    drop: Drop, seat: Seat, detect
) -> None:
    drop(
        "a_leaves.py",
        """
        import re, threading
        @hookimpl
        def detect():
            threading.Timer(0.05, lambda: re.match("(a+)+b", "a" * 64)).start()
            return Finding("left", 0.1)
        """,
    )
    drop("b_waits.py", "@hookimpl\ndef detect(): time.sleep(0.1); return Finding('waited', 0.1)")
    asked = detect(seat())
    assert [said.value.label for said in asked.answers] == ["left", "waited"]
    assert asked.failures == ()


def test_a_worker_that_grows_is_replaced_and_nobody_is_to_blame(
    drop: Drop, seat: Seat, detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LOOK_EVERY", 1)
    monkeypatch.setattr(remote, "MOST_GROWTH", 30_000_000)
    drop(
        "leaks.py",
        """
        kept = []
        @hookimpl
        def detect():
            kept.append(b"x" * 20_000_000)
            return Finding("pid", 0.1, why=f"{os.getpid()} {len(kept)}")
        """,
    )
    panel = seat(timeout_seconds=10.0)
    pids, kept = zip(*(detect(panel).answers[0].value.why.split() for _ in range(4)), strict=True)
    assert kept == ("1", "2", "1", "2") and len(set(pids)) == 2


def test_a_worker_is_replaced_after_many_calls(
    drop: Drop, seat: Seat, detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LOOK_EVERY", 1)
    monkeypatch.setattr(remote, "MOST_CALLS", 2)
    drop("pid.py", "@hookimpl\ndef detect(): return Finding('pid', 0.1, why=str(os.getpid()))")
    panel = seat(timeout_seconds=10.0)
    pids = [detect(panel).answers[0].value.why for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


# --- many at once ------------------------------------------------------------------------------


def asked_of_many(panel: HostPanel, messages: list[Message]) -> list[Asked[Finding]]:
    found = panel.detect_many([(each, make_thread(), make_client()) for each in messages])
    return [
        replace(asked, answers=tuple(said for said in asked.answers if said.plugin not in ("tone", "thread")))
        for asked in found
    ]


def test_asking_about_many_says_the_same_as_asking_about_each(
    drop: Drop, seat: Seat, write_message, isolation: str
) -> None:
    drop("a_good.py", good("always"))
    drop(
        "b_shouts.py",
        "@hookimpl\ndef detect(message):\n    if message.text.isupper(): yield Finding('shout', 0.1)",
    )
    drop("c_fails.py", "@hookimpl\ndef detect(message): return 1 / (len(message.text) - 3)")
    panel = seat(isolation=isolation)
    messages = [write_message(text) for text in ("hello", "HELLO", "abc", "ABC", "bye")]
    together = asked_of_many(panel, messages)
    for message, asked in zip(messages, together, strict=True):
        (alone,) = asked_of_many(panel, [message])
        assert asked.answers == alone.answers
        assert [failure.plugin for failure in asked.failures] == [
            failure.plugin for failure in alone.failures
        ]
    assert [[said.value.label for said in asked.answers] for asked in together] == [
        ["always"], ["always", "shout"], ["always"], ["always", "shout"], ["always"],
    ]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("body", ["time.sleep(60)", "os._exit(7)"], ids=["hangs", "leaves"])
def test_one_deadly_call_among_many_costs_only_itself(
    drop: Drop, seat: Seat, folder: Path, write_message, body: str
) -> None:
    drop("a_good.py", good("before"))
    drop("b_deadly.py", counts_calls("lived", f"if message.text == 'die': {body}"))
    drop("c_good.py", good("after"))
    panel = seat(timeout_seconds=0.5)
    texts = ["one", "two", "die", "four", "five"]
    found = asked_of_many(panel, [write_message(text) for text in texts])
    for text, asked in zip(texts, found, strict=True):
        wanted = ["before", "after"] if text == "die" else ["before", "lived", "after"]
        assert [said.value.label for said in asked.answers] == wanted
        assert len(asked.failures) == (text == "die")
    assert len(calls_of(folder, "b_deadly.py")) == len(texts) + 1, "each once, and the deadly one once more"


@pytest.mark.sweep
def test_whoever_fails_often_within_a_batch_is_set_aside_in_the_middle_of_it(
    drop: Drop, seat: Seat, folder: Path, write_message
) -> None:
    drop("a_good.py", good("here"))
    drop("b_deadly.py", counts_calls("never", "os._exit(7)"))
    panel = seat()
    found = asked_of_many(panel, [write_message(str(number)) for number in range(9)])
    assert all(len(asked.answers) == len(asked.failures) == 1 for asked in found)
    assert [asked.failures[0].error.startswith("set aside") for asked in found] == [False] * 5 + [True] * 4
    assert len(calls_of(folder, "b_deadly.py")) == 10, "five strikes of two tries each"
    assert [info.name for info in panel.set_aside_since()] == ["b-deadly"]


def test_each_plugin_sees_each_message_as_it_is_however_many_are_asked_about(
    drop: Drop, seat: Seat, write_message
) -> None:
    drop("a_bends.py", "@hookimpl\ndef detect(message): object.__setattr__(message, 'text', 'bent')")
    drop("b_reads.py", "@hookimpl\ndef detect(message): return Finding('read', 0.1, why=message.text)")
    messages = [write_message(str(number)) for number in range(3)]
    assert [asked.answers[0].value.why for asked in asked_of_many(seat(), messages)] == ["0", "1", "2"]


def test_the_first_verdict_wins_for_each_of_many(drop: Drop, seat: Seat, write_message) -> None:
    drop(
        "a_some.py",
        """
        @hookimpl
        def classify(message):
            if "x" in message.text:
                return Verdict(level=Level.TENSE, millionths=400_000)
        """,
    )
    drop("b_all.py", "@hookimpl\ndef classify(): return Verdict(level=Level.HEATED, millionths=700000)")
    about = [
        (write_message(text), make_thread(), make_client(), Screening(message_id="x")) for text in ("x", "y")
    ]
    found = seat().classify_many(about)
    assert [[said.plugin for said in asked.answers] for asked in found] == [
        ["a-some", "weigh"],
        ["b-all", "weigh"],
    ]
    assert found[0].answers[0].value.decided_by == "a-some"


def test_whoever_leaves_a_batch_unread_spoils_no_later_answer(drop: Drop, seat: Seat, write_message) -> None:
    drop("reads.py", "@hookimpl\ndef detect(message): return Finding('read', 0.1, why=message.text)")
    bench = seat()._chairs[0].bench
    asks = [Ask("reads", "detect", Arguments({"message": write_message(text)})) for text in ("a", "b", "c")]
    unread = bench.call_many(asks)
    assert next(unread).answers[0].why == "a"
    unread.close()
    assert [reply.answers[0].why for reply in bench.call_many(asks[2:])] == ["c"]


def test_a_call_that_is_too_large_is_a_failure_and_the_others_are_made(
    drop: Drop, seat: Seat, write_message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LARGEST_CALL", 10_000)
    monkeypatch.setattr(remote, "LARGEST_BATCH", 4_000)
    drop("reads.py", "@hookimpl\ndef detect(message): return Finding('read', 0.1, why=message.text[:3])")
    texts = ["one", "two", "x" * 20_000, "six"]
    found = asked_of_many(seat(), [write_message(text) for text in texts])
    assert [[said.value.why for said in asked.answers] for asked in found] == [["one"], ["two"], [], ["six"]]
    assert "too many for a worker process" in found[2].failures[0].error


def test_a_worker_that_died_meanwhile_is_nobody_s_fault(drop: Drop, seat: Seat, detect) -> None:
    drop("a_good.py", good("one"))
    drop("b_good.py", good("two"))
    panel = seat()
    pid = panel._chairs[0].bench.pid
    os.kill(pid, signal.SIGKILL)
    asked = detect(panel)
    assert [said.value.label for said in asked.answers] == ["one", "two"] and asked.failures == ()


def test_somebody_who_waits_for_many_sees_that_it_moves(drop: Drop, seat: Seat, write_message) -> None:
    drop("a_good.py", good("here"))
    seen: list[None] = []
    about = [(write_message(str(number)), make_thread(), make_client()) for number in range(4)]
    seat(disable=("tone", "thread")).detect_many(about, lambda: seen.append(None))
    assert len(seen) == 4


# --- the end -----------------------------------------------------------------------------------


def test_closing_the_panel_does_not_wait_for_a_plugin_that_hangs(
    drop: Drop, seat: Seat, detect, isolation: str
) -> None:
    drop(
        "hangs.py", "@hookimpl\ndef detect():\n    open(__file__ + '.here', 'w').close()\n    time.sleep(600)"
    )
    panel = seat(timeout_seconds=600.0, isolation=isolation)
    caught: list[Exception] = []

    def ask() -> None:
        try:
            detect(panel)
        except Stopping as exc:
            caught.append(exc)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: any(path.suffix == ".here" for path in panel_folder(panel).iterdir()))
    panel.close()
    asking.join(timeout=10)
    assert len(caught) == 1
    assert panel.set_aside_since() == () and panel._chairs[0].strikes.count(False) == ""


def test_whoever_asks_after_the_end_is_told_so_and_no_worker_is_started(
    drop: Drop, seat: Seat, detect, isolation: str
) -> None:
    drop("good.py", good("here"))
    panel = seat(isolation=isolation)
    detect(panel)
    panel.close()
    with pytest.raises(Stopping):
        detect(panel)
    bench = panel._chairs[0].bench
    assert getattr(bench, "pid", None) is None


def test_a_built_in_answers_to_the_last(seat: Seat, detect) -> None:
    panel = seat()
    panel.close()
    assert detect(panel).failures == ()


def test_loading_a_plugin_that_hangs_ends_when_somebody_wants_to_stop(
    drop: Drop, folder: Path, clock
) -> None:
    drop("hangs.py", "open(__file__ + '.here', 'w').close()\ntime.sleep(600)")
    spec = PanelSpec(folder=folder, timeout_seconds=600.0, entry_points=False)
    with pytest.raises(Stopping):
        build_panel(spec, clock, stopping=lambda: (folder / "hangs.py.here").exists())


def panel_folder(panel: HostPanel) -> Path:
    return Path(panel.plugins()[0].origin).parent


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
