"""Once a week each mailbox is compared with its server, in the mailbox's own thread and a little at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock, from_text, to_text
from levelhead.daemon.completeness import comparison
from levelhead.evidence.completeness import FolderCompared, MailboxCompared, fact_of, sentences
from levelhead.mailbox import plan
from levelhead.mailbox.api import Connection, MailboxSpec
from levelhead.model import Severity
from levelhead.outbox.health import Health
from levelhead.store.api import Store, Tx
from levelhead.store.api_waits import budget_key, spent_from

log = structlog.get_logger()

FIRST = timedelta(days=1)
"""After a mailbox was read through for the first time."""
EVERY = timedelta(days=7)
SOON = timedelta(hours=1)
"""After one that found something: what is missing is fetched meanwhile, and the alert should not stand for a week."""
LATER = timedelta(days=1)
"""After one that was cut short, or that found something for the second time and more."""
SLICE = 1.0
"""Seconds that a comparison takes before the mailbox is looked at for news again; a window is always finished."""

RULE = "archive-incomplete"


class Weekly:
    """The comparisons of one mailbox. Call it after each pass; what it has to do it does in slices."""

    def __init__(self, spec: MailboxSpec, store: Store, clock: Clock, health: Health) -> None:
        self._spec = spec
        self._store = store
        self._clock = clock
        self._health = health
        self._steps: Generator[None, None, MailboxCompared] | None = None
        self._over: Connection | None = None
        """The connection that the comparison under way was begun on."""
        self._due: datetime | None = None

    def __call__(self, connection: Connection) -> bool:
        """Compare for a short while if it is time; whether there is more to do. Raises what the connection raises."""
        if self._over is not connection:
            self._steps, self._over = None, connection
        if self._steps is None:
            if not self._is_due() or self._waits():
                return False
            # Whatever breaks it, it is not begun again at once: a comparison must never keep a mailbox from its news.
            self._put_off(self._clock.now() + LATER, self._bad())
            self._steps = comparison(connection, self._store, self._spec).steps()
        end = self._clock.monotonic() + SLICE
        try:
            next(self._steps)
            while self._clock.monotonic() < end:
                next(self._steps)
        except StopIteration as done:
            self._steps = None
            self._tell(done.value)
            return False
        except BaseException:
            self._steps = None
            raise
        return True

    # --- when ---------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        now = self._clock.now()
        if self._due is None:
            kept = self._store.meta(self._key())
            self._due = from_text(kept.split()[0]) if kept else None
        if self._due is None:
            self._put_off(now + FIRST, 0)
            return False
        # One that is due further away than it can be was put off by a clock that has been set back since.
        return now >= self._due or self._due - now > EVERY

    def _waits(self) -> bool:
        """Whether mail waits for another day's bytes: that it is missing is known, and comparing would cost some."""
        spent = spent_from(self._store.meta(budget_key(self._spec.name)))
        return spent is not None and spent.waiting > 0

    def _bad(self) -> int:
        """How many comparisons in a row have found something."""
        return int((self._store.meta(self._key()) or "- 0").split()[1])

    def _put_off(self, due: datetime, bad: int) -> None:
        with self._store.transaction(self._clock.now()) as tx:
            self._keep(tx, due, bad)

    def _keep(self, tx: Tx, due: datetime, bad: int) -> None:
        tx.set_meta(self._key(), f"{to_text(due)} {bad}")
        self._due = due

    def _key(self) -> str:
        return f"mailbox.compared:{self._spec.name}"

    # --- what follows -------------------------------------------------------------------------

    def _tell(self, found: MailboxCompared) -> None:
        """Write the comparison down, raise or end the alert, and have what is unexplained fetched by the next pass."""
        bad = 0 if found.ok else self._bad() + 1
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(fact_of(found, tx.now))
            if found.ok:
                why = "everything on the server is archived or left out for a reason"
                self._health.resolve_health(RULE, found.mailbox, why, tx=tx)
            else:
                title, body = _words(found)
                self._health.raise_health(RULE, found.mailbox, Severity.WARNING, title, body, tx=tx)
                for folder in found.folders:
                    self._fetch(tx, folder)
            self._keep(tx, tx.now + {0: EVERY, 1: SOON}.get(bad, LATER), bad)
        if not found.ok:
            log.warning("server.unexplained", messages=sum(folder.unexplained for folder in found.folders))

    def _fetch(self, tx: Tx, folder: FolderCompared) -> None:
        """A message that nothing accounts for is one that did not come yet: the next pass asks for it."""
        key = plan.kept_under("gaps", self._spec.name, folder.folder, folder.uidvalidity)
        gaps = plan.gaps_from(tx.meta(key))
        missing = set(folder.tally.unexplained) - gaps.keys()
        if missing:
            gaps |= {uid: plan.Gap(tries=0, tried_at=tx.now) for uid in missing}
            tx.set_meta(key, plan.gaps_to(gaps))


def _words(found: MailboxCompared) -> tuple[str, str]:
    """Title and body of the alert."""
    count = sum(folder.unexplained for folder in found.folders)
    what = f"{count} messages of" if count != 1 else "A message of"
    title = f"{what} the mailbox {found.mailbox} {'is' if count == 1 else 'are'} not in the archive"
    if not count:
        title = f"The mailbox {found.mailbox} could not be compared with its server"
    lines = "\n".join(_lines(found))
    return (
        title,
        f"{lines}\n\nWhat is missing is fetched again by itself. levelhead verify --server says more.",
    )


def _lines(found: MailboxCompared) -> Iterator[str]:
    for folder in found.folders:
        if folder.unexplained:
            yield f"{folder.folder}: {folder.unexplained} of {folder.tally.on_server} on the server"
        if folder.why:
            yield f"{folder.folder}: {folder.why}"
    if not found.folders:
        yield from sentences((found,))
