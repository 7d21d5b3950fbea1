"""The plan: all that follows from one judged message, decided with values alone and carried out in one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from levelhead.clock import utc
from levelhead.hookspecs import Said
from levelhead.lifecycle import LIVE_DRAFTS, OPEN_ALERTS, AlertState
from levelhead.model import (
    Alert,
    Direction,
    Draft,
    HeldDraft,
    Hold,
    Level,
    Message,
    Plan,
    RaisedAlert,
    Severity,
    Verdict,
)
from levelhead.policy import ladder as climbing
from levelhead.policy.holds import latest, release_at
from levelhead.policy.types import Calendar, CooldownPolicy, LadderPolicy

AUTOMATIC = {
    "list": "it came through a mailing list",
    "bulk": "it is bulk mail",
    "bounce": "it is a delivery report",
    "auto-reply": "it is an automatic reply",
    "calendar": "it is a calendar message",
    "no-reply": "its sender takes no replies",
}
"""Why a machine's mail is not answered, by the word that `archive.parse` gives it."""


NOT_THEIRS = "it asks for replies at {}, which no [[client]] names, so the draft is addressed to its sender"
"""What a draft's `why` says when its To is not where the message asked for replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDraft:
    """A draft of the message's thread that may become obsolete; `about` is when the mail it answers was received."""

    key: str
    state: str
    about: datetime
    release_at: datetime | None = None
    """When its hold ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """An earlier message of the client in this conversation that I have not answered: how heated, and when."""

    level: Level
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert of the message's thread that still climbs; `about` is when the mail it is about was received."""

    key: str
    rule: str
    severity: Severity
    state: str
    next_rung_at: datetime | None
    about: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands around a message at the moment of the decision. Defaults are those of a message alone."""

    same_as: str = ""
    """The id of an earlier copy, which speaks in this one's place."""
    sent: bool = False
    """True when this is mail of mine that was seen among sent mail: an answer, even where it is history."""
    mailbox: str = ""
    """Where a draft would be placed; empty when no mailbox has seen the message."""
    drafting: bool = True
    """False when the operator has switched drafting off."""
    answered: bool = False
    """True when a later message of the conversation is my own reply."""
    overtaken: bool = False
    """True when the client has written again since, in the same conversation."""
    hold_failed: bool = False
    """True when a `hold` plugin did not answer well."""
    doubt: str = ""
    """Why its sender may not be who it seems, as a clause; empty when nothing speaks against it."""
    poses_as: str = ""
    """The client whom its sender is taken for by a reader and is not, or empty."""
    elsewhere: str = ""
    """Where it asks for replies and none of ours is addressed to, because nobody named that address as the client's."""
    unanswered: tuple[Unanswered, ...] = ()
    drafts: tuple[LiveDraft, ...] = ()
    alerts: tuple[OpenAlert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator decided, as far as a plan depends on it."""

    cooldown: CooldownPolicy
    ladder: LadderPolicy
    calendar: Calendar


def plan(
    message: Message,
    verdict: Verdict,
    draft: Said[Draft] | None,
    holds: tuple[Said[Hold], ...],
    alerts: tuple[Said[Alert], ...],
    around: Surroundings,
    rules: Rules,
    now: datetime,
) -> Plan:
    """Everything that follows: drafts to hold, alerts to raise or count, drafts superseded, alerts answered.

    An incomplete verdict, a failed `hold` plugin or the absence of any hold never makes a hold shorter than the
    configured cool-down, and the first two hold at least as long as HEATED.
    """
    no_draft = why_no_draft(message, around, rules.cooldown.stale_after, now)
    if not no_draft and draft is None:
        no_draft = "no plugin proposed a reply"
    held: tuple[HeldDraft, ...] = ()
    if not no_draft and draft is not None:
        gone = superseded(message, around, rules.cooldown.stale_after, now)
        floor = max(
            _floor(verdict, holds, around, rules, now),
            _not_cooled_down(around, gone, rules, now),
            key=lambda one: one[0],
        )
        until, why = latest(holds, floor)
        if around.elsewhere:
            why = f"{why}; {NOT_THEIRS.format(around.elsewhere)}"
        held = (HeldDraft(key=draft_key(message.id), draft=draft.value, release_at=until, why=why),)
    loud = not why_no_alert(message, around, rules.cooldown.stale_after, now)
    return Plan(
        drafts=held,
        alerts=_raised(message, alerts, around.alerts, rules, now) if loud else (),
        superseded=superseded(message, around, rules.cooldown.stale_after, now),
        answered=answered(message, around),
        no_draft=no_draft,
    )


def why_no_draft(message: Message, around: Surroundings, stale_after: timedelta, now: datetime) -> str:
    """Why this message gets no drafted reply, whatever it says; empty when it may get one."""
    if old := why_no_warning(message, around, stale_after, now):
        return old
    if around.doubt:
        return f"its sender may not be who it seems: {around.doubt}"
    if silent := _why_silent(message, around, stale_after, now):
        return silent
    if message.automatic:
        return AUTOMATIC.get(message.automatic, f"a machine wrote it ({message.automatic})")
    if not around.drafting:
        return "drafting is switched off"
    if message.sender is None:
        return "it names nobody to reply to"
    if not around.mailbox:
        return "no mailbox has seen it, so there is no Drafts folder to place a reply in"
    if around.overtaken:
        return "the client has written again since, and that message is answered instead"
    return ""


def why_no_alert(message: Message, around: Surroundings, stale_after: timedelta, now: datetime) -> str:
    """Why this message raises no alert, whatever it says; empty when it may."""
    return _why_silent(message, around, stale_after, now)


def why_no_warning(message: Message, around: Surroundings, stale_after: timedelta, now: datetime) -> str:
    """Why nobody is told even that somebody poses as a client in this message: it is no news; empty when it is."""
    if message.history:
        return "it was there before levelhead watched, so it is history"
    if around.same_as:
        return "it is a copy of a message that was judged already"
    if message.direction is Direction.OUT:
        return around.doubt or "you wrote it yourself"
    if _stale(message, stale_after, now):
        return f"it is more than {stale_after.days} days old"
    return ""


def superseded(
    message: Message, around: Surroundings, stale_after: timedelta, now: datetime
) -> tuple[str, ...]:
    """Keys of drafts that this message makes obsolete.

    A person wrote it, the client or I, and it is not older than the mail that the draft answers. A machine's
    automatic reply, the client's history, a copy, mail so old that it cannot be news, mail whose sender is in doubt,
    and mail in my name that was not seen among sent mail supersede nothing. A copy of my own that reaches Sent late is
    history by its date and an answer all the same.
    """
    if not _a_person_goes_on(message, around) or _stale(message, stale_after, now) or around.doubt:
        return ()
    return tuple(
        draft.key
        for draft in around.drafts
        if draft.state in LIVE_DRAFTS
        and draft.key != draft_key(message.id)
        and message.received_at >= draft.about
    )


def answered(message: Message, around: Surroundings) -> tuple[str, ...]:
    """Keys of open alerts that this message answers: my own reply, and not older than what the alert is about."""
    if message.direction is not Direction.OUT or not _a_person_goes_on(message, around):
        return ()
    return tuple(
        alert.key
        for alert in around.alerts
        if alert.state in OPEN_ALERTS and message.received_at >= alert.about
    )


def draft_key(message: str) -> str:
    """The key of the draft that answers this message: 16 hex digits that derive from its id alone."""
    return _key("draft", message)


def alert_key(rule: str, message: str) -> str:
    """The key of the alert that this rule raises about this message."""
    return _key("alert", rule, message)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _why_silent(message: Message, around: Surroundings, stale_after: timedelta, now: datetime) -> str:
    """Why nothing at all follows from this message for the person who reads the mail."""
    if old := why_no_warning(message, around, stale_after, now):
        return old
    if message.direction is Direction.OTHER:
        return "it is not from the client"
    if around.answered:
        return "you have answered already"
    return ""


def _stale(message: Message, stale_after: timedelta, now: datetime) -> bool:
    return message.received_at < utc(now) - stale_after


def _a_person_goes_on(message: Message, around: Surroundings) -> bool:
    theirs = message.direction is Direction.IN and not message.history
    mine = message.direction is Direction.OUT and around.sent
    return (theirs or mine) and not message.automatic and not around.same_as


def _floor(
    verdict: Verdict, holds: tuple[Said[Hold], ...], around: Surroundings, rules: Rules, now: datetime
) -> tuple[datetime, str]:
    """The moment before which the draft stays held, whatever the plugins say."""
    heard = verdict.complete and not around.hold_failed
    if heard and holds:
        return utc(now), "no plugin asked for a longer hold"
    return release_at(verdict.level, heard, now, rules.cooldown, rules.calendar)


def _not_cooled_down(
    around: Surroundings, gone: tuple[str, ...], rules: Rules, now: datetime
) -> tuple[datetime, str]:
    """The latest end of a hold that earlier messages of the conversation asked for; one more message ends none.

    Whoever is angry writes again; a short "Well?" after a personal attack must not bring the answer at once.
    """
    ends = [
        release_at(one.level, True, one.received_at, rules.cooldown, rules.calendar)[0]
        for one in around.unanswered
    ]
    ends += [
        draft.release_at for draft in around.drafts if draft.key in gone and draft.release_at is not None
    ]
    return max(ends, default=utc(now)), "an earlier message of this conversation has not cooled down yet"


def _raised(
    message: Message,
    alerts: tuple[Said[Alert], ...],
    known: tuple[OpenAlert, ...],
    rules: Rules,
    now: datetime,
) -> tuple[RaisedAlert, ...]:
    """One alert for each rule, the most severe that was said; counted where one is open in this thread."""
    worst: dict[str, Alert] = {}
    for said in alerts:
        before = worst.get(said.value.key)
        if before is None or said.value.severity.rank > before.severity.rank:
            worst[said.value.key] = said.value
    open_by_rule = {alert.rule: alert for alert in known if alert.state in OPEN_ALERTS}
    return tuple(
        _counted(alert, open_by_rule[rule], rules, now)
        if rule in open_by_rule
        else RaisedAlert(
            key=alert_key(rule, message.id),
            alert=alert,
            next_rung_at=climbing.first(alert.severity, now, rules.ladder, rules.calendar),
        )
        for rule, alert in worst.items()
    )


def _counted(alert: Alert, known: OpenAlert, rules: Rules, now: datetime) -> RaisedAlert:
    """The same trouble again. Its `next_rung_at` is set only when it got worse and so is told sooner."""
    worse = alert.severity.rank > known.severity.rank and known.state == AlertState.OPEN
    sooner = climbing.first(alert.severity, now, rules.ladder, rules.calendar) if worse else None
    if sooner is not None and known.next_rung_at is not None and known.next_rung_at <= sooner:
        sooner = None
    return RaisedAlert(key=known.key, alert=alert, next_rung_at=sooner, repeat_of=known.key)
