"""The judge (T2): plugins are asked outside any transaction, then all that follows commits with the job being done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from levelhead.clients.imitation import Doubt
from levelhead.clock import Clock
from levelhead.errors import Stopping
from levelhead.facts import (
    AlertAnswered,
    AlertClimbed,
    AlertCounted,
    AlertRaised,
    DraftHeld,
)
from levelhead.hookspecs import Asked, Panel, Said
from levelhead.lifecycle import LIVE_DRAFTS, OPEN_ALERTS, DraftState
from levelhead.model import (
    Alert,
    Call,
    Client,
    Direction,
    Done,
    Draft,
    HeldDraft,
    Hold,
    Job,
    Message,
    RaisedAlert,
    Severity,
    Thread,
    Verdict,
)
from levelhead.outbox.conversation import goes_on, sent_by_me, spoken_for
from levelhead.outbox.health import Health
from levelhead.outbox.owed import clean, drop_climb, is_there, owe_climb, owe_place, supersede
from levelhead.outbox.posing import warn
from levelhead.outbox.said import Question, asked_verdicts, heard, judged_fact, verdict_of
from levelhead.outbox.work import Settled
from levelhead.policy.plan import (
    LiveDraft,
    OpenAlert,
    Rules,
    Surroundings,
    Unanswered,
    plan,
    why_no_alert,
    why_no_draft,
    why_no_warning,
)
from levelhead.policy.types import HeatPolicy
from levelhead.store.api import Store, Tx

log = structlog.get_logger()

ROUND_SECONDS = 5.0
"""How long plugins may be asked before their verdicts so far are committed."""

TOGETHER = 20
"""Messages that plugins are asked about at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """All that was said of one message before anything is decided; made without a transaction."""

    message: Message
    verdict: Verdict
    around: Surroundings
    draft: Said[Draft] | None = None
    holds: tuple[Said[Hold], ...] = ()
    alerts: tuple[Said[Alert], ...] = ()
    calls: tuple[Call, ...] = ()
    again: bool = False
    """True when its verdict is on record and only what it answers is looked at once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the judge gets to know a message: functions that the archive and the directory of clients give."""

    load: Callable[[str], Message]
    thread_of: Callable[[Message], Thread]
    client_of: Callable[[Message], Client]
    unknown: Callable[[Message], str]
    """Why a message cannot be judged (no text, unsupported language, encrypted), or empty."""
    mailbox_of: Callable[[str], str]
    """The mailbox where a reply to this message would be placed, or empty."""
    doubt_of: Callable[[Message], Doubt | None] = lambda message: None
    """Why its sender may not be who it seems."""
    elsewhere: Callable[[Message], str] = lambda message: ""
    """Where it asks for replies and a draft is not addressed to, or empty."""


class Judge:
    """Judges archived messages and carries out what follows. A message is judged once.

    Mail of mine that is seen among sent mail later than elsewhere is owed once more then: its verdict stays, and what
    it answers ends now.
    """

    def __init__(
        self,
        store: Store,
        panel: Panel,
        clock: Clock,
        reading: Reading,
        *,
        heat: HeatPolicy,
        rules: Rules,
        health: Health,
        drafting: bool = True,
        may_lower: frozenset[str] = frozenset(),
        tick: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tick()` is called all along; True ends the round early, and what was judged is kept."""
        self._store = store
        self._tick = tick
        self._panel = panel
        self._clock = clock
        self._reading = reading
        self._heat = heat
        self._rules = rules
        self._health = health
        self._drafting = drafting
        self._may_lower = may_lower

    def judge(self, job: Job) -> Settled:
        """Judge the message that the job names; the job is done in the transaction that records the verdict."""
        self.judge_many((job,))
        return Settled()

    def judge_many(self, jobs: tuple[Job, ...]) -> None:
        """Judge several messages with one durable write for each round of them.

        A round has one message of each thread, because an earlier message's verdict is part of what is known about
        the next. When one of them cannot be judged, the rounds before it are done and the others untouched.
        """
        for turn in _rounds([self._loaded(job) for job in jobs]):
            if not self._round(turn):
                return
        self._health.plugins_set_aside(self._panel)

    def _round(self, turn: list[tuple[Job, Message | None]]) -> bool:
        """Judge these, a few at a time, and write it down; False when somebody asked for the end."""
        waiting: list[tuple[Job, Opinion | None]] = []
        began = self._clock.monotonic()
        together = TOGETHER
        while turn:
            if self._tick():
                self._commit(waiting)
                return False
            some, turn = turn[:together], turn[together:]
            before = self._clock.monotonic()
            try:
                opinions = iter(self._opinions([message for _, message in some if message]))
            except Stopping:
                self._commit(waiting)
                raise
            waiting += [(job, next(opinions) if message else None) for job, message in some]
            now = self._clock.monotonic()
            # Slow plugins: what they have said so far is worth a write of its own, and soon.
            together = 1 if now - before > ROUND_SECONDS else TOGETHER
            if now - began > ROUND_SECONDS:
                self._commit(waiting)
                waiting, began = [], now
        self._commit(waiting)
        return True

    def _loaded(self, job: Job) -> tuple[Job, Message | None]:
        """The job with its message, None when that is judged already and nothing more can follow from it."""
        row = self._store.message(job.subject)
        done = row.level is not None and not sent_by_me(row)
        return job, None if done else self._reading.load(job.subject)

    def opinion(self, message: Message) -> Opinion:
        """Everything that plugins say of this message, with what was certain before they were asked."""
        return self._opinions([message])[0]

    def _opinions(self, messages: list[Message]) -> list[Opinion]:
        """The same of several messages, whose judges are asked about all of them at once."""
        around = {message.id: self._around(message) for message in messages}
        again = {id: fact for id in around if (fact := self._store.judged(id)) is not None}
        # A copy of history that is news is judged anew, by those who are asked today.
        copied = again | {
            id: fact
            for id, one in around.items()
            if id not in again and one.same_as and (fact := self._store.judged(one.same_as)) is not None
        }
        questions = [
            Question(
                message,
                self._reading.thread_of(message),
                self._reading.client_of(message),
                self._reading.unknown(message),
            )
            for message in messages
            if message.id not in copied
        ]
        verdicts = asked_verdicts(
            self._panel, questions, heat=self._heat, may_lower=self._may_lower, tick=self._tick
        )
        found = {
            one.message.id: self._followed(one, around[one.message.id], *said)
            for one, said in zip(questions, verdicts, strict=True)
        } | {
            message.id: Opinion(
                message=message,
                verdict=verdict_of(copied[message.id]),
                around=around[message.id],
                again=message.id in again,
            )
            for message in messages
            if message.id in copied
        }
        return [found[message.id] for message in messages]

    def _followed(
        self, one: Question, around: Surroundings, verdict: Verdict, calls: tuple[Call, ...]
    ) -> Opinion:
        """What is drafted and who is called, where that is still of use."""
        message, thread, client = one.message, one.thread, one.client
        opinion = Opinion(message=message, verdict=verdict, around=around, calls=calls)
        now, stale_after = self._clock.now(), self._rules.cooldown.stale_after
        if not why_no_alert(message, around, stale_after, now):
            asked = self._panel.escalate(message, thread, client, verdict)
            opinion = replace(opinion, alerts=asked.answers, calls=opinion.calls + heard(asked))
        if not why_no_draft(message, around, stale_after, now):
            opinion = self._drafted(opinion, thread, client, now)
        return opinion

    def _drafted(self, opinion: Opinion, thread: Thread, client: Client, now: datetime) -> Opinion:
        message, verdict = opinion.message, opinion.verdict
        proposed = self._panel.draft_reply(message, thread, client, verdict)
        if not proposed.answers:
            return replace(opinion, calls=opinion.calls + heard(proposed))
        draft = proposed.answers[0]
        held: Asked[Hold] = self._panel.hold(message, client, verdict, draft.value, now)
        return replace(
            opinion,
            draft=draft,
            holds=held.answers,
            calls=opinion.calls + heard(proposed) + heard(held),
            around=replace(opinion.around, hold_failed=bool(held.failures)),
        )

    def _around(self, message: Message) -> Surroundings:
        """What stands around the message and does not change while plugins are asked, or only towards silence."""
        row = self._store.message(message.id)
        same_as = spoken_for(self._store, row)
        if message.history:
            return Surroundings(same_as=same_as, sent=sent_by_me(row))
        answered, overtaken = self._later(message)
        doubt = self._reading.doubt_of(message)
        return Surroundings(
            doubt=doubt.why if doubt else "",
            poses_as=doubt.poses_as if doubt else "",
            elsewhere=self._reading.elsewhere(message),
            same_as=same_as,
            sent=sent_by_me(row),
            mailbox=self._reading.mailbox_of(message.id),
            drafting=self._drafting,
            answered=answered,
            overtaken=overtaken,
            unanswered=self._unanswered(message),
        )

    def _unanswered(self, message: Message) -> tuple[Unanswered, ...]:
        """What the client has written in this conversation since I last answered, as far as it was judged."""
        found: list[Unanswered] = []
        for past in reversed(self._store.past(message.thread_key, before_seq=message.seq)):
            if past.direction is Direction.OUT and goes_on(self._store, self._store.message(past.id)):
                break
            if past.direction is Direction.IN and past.level is not None:
                found.append(Unanswered(level=past.level, received_at=past.received_at))
        return tuple(found)

    def _later(self, message: Message) -> tuple[bool, bool]:
        """Whether I have answered, and whether the client has written again: Sent is read before the inbox."""
        answered = overtaken = False
        for past in self._store.past(message.thread_key):
            if past.received_at <= message.received_at or past.direction is Direction.OTHER:
                continue
            if not goes_on(self._store, self._store.message(past.id)):
                continue
            answered = answered or past.direction is Direction.OUT
            overtaken = overtaken or past.direction is Direction.IN
        return answered, overtaken

    # --- inside the transaction

    def _commit(self, waiting: list[tuple[Job, Opinion | None]]) -> None:
        with self._store.transaction(self._clock.now()) as tx:
            for job, opinion in waiting:
                if opinion is not None and _wanted(tx, opinion):
                    self._carry_out(tx, opinion)
                tx.settle(job, Done())
        for _, opinion in waiting:
            if opinion is not None:
                log.debug("message.judged", message=opinion.message.id, level=opinion.verdict.level.value)

    def _carry_out(self, tx: Tx, opinion: Opinion) -> None:
        """Record the verdict and all that follows from it. Runs inside a transaction."""
        message = opinion.message
        quiet = message.history and not opinion.around.sent
        around = opinion.around if quiet else _with_live(tx, message, opinion.around)
        what = plan(
            message,
            opinion.verdict,
            opinion.draft,
            opinion.holds,
            opinion.alerts,
            around,
            self._rules,
            tx.now,
        )
        if not opinion.again:
            tx.record(judged_fact(message.id, opinion.verdict, opinion.calls, clean(what.no_draft), tx.now))
        for key in what.superseded:
            supersede(tx, tx.draft(key), message.id, _why_superseded(message))
        for key in what.answered:
            tx.record(AlertAnswered(key=key, by=message.id))
            drop_climb(tx, key)
        for held in what.drafts:
            self._hold(tx, opinion, held)
        for raised in what.alerts:
            self._raise(tx, opinion, raised)
        stale_after = self._rules.cooldown.stale_after
        if around.poses_as and not why_no_warning(message, around, stale_after, tx.now):
            warn(tx, self._health, message, around)

    def _hold(self, tx: Tx, opinion: Opinion, held: HeldDraft) -> None:
        message = opinion.message
        tx.record(
            DraftHeld(
                key=held.key,
                message=message.id,
                client=message.client,
                thread=message.thread_key,
                mailbox=opinion.around.mailbox,
                subject=clean(held.draft.subject),
                body=clean(held.draft.body),
                level=opinion.verdict.level.value,
                why=clean(held.why),
                plugin=opinion.draft.plugin if opinion.draft else "",
                created_at=tx.now,
                release_at=held.release_at,
            )
        )
        owe_place(tx, held.key, opinion.around.mailbox, held.release_at)

    def _raise(self, tx: Tx, opinion: Opinion, raised: RaisedAlert) -> None:
        message, alert = opinion.message, raised.alert
        if raised.repeat_of:
            tx.record(
                AlertCounted(
                    key=raised.key, message=message.id, severity=alert.severity.value, counted_at=tx.now
                )
            )
            if raised.next_rung_at is not None:
                rung = tx.alert(raised.key).rung
                tx.record(AlertClimbed(key=raised.key, rung=rung, next_rung_at=raised.next_rung_at))
        else:
            tx.record(
                AlertRaised(
                    key=raised.key,
                    rule=alert.key,
                    client=message.client,
                    thread=message.thread_key,
                    message=message.id,
                    severity=alert.severity.value,
                    title=clean(alert.title),
                    body=clean(alert.body),
                    plugin=next((said.plugin for said in opinion.alerts if said.value is alert), ""),
                    raised_at=tx.now,
                    next_rung_at=raised.next_rung_at,
                )
            )
        if raised.next_rung_at is not None:
            owe_climb(tx, raised.key, raised.next_rung_at)


def _rounds(jobs: list[tuple[Job, Message | None]]) -> list[list[tuple[Job, Message | None]]]:
    """The jobs in rounds that hold one message of each thread at most, in the order of the jobs."""
    rounds: list[list[tuple[Job, Message | None]]] = []
    seen: dict[str, int] = {}
    for job, message in jobs:
        turn = 0 if message is None else seen.get(message.thread_key, 0)
        if message is not None:
            seen[message.thread_key] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append((job, message))
    return rounds


def _wanted(tx: Tx, opinion: Opinion) -> bool:
    """Whether the message is still there, and not judged by somebody else meanwhile."""
    id = opinion.message.id
    return is_there(tx, id) and (opinion.again or tx.judged(id) is None)


def _with_live(tx: Tx, message: Message, around: Surroundings) -> Surroundings:
    """The surroundings with the drafts and alerts of the thread as they stand in this transaction."""
    return replace(
        around,
        drafts=tuple(
            LiveDraft(
                key=row.key,
                state=row.state,
                about=tx.message(row.message).received_at,
                release_at=row.release_at if row.state == DraftState.HELD else None,
            )
            for row in tx.drafts(states=LIVE_DRAFTS, thread=message.thread_key)
        ),
        alerts=tuple(
            OpenAlert(
                key=row.key,
                rule=row.rule,
                severity=Severity(row.severity),
                state=row.state,
                next_rung_at=row.next_rung_at,
                about=tx.message(row.message).received_at if row.message else row.raised_at,
            )
            for row in tx.alerts(states=OPEN_ALERTS, thread=message.thread_key, client=message.client)
        ),
    )


def _why_superseded(message: Message) -> str:
    if message.direction is Direction.OUT:
        return "you answered yourself"
    return "the client wrote again"
