"""The daily checkpoint: a job of the worker that signs where the ledger stands, and owes itself again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from levelhead.clock import Clock
from levelhead.errors import DiskFailed, DiskFull, DiskReadOnly, StoreLocked, Unavailable, UserError
from levelhead.evidence.checkpoints import checkpoints, sign_checkpoint
from levelhead.evidence.note import Signer
from levelhead.model import Done, Job
from levelhead.store.api import WORK, Store
from levelhead.store.ledger import read_leaf

CHECKPOINT = "checkpoint"
"""The kind of the job, and its key: there is one."""

EVERY = timedelta(days=1)
AFTER_TROUBLE = timedelta(hours=1)

_OURS = (DiskFull, DiskFailed, DiskReadOnly, StoreLocked)
"""Trouble of the archive, and not of the key; the worker knows what to do."""


class Daily:
    """Signs a checkpoint a day. What is wrong with the key is told through `trouble`, and its end through `well`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        signer: Callable[[], Signer | None],
        *,
        trouble: Callable[[str], None],
        well: Callable[[], None],
    ) -> None:
        """`signer()` reads the key anew, so that a changed file is found; it raises UserError or Unavailable."""
        self._store = store
        self._clock = clock
        self._signer = signer
        self._trouble = trouble
        self._well = well

    def begin(self, *, configured: bool) -> None:
        """At the start: owe the next checkpoint, a day after the newest; or none, when no key is configured."""
        now = self._clock.now()
        newest = checkpoints(self._store)[-1:]
        due = min((read_leaf(entry.leaf).time + EVERY for entry, _ in newest), default=now)
        with self._store.transaction(now) as tx:
            if configured:
                # A ledger from a time when the clock was ahead does not put it off for longer than a day.
                tx.add_job(WORK, CHECKPOINT, CHECKPOINT, "", min(max(due, now), now + EVERY))
            else:
                tx.drop_job(CHECKPOINT)
        if not configured:
            self._well()

    def sign(self, job: Job) -> Done:
        """The job's handler: sign, and owe the next one; a key that cannot be used is tried again in an hour."""
        wait = EVERY
        try:
            signer = self._signer()
            if signer is not None:
                sign_checkpoint(self._store, signer, self._clock.now())
            self._well()
        except _OURS:
            raise
        except (UserError, Unavailable) as exc:
            self._trouble(str(exc))
            wait = AFTER_TROUBLE
        now = self._clock.now()
        with self._store.transaction(now) as tx:
            tx.add_job(WORK, CHECKPOINT, job.key, "", now + wait)
        return Done()
