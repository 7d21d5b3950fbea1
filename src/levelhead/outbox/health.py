"""The daemon's own alerts: what is wrong with levelhead itself, raised once for each thing, ended when it is over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from levelhead.clock import Clock, to_text
from levelhead.facts import AlertCounted, AlertRaised, AlertResolved, DraftFailed, DraftLeft, PluginSetAside
from levelhead.hookspecs import Panel
from levelhead.lifecycle import OPEN_ALERTS, AlertState, DraftState
from levelhead.model import Job, Severity
from levelhead.outbox.owed import (
    AUTHENTICATE,
    CLIMB,
    NOTIFY,
    PLACE,
    REMOVE,
    SCREEN,
    clean,
    drop_climb,
    owe_climb,
)
from levelhead.policy import ladder as climbing
from levelhead.policy.types import Calendar, LadderPolicy
from levelhead.store.api import AlertRow, Store, Tx

OURS = "levelhead"
"""The plugin named in alerts that no plugin raised."""

BLIND = frozenset({"mailbox-lost", "mailbox-refused", "sign-in-refused", "sign-in-ends", "sign-in-unsaved"})
"""Rules about a mailbox that is not watched, or soon will not be: such an alert is told daily until it is over or
somebody has it, also where `[escalation] repeat` says more rarely, or never."""

DAILY = timedelta(days=1)

LASTING = (*OPEN_ALERTS, AlertState.ACKNOWLEDGED)
"""Trouble that somebody has acknowledged is still the same trouble: it is told anew only after it was over."""


class Health:
    """Raises and ends alerts about levelhead itself; one is open for each rule and subject at a time."""

    def __init__(self, store: Store, clock: Clock, ladder: LadderPolicy, calendar: Calendar) -> None:
        self._store = store
        self._clock = clock
        self._ladder = ladder
        self._calendar = calendar

    def raise_health(
        self, rule: str, subject: str, severity: Severity, title: str, body: str, *, tx: Tx | None = None
    ) -> str:
        """Raise an alert and return its key; in `tx` when one is given, else in a transaction of its own.

        While one of this rule and subject is open nothing happens, except that a higher severity is counted onto
        it: a mailbox that stays dead for a week is one alert, not one for each try.
        """
        if tx is None:
            known = _among(self._open_alerts(), rule, subject)
            if known is not None and not _climbs(severity, known):
                # The usual case, and it needs no write transaction.
                return known.key
        with self._inside(tx) as inside:
            known = find(inside, rule, subject)
            if known is None:
                return self._open(inside, rule, subject, severity, title, body)
            if _climbs(severity, known):
                inside.record(
                    AlertCounted(key=known.key, message="", severity=severity.value, counted_at=inside.now)
                )
            return known.key

    def count_health(
        self, tx: Tx, rule: str, subject: str, severity: Severity, title: str, body: str, *, message: str
    ) -> str:
        """Raise an alert about a message, or count the message onto the open one of this rule and subject; its key.

        Other than with `raise_health`, one that somebody has acknowledged is over: the next message is news again.
        """
        known = find(tx, rule, subject, states=OPEN_ALERTS)
        if known is None:
            return self._open(tx, rule, subject, severity, title, body, message=message)
        tx.record(AlertCounted(key=known.key, message=message, severity=severity.value, counted_at=tx.now))
        return known.key

    def resolve_health(self, rule: str, subject: str, why: str, *, tx: Tx | None = None) -> bool:
        """End the open alert of this rule and subject; False when there is none."""
        if tx is None and _among(self._open_alerts(), rule, subject) is None:
            # The usual case, and it needs no write transaction.
            return False
        with self._inside(tx) as inside:
            known = find(inside, rule, subject)
            if known is None:
                return False
            inside.record(AlertResolved(key=known.key, why=clean(why)))
            drop_climb(inside, known.key)
            return True

    def given_up(self, tx: Tx, job: Job, why: str) -> None:
        """What follows when a job was given up: the state of what it was about, and an alert. A Worker's `on_never`."""
        if job.kind in (PLACE, REMOVE):
            self._draft_given_up(tx, job, why)
            return
        title, body = _GIVEN_UP.get(job.kind, ("A job was given up", "`levelhead status` shows it."))
        # One alert about all alerts: an alert about each would make the next one, which fails in the same way.
        subject = "" if job.kind in (CLIMB, NOTIFY) else job.subject
        self.raise_health(
            f"{job.kind}-given-up",
            subject,
            Severity.WARNING,
            title,
            f"{body}\n\nThe last error was: {why}",
            tx=tx,
        )

    def plugins_set_aside(self, panel: Panel) -> int:
        """Raise an alert for each plugin that the panel has set aside since this was last asked; returns how many."""
        set_aside = panel.set_aside_since()
        for plugin in set_aside:
            with self._store.transaction(self._clock.now()) as tx:
                tx.record(PluginSetAside(plugin=plugin.name, why=clean(plugin.why)))
                self.raise_health(
                    "plugin-set-aside",
                    plugin.name,
                    Severity.WARNING,
                    f"The plugin {plugin.name} failed so often that it is asked no more",
                    f"{plugin.why}\n\nReplies are held longer while it is missing. "
                    "Mend it and have levelhead reload (systemctl reload levelhead, or SIGHUP to the daemon), "
                    "or name it in [plugins] disable.",
                    tx=tx,
                )
        return len(set_aside)

    def _draft_given_up(self, tx: Tx, job: Job, why: str) -> None:
        draft = tx.draft(job.subject)
        if draft.state in (DraftState.HELD, DraftState.PLACING):
            tx.record(DraftFailed(key=draft.key, why=clean(why)))
            title = "A drafted reply could not be placed in your Drafts folder"
        elif draft.state == DraftState.REMOVING:
            tx.record(DraftLeft(key=draft.key, why=clean(why)))
            title = "An obsolete draft could not be taken out of your Drafts folder"
        else:
            return
        body = f"Mailbox {draft.mailbox}, draft {draft.key}; `levelhead held --all` shows it."
        self.raise_health(
            f"{job.kind}-given-up",
            draft.key,
            Severity.WARNING,
            title,
            f"{body}\n\nThe last error was: {why}",
            tx=tx,
        )

    def _open(
        self, tx: Tx, rule: str, subject: str, severity: Severity, title: str, body: str, *, message: str = ""
    ) -> str:
        key = hashlib.sha256("\0".join(("health", rule, subject, to_text(tx.now))).encode()).hexdigest()[:16]
        due = climbing.first(severity, tx.now, self._ladder, self._calendar)
        tx.record(
            AlertRaised(
                key=key,
                rule=name(rule, subject),
                client="",
                thread="",
                message=message,
                severity=severity.value,
                title=clean(title),
                body=clean(body),
                plugin=OURS,
                raised_at=tx.now,
                next_rung_at=due,
            )
        )
        if due is not None:
            owe_climb(tx, key, due)
        return key

    def _open_alerts(self) -> tuple[AlertRow, ...]:
        return self._store.alerts(states=LASTING, client="")

    @contextmanager
    def _inside(self, tx: Tx | None) -> Iterator[Tx]:
        if tx is not None:
            yield tx
            return
        with self._store.transaction(self._clock.now()) as own:
            yield own


def name(rule: str, subject: str) -> str:
    """The rule of a health alert as the store keeps it: one for each thing that can be wrong."""
    return f"{rule}:{clean(subject)}" if subject else rule


def blind(alert: AlertRow) -> bool:
    """Whether an alert is about a mailbox that is not watched, or soon will not be."""
    return alert.rule.partition(":")[0] in BLIND


def ladder_of(alert: AlertRow, ladder: LadderPolicy) -> LadderPolicy:
    """The ladder that an alert climbs: the operator's, and for blindness one that never falls silent."""
    if not blind(alert):
        return ladder
    return replace(ladder, repeat=DAILY if ladder.repeat is None else min(ladder.repeat, DAILY))


def find(tx: Tx, rule: str, subject: str, states: tuple[AlertState, ...] = LASTING) -> AlertRow | None:
    """The open alert of this rule and subject."""
    return _among(tx.alerts(states=states, client=""), rule, subject)


def _among(rows: Iterable[AlertRow], rule: str, subject: str) -> AlertRow | None:
    wanted = name(rule, subject)
    return next((row for row in rows if row.rule == wanted), None)


def _climbs(severity: Severity, known: AlertRow) -> bool:
    return severity.rank > Severity(known.severity).rank


_GIVEN_UP = {
    SCREEN: (
        "A message could not be judged",
        "It is archived, but nobody knows how heated it is and no reply is drafted. Read it yourself.",
    ),
    AUTHENTICATE: (
        "The signatures of a message could not be checked",
        "It is archived and judged; only its sender's domain does not vouch for it.",
    ),
    CLIMB: ("An alert could not climb its ladder", "`levelhead alerts` shows it. Look at it yourself."),
    NOTIFY: ("An alert could not be delivered", "`levelhead alerts` shows it. Look at it yourself."),
}
