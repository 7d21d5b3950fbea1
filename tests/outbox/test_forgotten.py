"""A message is erased while something about it is being paid: nothing more is written of it, and nobody is alarmed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from levelhead.errors import StoreLocked, UserError
from levelhead.facts import MessagesErased
from levelhead.lifecycle import DraftState
from levelhead.model import Direction
from levelhead.policy.calendar import parse_span

HOUR = timedelta(hours=1)


class Watched:
    """A store that does something else, once, after one of its answers: the `at`-th, or that to `name`.

    A transaction is about to `begin`, and answers when it is committed.
    """

    def __init__(self, inner, act, at: int | None = None, name: str = "") -> None:
        self._inner, self._act, self._at, self._name = inner, act, at, name
        self.answers = 0
        self.done = False

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name == "transaction":
            return self._transaction
        return lambda *args, **more: self._after(name, found(*args, **more)) if callable(found) else found

    @contextmanager
    def _transaction(self, now):
        self._after("begin", None)
        with self._inner.transaction(now) as tx:
            yield tx
        self._after("transaction", None)

    def _after(self, name, answer):
        self.answers += 1
        turn = name == self._name if self._at is None else self.answers > self._at
        if turn and not self.done:
            self.done = True
            try:
                self._act()
            except StoreLocked:
                self.done = False  # a draft is being placed right now: whoever erases tries again
        return answer


def watch(office, act, **when) -> Watched:
    watched = Watched(office.raw_store, act, **when)
    office.wrap = lambda store: watched
    return watched


def said_since(office) -> bytes:
    """All that the ledger tells after the erasure, whatever it is about."""
    entries = list(office.raw_store.entries())
    (erasure,) = [entry.seq for entry, _ in office.raw_store.facts_about(kind=MessagesErased.name)]
    return b"".join(entry.payload or b"" for entry in entries[erasure + 1 :])


def nothing_is_left(office, message, logged, *keys: str) -> None:
    """Nothing is owed or failed, and neither the ledger nor an alert speaks of the message."""
    assert not office.raw_store.known([message.id])
    assert office.jobs() == set() and office.raw_store.failed_jobs() == ()
    assert office.raw_store.drafts() == () == office.raw_store.alerts()
    said = said_since(office)
    assert not [key for key in (message.id, *keys) if key.encode() in said]
    assert not [entry for entry in logged if entry["log_level"] in ("warning", "error", "critical")]


@pytest.mark.parametrize("name", ["claim", "message", "judged", "past"])
def test_a_message_that_is_erased_while_it_is_judged_gets_no_verdict(office, logged, name):
    message = office.arrive()
    watched = watch(office, lambda: office.forget(message), name=name)
    office.pay()
    assert watched.done
    nothing_is_left(office, message, logged)


@pytest.mark.parametrize("hook", ["detect", "draft_reply", "escalate"])
def test_what_plugins_say_of_a_message_that_is_erased_meanwhile_is_not_kept(office, logged, hook):
    message = office.arrive()
    answer = office.panel._answer

    def erased_meanwhile(asked, values):
        if asked == hook:
            office.forget(message)
        return answer(asked, values)

    office.panel._answer = erased_meanwhile
    office.pay()
    nothing_is_left(office, message, logged)


@pytest.mark.parametrize("name", ["claim", "judged", "begin"])
def test_others_that_are_judged_with_it_are_judged_all_the_same(office, logged, name):
    gone = office.arrive("gone")
    kept = office.arrive("kept", thread_key="t2")
    watch(office, lambda: office.forget(gone), name=name)
    office.pay()
    assert office.panel.asked.count("detect") == (1 if name == "claim" else 2), "nobody is asked twice"
    assert office.raw_store.judged(kept.id).level == "heated"
    assert {row.message for row in office.raw_store.drafts()} == {kept.id}
    assert gone.id.encode() not in said_since(office)
    assert not [entry for entry in logged if entry["log_level"] in ("warning", "error", "critical")]


def test_an_answer_of_mine_that_is_erased_when_it_is_looked_at_again_ends_nothing(office):
    office.arrive()
    answer = office.arrive("answer", direction=Direction.OUT, folder="Archive")
    office.pay()
    office.see(answer)
    with office.raw_store.transaction(office.clock.now()) as tx:
        tx.add_job("work", "screen", f"screen:{answer.id}", answer.id, tx.now)
    watched = watch(office, lambda: office.forget(answer), name="begin")
    office.worker().pay()
    assert watched.done and office.the_draft().state == DraftState.HELD
    assert answer.id.encode() not in said_since(office)


def test_a_draft_whose_message_is_erased_when_its_time_has_come_is_never_placed(office, logged):
    message = office.arrive()
    office.panel.alerts = ()
    office.pay()
    key = office.the_draft().key
    office.clock.advance(4 * HOUR)

    class Erasing:
        def open(self):
            office.forget(message)
            return office.drafts.open()

        def __getattr__(self, name):
            return getattr(office.drafts, name)

    office.wrap_folder = lambda folder: Erasing()
    office.pay()
    assert office.drafts.appended == 0
    nothing_is_left(office, message, logged, key)


def test_an_erased_message_makes_no_draft_obsolete(office):
    office.panel.alerts = ()
    office.arrive()
    office.pay()
    office.clock.advance(4 * HOUR)
    newer = office.arrive("newer", direction=Direction.OUT)
    with office.raw_store.transaction(office.clock.now()) as tx:
        tx.drop_job(f"screen:{newer.id}")
    watched = watch(office, lambda: office.forget(newer), name="begin")
    office.pay()
    assert watched.done and office.the_draft().state == DraftState.PLACED
    assert newer.id.encode() not in said_since(office)


@pytest.fixture
def alarmed(office):
    """An office with an open alert whose first rung is due; and its message."""
    office.panel.draft = None
    message = office.arrive()
    office.pay()
    office.clock.advance(minutes=1)
    return office, message, office.the_alert().key


def test_an_alert_whose_message_is_erased_when_its_rung_is_due_does_not_climb(alarmed, logged):
    office, message, key = alarmed
    watched = watch(office, lambda: office.forget(message), name="claim")
    office.pay()
    assert watched.done and office.panel.delivered == []
    nothing_is_left(office, message, logged, key)


@pytest.mark.parametrize("name", ["claim", "alert"])
@pytest.mark.parametrize("quiet", [False, True])
def test_a_word_about_an_alert_is_not_owed_any_more_once_its_message_is_erased(alarmed, logged, name, quiet):
    office, message, key = alarmed
    office.worker().pay(limit=1)
    if quiet:
        office.ladder = replace(office.ladder, quiet=parse_span("16:30-08:00"))
    watched = watch(office, lambda: office.forget(message), name=name)
    office.pay()
    assert watched.done
    nothing_is_left(office, message, logged, key)


@pytest.mark.parametrize(("works", "attempts"), [(True, 3), (False, 3), (False, 1)])
def test_a_word_that_is_under_way_when_its_alert_is_erased_is_not_written_down(
    alarmed, logged, works, attempts
):
    office, message, key = alarmed
    office.attempts = attempts
    if not works:
        office.panel.broken_channels = {"phone"}
    office.worker().pay(limit=1)
    (job,) = office.raw_store.claim("work", office.clock.now(), limit=9, lease_seconds=0.0)
    deliver = office.panel.deliver

    def erased_meanwhile(notice, channel):
        office.forget(message)
        return deliver(notice, channel)

    office.panel.deliver = erased_meanwhile
    with pytest.raises(UserError, match="no alert has a key"):
        office.alerts.notify(job)
    nothing_is_left(office, message, logged, key)


def test_a_job_that_fails_for_the_last_time_when_its_message_is_erased_alarms_nobody(office, logged):
    message = office.arrive()
    office.attempts = 1
    worker = office.worker()

    def broken(job):
        raise RuntimeError("boom")

    worker._handlers = {**worker._handlers, "screen": broken}
    real = worker._outcome

    def erased_behind(job):
        outcome = real(job)
        office.forget(message)
        return outcome

    worker._outcome = erased_behind
    worker.pay()
    assert "job.given_up" not in [entry["event"] for entry in logged]
    logged.clear()
    nothing_is_left(office, message, logged)


def test_a_copy_whose_first_was_erased_while_it_came_in_speaks_for_itself(office):
    first = office.arrive("first", history=True)
    office.pay()
    office.forget(first)
    copy = office.arrive("copy", same_as=first.id)
    office.pay()
    assert office.raw_store.judged(copy.id).level == "heated"
    assert office.the_draft().message == copy.id


@pytest.mark.sweep
def test_it_may_be_erased_at_any_moment_of_its_life(new_office, swift_path, logged):
    at = 0
    while True:
        folder = swift_path / str(at)
        folder.mkdir()
        office = new_office(folder / "index.sqlite")
        message = office.arrive()
        watched = watch(office, lambda: office.forget(message), at=at)  # noqa: B023  # used within the turn
        office.pay()
        for _ in range(6):
            office.pass_time(hours=1)
        if not watched.done:
            break
        nothing_is_left(office, message, logged)
        logged.clear()
        office.raw_store.close()
        at += 1
    office.raw_store.close()
    assert at > 50, "the whole life was walked through"
