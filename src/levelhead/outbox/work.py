"""The worker of one lane: claims what is due, pays it guarded, and settles; a job's trouble stays with that job."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import structlog

from levelhead.clock import Clock
from levelhead.errors import ServerBusy
from levelhead.model import Again, Done, Job, Never, Outcome
from levelhead.outbox.owed import is_over
from levelhead.outbox.retry import again_at
from levelhead.store.api import Store, Tx

log = structlog.get_logger()

ATTEMPTS = 8
"""After so many failures in a row a job is given up and a person is told: about two hours with the usual back-off."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The handler has settled the job itself, in the same transaction as what it did."""


Handler = Callable[[Job], Outcome | Settled]
Batch = Callable[[tuple[Job, ...]], None]
"""Pays several jobs at once and settles every one of them; it may raise, and then each is tried alone."""


def _nothing(tx: Tx, job: Job, why: str) -> None:
    """Tell nobody."""


AT_ONCE = 50
"""Jobs that are claimed together."""


class Worker:
    """Pays the debts of one lane. One whose message was erased since it was claimed is nobody's any more.

    `on_never(tx, job, why)` runs in the transaction that gives a job up. Exceptions named in `through` are not the
    job's fault (a lost connection): they leave the job due and reach the caller. `lease_seconds` is 0 where one
    process has the store to itself, so that what a killed process had claimed is due at once when it is back.
    """

    def __init__(
        self,
        store: Store,
        lane: str,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        batches: Mapping[str, Batch] | None = None,
        on_never: Callable[[Tx, Job, str], None] = _nothing,
        through: tuple[type[Exception], ...] = (),
        attempts: int = ATTEMPTS,
        lease_seconds: float = 0.0,
        roll: Callable[[], float] = random.random,
        tick: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tick()` is called before each job; True leaves the rest due."""
        self._store = store
        self._tick = tick
        self._lane = lane
        self._handlers = handlers
        self._clock = clock
        self._batches = batches or {}
        self._on_never = on_never
        self._through = through
        self._attempts = attempts
        self._lease = lease_seconds
        self._roll = roll

    def pay(self, limit: int = AT_ONCE) -> int:
        """Pay at most `limit` due jobs, oldest due first; returns how many were taken on.

        Raises StoreLocked or DiskFull when the store cannot be written, and what `through` names.
        """
        jobs = self._store.claim(self._lane, self._clock.now(), limit=limit, lease_seconds=self._lease)
        for kind, group in _by_kind(jobs):
            if len(group) > 1 and kind in self._batches and self._pay_batch(kind, group):
                continue
            for job in group:
                if self._tick():
                    return len(jobs)
                self._pay_one(job)
        return len(jobs)

    def next_due(self) -> datetime | None:
        """When the next job of the lane falls due; None when nothing is owed."""
        return self._store.next_due(self._lane)

    def _pay_batch(self, kind: str, jobs: tuple[Job, ...]) -> bool:
        try:
            self._batches[kind](jobs)
        except self._through:
            raise
        except Exception:
            # One of them is at fault, unless it was erased; alone, each shows which.
            if not any(is_over(self._store, job) for job in jobs):
                log.exception("jobs.failed_together", lane=self._lane, kind=kind, jobs=len(jobs))
            return False
        return True

    def _pay_one(self, job: Job) -> None:
        outcome = self._outcome(job)
        if isinstance(outcome, Settled):
            return
        with self._store.transaction(self._clock.now()) as tx:
            if is_over(tx, job):
                outcome = Done()
            tx.settle(job, outcome)
            if isinstance(outcome, Never):
                self._on_never(tx, job, outcome.why)
        if isinstance(outcome, Never):
            log.error("job.given_up", lane=self._lane, kind=job.kind, key=job.key)

    def _outcome(self, job: Job) -> Outcome | Settled:
        handler = self._handlers.get(job.kind)
        if handler is None:
            return Never(f"nobody here pays jobs of the kind {job.kind}")
        try:
            return handler(job)
        except self._through:
            raise
        except Exception as exc:
            if is_over(self._store, job):
                log.info("job.over", lane=self._lane, kind=job.kind, key=job.key)
                return Done()
            why = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
            log.exception("job.failed", lane=self._lane, kind=job.kind, key=job.key, attempt=job.attempt)
            if job.attempt + 1 >= self._attempts:
                return Never(why)
            busy = isinstance(exc, ServerBusy)
            return Again(again_at(job.attempt, self._clock.now(), self._roll(), busy=busy), why)


def _by_kind(jobs: tuple[Job, ...]) -> Iterator[tuple[str, tuple[Job, ...]]]:
    """Runs of jobs of one kind, in the order in which they are due."""
    for kind, group in groupby(jobs, key=lambda job: job.kind):
        yield kind, tuple(group)
