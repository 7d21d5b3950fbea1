"""Debts are paid while one pass brings more of them, and what went wrong with that shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from levelhead.daemon.besides import paying
from levelhead.errors import DiskFull
from levelhead.outbox.work import Worker

PATIENCE = 30.0


class Payer:
    """A worker that does what it is told, each time that it is asked to pay."""

    def __init__(self, does: Callable[[], int] = lambda: 0) -> None:
        self._does = does
        self.asked = threading.Semaphore(0)

    def pay(self) -> int:
        self.asked.release()
        return self._does()

    def as_worker(self) -> Worker:
        return cast(Any, self)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("besides")}


def test_whoever_makes_debts_has_them_paid_before_all_is_there() -> None:
    payer, wake = Payer(), threading.Event()
    with paying(payer.as_worker(), wake, threading.Event()):
        assert payer.asked.acquire(timeout=PATIENCE)
        wake.set()
        assert payer.asked.acquire(timeout=PATIENCE), "it was woken"
    assert threads() == set()


def test_it_goes_on_as_long_as_something_was_owed() -> None:
    owed = [2, 1, 0]
    payer = Payer(lambda: owed.pop(0) if owed else 0)
    with paying(payer.as_worker(), threading.Event(), threading.Event()):
        for _ in range(3):
            assert payer.asked.acquire(timeout=PATIENCE)
    assert owed == []


def test_a_full_disk_is_left_to_who_pays_afterwards() -> None:
    def full() -> int:
        raise DiskFull("no space left")

    payer = Payer(full)
    with paying(payer.as_worker(), threading.Event(), threading.Event()):
        assert payer.asked.acquire(timeout=PATIENCE)


def test_a_mistake_of_ours_is_loud() -> None:
    def wrong() -> int:
        raise KeyError("a mistake")

    with pytest.raises(KeyError), paying(Payer(wrong).as_worker(), threading.Event(), threading.Event()):
        pass


def test_what_ends_the_pass_ends_the_paying_too() -> None:
    with pytest.raises(DiskFull), paying(Payer().as_worker(), threading.Event(), threading.Event()):
        raise DiskFull("no space left")
    assert threads() == set()


def test_whoever_is_asked_to_end_does_not_claim_what_he_may_not_pay() -> None:
    stop, asked = threading.Event(), 0

    def claims() -> int:
        nonlocal asked
        asked += 1
        stop.set()
        return 50

    with paying(Payer(claims).as_worker(), threading.Event(), stop):
        assert stop.wait(PATIENCE)
    assert asked == 1


def test_a_mistake_of_ours_is_logged_where_the_pass_has_trouble_of_its_own() -> None:
    def wrong() -> int:
        raise KeyError("a mistake")

    payer = Payer(wrong)
    with (
        capture_logs() as logs,
        pytest.raises(DiskFull),
        paying(payer.as_worker(), threading.Event(), threading.Event()),
    ):
        assert payer.asked.acquire(timeout=PATIENCE)
        raise DiskFull("no space left")
    assert [line["event"] for line in logs] == ["judging.failed"]
