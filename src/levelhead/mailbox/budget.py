"""How many bytes a day are fetched from one account: counted as they come in, kept over restarts, news before history.

Some providers lock an account that gives more (Gmail: 2,500 MB a day by IMAP). What is left waits for the next day in
UTC; it is no outage, and no pass with something left is taken for the end of a backlog.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

import structlog

from levelhead.clock import Clock, to_text
from levelhead.store.api import Store
from levelhead.store.api_waits import Spent, budget_key

log = structlog.get_logger()

HISTORY = Fraction(4, 5)
"""The part of a day's bytes that history may take; the rest is kept for new mail, and for a person's other programs."""
NOTED_EVERY = 1_000_000
"""Bytes after which the count is written down where nothing else makes it be."""
SPENT = "the byte budget of the day was spent"
"""Why new mail was not seen."""


class BudgetSpent(Exception):
    """No more today: for `news` nothing at all, else no history."""

    def __init__(self, *, news: bool) -> None:
        super().__init__(SPENT)
        self.news = news


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """About how many messages of a folder wait for another day, and whether new ones are among them."""

    messages: int
    news: bool


class Account:
    """The bytes that one account at one server has given today, for all mailboxes and threads that read it."""

    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        self._store = store
        self._clock = clock
        self._key = f"account.fetched:{name}"
        self._lock = threading.Lock()
        kept = store.meta(self._key)
        day, spent = json.loads(kept) if kept else (clock.now().date().isoformat(), 0)
        self._day = date.fromisoformat(day)
        self._spent = self._written = int(spent)

    def count(self, size: int) -> None:
        """So many bytes have come."""
        with self._lock:
            self._turn()
            self._spent += size

    def today(self) -> tuple[date, int]:
        """The day, and the bytes that have come on it."""
        with self._lock:
            self._turn()
            return self._day, self._spent

    def promise(self, size: int) -> None:
        """So many are about to be asked for. Written down before: a crash counts too much and never too little."""
        with self._lock:
            self._turn()
            self._write(self._spent + size)

    def settle(self) -> None:
        """Write down what has really come, where that differs by much from what is written."""
        with self._lock:
            self._turn()
            if abs(self._written - self._spent) >= NOTED_EVERY:
                self._write(self._spent)

    def _turn(self) -> None:
        today = self._clock.now().date()
        if today != self._day:
            self._day, self._spent, self._written = today, 0, 0

    def _write(self, spent: int) -> None:
        with self._store.transaction(self._clock.now()) as tx:
            tx.set_meta(self._key, json.dumps([self._day.isoformat(), spent]))
        self._written = spent


@dataclass(slots=True, kw_only=True)
class Budget:
    """What one mailbox may still fetch today; `limit` is in bytes a day."""

    account: Account
    limit: int
    _told: Spent | None = field(default=None)

    def room(self, *, news: bool) -> int:
        """Bytes that are left today; for history less than for news."""
        most = self.limit if news else int(self.limit * HISTORY)
        return most - self.account.today()[1]

    def must_have(self, *, news: bool) -> None:
        """Raise BudgetSpent unless there is something left."""
        if self.room(news=news) <= 0:
            raise BudgetSpent(news=news)

    def begin(self, sizes: Sequence[int], *, news: bool) -> int:
        """How many messages of these sizes, in their order, are fetched now; that many are counted from now on.

        One is begun as long as anything is left: a message that is larger than a whole day's bytes must come some day.
        """
        left, count = self.room(news=news), 0
        for size in sizes:
            if left <= 0:
                break
            left, count = left - size, count + 1
        if count:
            self.account.promise(sum(sizes[:count]))
        return count

    def note(self, store: Store, clock: Clock, mailbox: str, put_off: Mapping[str, PutOff]) -> None:
        """After a pass: keep for `status` what is spent and what waits, when that is news."""
        self.account.settle()
        day, spent = self.account.today()
        now = Spent(
            day=day,
            spent=spent,
            limit=self.limit,
            waiting=sum(each.messages for each in put_off.values()),
            news=any(each.news for each in put_off.values()),
        )
        before = self._told
        near = before is not None and abs(spent - before.spent) < self.limit / 100
        if before is not None and near and before == replace(now, spent=before.spent):
            return
        if now.waiting and (before is None or not before.waiting or before.day != now.day):
            log.info("mailbox.put_off", messages=now.waiting, until=to_text(now.until))
        with store.transaction(clock.now()) as tx:
            tx.set_meta(budget_key(mailbox), now.text())
        self._told = now


def goes_on(budget: Budget | None, put_off: PutOff | None) -> bool:
    """Whether what was put off in a folder can be fetched by now."""
    return budget is not None and put_off is not None and budget.room(news=put_off.news) > 0
