"""How long a watcher waits after trouble: longer each time, never all mailboxes at once, and for a person a day."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.clock import FrozenClock
from levelhead.errors import CommandRefused, ConnectionLost, LoginRefused, ServerBusy, TlsFailed, Unavailable
from levelhead.mailbox.pauses import FIRST_PAUSE, LONGEST, QUICK, calm, in_vain, pause_before
from levelhead.mailbox.tools import Report
from levelhead.mailbox.watch import Watcher

BEGIN = datetime(2026, 3, 6, 17, 0, tzinfo=UTC)
BUSY = FIRST_PAUSE.get("busy", 0.0)


def test_a_busy_server_is_left_alone_for_a_minute_at_first():
    pauses = [pause_before(ServerBusy("[UNAVAILABLE] later"), 1) for _ in range(50)]
    assert min(pauses) >= 60 and max(pauses) <= 120


def test_a_broken_connection_is_tried_again_within_seconds():
    assert 1 <= pause_before(ConnectionLost("reset"), 1) <= 2
    assert 1 <= pause_before(CommandRefused("no"), 1) <= 2
    assert 5 <= pause_before(Unavailable("the disk is full"), 1) <= 10, (
        "our own disk is not better in a second"
    )


def test_each_pause_doubles_up_to_the_longest():
    for attempt in range(1, 5):
        assert (
            2 ** (attempt - 1) <= pause_before(ConnectionLost("reset"), attempt) <= 2 ** (attempt - 1) + QUICK
        )
    for attempt in (9, 2_000, 10**9):
        assert LONGEST <= pause_before(ServerBusy("later"), attempt) <= LONGEST + BUSY
        assert LONGEST <= pause_before(None, attempt + 2) <= LONGEST + QUICK


@pytest.mark.parametrize("trouble", [None, ConnectionLost("reset"), ServerBusy("later")])
def test_mailboxes_of_one_server_do_not_come_back_all_at_once(trouble):
    assert len({pause_before(trouble, 3) for _ in range(50)}) > 1


class Lived(FrozenClock):
    """A clock that passes by being waited on, with things to do at set times."""

    def __init__(self, *plan):
        super().__init__(BEGIN)
        self.plan = list(plan)

    def wait(self, stop, seconds):
        ended = super().wait(stop, seconds)
        while self.plan and self.now() - BEGIN >= self.plan[0][0]:
            self.plan.pop(0)[1]()
        return ended or stop.is_set()


@pytest.fixture
def lived(desk, spec_of, spooled):
    """Runs a watcher here, whose every connection fails like this, until the plan stops it; when it connected."""

    def run(error, plan):
        stop, when = threading.Event(), []
        clock = Lived(*((after, lambda act=act: act(watcher, stop)) for after, act in plan))

        def connect(spec, clock, tick):
            spec.secret()
            raise error

        class Nowhere:
            host, port = "127.0.0.1", 1

        watcher = Watcher(
            spec=spec_of(Nowhere, secret=lambda: when.append(clock.now() - BEGIN) or "wrong"),
            store=desk.store,
            clock=clock,
            record=desk.record,
            spool=spooled,
            connect=connect,
        )
        watcher.run(stop)
        watcher.close()
        return when

    return run


def stop_it(watcher, stop):
    stop.set()


def ring(watcher, stop):
    watcher.wake.set()


@pytest.mark.parametrize("error", [LoginRefused("no"), TlsFailed("somebody else's certificate")])
def test_a_refused_mailbox_stands_still_for_a_day(lived, error):
    asked = lived(error, [(timedelta(hours=25), stop_it)])
    assert len(asked) == 2 and asked[0] == timedelta()
    assert timedelta(hours=23) < asked[1] < timedelta(hours=25)


def test_the_bell_tries_a_refused_mailbox_again_at_once(lived):
    asked = lived(LoginRefused("no"), [(timedelta(hours=1), ring), (timedelta(hours=2), stop_it)])
    assert len(asked) == 2
    assert timedelta(hours=1) <= asked[1] < timedelta(hours=1, seconds=2)


def test_a_busy_server_is_asked_seldom(lived):
    asked = lived(ServerBusy("[LIMIT] too many"), [(timedelta(hours=1), stop_it)])
    assert 5 <= len(asked) <= 8, asked


# --- words of a server that come to nothing ------------------------------------------------------


def test_words_in_vain_are_answered_ever_more_slowly_up_to_the_poll():
    count, pauses = 0, []
    for _ in range(9):
        count = in_vain(count, 0.1, [Report(skipped=True)])
        pauses.append(calm(count, most=120))
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert calm(10**9, most=120) == 120


@pytest.mark.parametrize("found", [{"archived": 1}, {"excluded": 1}, {"vanished": 1}])
def test_news_make_the_next_word_heard_at_once(found):
    assert calm(in_vain(5, 0.1, [Report(skipped=True), Report(**found)]), most=120) == 0


def test_a_server_that_was_silent_for_a_while_or_said_nothing_is_heard_at_once():
    assert in_vain(5, 10.0, [Report(skipped=True)]) == 0
    assert in_vain(5, None, [Report(skipped=True)]) == 0


def test_a_flood_of_changed_flags_costs_a_pause_that_does_not_grow():
    assert in_vain(0, 0.1, [Report(flagged=1)]) == in_vain(7, 0.1, [Report(flagged=1)]) == 1
