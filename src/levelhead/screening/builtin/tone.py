"""The built-in `tone` plugin: what the engine reads in a message's newly written part and its subject, as findings.

Each finding is worth what the engine attributes to it: four logits are strength 1, so that with nothing else found the
score is the engine's own calibrated probability. What a machine wrote is not judged as anger. In a message whose client
usually writes in capitals, these count for half. When the engine is in doubt, the sentence encoder is asked as well, if
it is installed and `[plugins.tone] semantic = "off"` does not forbid it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from levelhead import Client, Finding, Message, Thread, hookimpl
from levelhead.errors import UserError
from levelhead.heat import semantic
from levelhead.heat.engine import LEAST_GUESS, Cue
from levelhead.heat.forms import OTHER_FORM
from levelhead.heat.heard import Heard
from levelhead.heat.thread import habit_cue
from levelhead.policy.weigh import BASELINE_LOGIT, LOGITS_PER_STRENGTH
from levelhead.screening.spec import Knowing

QUOTES = 5
"""Phrases that are shown with a finding."""

QUOTE_LETTERS = 200
MACHINE = {
    "list": "it was sent to a list",
    "bulk": "a program sent it to many",
    "bounce": "a mail server wrote it",
    "auto-reply": "a program answered",
    "calendar": "a calendar wrote it",
    "no-reply": "nobody reads the address it came from",
}
"""Why a message is not judged as anger, by `Message.automatic`."""

MACHINE_LOGIT = -3.5
"""What a machine's message is worth at most, whatever its words: a score of 0.03."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneSettings(Knowing):
    """Whether the sentence encoder is asked."""

    semantic: bool


ENGINE_ALONE = ToneSettings(semantic=False)
"""The settings of whoever calls `detect` without any: the same findings on every machine."""


@hookimpl
def configure(settings: Mapping[str, Any]) -> ToneSettings:
    """`semantic`: "auto" (asked if it is installed) or "off"; UserError for anything else, and for a damaged file."""
    if unknown := sorted(set(settings) - {"semantic"}):
        raise UserError(f"[plugins.tone] has no setting {unknown[0]}: it knows only semantic")
    wanted = settings.get("semantic", "auto")
    if wanted not in ("auto", "off"):
        raise UserError(f'[plugins.tone] semantic is "auto" or "off", not {wanted!r}')
    if wanted == "auto" and semantic.installed():
        semantic.head()
    return ToneSettings(semantic=wanted == "auto")


@hookimpl
def detect(
    message: Message, thread: Thread, client: Client, settings: ToneSettings = ENGINE_ALONE
) -> Iterable[Finding]:
    """A finding for each thing that moved the score, the rest of the wording as one, and remarks that move nothing."""
    heard = settings.known.of(message)
    reading, text = heard.reading, heard.text
    if settings.semantic and not message.automatic:
        reading = semantic.informed(reading, text)
    cues = [*reading.cues]
    if habit := habit_cue(cues, client):
        cues.append(habit)
    total = reading.logit + (habit.logits if habit else 0.0)
    findings = [finding for cue in cues for finding in _findings(cue, text)]
    findings += _findings(_wording(total, findings), text)
    if message.automatic and total > MACHINE_LOGIT:
        why = MACHINE.get(message.automatic, "a machine wrote it")
        spared = Cue("automatic", MACHINE_LOGIT - total, f"{why}, so it is not judged as anger")
        findings += _findings(spared, text)
    if heard.fault:
        why = "it names a fault, which deserves an answer whatever the tone"
        findings.append(Finding("legitimate-complaint", 0.0, why, _quotes([heard.fault], text)))
    return [*findings, *_remarks(message, heard)]


def _remarks(message: Message, heard: Heard) -> Iterable[Finding]:
    """What was judged and what was not, where that is not plain to see; none of it moves the score."""
    if message.whole_judged:
        yield Finding("whole-judged", 0.0, WHOLE)
    if OTHER_FORM in message.new_text:
        yield Finding("forms-differ", 0.0, DIFFERENT)
    reading = heard.reading
    told = ((PRAISE, heard.praised), (QUOTATION, reading.reported), (UNTOLD, reading.untold))
    for why, spans in told:
        if quotes := _quotes(spans, heard.text):
            yield Finding("set-aside", 0.0, why, quotes)


WHOLE = "what looked like a signature or an earlier message was most of the text, so all of it was judged"
DIFFERENT = "its plain and its HTML form say different things, so the hottest reading of them was judged"
PRAISE = "not counted: it praises somebody else"
QUOTATION = "next to nothing is counted of what stands in quotation marks: it is somebody else's words"
UNTOLD = "not counted as a threat: it is denied, or somebody else's"


def _wording(total: float, findings: Iterable[Finding]) -> Cue:
    """What the findings, each of them rounded, leave of the total: all the words that each say little."""
    told = sum(round(finding.strength * 1_000_000) for finding in findings)
    rest = (round((total - BASELINE_LOGIT) / LOGITS_PER_STRENGTH * 1_000_000) - told) / 1_000_000
    if rest > 0:
        label = "heated" if rest * LOGITS_PER_STRENGTH >= LEAST_GUESS else "wording"
        return Cue(label, rest * LOGITS_PER_STRENGTH, "the wording as a whole reads heated")
    return Cue("calm-wording", rest * LOGITS_PER_STRENGTH, "the wording as a whole reads calm")


def _findings(cue: Cue, text: str) -> Iterable[Finding]:
    """The finding of a cue; of one that is worth more than a finding can be, the rest follows without the words."""
    strength = cue.logits / LOGITS_PER_STRENGTH
    why, quotes = cue.why, _quotes(cue.spans, text)
    while abs(strength) > 1:
        yield Finding(cue.label, 1.0 if strength > 0 else -1.0, why, quotes)
        strength -= 1.0 if strength > 0 else -1.0
        why, quotes = f"{cue.why}, more than one point can say", ()
    if round(strength, 6):
        yield Finding(cue.label, round(strength, 6), why, quotes)


def _quotes(spans: Iterable[tuple[int, int]], text: str) -> tuple[str, ...]:
    words = (" ".join(text[start:end].split())[:QUOTE_LETTERS] for start, end in spans)
    return tuple(dict.fromkeys(word for word in words if word))[:QUOTES]
