"""What a changed configuration leaves behind, put right when a session begins: nothing hangs or rings for ever."""

from __future__ import annotations

from collections.abc import Collection

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.keeper import ENDS, REFUSED, UNSAVED
from levelhead.facts import AlertClimbed, AlertResolved, PluginGone
from levelhead.lifecycle import LIVE_DRAFTS, OPEN_ALERTS, AlertState, DraftState
from levelhead.model import Direction, Severity
from levelhead.outbox.alerts import CHANNEL_FAILED
from levelhead.outbox.health import DAILY, LASTING, Health, blind
from levelhead.outbox.owed import drop_climb, owe_climb, supersede
from levelhead.policy.ladder import can_tell, first
from levelhead.policy.types import Calendar, LadderPolicy
from levelhead.store.api import AlertRow, Store

HOMELESS = "draft-without-mailbox"
ANCHOR_FAILED = "anchor-failed"
"""The rule of the alert about an authority or a witness that is not reached."""


class Tidy:
    """Looks once over drafts, alerts and plugins with the eyes of a new configuration."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        health: Health,
        ladder: LadderPolicy,
        calendar: Calendar,
    ) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._ladder = ladder
        self._calendar = calendar
        self._mailboxes = {mailbox.name for mailbox in settings.mailboxes}
        self._signing_in = {mailbox.name for mailbox in settings.mailboxes if mailbox.oauth2 is not None}
        self._channels = set(settings.channels)
        self._anchors = {*settings.anchors.authorities, *settings.anchors.witnesses}

    def __call__(self, plugins: Collection[str]) -> None:
        """`plugins` are the names of all that were found, refused ones too."""
        self._over()
        self._mine()
        self._homeless()
        self._untold()
        self._gone(plugins)

    def _over(self) -> None:
        """Alerts about what a new configuration or a new start has ended."""
        self._health.resolve_health("config-refused", "", "the configuration that runs now is good")
        for alert in self._store.alerts(states=LASTING, client=""):
            rule, _, subject = alert.rule.partition(":")
            about_mailbox = rule in {
                "mailbox-lost",
                "mailbox-refused",
                "messages-trouble",
                "archive-trouble",
                "sent-unseen",
            }
            gone = (
                (about_mailbox and subject and subject not in self._mailboxes)
                or (rule in {ENDS, REFUSED, UNSAVED} and subject not in self._signing_in)
                or (rule == CHANNEL_FAILED and subject not in self._channels)
                or (rule == ANCHOR_FAILED and subject not in self._anchors)
            )
            if gone or rule == "messages-trouble":
                self._resolve(alert, "it is not configured any more" if gone else "it is looked at anew")

    def _mine(self) -> None:
        """Drafts and alerts about mail that turned out to be my own, or nobody's, when clients were decided again."""
        why = "the mail that it is about is not from a client, as clients are configured now"
        for draft in self._store.drafts(states=LIVE_DRAFTS):
            if self._store.message(draft.message).direction is not Direction.IN:
                with self._store.transaction(self._clock.now()) as tx:
                    supersede(tx, tx.draft(draft.key), draft.message, why)
        for alert in self._store.alerts(states=OPEN_ALERTS):
            if alert.message and self._store.message(alert.message).direction is not Direction.IN:
                self._resolve(alert, why)

    def _homeless(self) -> None:
        """Held drafts whose mailbox is not configured any more have nowhere to go: a person must know."""
        for draft in self._store.drafts(states=(DraftState.HELD, DraftState.PLACING)):
            if draft.mailbox in self._mailboxes:
                self._health.resolve_health(HOMELESS, draft.key, "its mailbox is configured again")
                continue
            self._health.raise_health(
                HOMELESS,
                draft.key,
                Severity.WARNING,
                "A held reply has no mailbox any more",
                f"Draft {draft.key} was to be placed in the mailbox {draft.mailbox}, which is not configured any more."
                f"\n\nConfigure it under that name again, or throw the draft away: levelhead cancel {draft.key}",
            )
        for alert in self._store.alerts(states=LASTING, client=""):
            rule, _, key = alert.rule.partition(":")
            waiting = {
                draft.key for draft in self._store.drafts(states=(DraftState.HELD, DraftState.PLACING))
            }
            if rule == HOMELESS and key not in waiting:
                self._resolve(alert, "the draft is gone")

    def _untold(self) -> None:
        """Alerts from a time when there was nobody to tell, and those of blindness from before they were told daily."""
        if not can_tell(self._ladder):
            return
        for alert in self._store.alerts(states=(AlertState.OPEN,)):
            if alert.next_rung_at is None and (alert.rung == 0 or blind(alert)):
                last = max((one.notified_at for one in self._store.notified(alert.key)), default=None)
                with self._store.transaction(self._clock.now()) as tx:
                    begin = tx.now if last is None or not alert.rung else max(tx.now, last + DAILY)
                    due = first(Severity(alert.severity), begin, self._ladder, self._calendar)
                    tx.record(AlertClimbed(key=alert.key, rung=alert.rung, next_rung_at=due))
                    if due is not None:
                        owe_climb(tx, alert.key, due)

    def _gone(self, plugins: Collection[str]) -> None:
        """Plugins that were known and are not there any more."""
        for row in self._store.plugins():
            if row.name not in plugins:
                with self._store.transaction(self._clock.now()) as tx:
                    tx.record(PluginGone(plugin=row.name))
                for rule in ("plugin-refused", "plugin-set-aside"):
                    self._health.resolve_health(rule, row.name, "the plugin is not there any more")

    def _resolve(self, alert: AlertRow, why: str) -> None:
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(AlertResolved(key=alert.key, why=why))
            drop_climb(tx, alert.key)
