"""What a thread says beyond the words of its newest message: the message before it, haste, silence, new readers.

A cue of the thread only ever raises, and all of them together move a plain message no further than into `tense`:
a state of affairs is no anger. `habit_cue` is the one that takes away, and it takes half of what capitals added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from levelhead.heat.engine import Cue
from levelhead.heat.manners import manners
from levelhead.model import Client, Direction, Level, Message, Past, Thread, Verdict

HOT = frozenset({Level.HEATED, Level.HOSTILE})
"""Levels at which a thread has exploded already."""

LOGITS = {
    "thread-heated": 0.7,
    "burst": 0.5,
    "shorter-gaps": 0.5,
    "our-silence": 0.2,
    "new-recipients": 0.3,
}
"""What each cue adds, in logits: about what `training/trajectory.py` measures beyond the words, on the low side. Our
silence and new readers, which those threads hardly tell from the words, are given a little by decision."""

MOST = 2.0
"""Logits that all cues of a thread add together, at most: from the baseline (0.047) to 0.27, which is calm."""

COOLS = timedelta(days=14)
"""A heated message warms the next one no longer than this."""

BURST = 3
BURST_WITHIN = timedelta(hours=24)
"""So many messages of the client within this time, with no answer between them, are a burst."""

SILENT = timedelta(days=3)
"""How long a client waits for an answer before the wait itself is part of the tone."""

HALVED = 0.5
CHAT = timedelta(minutes=15)
"""Gaps shorten when each is at most half of the one before; shorter ones than this are a chat, which has no rhythm."""

ENOUGH_JUDGED = 5
OFTEN = 0.4
"""Shouting is a habit when at least this part of at least so many judged messages had it."""

SHOUTING = "shouting"


@dataclass(frozen=True, slots=True)
class Course:
    """How a thread went up to a message of the client, as far as a thread remembers. Times: when mail was received."""

    theirs: tuple[Past, ...]
    """The client's earlier messages, oldest first."""
    unanswered: tuple[Past, ...]
    """Those of them since our last answer."""
    waited: timedelta
    """How long the client's message before waited for our answer, or waits now."""
    gaps: tuple[timedelta, ...]
    """Between the client's messages, the newest among them, oldest first."""
    newcomers: tuple[str, ...]
    """Addresses that the message is the first of this thread to bring in, itself not its first message."""
    joined: int
    """How many addresses the client's earlier messages brought in so."""


def letters(message: Message, thread: Thread, verdict: Verdict | None = None) -> tuple[Past, ...]:
    """The thread up to a message, that one last, in order of time; with its verdict when it has one.

    What the thread holds of later mail is left out: Sent is read before the inbox, and history comes in any order.
    So is mail in our name that anybody may have written, or a stranger could answer in our place.
    """
    before = (past for past in thread.messages if past.received_at <= message.received_at and past.certain)
    now = Past(
        id=message.id,
        direction=message.direction,
        received_at=message.received_at,
        sender=message.sender.address if message.sender is not None else "",
        subject=message.subject,
        level=verdict.level if verdict is not None else None,
        score=verdict.score if verdict is not None else None,
        recipients=tuple(dict.fromkeys(one.address.lower() for one in (*message.to, *message.cc))),
        labels=verdict.labels if verdict is not None else (),
    )
    return (*sorted(before, key=lambda past: past.received_at), now)


def familiar(message: Message, client: Client) -> frozenset[str]:
    """Addresses (lower case) that are nobody new: those listed for the client, and the mailbox that received it.

    A client's pattern for a whole domain does not make their superior's address known: it is news all the same.
    """
    mailboxes = ((message.header(name) or "").strip("<> ") for name in ("Delivered-To", "X-Original-To"))
    return frozenset(address.lower() for address in (*client.addresses, *mailboxes) if address)


def course(letters: Sequence[Past], familiar: frozenset[str] = frozenset()) -> Course:
    """The course of a thread up to the last of these letters, which the client wrote and which are in order."""
    now, before = letters[-1], letters[:-1]
    theirs = tuple(past for past in before if past.direction is Direction.IN)
    answered = max((past.received_at for past in before if past.direction is Direction.OUT), default=None)
    times = [past.received_at for past in theirs] + [now.received_at]
    seen, joined = set(familiar), 0
    for number, past in enumerate(before):
        here = _people(past)
        if number and past.direction is Direction.IN:
            joined += len(here - seen - {past.sender.lower()})
        seen |= here
    return Course(
        theirs=theirs,
        unanswered=tuple(past for past in theirs if answered is None or past.received_at > answered),
        waited=_waited(theirs[-1], letters) if theirs else timedelta(0),
        gaps=tuple(late - early for early, late in pairwise(times)),
        newcomers=tuple(sorted(_people(now) - seen - {now.sender.lower()})) if before else (),
        joined=joined,
    )


def _waited(asked: Past, letters: Sequence[Past]) -> timedelta:
    """From a message to our first answer after it, or to the last of these letters."""
    answers = (past.received_at for past in letters if past.direction is Direction.OUT)
    later = (moment for moment in answers if moment >= asked.received_at)
    return min(later, default=letters[-1].received_at) - asked.received_at


def _people(past: Past) -> set[str]:
    return {past.sender.lower(), *past.recipients} - {""}


def thread_cues(message: Message, thread: Thread, client: Client) -> tuple[Cue, ...]:
    """What the thread adds to a message of the client, each cue at most once; nothing for anybody else's message.

    The first message of a thread has none. A machine's message has none either.
    """
    if message.direction is not Direction.IN or message.automatic or not thread.messages:
        return ()
    known = course(letters(message, thread), familiar(message, client))
    found = [
        (label, why)
        for label, why in (
            ("thread-heated", _heated_before(message, known)),
            ("burst", _burst(message, known)),
            ("shorter-gaps", _shorter(known)),
            ("our-silence", _silence(message, known)),
            ("new-recipients", _readers(known)),
        )
        if why
    ]
    scale = min(1.0, MOST / sum(LOGITS[label] for label, _ in found)) if found else 1.0
    return tuple(Cue(label, LOGITS[label] * scale, why) for label, why in found)


def habit_cue(cues: Iterable[Cue], client: Client) -> Cue | None:
    """What takes away half of what capitals added, where this client's judged messages have them often; else None."""
    known = client.calibration
    times = known.labels.get(SHOUTING, 0)
    if known.judged < ENOUGH_JUDGED or times < OFTEN * known.judged:
        return None
    loud = sum(cue.logits for cue in cues if cue.label == SHOUTING)
    if loud <= 0:
        return None
    why = f"{times} of this client's {known.judged} judged messages shout, so capitals count half"
    return Cue("habit-shouting", -loud / 2, why)


def _heated_before(message: Message, known: Course) -> str:
    last = known.theirs[-1] if known.theirs else None
    if last is None or last.level not in HOT or message.received_at - last.received_at > COOLS:
        return ""
    return f"the client's message before this one was {last.level.value}"


def _burst(message: Message, known: Course) -> str:
    recent = [past for past in known.unanswered if message.received_at - past.received_at <= BURST_WITHIN]
    if len(recent) + 1 < BURST:
        return ""
    return f"it is the client's message number {len(recent) + 1} within a day, and none was answered"


def _shorter(known: Course) -> str:
    if len(known.gaps) < 3:
        return ""
    first, second, third = known.gaps[-3:]
    if second < CHAT or second > HALVED * first or third > HALVED * second:
        return ""
    return f"the client writes at ever shorter intervals: {_span(first)}, {_span(second)}, {_span(third)}"


def _silence(message: Message, known: Course) -> str:
    """Our silence, where the client asks for something. Most who write again after days do not chase, they go on."""
    if not known.unanswered:
        return ""
    if known.waited <= SILENT or not manners(message.new_text, message.language).demands:
        return ""
    return f"the client's message before has waited {_span(known.waited)} for an answer"


def _readers(known: Course) -> str:
    many = len(known.newcomers)
    if not many:
        return ""
    return "somebody new reads along" if many == 1 else f"as many as {many} new people read along"


def _span(length: timedelta) -> str:
    """A length of time for a sentence: whole minutes, hours or days."""
    minutes = max(0, round(length.total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
