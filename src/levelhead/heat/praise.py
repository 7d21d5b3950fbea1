"""Whether a sentence praises somebody, or something, that is not the reader: it says nothing of the reader at all."""

from __future__ import annotations

import re
from functools import cache

from levelhead.heat import aside_words as words
from levelhead.heat.language import LANGUAGES, PROFILES
from levelhead.heat.machine import TO_A_MACHINE
from levelhead.heat.text import fold

LONGEST_PRAISE, SHORTEST_PRAISE = 32, 4
"""Words of such a sentence: a longer one says more, and a shorter one too little."""

REMEMBERED = 20_000
"""Words of which is kept whether they may praise."""

PRAISES, OTHER = 1, 2

_POLITE = re.compile(r"\b(?:Sie|Ihr(?:e[mnrs]?)?|Ihnen)\b")
_WORDS = re.compile(r"[^\W\d_]+")
_PLAIN_WORDS = re.compile(r"[a-z]++")
_NO_PLAIN_MARK = re.compile(r"[?\"“”„«»%]|[!]{2}")

_kinds: dict[str, int] = {}
"""Words that may praise or be somebody else."""
_plain: set[str] = set()
"""Words that neither praise nor are."""


def told(folded: str) -> tuple[list[str], list[str]]:
    """The words of a folded text that may praise, and those that may be somebody else; quick."""
    praising, other = list[str](), list[str]()
    found = (_PLAIN_WORDS if folded.isascii() else _WORDS).findall(folded)
    for word in set(found) - _plain:
        kind = _kinds.get(word) or _kind(word)
        if kind & PRAISES:
            praising.append(word)
        if kind & OTHER:
            other.append(word)
    return praising, other


def praises_others(sentence: str) -> bool:
    """Whether a sentence praises others and says nothing else."""
    folded = fold(sentence)
    if not all(told(folded)):
        return False
    listed = _WORDS.findall(folded)
    if not SHORTEST_PRAISE <= len(listed) <= LONGEST_PRAISE or _NO_PLAIN_MARK.search(sentence):
        return False
    if words.GREETING.match(folded) or TO_A_MACHINE.search(folded):
        return False
    common = {each: sum(map(_small(each).__contains__, listed)) for each in LANGUAGES}
    most = max(common.values())
    likely = [each for each in LANGUAGES if common[each] == most and _of_others(folded, each)]
    if not likely or any(_every(each, "no").search(folded) for each in likely):
        return False
    return not ("de" in likely and _POLITE.search(sentence.lstrip()[1:]))


def _of_others(folded: str, language: str) -> bool:
    """Whether the praise is somebody else's: who is praised stands first, or no comma before the praise."""
    other, praise = _every(language, "other").search(folded), _every(language, "praise").search(folded)
    if not other or not praise:
        return False
    return other.start() < praise.start() or "," not in folded[praise.end() : other.start()]


def _kind(word: str) -> int:
    """Whether a word may praise, may be somebody else, or both, in any language; kept for the next time."""
    kind = 0
    for flag, what in ((PRAISES, "praise"), (OTHER, "other")):
        # One of those words with three letters more at most: a look at four beginnings instead of at each of them.
        known = _later(what)
        later = word in known or word[:-1] in known or word[:-2] in known or word[:-3] in known
        if later or _any_language(what).fullmatch(word):
            kind |= flag
    if len(_kinds) + len(_plain) >= REMEMBERED:
        _kinds.clear()
        _plain.clear()
    if kind:
        _kinds[word] = kind
    else:
        _plain.add(word)
    return kind


@cache
def _every(language: str, what: str) -> re.Pattern[str]:
    table = {"praise": words.PRAISES, "other": words.OTHERS, "no": words.NO_PRAISE}[what]
    return re.compile(rf"(?<!\w)(?:{table[language]})(?!\w)")


@cache
def _any_language(what: str) -> re.Pattern[str]:
    return re.compile("|".join(_every(language, what).pattern for language in LANGUAGES))


@cache
def _later(what: str) -> frozenset[str]:
    """How the words begin that stand behind a space in the alternatives of several words."""
    table = {"praise": words.PRAISES, "other": words.OTHERS}[what]
    found = set[str]()
    for language in LANGUAGES:
        for match in re.finditer(r"\S* (\([^()]*(?:\([^()]*\)[^()]*)*\)|[a-z]+)", table[language]):
            found.update(re.findall(r"[a-zß]{4,}", match[1]))
        found -= _small(language)
    return frozenset(found)


@cache
def _small(language: str) -> frozenset[str]:
    return frozenset(fold(PROFILES[language]).split())
