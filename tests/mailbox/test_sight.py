"""From one complete pass to the next: longer than the poll and a grace is a gap, told once, with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import ConnectionLost, LoginRefused, StoreLocked, Unavailable
from levelhead.mailbox import sight
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.sight import Seen, gap_between
from levelhead.mailbox.watch import Watcher
from levelhead.store.api import MailboxRow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPEC = MailboxSpec(name="post", host="h", port=1, user="u", secret=lambda: "s", poll_seconds=120)
WATCHED = MailboxRow(name="post", state="watched", kind="", why="", since=None)
LONGEST = 120 + sight.GRACE.total_seconds()


def seen(after: float, *, asleep: float = 0, set_by: float = 0) -> Seen:
    """A pass that ended so many seconds after noon, of which the machine slept some, and its clock was set by some."""
    return Seen(at=NOON + timedelta(seconds=after + set_by), monotonic=after - asleep, elapsed=after)


def lost(kind: str = "login", why: str = "the server said no") -> MailboxRow:
    return MailboxRow(name="post", state="lost", kind=kind, why=why, since=NOON)


def test_two_passes_within_the_poll_and_the_grace_leave_no_gap() -> None:
    assert gap_between(SPEC, WATCHED, seen(0), seen(LONGEST), "") is None
    found = gap_between(SPEC, WATCHED, seen(0), seen(LONGEST + 1), "the line was cut")
    assert found is not None
    assert (found.since, found.until, found.why) == (NOON, seen(LONGEST + 1).at, "the line was cut")


def test_a_longer_poll_promises_less() -> None:
    hourly = MailboxSpec(name="post", host="h", port=1, user="u", secret=lambda: "s", poll_seconds=3600)
    assert gap_between(hourly, WATCHED, seen(0), seen(3600 + 300), "") is None
    assert gap_between(hourly, WATCHED, seen(0), seen(3600 + 301), "")


@pytest.mark.parametrize(
    ("row", "before", "now", "broke", "why"),
    [
        (lost(), seen(0), seen(9_000), "the server said no", "the server said no"),
        (lost("daemon", "levelhead was not running"), None, seen(9_000), "", "levelhead was not running"),
        (WATCHED, seen(0), seen(9_000, asleep=8_000), "the session broke", "the machine slept"),
        (WATCHED, seen(0), seen(9_000), "no room on the disk", "no room on the disk"),
        (WATCHED, seen(0), seen(9_000), "", sight.LONG),
    ],
)
def test_a_gap_says_why(row, before, now, broke, why) -> None:
    found = gap_between(SPEC, row, before, now, broke)
    assert found is not None
    assert (found.since, found.until, found.why) == (NOON, now.at, why)


def test_a_mailbox_that_was_never_seen_whole_has_no_gap() -> None:
    assert gap_between(SPEC, None, None, seen(9_000), "") is None
    new = MailboxRow(name="post", state="new", kind="", why="", since=None)
    assert gap_between(SPEC, new, None, seen(9_000), "") is None


def test_a_clock_that_was_set_makes_no_gap_and_hides_none() -> None:
    assert gap_between(SPEC, WATCHED, seen(0), seen(120, set_by=86_400), "") is None
    found = gap_between(SPEC, WATCHED, seen(0), seen(3_600, set_by=-7_200), "the line was cut")
    assert found is not None
    assert found.until - found.since == timedelta(hours=1)


# --- as the watcher tells it ---------------------------------------------------------------------


@pytest.fixture
def watcher(desk, spec_of, spooled):
    """Makes a watcher for single passes, by a clock that the test moves."""
    desk.clock = FrozenClock(NOON)

    def make(account, **changes):
        # Its sockets wait by the machine's clock, so that no deadline is over before it began.
        from levelhead.mailbox.opening import connect

        opener = changes.pop("connect", lambda spec, clock, tick: connect(spec, SystemClock(), tick))
        return Watcher(
            spec=spec_of(account, **changes),
            store=desk.store,
            clock=desk.clock,
            record=desk.record,
            spool=spooled,
            connect=opener,
        )

    return make


@pytest.mark.server
def test_a_gap_is_recorded_once_at_the_moment_the_mailbox_is_watched_again(mailbox_account, watcher, desk):
    watching = watcher(mailbox_account)
    watching.run_once()
    assert not desk.facts("mailbox.unwatched")
    desk.clock.advance(hours=3)
    watching.run_once()
    desk.clock.advance(minutes=2)
    watching.run_once()
    (gap,) = desk.facts("mailbox.unwatched")
    assert (gap.mailbox, gap.since, gap.until) == ("post", NOON, NOON + timedelta(hours=3))


@pytest.mark.server
@pytest.mark.parametrize("error", [LoginRefused, ConnectionLost, Unavailable])
def test_whatever_kept_the_mailbox_from_being_watched_is_the_reason(mailbox_account, watcher, desk, error):
    desk.clock.advance(seconds=1)
    watching = watcher(mailbox_account)
    watching.run_once()
    opener = watching.connect

    def refuse(*_):
        raise error("not today")

    watching.connect = refuse
    for _ in range(2):
        desk.clock.advance(days=1)
        with pytest.raises(error):
            watching.run_once()
    watching.connect = opener
    watching.run_once()
    (gap,) = desk.facts("mailbox.unwatched")
    assert gap.why == "not today"
    assert gap.until - gap.since >= timedelta(days=2)
    told = [fact.told for fact in desk.facts("mailbox.watched")]
    assert told == ([False] if error is Unavailable else [False, True])


@pytest.mark.server
def test_a_mailbox_of_which_a_folder_cannot_be_read_is_not_watched(mailbox_account, watcher, desk):
    mailbox_account.create("Work")
    watching = watcher(mailbox_account, folders=("INBOX", "Work"))
    watching.run_once()
    mailbox_account.delete("Work")
    for _ in range(3):
        desk.clock.advance(hours=1)
        watching.run_once()
    assert not desk.facts("mailbox.unwatched")
    mailbox_account.create("Work")
    desk.clock.advance(hours=1)
    watching.run_once()
    (gap,) = desk.facts("mailbox.unwatched")
    assert (gap.since, gap.until) == (NOON, NOON + timedelta(hours=4))
    assert "Work" in gap.why


@pytest.mark.server
def test_a_gap_that_could_not_be_written_is_written_with_the_next_pass(
    mailbox_account, watcher, desk, monkeypatch
):
    watching = watcher(mailbox_account)
    watching.run_once()
    desk.clock.advance(hours=1)

    def locked(*_):
        raise StoreLocked("somebody else writes")

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "_note", locked)
        with pytest.raises(StoreLocked):
            watching.run_once()
    watching.run_once()
    assert len(desk.facts("mailbox.unwatched")) == 1
