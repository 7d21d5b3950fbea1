"""The built-in `thread` plugin: what a conversation says beyond its newest words, and a warning before it explodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from levelhead import Alert, Client, Finding, Level, Message, Severity, Thread, Verdict, hookimpl
from levelhead.errors import UserError
from levelhead.heat.thread import familiar, letters, thread_cues
from levelhead.heat.trajectory import DEMAND, SIGNS, outlook, trajectory
from levelhead.model import Direction
from levelhead.policy.weigh import LOGITS_PER_STRENGTH
from levelhead.screening.spec import Knowing

KEY = "heating-up"
"""The rule: one alert of it is open for a client and thread at a time."""

TITLE = "This thread is heating up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSettings(Knowing):
    """Nothing that anybody sets."""


UNSET = ThreadSettings()
"""The settings of whoever calls `detect` without any."""


@hookimpl
def configure(settings: Mapping[str, Any]) -> ThreadSettings:
    """UserError for any setting: there is none."""
    if settings:
        raise UserError(f"[plugins.thread] has no setting {min(settings)}: it has none at all")
    return UNSET


@hookimpl
def detect(
    message: Message, thread: Thread, client: Client, settings: ThreadSettings = UNSET
) -> Iterable[Finding]:
    """A finding for each cue of the thread; they only raise, and alone they make no message heated.

    That a message demands is a remark without strength: it moves no score, and the thread remembers it as a label.
    """
    for cue in thread_cues(message, thread, client):
        yield Finding(cue.label, round(cue.logits / LOGITS_PER_STRENGTH, 4), why=cue.why)
    if message.direction is Direction.IN and not message.automatic and settings.known.of(message).demands:
        yield Finding(DEMAND, 0.0, why=SIGNS["demanding"])


@hookimpl
def escalate(message: Message, thread: Thread, client: Client, verdict: Verdict) -> Alert | None:
    """A quiet alert, once a thread, when it is on its way to a heated message and not there yet: why, and what to do.

    What is heated already is the business of `levels`; history and a machine's mail lead nowhere.
    """
    if message.history or message.automatic or verdict.level in (Level.HEATED, Level.HOSTILE):
        return None
    seen = outlook(letters(message, thread, verdict), familiar(message, client))
    if seen is None or not seen.warns:
        return None
    who = " ".join(client.name.split())[:80] or "somebody"
    body = [
        f"{who} has written nothing heated here yet, but one of the next two messages may well be.",
        *(f"- {why}" for why in seen.why),
        "What helps now: answer today, say in one sentence what went wrong, name one date that you will keep, or call.",
        _measured(trajectory().measured),
        f"Why the message is judged as it is: levelhead explain {message.id[:8]}",
    ]
    return Alert(KEY, Severity.INFO, TITLE, "\n".join(body))


def _measured(known: Mapping[str, float]) -> str:
    """How far to trust a warning, in one sentence."""
    return (
        f"In {known['threads']:.0f} threads written to test this, {known['derailing']:.0f} of which exploded,"
        f" {known['right']:.0f} of {known['warned']:.0f} such warnings were right"
        f" (precision {known['precision']:.2f},"
        f" 95 % interval {known['precision_low']:.2f} to {known['precision_high']:.2f})."
    )
