"""Which texts cannot be judged, and why: there is none, or it is in a language that no detector knows. Pure."""

from __future__ import annotations

import unicodedata

from levelhead.heat.aside import aside
from levelhead.heat.forms import forms
from levelhead.heat.known import coverage
from levelhead.heat.language import LANGUAGES, all_latin, foreign, latin, leans, prose
from levelhead.heat.text import masked, shown
from levelhead.heat.weights import weights

TELLING = 40
"""Letters; a text with fewer is too short for its language to be told, and is judged with every list."""

LOOKED_AT = 20_000
"""Characters of a message from which script and length are told."""

KNOWN = 0.25
"""The share of a text that must be words of the seven languages when nothing else tells which it is in."""

KNOWN_ALL_THE_SAME = ((8, 0.7), (3, 0.4), (0, 0.0))
"""That share, by the number of words, when a text rather looks like another language: neighbours share many words."""

REASONS = NO_TEXT, OTHER_LANGUAGE = "no text", "unsupported language"
"""Why a text cannot be judged."""

LOGS = 0.4
"""The share of a text in logs, paths and addresses from which its language does not matter: nobody is speaking."""


def unjudged(new_text: str, language: str) -> str:
    """Why a newly written text cannot be judged that is taken to be in a language, or empty when it can.

    `no text`: nothing that can be seen was newly written. `unsupported language`: most of its letters are not Latin; or
    its letters or small words are another language's and too few of its words are known; or it is long enough to tell,
    leans to none of the seven, and hardly any word of it is known. Of forms that differ each must be so.
    """
    reasons = [_unknown(form, language) for form in forms(new_text)]
    return "" if "" in reasons else reasons[0]


def _unknown(form: str, language: str) -> str:
    """Why a text cannot be judged that is taken to be in a language, or empty when it can."""
    text = shown(form[:LOOKED_AT])
    if not any(map(_shows, text)):
        return NO_TEXT
    if language in LANGUAGES and all_latin(text):
        return ""  # Nothing that is set aside could change it.
    text = aside(text).text
    if not latin(text):
        return OTHER_LANGUAGE
    if language in LANGUAGES or _mostly_logs(text):
        return ""
    if not foreign(text) and (leans(text) or sum(map(str.isalpha, prose(text))) < TELLING):
        return ""
    return "" if coverage(text, weights().words) >= _least(text) else OTHER_LANGUAGE


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
