"""Two forms of one message that say different things: told apart, joined, and parted again to be judged each alone.

RFC 2046 (section 5.1.4) has the parts of a `multipart/alternative` say the same, and a reader is shown one of them.
Who puts anger into one and calm words into the other shows both to nobody but a program.
"""

from __future__ import annotations

import re
from itertools import pairwise

from levelhead.heat.text import shown

OTHER_FORM = "---------- The other form of this message ----------"
"""The line between them."""

PASSAGE = 6
"""Words in a row that one form has and the other one lacks, with which they say different things."""

SCATTERED, SCATTERED_SHARE = 20, 0.2
"""So many such words, and such a share of all, do too, however they are scattered."""

COMPARED = 50_000
"""Characters of a form that are looked for in the first twice as many of the other: more than are judged."""

NOTES = 5
"""Words in brackets that a plain form may have for pictures (`[image: our logo]`)."""

_WORD = re.compile(r"[^\W\d_]+")
_NOTE = re.compile(r"\[[^\[\]]{0,120}\]")


def differ(plain: str, rich: str) -> bool:
    """Whether one of two forms has a passage that the other lacks, addresses and quotes aside; of bounded cost."""
    if plain == rich:
        return False
    plain = shown(_NOTE.sub(" ", plain[: 2 * COMPARED], count=NOTES)).lower()
    rich = shown(rich[: 2 * COMPARED]).lower()
    mine, theirs = _words(plain[:COMPARED]), _words(rich[:COMPARED])
    if mine == theirs:
        return False
    return _lacks(mine, _words(rich, quotes=True)) or _lacks(theirs, _words(plain, quotes=True))


def _words(form: str, *, quotes: bool = False) -> list[str]:
    """The words of a form without addresses and, unless asked for, without what it quotes."""
    lines = form.split("\n")
    kept = [line.lstrip(" >") for line in lines if quotes or line.lstrip()[:1] != ">"]
    pieces = " ".join(kept).split()
    return _WORD.findall(" ".join([each for each in pieces if not _address(each)]))


def _address(piece: str) -> bool:
    return "://" in piece or "@" in piece or "www." in piece


def _lacks(said: list[str], other: list[str]) -> bool:
    """Whether the other form lacks a passage of this one: words that stand beside neither of their neighbours there."""
    known = set(pairwise(other))
    run = missing = 0
    before = False
    for pair in zip(said, [*said[1:], ""], strict=True):
        after = pair in known
        run = 0 if before or after else run + 1
        missing += run > 0
        before = after
        if run >= PASSAGE:
            return True
    return missing >= SCATTERED and missing >= SCATTERED_SHARE * len(said)


def joined(one: str, other: str) -> str:
    """Both forms as one text; one alone where the other is empty."""
    return f"{one}\n\n{OTHER_FORM}\n\n{other}" if one and other else one or other


def forms(text: str) -> tuple[str, ...]:
    """The forms that a text is joined of; the text alone where it is one."""
    if OTHER_FORM not in text:
        return (text,)
    return tuple([form for each in text.split(OTHER_FORM) if (form := each.strip("\n")).strip()]) or (text,)
