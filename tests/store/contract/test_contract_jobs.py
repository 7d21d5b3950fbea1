"""What is owed: claiming, settling, leases, and what a person changed meanwhile."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from levelhead.model import Again, Done, Job, Never
from levelhead.store.api import WORK, Store, mailbox_lane


def owe(store: Store, make: Any, *keys: str, lane: str = WORK, **due: float) -> None:
    with store.transaction(make.noon) as tx:
        for key in keys:
            tx.add_job(lane, "screen", key, f"subject of {key}", make.at(**due))


def claim(store: Store, make: Any, lane: str = WORK, limit: int = 10, **now: float) -> tuple[Job, ...]:
    return store.claim(lane, make.at(**now), limit=limit, lease_seconds=60)


def settle(store: Store, make: Any, job: Job, outcome: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.settle(job, outcome)


def test_a_job_is_claimed_with_all_that_was_owed(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    assert (job.lane, job.kind, job.key, job.subject, job.due_at, job.attempt) == (
        WORK, "screen", "a", "subject of a", make.noon, 0,
    )  # fmt: skip


def test_nothing_is_claimed_before_it_is_due(store: Store, make: Any) -> None:
    owe(store, make, "a", hours=4)
    assert claim(store, make, hours=3, minutes=59) == ()
    assert store.next_due(WORK) == make.at(hours=4)
    assert [job.key for job in claim(store, make, hours=4)] == ["a"]


def test_what_is_owed_can_be_moved_all_at_once_but_for_what_is_being_paid(store: Store, make: Any) -> None:
    owe(store, make, "paid")
    (paid,) = claim(store, make)
    owe(store, make, "later", hours=4)
    owe(store, make, "far", lane=mailbox_lane("work"), hours=6)
    owe(store, make, "failed")
    (failed,) = claim(store, make)
    settle(store, make, failed, Never("no such folder"))
    for hours in (3, -1):
        with store.transaction(make.noon) as tx:
            tx.move_jobs(timedelta(hours=hours))
    settle(store, make, paid, Done())
    assert store.next_due(WORK) == make.at(hours=6)
    assert store.next_due(mailbox_lane("work")) == make.at(hours=8)
    assert [(job.key, job.due_at) for job, _ in store.failed_jobs()] == [("failed", make.noon)]


def test_a_lease_is_moved_with_the_clock(store: Store, make: Any) -> None:
    owe(store, make, "a")
    claim(store, make)
    with store.transaction(make.noon) as tx:
        tx.move_jobs(timedelta(hours=-24))
    assert [job.key for job in claim(store, make, minutes=1)] == ["a"], "the lease of one minute is over"


def test_the_oldest_due_comes_first_and_never_more_than_asked_for(store: Store, make: Any) -> None:
    for minutes, key in ((3, "c"), (1, "a"), (2, "b"), (1, "a2")):
        owe(store, make, key, minutes=minutes)
    assert [job.key for job in claim(store, make, limit=2, hours=1)] == ["a", "a2"]
    assert [job.key for job in claim(store, make, limit=2, hours=1)] == ["b", "c"]
    assert claim(store, make, limit=2, hours=1) == ()


def test_lanes_do_not_see_each_other(store: Store, make: Any) -> None:
    owe(store, make, "a")
    owe(store, make, "b", lane=mailbox_lane("work"))
    assert [job.key for job in claim(store, make, mailbox_lane("work"))] == ["b"]
    assert claim(store, make, mailbox_lane("other")) == ()
    assert store.next_due(mailbox_lane("other")) is None


def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (first,) = claim(store, make)
    assert claim(store, make, seconds=59) == ()
    assert store.next_due(WORK) == make.at(seconds=60)
    (again,) = claim(store, make, seconds=60)
    assert again == first


def test_done_is_the_end_of_it(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    settle(store, make, job, Done())
    assert store.next_due(WORK) is None
    assert claim(store, make, hours=9) == ()


def test_again_puts_it_off_and_counts(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    settle(store, make, job, Again(make.at(minutes=5), "the server is busy"))
    assert store.next_due(WORK) == make.at(minutes=5)
    assert claim(store, make, minutes=4) == ()
    (job,) = claim(store, make, minutes=5)
    assert (job.attempt, job.due_at) == (1, make.at(minutes=5))


def test_never_keeps_it_with_its_reason(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    settle(store, make, job, Never("the channel does not exist"))
    assert store.next_due(WORK) is None
    assert claim(store, make, hours=9) == ()
    assert store.failed_jobs() == ((job, "the channel does not exist"),)


def test_a_failed_job_that_is_owed_anew_starts_anew(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    settle(store, make, job, Never("no"))
    owe(store, make, "a", hours=1)
    assert store.failed_jobs() == ()
    assert [(one.key, one.attempt) for one in claim(store, make, hours=1)] == [("a", 0)]


def test_a_key_is_owed_once_with_the_newest_due_time(store: Store, make: Any) -> None:
    owe(store, make, "a", hours=1)
    owe(store, make, "a", hours=3)
    assert store.next_due(WORK) == make.at(hours=3)
    assert len(claim(store, make, hours=5)) == 1


def test_what_a_person_put_off_meanwhile_is_still_owed_after_done(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    owe(store, make, "a", hours=4)
    assert claim(store, make, seconds=30) == ()
    settle(store, make, job, Done())
    assert store.next_due(WORK) == make.at(hours=4)
    assert [one.due_at for one in claim(store, make, hours=4)] == [make.at(hours=4)]


def test_what_a_person_hurried_meanwhile_is_not_put_off(store: Store, make: Any) -> None:
    owe(store, make, "a", minutes=5)
    (job,) = claim(store, make, minutes=5)
    owe(store, make, "a", minutes=1)
    settle(store, make, job, Again(make.at(hours=9), "the server is busy"))
    assert store.next_due(WORK) == make.at(minutes=1)


def test_a_job_owed_anew_inside_its_own_settling_stays(store: Store, make: Any) -> None:
    owe(store, make, "climb")
    (job,) = claim(store, make)
    with store.transaction(make.noon) as tx:
        tx.add_job(WORK, "climb", "climb", "alert", make.at(minutes=30))
        tx.settle(job, Done())
    assert store.next_due(WORK) == make.at(minutes=30)


def test_a_dropped_job_is_owed_no_longer_even_while_it_is_paid(store: Store, make: Any) -> None:
    owe(store, make, "a")
    (job,) = claim(store, make)
    with store.transaction(make.noon) as tx:
        tx.drop_job("a")
        tx.drop_job("never was")
    settle(store, make, job, Again(make.at(minutes=5), "busy"))
    settle(store, make, job, Done())
    assert store.next_due(WORK) is None


def test_a_claim_is_not_a_fact(store: Store, make: Any) -> None:
    owe(store, make, "a")
    claim(store, make)
    assert store.ledger_size() == 0


def test_a_job_is_claimed_by_one_only_however_many_want_it(backend: Any, make: Any) -> None:
    store = backend.open()
    owe(store, make, *(f"job {number}" for number in range(60)))
    taken: list[str] = []

    def work(own: Store) -> None:
        while jobs := own.claim(WORK, make.noon, limit=3, lease_seconds=60):
            taken.extend(job.key for job in jobs)

    threads = [threading.Thread(target=work, args=(own,)) for own in (store, store, store)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"job {number}" for number in range(60))
