"""The main thread's work: signs of life, reloads, clock jumps."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.mirror import MIRRORED
from levelhead.archive.relabel import relabel
from levelhead.clock import FrozenClock, SteadyClock
from levelhead.config.load import load
from levelhead.daemon.app import Daemon, Signals, run
from levelhead.daemon.systemd import Notifier
from levelhead.errors import DiskFull, DiskReadOnly, StoreLocked
from levelhead.facts import Fact
from levelhead.store.sqlite import open_store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class ScriptedSession:
    """What the main thread asks of a session, answered from a script; ends the daemon after `turns` ticks."""

    def __init__(self, signals: Signals, turns: int, stuck: tuple[str, ...] = ()) -> None:
        self.signals = signals
        self.turns = turns
        self._stuck = stuck
        self.jumps: list[tuple[int, datetime]] = []
        self.sleeps: list[int] = []
        self.on_set: Callable[[int], None] = lambda seconds: None
        self.recorded: list[Fact] = []
        self.alerts: list[str] = []
        self.troubles: list[Exception] = []
        self.on_tick: Callable[[], None] = lambda: None

    def tick(self) -> None:
        self.on_tick()
        self.turns -= 1
        if self.turns <= 0:
            self.signals.stop.set()

    def stuck(self, limit: float) -> tuple[str, ...]:
        return self._stuck

    def status(self) -> str:
        return "fine"

    def slept(self, seconds: int) -> None:
        self.sleeps.append(seconds)

    def clock_set(self, seconds: int, now: datetime) -> None:
        self.on_set(seconds)
        self.jumps.append((seconds, now))

    def record(self, fact: Fact) -> None:
        self.recorded.append(fact)

    def health(self, rule: str, *_: Any) -> None:
        self.alerts.append(rule)

    def hindered(self, exc: Exception) -> None:
        self.troubles.append(exc)

    def healthy(self, rule: str, *_: Any) -> None:
        self.alerts.append(f"not {rule}")


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    (tmp_path / "levelhead.toml").write_text(
        '[me]\naddresses = ["me@studio.example"]\n[archive]\npath = "archive"\n'
    )
    return load(tmp_path / "levelhead.toml")


def heard(systemd: socket.socket) -> list[bytes]:
    systemd.setblocking(False)
    words = []
    try:
        while True:
            words.append(systemd.recv(4096))
    except BlockingIOError:
        return words


@pytest.mark.parametrize(("stuck", "fed"), [((), True), (("mailbox office",), False)])
def test_the_watchdog_is_fed_only_while_every_loop_moves(
    settings: Any, tmp_path: Path, stuck: tuple[str, ...], fed: bool
) -> None:
    signals = Signals()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, notifier)
        daemon._attend(ScriptedSession(signals, 3, stuck))  # type: ignore[arg-type]
        assert any(word.startswith(b"WATCHDOG=1") for word in heard(systemd)) is fed


class Machine(FrozenClock):
    """A machine whose clock can be set, and that can be sent to sleep."""

    asleep = 0.0

    def set(self, by: timedelta) -> None:
        self._now += by

    def sleep(self, **parts: float) -> None:
        self._now += timedelta(**parts)
        self.asleep += timedelta(**parts).total_seconds()

    def elapsed(self) -> float:
        return self._monotonic + self.asleep


def test_a_clock_that_is_set_is_noticed_in_both_directions_and_once(settings: Any) -> None:
    machine, signals = Machine(NOON), Signals()
    clock = SteadyClock(machine)
    daemon = Daemon(settings, clock, signals, Notifier({}))
    session = ScriptedSession(signals, 8)
    jumps = iter([timedelta(hours=1), timedelta(0), timedelta(hours=-2), timedelta(seconds=1.5)])
    session.on_tick = lambda: machine.set(next(jumps, timedelta(0)))
    daemon._attend(session)  # type: ignore[arg-type]
    assert [seconds for seconds, _ in session.jumps] == [3600, -7200]
    assert [now - NOON for _, now in session.jumps] == [
        timedelta(hours=1, seconds=2),
        timedelta(hours=-1, seconds=4),
    ], "both are told with the new time"
    assert abs(clock.now() - machine.now()) == timedelta(seconds=1.5), "so little is left as it is"
    assert session.sleeps == []


def test_small_steps_of_the_clock_add_up_to_a_jump(settings: Any) -> None:
    machine, signals = Machine(NOON), Signals()
    daemon = Daemon(settings, SteadyClock(machine), signals, Notifier({}))
    session = ScriptedSession(signals, 8)
    session.on_tick = lambda: machine.set(timedelta(seconds=1))
    daemon._attend(session)  # type: ignore[arg-type]
    assert [seconds for seconds, _ in session.jumps] == [2, 2, 2]


def test_a_machine_that_slept_is_told_from_a_clock_that_was_set(settings: Any) -> None:
    machine, signals = Machine(NOON), Signals()
    daemon = Daemon(settings, SteadyClock(machine), signals, Notifier({}))
    session = ScriptedSession(signals, 4)
    sleeps = iter([8.0, 0.01])
    session.on_tick = lambda: machine.sleep(hours=next(sleeps, 0))
    daemon._attend(session)  # type: ignore[arg-type]
    assert (session.sleeps, session.jumps) == ([8 * 3600], [])


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_jump_that_cannot_be_written_down_is_not_followed_and_tried_again(
    settings: Any, by: timedelta
) -> None:
    machine, signals = Machine(NOON), Signals()
    clock = SteadyClock(machine)
    daemon = Daemon(settings, clock, signals, Notifier({}))
    session = ScriptedSession(signals, 4)
    troubles = iter([StoreLocked("busy"), DiskFull("no room")])
    seen = []

    def hindered(seconds: int) -> None:
        seen.append(
            (seconds, clock.now() < machine.now() if by > timedelta() else clock.now() == machine.now())
        )
        if trouble := next(troubles, None):
            raise trouble

    session.on_set = hindered
    machine.set(by)
    daemon._attend(session)  # type: ignore[arg-type]
    assert seen == [(round(by.total_seconds()), True)] * 3, (
        "the earlier time is in force while it is written down"
    )
    assert len(session.jumps) == 1
    assert clock.now() == machine.now()


def test_a_reload_with_a_mistake_is_refused_recorded_and_an_alert(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 2)
    settings.path.write_text(settings.path.read_text() + "[heat]\ntense = 2\n")
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert [fact.name for fact in session.recorded] == ["config.refused"]
    assert session.alerts == ["config-refused"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"archive"', '"elsewhere"'),
        lambda text: text.replace("[archive]", 'holidays = "gone.ics"\n[archive]'),
    ],
    ids=["another archive", "a calendar that is not there"],
)
def test_what_cannot_change_while_it_runs_is_refused(settings: Any, change: Callable[[str], str]) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 2)
    settings.path.write_text(change(settings.path.read_text()))
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.alerts == ["config-refused"]


def test_a_resolver_whose_libraries_are_missing_ends_no_daemon_at_a_reload(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 2)
    settings.path.write_text(settings.path.read_text() + '[evidence]\nresolver = "system"\n')
    monkeypatch.setitem(sys.modules, "dkim", None)
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.alerts == ["config-refused"]


def test_a_good_reload_ends_the_session_so_that_a_new_one_takes_over(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 5)
    settings.path.write_text(settings.path.read_text() + "[heat]\ntense = 0.2\n")
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.turns == 5, "it ended before the next turn"
    assert session.alerts == ["not config-refused"]
    assert daemon._settings.heat.tense == 0.2


def test_a_store_that_cannot_be_written_for_a_while_ends_no_daemon(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 4)
    troubles = iter([StoreLocked("busy"), DiskFull("no room"), OSError(5, "bad disk")])

    def hindered() -> None:
        session.turns -= 1
        if trouble := next(troubles, None):
            raise trouble

    session.on_tick = hindered
    session.turns = 8
    daemon._attend(session)  # type: ignore[arg-type]
    assert next(troubles, None) is None, "all three were met, and the daemon went on"


def test_before_anything_is_written_it_is_noted_how_far_the_ledgers_files_reach(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str | None, bool]] = []

    def told(store: Any, *rest: Any) -> int:
        noted.append((store.meta(MIRRORED), store.ledger_size() > 0))
        return relabel(store, *rest)

    monkeypatch.setattr("levelhead.daemon.app.relabel", told)
    assert run(settings, once=True, clock=FrozenClock(NOON)) == 0
    assert noted == [("0", True)]


def test_a_clock_that_is_behind_the_last_entry_is_noticed_at_the_start_and_once(settings: Any) -> None:
    for clock in (NOON, NOON - timedelta(days=800), NOON - timedelta(days=800)):
        assert run(settings, once=True, clock=FrozenClock(clock)) == 0
    store = open_store(settings.archive.path / "index.sqlite", read_only=True)
    jumps = [fact for _, fact in store.facts_about(kind="clock.jumped")]
    store.close()
    assert [(fact.by_seconds, fact.noticed_at) for fact in jumps] == [
        (-800 * 86400, NOON - timedelta(days=800))
    ]


def test_a_disk_that_cannot_be_written_any_more_is_not_waited_for(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, SteadyClock(FrozenClock(NOON)), signals, Notifier({}))
    session = ScriptedSession(signals, 4)

    def refused() -> None:
        session.turns -= 1
        if not session.turns:
            signals.stop.set()
        raise DiskReadOnly("so it is")

    session.on_tick = refused
    with pytest.raises(DiskReadOnly):
        daemon._attend(session)  # type: ignore[arg-type]
