"""The times in which nobody watched, from facts alone: each once, and what has not ended is said to be open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.evidence.coverage import Gap, facts_of, gaps
from levelhead.facts import (
    DaemonStarted,
    DaemonStopped,
    Fact,
    MailboxLost,
    MailboxUnwatched,
    MailboxWatched,
    NoteTaken,
)
from levelhead.store.api import Entry
from levelhead.store.sqlite import open_store

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def lost(hours: float, kind: str = "connection", why: str = "gone", mailbox: str = "post") -> MailboxLost:
    return MailboxLost(mailbox=mailbox, kind=kind, why=why, since=at(hours))


def watched(hours: float, blind: float | None = None, told: bool | None = True) -> MailboxWatched:
    since = at(blind) if blind is not None else None
    return MailboxWatched(mailbox="post", blind_since=since, watched_at=at(hours), told=told)


def unwatched(since: float, until: float, why: str = "gone", mailbox: str = "post") -> MailboxUnwatched:
    return MailboxUnwatched(mailbox=mailbox, since=at(since), until=at(until), why=why)


def stopped(hours: float) -> DaemonStopped:
    return DaemonStopped(why="asked to stop", stopped_at=at(hours))


def started(hours: float) -> DaemonStarted:
    return DaemonStarted(version="1", started_at=at(hours))


def entries(*facts: Fact) -> Iterator[tuple[Entry, Fact]]:
    for seq, fact in enumerate(facts):
        yield Entry(seq=seq, leaf=b"", salt=None, payload=None), fact


def spans(found: Sequence[Gap]) -> list[tuple[str, float, float | None, str]]:
    def hours(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - START) / timedelta(hours=1)

    return [(gap.mailbox, hours(gap.since) or 0.0, hours(gap.until), gap.why) for gap in found]


def test_a_gap_is_told_once_although_three_facts_speak_of_it() -> None:
    found = gaps(entries(watched(0), lost(1), unwatched(1, 5), watched(5, blind=1)))
    assert spans(found) == [("post", 1, 5, "gone")]
    assert [gap.seq for gap in found] == [2]


def test_a_time_that_was_too_short_to_be_a_gap_is_none() -> None:
    assert gaps(entries(lost(1, "daemon"), watched(1.01, blind=1, told=False))) == ()


def test_a_ledger_of_an_older_version_tells_its_gaps_by_what_it_had() -> None:
    facts = (
        watched(0, told=None),
        lost(1, why="the machine was off"),
        watched(5, blind=1, told=None),
        lost(7),
        watched(7.1, blind=7, told=None),
    )
    assert spans(gaps(entries(*facts))) == [("post", 1, 5, "the machine was off")]


def test_a_mailbox_that_is_lost_still_has_a_gap_without_an_end() -> None:
    assert spans(gaps(entries(watched(0), lost(2)))) == [("post", 2, None, "gone")]


def test_a_mailbox_that_came_back_at_once_leaves_no_open_gap() -> None:
    assert gaps(entries(watched(0), lost(2), watched(2.05, blind=2, told=False))) == ()


def test_while_the_daemon_is_stopped_every_mailbox_is_unwatched() -> None:
    other = MailboxWatched(mailbox="shop", blind_since=None, watched_at=at(0), told=False)
    found = gaps(entries(watched(0), other, lost(1), stopped(3)))
    assert spans(found) == [
        ("post", 1, None, "gone"),
        ("shop", 3, None, "levelhead was not running, after it had ended (asked to stop)"),
    ]


def test_a_daemon_that_runs_again_leaves_no_open_gap() -> None:
    assert gaps(entries(watched(0), stopped(3), started(3.01))) == ()


def test_the_gaps_of_a_smaller_ledger_are_what_was_known_then() -> None:
    facts = tuple(entries(watched(0), lost(1), unwatched(1, 5), watched(5, blind=1)))
    assert spans(gaps(facts[:2])) == [("post", 1, None, "gone")]


@pytest.mark.parametrize(
    ("since", "until", "there"),
    [(None, None, True), (0, 1, False), (0, 2, True), (4, 9, True), (5, 9, False), (6, None, False)],
)
def test_only_gaps_that_reach_into_the_time_that_was_asked_for(since, until, there) -> None:
    bounds = [at(hours) if hours is not None else None for hours in (since, until)]
    assert bool(gaps(entries(unwatched(1, 5)), *bounds)) is there


def test_an_open_gap_that_has_only_begun_is_none_yet() -> None:
    facts = tuple(entries(watched(0), stopped(3)))
    assert gaps(facts, None, at(3.1)) == ()
    assert len(gaps(facts, None, at(3.2))) == 1


def test_one_mailbox_is_asked_for_alone() -> None:
    facts = entries(unwatched(1, 5), unwatched(2, 3, mailbox="shop"))
    assert spans(gaps(facts, mailbox="shop")) == [("shop", 2, 3, "gone")]


def test_the_order_in_which_facts_are_given_does_not_matter() -> None:
    facts = tuple(entries(watched(0), lost(1), unwatched(1, 5), watched(5, blind=1), lost(8)))
    assert gaps(reversed(facts)) == gaps(facts)


def test_the_facts_are_found_in_a_ledger_up_to_a_size(tmp_path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    for fact in (watched(0), NoteTaken(client="c", text="t", actor="me"), unwatched(1, 5), unwatched(7, 9)):
        with store.transaction(START) as tx:
            tx.record(fact)
    assert spans(gaps(facts_of(store, 3))) == [("post", 1, 5, "gone")]
    assert len(gaps(facts_of(store))) == 2
    store.close()
