"""Somebody sets the clock of the machine while the real daemon runs (libfaketime), and two nights in Berlin."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

pytestmark = [pytest.mark.sweep, pytest.mark.server]


class Machine:
    """The wall clock of every program that the test starts from now on; steady clocks are left alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = 0.0
        self.set_by(timedelta())

    def set_by(self, by: timedelta) -> None:
        """Set it forward, or back."""
        self._ahead += by.total_seconds()
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self._ahead:+.3f}\n")
        os.replace(fresh, self._file)

    def set_to(self, moment: datetime) -> None:
        self.set_by(moment - self.now())

    def set_right(self) -> None:
        self.set_by(timedelta(seconds=-self._ahead))

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    require("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        lacking("libfaketimeMT.so.1 is not installed: install the package libfaketime to run this test")
    made = Machine(tmp_path / "clock")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return made


def hold(home: Home, machine: Machine, message: bytes) -> float:
    """A client's mail comes in and its answer is held; when it was sent, by a clock that nobody sets."""
    held = home.count("draft.held")
    sent = time.monotonic()
    home.account.append("INBOX", message, date=machine.now())
    home.until(lambda: home.count("draft.held") > held)
    return sent


def sound(home: Home) -> None:
    """It ends as it should, and its ledger tells what its index holds."""
    assert home.stop() == 0
    assert home.json("verify", "--deep")["ok"]


def sound_again(home: Home) -> None:
    """And made again from its volumes and ledger the index is the same."""
    sound(home)
    before = [(row["key"], row["state"], row["release_at"]) for row in home.lines("held", "--all")]
    assert before
    home.run("rebuild")
    assert [(row["key"], row["state"], row["release_at"]) for row in home.lines("held", "--all")] == before


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(hours=-1)], ids=["an hour on", "an hour back"])
def test_a_cool_down_lasts_as_long_as_it_was_set_when_the_clock_is_set(
    home: Home, machine: Machine, write: Write, heated: str, by: timedelta
) -> None:
    home.write_config(cooldown="8s")
    home.start()
    sent = hold(home, machine, write(heated))
    machine.set_by(by)
    home.until(lambda: home.count("draft.rescheduled"))
    home.until(lambda: home.count("draft.placed"))
    seconds = time.monotonic() - sent
    print(f"set {by}: from the mail to its placed answer {seconds:.1f} s")
    assert seconds >= 8
    (jumped,) = home.of("clock.jumped")
    assert abs(jumped.by_seconds - by.total_seconds()) <= 1
    assert len(home.account.read("Drafts")) == 1
    home.account.append("INBOX", write(heated, subject="More", own_id="<n@northwind.example>"))
    home.until(lambda: home.count("draft.held") == 2)  # the server's clock is right, and this is news
    sound_again(home)


def test_a_clock_that_was_years_behind_releases_nothing_early_when_it_is_set_right(
    home: Home, machine: Machine, write: Write, heated: str
) -> None:
    machine.set_to(datetime(2019, 12, 31, 23, 0, tzinfo=UTC))
    home.write_config(cooldown="8s")
    home.start()
    sent = time.monotonic()
    home.account.append("INBOX", write(heated))  # the server's clock is right
    home.until(lambda: home.count("draft.held"))
    assert home.of("draft.held")[0].created_at.year == 2019
    machine.set_right()
    home.until(lambda: home.count("draft.placed"))
    assert time.monotonic() - sent >= 8
    (row,) = home.lines("held", "--all")
    assert row["state"] == "placed" and row["release_at"] > "2026"
    sound(home)


def test_a_daemon_that_starts_with_an_older_clock_than_its_last_entry_holds_nothing_for_years(
    home: Home, machine: Machine, write: Write, heated: str
) -> None:
    home.write_config(cooldown="4s")
    home.start()
    hold(home, machine, write(heated))
    home.kill()
    machine.set_by(timedelta(days=-800))
    home.start()
    home.until(lambda: home.count("draft.placed"))
    assert home.of("clock.jumped")[0].by_seconds < -799 * 86400
    sound(home)


def test_a_clock_before_every_certificate_is_told_and_never_answered_in_the_clear(
    home: Home, machine: Machine, write: Write
) -> None:
    machine.set_to(datetime(1999, 6, 1, tzinfo=UTC))
    home.start(wait=False)
    home.until(lambda: home.count("mailbox.lost"))
    lost = home.of("mailbox.lost")[0]
    assert lost.kind == "tls" and "not yet valid" in lost.why
    home.until(lambda: home.phone.received)
    home.account.append("INBOX", write("Hello."))
    machine.set_right()
    home.until(lambda: home.count("message.judged") == 1)
    # A message is judged while the pass that brought it goes on; the alert ends with the pass.
    home.until(lambda: [alert["state"] for alert in home.lines("alerts", "--all")] == ["resolved"])
    assert home.stop() == 0
    assert home.json("verify", "--deep")["ok"]


# Nights that are over: a server takes no INTERNALDATE that its own clock has not come to.
SPRING = datetime(2025, 3, 30, 1, 0, tzinfo=UTC)  # 02:00 became 03:00 in Berlin
AUTUMN = datetime(2025, 10, 26, 1, 0, tzinfo=UTC)  # 03:00 became 02:00


@pytest.mark.parametrize("switch", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_a_night_in_which_the_clocks_change_makes_no_cool_down_longer_or_shorter(
    home: Home, machine: Machine, write: Write, heated: str, switch: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    home.write_config(cooldown="14s")
    home.config.write_text(home.config.read_text().replace('timezone = "UTC"', 'timezone = "Europe/Berlin"'))
    machine.set_to(switch - timedelta(minutes=10))
    home.start()
    machine.set_to(switch - timedelta(seconds=12))
    home.until(lambda: home.count("clock.jumped"))
    sent = hold(home, machine, write(heated, date=switch.strftime("%a, %d %b %Y %H:%M:%S +0000")))
    (held,) = home.of("draft.held")
    assert held.created_at < switch < held.release_at, "the hour changes while it is held"
    assert abs((held.release_at - held.created_at).total_seconds() - 14) < 2
    home.until(lambda: home.count("draft.placed"))
    seconds = time.monotonic() - sent
    print(f"from the mail to its placed answer over the change of the hour: {seconds:.1f} s")
    assert 14 <= seconds < 14 + 30
    assert home.count("clock.jumped") == 1, "a change of the hour is no jump"
    sound(home)
