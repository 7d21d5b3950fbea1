"""Signs that are no words: capitals, clusters of marks, and smiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from operator import and_

from levelhead.heat.text import has_any

STRESS = (
    "now never not still again immediately today nothing nobody three four five twice times weeks "
    "months every always jetzt nie nichts niemand immer sofort heute endlich wieder ya nunca nada "
    "nadie hoy siempre ahora jamais rien personne toujours encore maintenant ninguem sempre agora "
    "hoje mai niente nessuno adesso subito oggi nooit niets altijd vandaag meteen "
)
"""Words (folded) that are raised to capitals in anger rather than because they are names or abbreviations."""

BESIDE = 3
"""Characters between two words that stand side by side, at most."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_SMALL = re.compile(r"(?<![^\W\d_])[^\W\d_a-zß-öø-ÿ]{2,}+(?![^\W\d_])")
"""Words without a small letter of Latin-1: those in capitals are among them."""
_CAPITALS = re.compile("[^\x00-@\x5b-¿ß-öø-ÿ]{3}")
"""Without such letters in a row no word of three is in capitals; asked first because that is quick."""
_MARKS = re.compile(r"[!?]{3,}|[!?]*(?:!\?|\?!)[!?]*|‼|⁉")
_MARKS_BEGIN = ("!!!", "???", "!?", "?!")
_SMILE_BEGINS = (":)", ";)", ":-", ";-", ":D", ";D")
_PICTURE = re.compile("[\u2700-\U0010ffff]")
"""Without any of these there is no cluster of marks, and nothing smiles; asked first because that is quick."""

_SMILE = re.compile(r"[:;]-?[)D](?![^\W_])|[😀-😆😉-😍😂🤣😜😝🙂🙃😅🥰😘❤💕🎉🙏👍]")


@dataclass(frozen=True, slots=True)
class Signs:
    """How loud a text is and whether it smiles, 0..1 each, with the places that say so (from, to)."""

    shouting: float = 0.0
    smiling: float = 0.0
    loud: tuple[tuple[int, int], ...] = ()
    smiles: tuple[tuple[int, int], ...] = ()


def signs(text: str, folded: str) -> Signs:
    """The signs of a text: all of it in capitals, a run of such words, single ones that stress, marks in clusters."""
    loud, strength = _capitals(text, folded) if _CAPITALS.search(text) else ([], 0.0)
    marks = [match.span() for match in _MARKS.finditer(text)] if _may_have_marks(text) else []
    if marks:
        strength += min(0.4, 0.15 + 0.05 * len(marks))
    smiles = tuple([match.span() for match in _SMILE.finditer(text)]) if _may_smile(text) else ()
    return Signs(strength, min(1.0, 0.6 * len(smiles)), tuple((loud + marks)[:3]), smiles[:2])


def _may_have_marks(text: str) -> bool:
    """Whether a text has any of the marks without which there is no cluster of them; quick."""
    return has_any(text, _MARKS_BEGIN) or (not text.isascii() and has_any(text, "‼⁉"))


def _may_smile(text: str) -> bool:
    """Whether a text has any character that begins a smile."""
    if not text.isascii() and _PICTURE.search(text):
        return True
    return has_any(text, _SMILE_BEGINS)


def _capitals(text: str, folded: str) -> tuple[list[tuple[int, int]], float]:
    """Where words in capitals shout, and how loud: all of a text, a run of them, or single ones that stress."""
    upper = [match.span() for match in _NOT_SMALL.finditer(text) if match[0].isupper()]
    capital = [span for span in upper if span[1] - span[0] >= 3]
    if not capital:
        return [], 0.0
    words = [match.span() for match in _WORD.finditer(text)] if len(upper) >= 3 else []
    loud = list(_runs(words, set(upper))) if _three_in_a_row(upper) else []
    long = sum([end - start >= 3 for start, end in words]) if len(capital) >= 3 else 0
    if long and len(words) >= 4 and len(capital) > 0.6 * long:
        return loud, 0.6
    if loud:
        return loud, 0.5
    stressed = [span for span in capital if folded[span[0] : span[1]] in _stress_words()]
    return stressed, min(0.3, 0.15 * len(stressed))


def _three_in_a_row(upper: list[tuple[int, int]]) -> bool:
    """Whether three of these words in capitals stand side by side; without that there is no run."""
    near = [after[0] - before[1] <= BESIDE for before, after in pairwise(upper)]
    return any(map(and_, near, near[1:]))


def _runs(words: list[tuple[int, int]], upper: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Three or more capital words in a row, one of them of four letters."""
    run: list[tuple[int, int]] = []
    for span in (*words, (-1, -1)):
        if span in upper and (not run or span[0] - run[-1][1] <= BESIDE):
            run.append(span)
            continue
        if len(run) >= 3 and any(end - start >= 4 for start, end in run):
            yield run[0][0], min(run[-1][1], run[0][0] + 80)
        run = []


@cache
def _stress_words() -> frozenset[str]:
    return frozenset(STRESS.split())
