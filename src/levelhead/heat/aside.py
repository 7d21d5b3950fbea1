"""What carries no verdict is set aside before anything is measured: farewell and signature, names, praise of others.

`aside` gives the text that is judged, in which a farewell, the lines of a signature below it and whole sentences that
praise somebody else are gone, and every name is one letter. So two texts that differ in these alone are one and the
same text to all that measures, and their scores are equal to the digit. The places of what is judged are found again
in what was written (`Aside.place`). Nothing is learnt, and no language is asked for: that is told from what is left.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from levelhead.heat import aside_words as words
from levelhead.heat.names import capital, mask_names, names_line, tells_heat
from levelhead.heat.newtext_words import CONTACT_PLACE, DIGIT, POSTSCRIPT
from levelhead.heat.praise import praises_others, told
from levelhead.heat.text import LONGEST, SEGMENT_END, fold, has_any

CARD_LINES = 8
"""Lines below a farewell that may be a signature."""

CARD_LETTERS, CARD_WORDS = 70, 7
"""Letters and words of such a line, at most."""

LAST_LINES = 4
"""Lines of a last paragraph that may be name, job and company without a farewell above them."""

LEFT = 2
"""Words that must be left, or the whole is read as it is."""

Edit = tuple[int, int, str]
"""From, to, and what stands there instead."""

_WORDS = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")
_WHITE = re.compile(r"\s\s+|\A\s|\s\Z")
_FIRST = re.compile(r"[ \t]*([^\W\d_]+)")
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A text after edits, and where each of its pieces stood before them."""

    text: str
    starts: list[int]
    """Where each piece begins that was kept or put there, in order; the end of the text is the last."""
    origins: list[tuple[int, int]]
    """From where to where each of them stood."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the words stood before the edits that now go from `start` to `end`; a name is all of it."""
        first, last = (bisect_right(self.starts, at) - 1 for at in (start, max(start, end - 1)))
        begin, stop = self.origins[first][0], self.origins[last][1]
        if self._kept(first):
            begin += start - self.starts[first]
        if self._kept(last):
            stop -= self.starts[last + 1] - end
        return begin, stop

    def _kept(self, piece: int) -> bool:
        begin, end = self.origins[piece]
        return self.starts[piece + 1] - self.starts[piece] == end - begin


@dataclass(frozen=True, slots=True)
class Aside:
    """What is judged of a text."""

    text: str
    stages: tuple[Stage, ...] = ()

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where in what was written the words stand that are judged from `start` to `end`."""
        for stage in reversed(self.stages):
            start, end = stage.place(start, end)
        return start, end


@lru_cache(maxsize=8)
def aside(text: str) -> Aside:
    """What is judged of a text; all of it where nothing, or too little, would be left."""
    left, stages = text[:LONGEST], list[Stage]()
    for find in (_praises, _cards, mask_names, _white):
        if (find is not _white or stages) and (edits := find(left)):
            stages.append(_edited(left, edits))
            left = stages[-1].text
    if not stages or len(_LETTERS.findall(left)) < LEFT:
        return Aside(text)
    return Aside(left, tuple(stages))


def _edited(text: str, edits: Iterable[Edit]) -> Stage:
    """A text with its edits made; of edits that overlap the first counts."""
    pieces: list[str] = []
    starts, origins = list[int](), list[tuple[int, int]]()
    at = done = 0
    for start, end, instead in (*sorted(edits), (len(text), len(text), "")):
        if start < at:
            continue
        for piece, origin in ((text[at:start], (at, start)), (instead, (start, end))):
            if piece:
                pieces.append(piece)
                starts.append(done)
                origins.append(origin)
                done += len(piece)
        at = end
    return Stage("".join(pieces), [*starts, done], origins or [(0, len(text))])


def _white(text: str) -> list[Edit]:
    """White space that is left over where something stood: one empty line at most, none at the ends."""
    edits = []
    for match in _WHITE.finditer(text):
        found = match[0]
        start, end = match.span()
        if found == "\n\n" and start and end < len(text):
            continue  # What most of it is.
        lines = found.count("\n")
        instead = "" if not start or end == len(text) else "\n\n" if lines > 1 else "\n" if lines else " "
        if instead != found:
            edits.append((start, end, instead))
    return edits


# --- farewell and signature ----------------------------------------------------------------------


def _cards(text: str) -> list[Edit]:
    """The lines that take leave, those of the signature below them, and a last paragraph of names alone."""
    lines = text.split("\n")
    gone = [False] * len(lines)
    for index, line in enumerate(lines):
        if 0 < len(line) <= 160 and not gone[index] and _leaves(line):
            _leave(lines, gone, index)
    _last_names(lines, gone)
    if True not in gone:
        return []
    edits, at = [], 0
    for line, is_gone in zip(lines, gone, strict=True):
        if is_gone:
            edits.append((at, min(len(text), at + len(line) + 1), ""))
        at += len(line) + 1
    return edits


def _leaves(line: str) -> bool:
    """Whether a line begins as one does that takes leave or thanks; quick."""
    first = _FIRST.match(fold(line[:24]))
    return first is not None and first[1] in words.FAREWELL_BEGINS


def _leave(lines: list[str], gone: list[bool], index: int) -> None:
    """Mark a line that takes leave and the signature below it; a line of thanks only where nothing else follows."""
    line = lines[index]
    folded = fold(line)
    leaves, thanked = words.FAREWELL.match(folded), words.THANKING.match(folded)
    thanks = thanked is not None and (leaves is None or thanked.end() > leaves.end())
    match = thanked if thanks else leaves
    if not match:
        return
    rest = line[match.end() :].strip(" \t,.!–—-")
    if rest and not (names_line(rest) and len(line) <= 90):
        return
    if not rest and index == 0 and len(lines) > 1:
        return
    card, ends = _below(lines, index)
    if thanks and (index == 0 or not ends):
        if rest:
            return
    else:
        gone[index] = True
    for below in card:
        gone[below] = True


def _below(lines: list[str], index: int) -> tuple[list[int], bool]:
    """The lines of a signature below a line, and whether the text ends with them."""
    card, empty = list[int](), 0
    for below in range(index + 1, min(len(lines), index + 2 * CARD_LINES)):
        if not lines[below].strip():
            empty += 1
            if empty > 1:
                break
        elif _card(lines[below].strip()):
            empty = 0
            card.append(below)
        else:
            break
    last = card[-1] if card else index
    return card, not any(line.strip() for line in lines[last + 1 :])


def _card(line: str) -> bool:
    """Whether a line below a farewell may be one of a signature: a name, a job, a company, a way to reach somebody."""
    if POSTSCRIPT.match(line) or len(line) > CARD_LETTERS + 30:
        return False
    found = _WORDS.findall(line)
    if _reached(line) and len(found) <= 2 * CARD_WORDS:
        return True
    if len(line) > CARD_LETTERS or len(found) > CARD_WORDS or any(mark in line for mark in "?!:;"):
        return False
    folded = fold(line)
    if words.FORM.search(folded) and capital(found[0] if found else ""):
        return True
    if line.endswith(".") and len(found) > 1 and len(found[-1]) > 3:
        return False
    if words.FAREWELL.fullmatch(folded) or words.THANKING.fullmatch(folded):
        return True
    if not found or not words.SPEAKING.isdisjoint(fold(each) for each in found):
        return False
    if any(each in folded for each in words.DISPLEASED) or tells_heat(line, sure=True):
        return False
    return names_line(line, sure=True) or capital(found[0]) or "," in line


def _reached(line: str) -> bool:
    told = "@" in line or "://" in line or "www." in line.lower() or DIGIT.search(line)
    return bool(told and CONTACT_PLACE.search(line)) or not _LETTERS.search(line)


def _last_names(lines: list[str], gone: list[bool]) -> None:
    """Mark the last lines, where they are names and ways to reach somebody and nothing else."""
    last = [index for index, line in enumerate(lines) if line.strip() and not gone[index]]
    found = list[int]()
    for index in reversed(last[1:]):
        line = lines[index].strip()
        if len(line) > CARD_LETTERS or not (names_line(line) or (_reached(line) and found)):
            break
        found.append(index)
        if len(found) > LAST_LINES:
            return
    while found and not _closes(lines[found[-1] - 1].rstrip()) and not gone[found[-1] - 1]:
        found.pop()
    for index in found:
        gone[index] = True


def _closes(above: str) -> bool:
    """Whether below that line something new may begin."""
    return not above or above[-1] in ".!?…:)"


# --- praise of others ----------------------------------------------------------------------------


def praised(text: str) -> list[tuple[int, int]]:
    """Where the sentences stand that praise somebody else; asked only of a text that something is set aside of."""
    return [(start, end) for start, end, _ in _praises(text[:LONGEST])] if aside(text).stages else []


def _praises(text: str) -> list[Edit]:
    """The sentences that praise somebody else."""
    return [*_praising(text)]


@lru_cache(maxsize=8)
def _praising(text: str) -> tuple[Edit, ...]:
    """The same, kept for a moment: first they are set aside, and then they are told."""
    folded = fold(text)
    praising, other = told(folded)
    if not praising or not other:
        return ()
    edits, start = list[Edit](), 0
    for end in (*[match.end() for match in SEGMENT_END.finditer(text)], len(text)):
        sentence, said = text[start:end], folded[start:end]
        may = has_any(said, praising) and has_any(said, other)
        if may and praises_others(sentence) and not tells_heat(sentence):
            edits.append((start, end, "\n\n" if "\n\n" in sentence.strip(" ")[-3:] else ""))
        start = end
    return tuple(edits)
