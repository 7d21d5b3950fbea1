"""Explicit threats: which of the phrases of threat that stand in a sentence are said by its author to the reader.

The phrases are those of `phrases.toml`. One that is denied ("nobody wants to sue anybody") or told of somebody else
("the landlord threatened to sue us") is none. Words of seven languages, folded; linear in the length of the sentence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from levelhead.heat.phrases import SPOKEN_TO, Hit
from levelhead.heat.text import TOKEN, Segment

FAMILIES = frozenset(("legal-threat", "chargeback", "review-threat", "ultimatum", "violence"))
"""Families whose strong phrases are threats."""

OR_ELSE_FAMILY = "cancellation"
"""The end of a contract is a threat only behind a condition."""

NEAR = 3
"""Words before a threat among which a denial belongs to it."""


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("threats.toml").read_text(encoding="utf-8"))


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(_table()[name])


FIRST_PERSON = re.compile(
    r"\w{2,}(?:are|ere|ire|remos|amos|emos|imos|iamo|ro|remo|rei|anme|enme|annos|temi|teci|ai|ons|o)\Z|j'\w+\Z"
)
"""How verbs end that say who acts without a word for it (Spanish, Italian, Portuguese), or ask for `me`."""

NEAR_SELF = 6
"""Words on either side of a phrase in which its author or the reader is named, where it is an explicit threat."""

ASKED_FAMILY, ASKED_NEAR = "review-threat", 3
"""Whoever asks the reader for a review threatens with none; so many words stand between the two at most."""

_CLAUSE_END = re.compile(r"[,;:()–—-]")


@cache
def _reader(language: str) -> frozenset[str]:
    """The words that speak to the reader, in every language where it is not known, but for what others share."""
    if language in SPOKEN_TO:
        told = {*SPOKEN_TO[language].split(), *_table()["also_reader"].get(language, ())}
        return frozenset(told - {"son", "sao"})
    return frozenset(word for each in SPOKEN_TO for word in _reader(each)) - _listed("shared")


def told_apart(
    hits: Sequence[Hit], sentences: Sequence[Segment], folded: str, language: str
) -> tuple[list[Hit], tuple[int, ...]]:
    """The phrases without the threats that are none, and the numbers of the sentences with an explicit threat."""
    if all(hit.family not in FAMILIES and hit.family != OR_ELSE_FAMILY for hit in hits):
        return list(hits), ()
    kept, explicit, number = [], [], 0
    for hit in hits:
        if hit.family not in FAMILIES and hit.family != OR_ELSE_FAMILY:
            kept.append(hit)
            continue
        while number + 1 < len(sentences) and sentences[number].end <= hit.start:
            number += 1
        sentence = sentences[number]
        before = TOKEN.findall(folded, min(sentence.start, hit.start), hit.start)
        rest = folded[hit.end : max(sentence.end, hit.end)]
        said = TOKEN.findall(folded, hit.start, hit.end)
        after = [*said, *TOKEN.findall(_CLAUSE_END.split(rest)[0])]
        reader = _reader(language)
        if _denied(folded[min(sentence.start, hit.start) : hit.start]) or _of_others(before, after, reader):
            continue
        if hit.share < 1 and hit.family == ASKED_FAMILY and _asked(folded[sentence.start : hit.start]):
            continue
        kept.append(hit)
        or_else = _listed("when") | _listed("or_else")
        conditional = hit.family != OR_ELSE_FAMILY or not or_else.isdisjoint((*before, *after[:1]))
        if hit.share >= 1 and conditional and _personal(before, after, reader):
            explicit.append(number)
    return kept, tuple(sorted(set(explicit)))


def _personal(before: Sequence[str], after: Sequence[str], reader: frozenset[str]) -> bool:
    """Whether who writes or who reads is named beside a threat: a guide to the small claims court is none."""
    near = (*before[-NEAR_SELF:], *after)
    return any(word in _listed("self") or word in reader or FIRST_PERSON.match(word) for word in near)


def _denied(before: str) -> bool:
    """Whether what stands before a threat in its clause denies it; a condition ("if not") denies nothing."""
    told = TOKEN.findall(_CLAUSE_END.split(before)[-1])
    near = told[-NEAR:]
    if not _listed("forced").isdisjoint(near) or not _listed("when").isdisjoint(told):
        return False
    return not _listed("denied").isdisjoint(near)


@cache
def _asking() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'])(?:{'|'.join(_table()['asking'])})(?![\w'])")


def _asked(before: str) -> bool:
    """Whether the reader is asked for what follows, and not told that its author does it."""
    last = max((match.end() for match in _asking().finditer(before)), default=-1)
    between = TOKEN.findall(before[last:]) if last >= 0 else []
    return last >= 0 and len(between) <= ASKED_NEAR and _listed("self").isdisjoint(between)


def _of_others(before: Sequence[str], after: Sequence[str], reader: frozenset[str]) -> bool:
    """Whether nobody or somebody else threatens, or it is told that somebody did, and the reader is not spoken to."""
    if not reader.isdisjoint((*before[-2 * NEAR :], *after)):
        return False
    if "demande" in before and not {"a", "ont", "avait"}.isdisjoint(before):  # French: asked, not asks
        return True
    return (
        not _listed("nobody").isdisjoint(before)
        or not _listed("told").isdisjoint(before)
        or not _listed("others").isdisjoint(before)
        or _of_clients(before)
    )


def _of_clients(before: Sequence[str]) -> bool:
    """Whether the subject of what stands before a threat is some customer, and not its author as a customer."""
    if _listed("clients").isdisjoint(before) or not _listed("writing").isdisjoint(before):
        return False
    named = _listed("clients")
    return any(
        word in named and (number == 0 or before[number - 1] in _listed("articles"))
        for number, word in enumerate(before)
    )
