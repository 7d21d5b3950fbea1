"""Keeps sign-ins alive, and tells at once when one dies: no mailbox goes blind because a token ended unnoticed.

It renews ahead of time, so that a refusal is known while the last session may still go on, and not days later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import Stopping, Unavailable, UserError
from levelhead.model import Severity
from levelhead.outbox.health import Health
from levelhead.signin.session import SignIn

log = structlog.get_logger()

EVERY = 15.0
"""Seconds between two looks; a look costs nothing while a token is good."""
BEFORE = timedelta(days=7)
"""How long before its known end a sign-in is warned of; at most half of its life, which Google's test apps limit."""
LAST = timedelta(days=1)

ENDS = "sign-in-ends"
UNSAVED = "sign-in-unsaved"
REFUSED = "sign-in-refused"
"""Rules of alerts, one for each mailbox. The last paragraph of each begins with what mends it, for `status`."""


class Keeper:
    """Looks after the sign-ins of a configuration. One thread calls `look`, or `run`."""

    def __init__(
        self,
        sign_ins: SignIns,
        clock: Clock,
        health: Health,
        *,
        refused: Callable[[str, str], None],
        wake: Callable[[str], None],
    ) -> None:
        """`refused(mailbox, why)` once for each refusal; `wake(mailbox)` when its sign-in is new or works again."""
        self._sign_ins = sign_ins
        self._clock = clock
        self._health = health
        self._refused = refused
        self._wake = wake
        self._bad: dict[SignIn, str] = {}
        self._since: dict[SignIn, datetime | None] = {}

    def run(self, stop: threading.Event, pulse: Callable[[], None]) -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            self.look(pulse)
            self._clock.wait(stop, EVERY)

    def look(self, pulse: Callable[[], None] = lambda: None) -> None:
        """Renew what is about to end; tell of what was refused, of ends to come, and of what the disk did not take."""
        for sign_in, mailboxes in self._sign_ins.all().items():
            pulse()
            try:
                sign_in.token()
            except Stopping:
                return
            except Unavailable as exc:
                # The mailbox itself tells when it cannot log in for long: the provider may be back before that.
                log.debug("sign_in.unavailable", mailboxes=list(mailboxes), error=str(exc))
            except UserError as exc:
                self._dead(sign_in, mailboxes, str(exc))
                continue
            else:
                self._alive(sign_in, mailboxes)
            for mailbox in mailboxes:
                self._ends(sign_in, mailbox)
                self._unsaved(sign_in, mailbox)

    def mend(self, mailbox: str) -> str:
        """The command by which a person signs in anew; empty for a mailbox that has a password."""
        sign_in = self._sign_ins.of(mailbox)
        return "" if sign_in is None else sign_in.registration.mend

    def refused(self, mailbox: str) -> bool:
        """Whether nobody gets a token for this mailbox until a person signs in, or mends the configuration.

        As far as is known: this asks nobody and waits for nobody, so that the main thread can ask each second.
        """
        sign_in = self._sign_ins.of(mailbox)
        return sign_in is not None and sign_in.in_vain is True

    def bears_out(self, mailbox: str, kind: str) -> bool:
        """Whether an outage of this `kind` on record may be told of. Always, for a mailbox that has a password.

        Of a sign-in nothing is known until somebody has asked since we run; and once it gives tokens again no login is
        refused any more. Where the server refuses such a token, its watcher tells so itself.
        """
        sign_in = self._sign_ins.of(mailbox)
        in_vain = sign_in.in_vain if sign_in is not None else True
        return in_vain is not None and (in_vain or kind != "login")

    def _dead(self, sign_in: SignIn, mailboxes: tuple[str, ...], why: str) -> None:
        if self._bad.get(sign_in) == why:
            return
        self._bad[sign_in] = why
        for mailbox in mailboxes:
            log.error("sign_in.refused", mailbox=mailbox, error=why)
            self._refused(mailbox, why)

    def _alive(self, sign_in: SignIn, mailboxes: tuple[str, ...]) -> None:
        since = sign_in.signed_in_at()
        anew = sign_in in self._since and self._since[sign_in] != since
        self._since[sign_in] = since
        if self._bad.pop(sign_in, None) is not None or anew:
            for mailbox in mailboxes:
                self._wake(mailbox)  # one that is lost tries at once
        for mailbox in mailboxes:  # also what an earlier process has left open
            self._health.resolve_health(REFUSED, mailbox, "the sign-in works again")

    def _ends(self, sign_in: SignIn, mailbox: str) -> None:
        """Warn of an end that is known; the alert climbs again on the last day, and ends with a new sign-in."""
        at, since, now = sign_in.ends_at(), sign_in.told_at(), self._clock.now()
        if at is None or since is None or now < at - min(BEFORE, (at - since) / 2):
            self._health.resolve_health(ENDS, mailbox, "the sign-in lasts for a while again")
            return
        self._health.raise_health(
            ENDS,
            mailbox,
            Severity.CRITICAL if now >= at - LAST else Severity.WARNING,
            f"The sign-in of the mailbox {mailbox} ends on {at:%Y-%m-%d at %H:%M} UTC",
            "The provider said so. After that the mailbox is not watched. Sign in again before that:\n\n"
            f"{sign_in.registration.mend}",
        )

    def _unsaved(self, sign_in: SignIn, mailbox: str) -> None:
        if not sign_in.unsaved:
            self._health.resolve_health(UNSAVED, mailbox, "the disk took it")
            return
        self._health.raise_health(
            UNSAVED,
            mailbox,
            Severity.WARNING,
            f"The renewed sign-in of the mailbox {mailbox} cannot be written down",
            "It is in memory only, and a restart or a reload would lose it. See whether "
            f"{sign_in.file.path.parent} can be written; it is tried again by itself. If it was lost:\n\n"
            f"{sign_in.registration.mend}",
        )
