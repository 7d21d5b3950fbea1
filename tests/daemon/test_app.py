"""The main thread's work: signs of life, reloads, clock jumps."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.app import Daemon, Signals
from levelhead.daemon.systemd import Notifier
from levelhead.errors import DiskFull, StoreLocked
from levelhead.facts import Fact

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class ScriptedSession:
    """What the main thread asks of a session, answered from a script; ends the daemon after `turns` ticks."""

    def __init__(self, signals: Signals, turns: int, stuck: tuple[str, ...] = ()) -> None:
        self.signals = signals
        self.turns = turns
        self._stuck = stuck
        self.jumps: list[int] = []
        self.recorded: list[Fact] = []
        self.alerts: list[str] = []
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

    def clock_jumped(self, seconds: int, now: datetime) -> None:
        self.jumps.append(seconds)

    def record(self, fact: Fact) -> None:
        self.recorded.append(fact)

    def health(self, rule: str, *_: Any) -> None:
        self.alerts.append(rule)

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
        daemon = Daemon(settings, FrozenClock(NOON), signals, notifier)
        daemon._attend(ScriptedSession(signals, 3, stuck))  # type: ignore[arg-type]
        assert any(word.startswith(b"WATCHDOG=1") for word in heard(systemd)) is fed


def test_a_jump_of_the_wall_clock_is_noticed_in_both_directions_and_once(settings: Any) -> None:
    class Jumping(FrozenClock):
        def jump(self, by: timedelta) -> None:
            self._now += by

    clock, signals = Jumping(NOON), Signals()
    daemon = Daemon(settings, clock, signals, Notifier({}))
    session = ScriptedSession(signals, 6)
    jumps = iter([timedelta(hours=1), timedelta(0), timedelta(hours=-2), timedelta(seconds=30)])
    session.on_tick = lambda: clock.jump(next(jumps, timedelta(0)))
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.jumps == [3600, -7200]


def test_a_reload_with_a_mistake_is_refused_recorded_and_an_alert(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, FrozenClock(NOON), signals, Notifier({}))
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
    daemon = Daemon(settings, FrozenClock(NOON), signals, Notifier({}))
    session = ScriptedSession(signals, 2)
    settings.path.write_text(change(settings.path.read_text()))
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.alerts == ["config-refused"]


def test_a_good_reload_ends_the_session_so_that_a_new_one_takes_over(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, FrozenClock(NOON), signals, Notifier({}))
    session = ScriptedSession(signals, 5)
    settings.path.write_text(settings.path.read_text() + "[heat]\ntense = 0.2\n")
    signals.reload.set()
    daemon._attend(session)  # type: ignore[arg-type]
    assert session.turns == 5, "it ended before the next turn"
    assert session.alerts == ["not config-refused"]
    assert daemon._settings.heat.tense == 0.2


def test_a_store_that_cannot_be_written_for_a_while_ends_no_daemon(settings: Any) -> None:
    signals = Signals()
    daemon = Daemon(settings, FrozenClock(NOON), signals, Notifier({}))
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
