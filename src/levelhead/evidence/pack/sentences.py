"""Facts in one sentence each, for a reader of a custody log; times are UTC to the second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from levelhead.facts import Fact

_SAY: dict[str, Callable[[Any], str]] = {
    "message.archived": lambda fact: (
        f"archived: {fact.size} bytes, received {moment(fact.received_at)}"
        + (", from before the mailbox was watched" if fact.history and not fact.source else "")
        + (f", brought from {fact.source}" if fact.source else "")
    ),
    "message.sighted": lambda fact: (
        f"seen in mailbox {fact.mailbox}, folder {fact.folder} (UIDVALIDITY {fact.uidvalidity}, UID {fact.uid})"
        + (f", labels {', '.join(fact.gmail.labels)}" if fact.gmail and fact.gmail.labels else "")
        + (
            "; known there by the server's own id, its size and its header, and not fetched again"
            if fact.gmail and fact.gmail.by_id
            else ""
        )
    ),
    "message.brought": lambda fact: (
        f"found in {fact.source}"
        + (f", delivered {moment(fact.internal_date)}" if fact.internal_date else "")
        + (f", flags {', '.join(fact.flags)}" if fact.flags else "")
    ),
    "message.vanished": lambda fact: (
        f"no longer on the server in mailbox {fact.mailbox}, folder {fact.folder}; the archived copy stays"
    ),
    "message.flagged": lambda fact: (
        f"flags on the server in folder {fact.folder}: {', '.join(fact.flags) or 'none'}"
    ),
    "message.relabelled": lambda fact: f"filed under {fact.client} ({fact.direction})",
    "message.judged": lambda fact: (
        f"judged {fact.level}"
        + (f", score {fact.millionths / 1e6:.2f}" if fact.millionths is not None else "")
        + ("" if fact.complete else ", not every judge was heard")
    ),
    "message.marked": lambda fact: (
        f"marked {fact.level} by {fact.actor}" + (f": {fact.why}" if fact.why else "")
    ),
    "mark.undone": lambda fact: f"mark taken back by {fact.actor}",
    "message.authenticated": lambda fact: "signatures checked: " + authenticated(fact),
    "draft.held": lambda fact: f"answer drafted and held until {moment(fact.release_at)}: {fact.why}",
    "draft.superseded": lambda fact: f"drafted answer out of date: {fact.why}",
    "draft.extended": lambda fact: f"drafted answer held until {moment(fact.release_at)} by {fact.actor}",
    "draft.released": lambda fact: f"drafted answer released early by {fact.actor}: {fact.why}",
    "draft.rescheduled": lambda fact: (
        f"drafted answer held until {moment(fact.release_at)}: the clock was set"
    ),
    "draft.cancelled": lambda fact: f"drafted answer thrown away by {fact.actor}",
    "draft.expired": lambda fact: f"drafted answer given up: {fact.why}",
    "draft.placing": lambda fact: f"drafted answer about to be placed in {fact.folder}",
    "draft.placed": lambda fact: f"drafted answer placed in {fact.folder}, for a person to edit and send",
    "draft.handled": lambda fact: f"drafted answer taken over by a person: {fact.why}",
    "draft.removed": lambda fact: "drafted answer taken out of the Drafts folder",
    "draft.left": lambda fact: f"drafted answer left in the Drafts folder: {fact.why}",
    "draft.failed": lambda fact: f"drafted answer could not be placed: {fact.why}",
    "alert.raised": lambda fact: f"alert raised ({fact.severity}): {fact.title}",
    "alert.counted": lambda fact: "counted onto the open alert",
    "alert.notified": lambda fact: f"alert told through {fact.channel}",
    "alert.undelivered": lambda fact: f"alert not yet told through {fact.channel}",
    "alert.climbed": lambda fact: "alert moved on to whoever is told next",
    "alert.rescheduled": lambda fact: "alert put off: the clock was set",
    "alert.acknowledged": lambda fact: f"alert acknowledged by {fact.actor}",
    "alert.snoozed": lambda fact: f"alert kept quiet until {moment(fact.until)} by {fact.actor}",
    "alert.answered": lambda fact: "alert ended: an answer was seen",
    "alert.resolved": lambda fact: f"alert ended: {fact.why}",
    "note.taken": lambda fact: f"note by {fact.actor}: {fact.text}",
    "messages.erased": lambda fact: (
        f"erased by {fact.actor}: {fact.messages} messages"
        + ("" if fact.client else " of several clients, perhaps of this one too")
        + (f" ({fact.why})" if fact.client and fact.why else "")
    ),
    "pack.exported": lambda fact: (
        f"evidence handed out by {fact.actor}: {'some' if fact.part else 'all'} messages ({fact.messages}),"
        f" checkpoint {fact.size}, manifest {fact.manifest}"
    ),
}


def sentence(fact: Fact) -> str:
    """What a fact says, on one line; its name for one that has no sentence yet."""
    say = _SAY.get(fact.name)
    return fact.name if say is None else " ".join(say(fact).split())


def moment(time: datetime) -> str:
    """A time in UTC to the second, for a reader."""
    return time.isoformat(sep=" ", timespec="seconds")[:19] + " UTC"


def authenticated(fact: Any) -> str:
    """What the signatures of a message said (`message.authenticated`), in a few words."""
    said = [f"DKIM {one.result} ({one.domain or 'no domain'})" for one in fact.signatures]
    if fact.unchecked:
        said.append(f"{fact.unchecked} more not looked at")
    if fact.chain != "none":
        said.append(f"ARC {fact.chain}")
    return ", ".join(said) or "none"
