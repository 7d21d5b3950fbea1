"""Alerts on their way (T3): the ladder is climbed, channels are told, and somebody's "I have it" ends both.

Delivering comes before its fact, so a crash between them repeats the alert under the same key. A notice carries the
title and body that the plugin wrote; the key is what a person acknowledges.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import LevelheadError
from levelhead.facts import AlertClimbed, AlertNotified, AlertUndelivered
from levelhead.hookspecs import Channel, Notice, Panel
from levelhead.lifecycle import OPEN_ALERTS, AlertState
from levelhead.model import Again, Done, Job, Never, Severity
from levelhead.outbox.health import Health, ladder_of
from levelhead.outbox.health import name as health_rule
from levelhead.outbox.owed import clean, owe_climb, owe_notify, rung_and_channel
from levelhead.outbox.retry import again_at
from levelhead.outbox.work import Settled
from levelhead.policy.ladder import climb, permitted
from levelhead.policy.types import Calendar, LadderPolicy
from levelhead.store.api import AlertRow, Store, Tx

log = structlog.get_logger()

ATTEMPTS = 6
"""A channel is tried so often for one rung before another one is told: some ten minutes with the usual back-off."""

PATIENCE = timedelta(minutes=15)
"""While nobody has been told, a channel that failed so often is tried again after this long at the latest."""

HOURLY = 4
"""Of the tries after that one in so many is recorded, so that a week without a network does not fill the ledger."""

CHANNEL_FAILED = "channel-failed"
"""The rule of the alert about a channel that takes nothing."""


class Alerts:
    """Pays the jobs that alerts owe. `channels` gives each channel by name; calling one reads its secret address."""

    def __init__(
        self,
        store: Store,
        panel: Panel,
        clock: Clock,
        channels: Mapping[str, Callable[[], Channel]],
        *,
        ladder: LadderPolicy,
        calendar: Calendar,
        health: Health,
        attempts: int = ATTEMPTS,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._panel = panel
        self._clock = clock
        self._channels = channels
        self._ladder = ladder
        self._calendar = calendar
        self._health = health
        self._attempts = attempts
        self._roll = roll

    def climb(self, job: Job) -> Settled:
        """Take the rung that is due: owe each of its channels the word, and the next rung its time."""
        with self._store.transaction(self._clock.now()) as tx:
            alert = tx.alert(job.subject)
            if alert.state in OPEN_ALERTS:
                if alert.next_rung_at is not None and alert.next_rung_at > tx.now:
                    # Snoozed in the moment between the claim and now.
                    owe_climb(tx, alert.key, alert.next_rung_at)
                else:
                    self._climb(tx, alert)
            tx.settle(job, Done())
        return Settled()

    def notify(self, job: Job) -> Done | Again | Settled:
        """Tell one channel about one rung, unless somebody has the alert by now.

        An alert that is acknowledged, answered, resolved or snoozed is told to nobody. UserError when it was erased
        with its message: then nothing is written.
        """
        alert = self._store.alert(job.subject)
        if alert.state != AlertState.OPEN:
            return Done()
        now = self._clock.now()
        allowed = permitted(Severity(alert.severity), None, self._ladder, self._calendar, now)
        if allowed > now:
            self._later(job, allowed)
            return Settled()
        rung, channel = rung_and_channel(job.key)
        detail, why = self._deliver(alert, rung, channel)
        if why:
            self._undelivered(job, alert, rung, channel, why)
            return Settled()
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(
                AlertNotified(
                    key=tx.alert(alert.key).key,
                    rung=rung,
                    channel=channel,
                    detail=clean(detail),
                    notified_at=tx.now,
                )
            )
            tx.settle(job, Done())
        log.debug("alert.notified", key=alert.key, rung=rung, channel=channel)
        self._health.resolve_health(CHANNEL_FAILED, channel, "the channel took an alert again")
        return Settled()

    def _climb(self, tx: Tx, alert: AlertRow) -> None:
        ladder = ladder_of(alert, self._ladder)
        step = climb(Severity(alert.severity), alert.rung, alert.raised_at, ladder, self._calendar, tx.now)
        tx.record(AlertClimbed(key=alert.key, rung=step.next_rung, next_rung_at=step.next_at))
        for channel in step.notify:
            owe_notify(tx, alert.key, alert.rung, channel)
        if step.next_at is not None:
            owe_climb(tx, alert.key, step.next_at)

    def _later(self, job: Job, at: datetime) -> None:
        """Put a word off without counting it as a failure."""
        with self._store.transaction(self._clock.now()) as tx:
            tx.add_job(job.lane, job.kind, job.key, tx.alert(job.subject).key, at)
            tx.settle(job, Done())

    def _deliver(self, alert: AlertRow, rung: int, name: str) -> tuple[str, str]:
        """What the transport says (detail, empty) or why nothing was delivered (empty, why)."""
        opener = self._channels.get(name)
        if opener is None:
            return "", f"no channel is called {name} in the configuration"
        try:
            channel = opener()
        except LevelheadError as exc:
            return "", str(exc)
        notice = Notice(
            key=alert.key,
            severity=alert.severity,
            title=alert.title,
            body=alert.body,
            rung=rung,
            count=alert.count,
        )
        asked = self._panel.deliver(notice, channel)
        if asked.answers:
            return asked.answers[0].value.detail, ""
        return "", "; ".join(
            f"{one.plugin}: {one.error}" for one in asked.failures
        ) or "no transport takes it"

    def _undelivered(self, job: Job, alert: AlertRow, rung: int, channel: str, why: str) -> None:
        """Record a failure and try again later; after too many tell somebody else, and go on while nobody is told."""
        gone = channel not in self._channels
        over = job.attempt + 1 - self._attempts
        final = gone or (over >= 0 and not self._needed(alert, rung, channel))
        with self._store.transaction(self._clock.now()) as tx:
            alert = tx.alert(alert.key)
            if final or over <= 0 or over % HOURLY == 0:
                tx.record(
                    AlertUndelivered(key=alert.key, rung=rung, channel=channel, why=clean(why), final=final)
                )
            if final:
                tx.settle(job, Never(clean(why)))
            else:
                soon = min(again_at(job.attempt, tx.now, self._roll()), tx.now + PATIENCE)
                tx.settle(job, Again(soon, clean(why)))
            if gone or over == 0:
                self._elsewhere(tx, alert, rung, channel)
                self._blame(tx, channel, why)
        log.debug("alert.undelivered", key=alert.key, rung=rung, channel=channel, final=final)

    def _needed(self, alert: AlertRow, rung: int, channel: str) -> bool:
        """Whether this channel is still waited for: nobody was told on this rung, and the ladder has not moved on."""
        if alert.rule == health_rule(CHANNEL_FAILED, channel):
            return False
        told = any(one.rung >= rung for one in self._store.notified(alert.key))
        return not told and alert.rung <= rung + 1

    def _elsewhere(self, tx: Tx, alert: AlertRow, rung: int, channel: str) -> None:
        """The next rung at once; where there is none, the configured channels after this one that it did not name."""
        if alert.state != AlertState.OPEN:
            return
        if alert.rung < len(self._ladder.rungs):
            tx.record(AlertClimbed(key=alert.key, rung=alert.rung, next_rung_at=tx.now))
            owe_climb(tx, alert.key, tx.now)
            return
        # What has taken the place of a channel that is gone may be named by the rung and still not be told.
        told = channel in self._channels and self._ladder.rungs
        named = self._ladder.rungs[-1].notify if told else ()
        others = [name for name in self._channels if name not in named]
        # Those after a channel that was itself a substitute, so that this comes to an end.
        later = others[others.index(channel) + 1 :] if channel in others else others
        if later:
            owe_notify(tx, alert.key, rung, later[0])

    def _blame(self, tx: Tx, channel: str, why: str) -> None:
        self._health.raise_health(
            CHANNEL_FAILED,
            channel,
            Severity.WARNING,
            f"The alert channel {channel} takes no alerts",
            f"{why}\n\nTry it with `levelhead alert test`; its address stands in [channels.{channel}].",
            tx=tx,
        )
