"""Which messages cannot be judged, and why: no text, encrypted, or a language that no detector knows. Pure."""

from __future__ import annotations

import unicodedata

from levelhead.heat.aside import aside
from levelhead.heat.forms import forms
from levelhead.heat.known import coverage
from levelhead.heat.language import LANGUAGES, all_latin, foreign, latin, leans, prose
from levelhead.heat.text import masked, shown
from levelhead.heat.weights import weights
from levelhead.model import UNREAD, Message

TELLING = 40
"""Letters; a text with fewer is too short for its language to be told, and is judged with every list."""

LOOKED_AT = 20_000
"""Characters of a message from which script and length are told."""

KNOWN = 0.25
"""The share of a text that must be words of the seven languages when nothing else tells which it is in."""

KNOWN_ALL_THE_SAME = ((8, 0.7), (3, 0.4), (0, 0.0))
"""That share, by the number of words, when a text rather looks like another language: neighbours share many words."""

LOGS = 0.4
"""The share of a text in logs, paths and addresses from which its language does not matter: nobody is speaking."""


def unknown_reason(message: Message) -> str:
    """Why this message cannot be judged, or empty when it can. The reason is a few words, fit for a label.

    `unread`: no parser survived it. `encrypted`: its text is not to be read. `no text`: nothing that can be seen was
    newly written.
    `unsupported language`: most of its letters are not Latin; or its letters or small words are another language's and
    too few of its words are known; or it is long enough to tell, leans to none of the seven, and hardly any word of it
    is known. Of a message whose forms differ each must be so.
    """
    if any(defect.partition(":")[0] == UNREAD for defect in message.defects):
        return "unread"
    if message.encrypted:
        return "encrypted"
    reasons = [_unknown(form, message.language) for form in forms(message.new_text)]
    return "" if "" in reasons else reasons[0]


def _unknown(form: str, language: str) -> str:
    """Why a text cannot be judged that is taken to be in a language, or empty when it can."""
    text = shown(form[:LOOKED_AT])
    if not any(map(_shows, text)):
        return "no text"
    if language in LANGUAGES and all_latin(text):
        return ""  # Nothing that is set aside could change it.
    text = aside(text).text
    if not latin(text):
        return "unsupported language"
    if language in LANGUAGES or _mostly_logs(text):
        return ""
    if not foreign(text) and (leans(text) or sum(map(str.isalpha, prose(text))) < TELLING):
        return ""
    return "" if coverage(text, weights().words) >= _least(text) else "unsupported language"


def _least(text: str) -> float:
    """The share of known words from which a text of no language that was told is judged all the same."""
    if not foreign(text):
        return KNOWN
    words = len(text.split())
    return next(share for count, share in KNOWN_ALL_THE_SAME if words >= count)


def _mostly_logs(text: str) -> bool:
    kept, whole = (len("".join(each.split())) for each in (masked(text), text))
    return kept <= (1 - LOGS) * whole


def _shows(character: str) -> bool:
    """Whether a reader sees anything of a character: a letter, a digit or a picture, not a mark alone."""
    return character.isalnum() or unicodedata.category(character) == "So"
