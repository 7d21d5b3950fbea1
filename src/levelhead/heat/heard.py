"""How a message's newly written text reads by itself: all of the judgement that needs nothing but its words.

It is the dear part, and it can be made where the message is read, in another process on another processor. So it
crosses over as plain values (`packed`, `unpacked`), and it is the same to the digit wherever it was made.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from levelhead.heat.aside import aside, praised
from levelhead.heat.complaint import complaint
from levelhead.heat.engine import Cue, Reading, read
from levelhead.heat.forms import OTHER_FORM, forms
from levelhead.heat.language import language_of
from levelhead.heat.text import shown
from levelhead.heat.trajectory import demands
from levelhead.heat.unjudged import REASONS, unjudged
from levelhead.model import SLUG, Message
from levelhead.pipes import BadFrame
from levelhead.plain import from_json, many, real, row, text, to_json, truth, whole

REPLIES = ("re:", "aw:", "sv:", "fw:", "fwd:", "wg:", "tr:", "rv:", "res:", "r:", "antw", "i:")
"""How the subject of an answer or of something forwarded begins: its words were somebody's before."""

LATELY, LETTERS = 200, 4_000_000
"""Messages of which it is remembered how they read, more than are judged together, and the letters of all of them."""

Span = tuple[int, int]

FURTHEST, MOST_CUES, LONGEST_WHY = 100.0, 200, 500
"""Logits, cues and letters of a reason beyond which no reading of ours goes."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is told by the words of a message alone."""

    text: str
    """What was read of it."""
    reading: Reading
    praised: tuple[Span, ...] = ()
    """Where it praises somebody else."""
    fault: Span | None = None
    """Where it names a fault, or nowhere."""
    demands: bool = False
    unjudged: str = ""
    """Why it cannot be judged (`heat.unjudged`), or empty."""


class Lately:
    """What was heard of the latest messages, the last of them in any case; for any thread."""

    def __init__(self, most: int = LATELY, letters: int = LETTERS) -> None:
        """As `LATELY` and `LETTERS`."""
        self._most, self._letters = most, letters
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Heard] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> Heard | None:
        """What was kept by this key, if it is still there."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Hashable, heard: Heard) -> None:
        """Keep it, in the place of what is oldest."""
        with self._lock:
            self._drop(self._kept.pop(key, None))
            self._kept[key] = heard
            self._size += len(heard.text)
            while len(self._kept) > self._most or (self._size > self._letters and len(self._kept) > 1):
                self._drop(self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _drop(self, heard: Heard | None) -> None:
        self._size -= len(heard.text) if heard is not None else 0


_lately = Lately()


@dataclass(frozen=True, slots=True)
class Known:
    """How messages read, for all who judge by it: found out once."""

    heard: Callable[[str], Heard | None] = lambda id: None
    """What was heard of a message, by its id, where that was found out when it came."""

    def of(self, message: Message) -> Heard:
        """How a message reads: as it is known, or as it is found out now and remembered for who asks next."""
        if (heard := self.heard(message.id)) is not None:
            return heard
        words = message.subject, message.new_text, message.language
        if (heard := _lately.get(words)) is None:
            heard = hear(*words)
            _lately.keep(words, heard)
        return heard


NOTHING_KNOWN = Known()


def forget() -> None:
    """Forget what was found out lately: no stranger's words stay in memory for nothing."""
    _lately.clear()


def hear(subject: str, new_text: str, language: str) -> Heard:
    """How a message reads by its words; the same words always read the same."""
    reading, said = _hottest(subject, new_text, language)
    return Heard(
        said,
        reading,
        tuple(praised(said)),
        complaint(said),
        demanding(new_text, language),
        unjudged(new_text, language),
    )


def demanding(new_text: str, language: str) -> bool:
    """Whether what was newly written demands (`heat.trajectory`); nothing demands nothing."""
    return bool(new_text.strip()) and demands(new_text, language)


def readable(subject: str, new_text: str) -> str:
    """What is read: the subject, unless it only repeats an earlier one, and the newly written part below it."""
    subject = "" if subject[:4].lower().startswith(REPLIES) else subject
    return shown(f"{subject}\n\n{new_text}" if subject else new_text)


def _hottest(subject: str, new_text: str, language: str) -> tuple[Reading, str]:
    """How a message reads, and the text that was read: of forms that differ the hottest, or all of them together."""
    everything = readable(subject, new_text)
    readings = [(read(everything, language), everything)]
    for form in forms(new_text) if OTHER_FORM in new_text else ():
        said = readable(subject, form)
        readings.append((read(said, language_of(aside(shown(form)).text)), said))
    return max(readings, key=lambda each: each[0].logit)


def packed(heard: Heard) -> str:
    """What was heard as a text that crosses to another process."""
    return to_json(heard).decode("utf-8", "surrogatepass")


def unpacked(data: str) -> Heard:
    """What was heard, made again; BadFrame when it is anything else, or nothing that can have been heard."""
    heard = _made(data)
    reading = heard.reading
    every = (heard.praised, reading.untold, reading.reported, *[cue.spans for cue in reading.cues])
    places = [*[span for spans in every for span in spans], heard.fault or (0, 0)]
    if (
        len(reading.cues) > MOST_CUES
        or any(
            abs(one) > FURTHEST for one in (reading.logit, reading.rest, *[c.logits for c in reading.cues])
        )
        or not all(SLUG.match(cue.label) and len(cue.why) <= LONGEST_WHY for cue in reading.cues)
        or heard.unjudged not in ("", *REASONS)
        or not all(0 <= start <= end <= len(heard.text) for start, end in places)
    ):
        raise BadFrame("a reading that no text has")
    return heard


def is_of(heard: Heard, subject: str, new_text: str) -> bool:
    """Whether something was heard of these words, or of one of the forms that they have."""
    if heard.text == readable(subject, new_text):
        return True
    return OTHER_FORM in new_text and any(heard.text == readable(subject, form) for form in forms(new_text))


def _made(data: str) -> Heard:
    said, reading, praise, fault, demand, why = row(from_json(data.encode("utf-8", "surrogatepass")), 6)
    logit, cues, rest, untold, reported = row(reading, 5)
    return Heard(
        text(said),
        Reading(real(logit), tuple(map(_cue, many(cues))), real(rest), _spans(untold), _spans(reported)),
        _spans(praise),
        None if fault is None else _span(fault),
        truth(demand),
        text(why),
    )


def _cue(value: object) -> Cue:
    label, logits, why, spans = row(value, 4)
    return Cue(text(label), real(logits), text(why), _spans(spans))


def _spans(value: object) -> tuple[Span, ...]:
    return tuple(map(_span, many(value)))


def _span(value: object) -> Span:
    start, end = row(value, 2)
    return whole(start), whole(end)
