"""The worker: a job's trouble stays with that job, and trying again gets slower."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import ConnectionLost, ServerBusy
from levelhead.model import Again, Done, Job, Never
from levelhead.outbox.retry import BUSY_FACTOR, CAP, FIRST, again_at
from levelhead.outbox.work import Worker

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def owe(office, *kinds: str) -> None:
    with office.store.transaction(office.clock.now()) as tx:
        for number, kind in enumerate(kinds):
            tx.add_job("work", kind, f"{kind}:{number}", str(number), tx.now)


def worker(office, handlers, **more) -> Worker:
    return Worker(office.store, "work", handlers, office.clock, roll=lambda: 0.5, **more)


def test_one_job_that_fails_does_not_keep_the_others_from_being_paid(office):
    owe(office, "good", "bad", "good")
    paid = []

    def bad(job: Job) -> Done:
        raise RuntimeError("boom")

    def good(job: Job) -> Done:
        paid.append(job.subject)
        return Done()

    assert worker(office, {"good": good, "bad": bad}).pay() == 3
    assert paid == ["0", "2"] and office.jobs() == {"bad:1"}


def test_a_job_that_keeps_failing_is_given_up_and_somebody_is_told_in_the_same_transaction(office):
    owe(office, "bad")
    told = []

    def bad(job: Job) -> Done:
        raise RuntimeError("boom")

    paying = worker(
        office, {"bad": bad}, attempts=3, on_never=lambda tx, job, why: told.append((job.key, why, tx.now))
    )
    pauses = []
    while paying.pay():
        due = paying.next_due()
        if due is not None:
            pauses.append(due - office.clock.now())
            office.clock.advance(due - office.clock.now())
    assert [(key, why) for key, why, _ in told] == [("bad:0", "RuntimeError: boom")]
    assert len(pauses) == 2 and pauses[0] < pauses[1]
    ((job, why),) = office.store.failed_jobs()
    assert job.key == "bad:0" and why == "RuntimeError: boom"


def test_a_kind_that_nobody_pays_is_given_up_at_once(office):
    owe(office, "strange")
    worker(office, {}).pay()
    ((_, why),) = office.store.failed_jobs()
    assert "strange" in why


def test_a_handler_may_put_a_job_off_or_give_it_up_itself(office):
    owe(office, "later", "never")
    later = office.clock.now() + timedelta(hours=1)
    paying = worker(
        office, {"later": lambda job: Again(later, "not yet"), "never": lambda job: Never("no use")}
    )
    paying.pay()
    assert paying.next_due() == later and office.store.failed_jobs()[0][1] == "no use"


def test_what_is_not_the_jobs_fault_leaves_it_due_and_reaches_the_caller(office):
    owe(office, "mail")

    def mail(job: Job) -> Done:
        raise ConnectionLost("gone")

    paying = worker(office, {"mail": mail}, through=(ConnectionLost,))
    for _ in range(20):
        with pytest.raises(ConnectionLost):
            paying.pay()
    assert worker(office, {"mail": lambda job: Done()}).pay() == 1 and office.jobs() == set()


def test_what_a_killed_process_had_claimed_is_due_at_once_when_it_is_back(office):
    owe(office, "mail")

    def killed(job: Job) -> Done:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker(office, {"mail": killed}).pay()
    office.restart()
    assert worker(office, {"mail": lambda job: Done()}).pay() == 1


def test_a_backlog_is_paid_in_one_batch_and_alone_when_the_batch_fails(office):
    owe(office, "screen", "screen", "screen")
    batches, alone = [], []

    def together(jobs: tuple[Job, ...]) -> None:
        batches.append(len(jobs))
        raise RuntimeError("one of them")

    def single(job: Job) -> Done:
        alone.append(job.subject)
        return Done()

    worker(office, {"screen": single}, batches={"screen": together}).pay()
    assert batches == [3] and alone == ["0", "1", "2"]


def test_nothing_due_is_nothing_done(office):
    assert worker(office, {}).pay() == 0 and worker(office, {}).next_due() is None


# --- trying again ----------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.floats(0, 1), st.booleans())
def test_trying_again_is_always_later_and_never_much_later(attempt, roll, busy):
    pause = again_at(attempt, NOW, roll, busy=busy) - NOW
    assert timedelta(0) < pause <= CAP * BUSY_FACTOR


def test_pauses_grow_and_are_spread():
    full = [again_at(attempt, NOW, 1.0) - NOW for attempt in range(12)]
    assert full == sorted(full) and full[0] == FIRST and full[-1] == CAP
    assert again_at(5, NOW, 0.1) < again_at(5, NOW, 0.9)


def test_a_busy_server_is_left_alone_longer(office):
    assert again_at(0, NOW, 0.5, busy=True) > again_at(0, NOW, 1.0)
    owe(office, "mail")

    def mail(job: Job) -> Done:
        raise ServerBusy("[UNAVAILABLE]")

    paying = worker(office, {"mail": mail})
    paying.pay()
    assert paying.next_due() == again_at(0, office.clock.now(), 0.5, busy=True)


def test_a_failure_is_logged_with_its_traceback_and_without_anybodys_words(office, logged):
    owe(office, "bad")

    def bad(job: Job) -> Done:
        raise RuntimeError("boom")

    worker(office, {"bad": bad}).pay()
    (entry,) = logged
    assert (entry["event"], entry["log_level"], entry["exc_info"]) == ("job.failed", "error", True)
    assert set(entry) == {"event", "log_level", "exc_info", "lane", "kind", "key", "attempt"}
