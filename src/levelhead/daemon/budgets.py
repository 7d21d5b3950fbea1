"""The byte budgets of a configuration: mailboxes of one account at one server share what it gives in a day."""

from __future__ import annotations

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.mailbox.budget import Account, Budget
from levelhead.store.api import Store
from levelhead.store.api_waits import budget_key, pause_key, spent_from


class Budgets:
    """Hands out the budget of each mailbox, and forgets what an earlier process has left for `status`."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._accounts: dict[tuple[str, str], Account] = {}
        stale = [pause_key(mailbox.name) for mailbox in settings.mailboxes]
        stale += [budget_key(mailbox.name) for mailbox in settings.mailboxes if mailbox.bytes_per_day is None]
        if left := [key for key in stale if store.meta(key)]:
            with store.transaction(clock.now()) as tx:
                for key in left:
                    tx.set_meta(key, "")

    def of(self, name: str) -> Budget | None:
        """The budget of a mailbox; None for one without a limit."""
        mailbox = self._settings.mailbox(name)
        if mailbox.bytes_per_day is None:
            return None
        account = mailbox.host.lower(), mailbox.user.lower()
        if account not in self._accounts:
            self._accounts[account] = Account(self._store, self._clock, ":".join(account))
        return Budget(account=self._accounts[account], limit=mailbox.bytes_per_day)

    def waiting(self) -> bool:
        """Whether any mailbox has left something for another day at its last pass."""
        told = (spent_from(self._store.meta(budget_key(each.name))) for each in self._settings.mailboxes)
        return any(each is not None and each.waiting for each in told)
