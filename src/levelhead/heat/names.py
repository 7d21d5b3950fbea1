"""Names of people and companies: where they stand in a text, so that none of them weighs more than another.

A name is told by where it stands and how it is written, never by a list of names: behind a greeting or a title, before
a form of company, as words with a capital inside a sentence of small ones. Where nouns have capitals (German) only two
of them in a row, and what a greeting or title named, are taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from levelhead.heat import aside_words as words
from levelhead.heat.language import PROFILES
from levelhead.heat.phrases import families, heat_words, hits, insults
from levelhead.heat.text import fold

NAME = "N"
"""What stands for a name: a letter that is no word of any language here."""

REMEMBERED = 5_000
"""Words of which is kept what they are."""

MOST = 4
"""Words of a name with a capital; more of them in a row are a headline."""

GERMAN = 0.08
"""The share of small German words from which nouns are taken to have capitals."""

GREETED = 4
"""Lines with words at the beginning, among which one greets."""

LONGEST_JOINT = 12
"""Characters between two words of one name."""

Edit = tuple[int, int, str]

_BIG = "[^\\W\\d_a-zß-öø-ÿ]"
_GLUED = r"[\w@/&.'’-]"
_TOKEN = re.compile(
    rf"({_BIG}(?:(?<!{_GLUED}.)|(?<=(?<!{_GLUED})[ld]['’].)|(?<=(?<!{_GLUED})[ae]l-.))"
    r"[^\W\d_]*+(?:['’-][^\W\d_]+)*)"
    r"(?![\w@/])"
)
"""A word with a capital that no mark joins to what stands before it, but for `d'`, `l'`, `al-` and `el-`.

It begins with the capital, because that is quickly looked for."""
_SMALL = re.compile(r"(?<![\w'’-])[a-zß-öø-ÿ]++(?![\w'’-])")
_ALL = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_JOINT = re.compile(
    r" |-|(?: (?:" + "|".join(sorted(words.PARTICLES - {"y", "e"})) + r")){1,2} | & | (?:al-|el-|[ld]['’])"
)
_BEHIND_INITIAL = (".", ". ")

_BETWEEN = words.PARTICLES | words.CONNECTORS | words.TITLES
_SMALL_BEGINS = re.compile(r"[\W\d_]*(?:" + "|".join(sorted(words.PARTICLES)) + r")\b|[\W\d_]+[^\W\d_]")
_PREFIXED = re.compile(rf"(?:al-|el-|[ld]['’]){_BIG}")
_MARK = re.compile(r"[ \t]*[,!:;.…–—-]*[ \t]*")
_FIRST = re.compile(r"[ \t]*([^\W\d_]+)")
_OTHER_SCRIPT = re.compile(r"[^\x00-\u024f\u1e00-\u1eff]")


class Word(NamedTuple):
    """What is known of a word as it is written."""

    folded: str
    titled: bool
    """It begins as a name does, and is not in capitals."""
    title: bool
    sure_title: bool
    kept: bool
    """It is never a part of a name."""
    function: bool
    """It is a small word of one of the languages."""
    dated: bool
    heat: bool
    """A phrase of heat names it."""


_words: dict[str, Word] = {}


def _word(word: str) -> Word:
    """What is known of a word; kept for the next time."""
    known = _words.get(word)
    if known is None:
        folded = fold(word)
        known = Word(
            folded,
            capital(word) and not (len(word) > 1 and word.isupper()),
            folded in words.TITLES,
            folded in words.SURE_TITLES,
            folded in words.KEPT,
            folded in _function_words(),
            folded in words.DATES,
            folded in heat_words()[0] or folded.startswith(heat_words()[1]),
        )
        if len(_words) >= REMEMBERED:
            _words.clear()
        _words[word] = known
    return known


def capital(word: str) -> bool:
    """Whether a word begins as names do: with a capital, or in a script that has none."""
    first = word[:1]
    return first.isalpha() and (not first.islower() or bool(_PREFIXED.match(word)))


@cache
def _function_words() -> frozenset[str]:
    return frozenset(fold(" ".join(PROFILES.values())).split()) - words.PARTICLES


@lru_cache(maxsize=512)
def tells_heat(text: str, *, sure: bool = False) -> bool:
    """Whether a phrase of heat stands in a text; where a name is sure (`sure`), single words of heat are names."""
    if not sure and any(fold(word) in insults() for word in _ALL.findall(text)):
        return True
    hot = (hit for hit in hits(text, fold(text), "") if families()[hit.family].label != "courtesy")
    return any(not sure or " " in text[hit.start : hit.end] for hit in hot)


def names_line(line: str, *, sure: bool = False) -> bool:
    """Whether a line is the name of a person or a company and nothing else; `sure`: it stands where names do."""
    if not any(map(capital, line[:1])) and not _SMALL_BEGINS.match(line):
        return False
    found = _ALL.findall(line)
    if not found or len(found) > MOST + 3 or any(mark in line for mark in "?!:;"):
        return False
    folded = fold(line)
    form = words.FORM.search(folded)
    if form and _word(found[0]).titled and len(found) > 1:
        return True
    if line.endswith(".") and len(found[-1]) > 3:
        return False
    small = [word for word in found if not capital(word)]
    big = [fold(word) for word in found if capital(word)]
    if not big or len(big) > MOST or any(fold(word) not in _BETWEEN for word in small):
        return False
    if any(word in words.SURE_TITLES for word in big[:1]) and len(big) > 1:
        return True
    if all(word in _function_words() or word in words.KEPT or word in words.DATES for word in big):
        return False
    if sure:
        return not tells_heat(line, sure=True) and (len(big) > 1 or not _word(big[0]).heat)
    if len(big) > 1 and not small and big[0] in _function_words():
        return False
    return not tells_heat(line) and not _courteous(line)


def _courteous(line: str) -> bool:
    return bool(hits(line, fold(line), ""))


def mask_names(text: str) -> list[Edit]:
    """The greetings of a text, which go, and its other names, for each of which stands `NAME`."""
    edits, known = _greeted(text)
    greeted = list(edits)
    tokens = [match.span(1) for match in _TOKEN.finditer(text)]
    german = bool(tokens) and _nouns_have_capitals(text)
    for start, end in _runs(text, tokens, german, known):
        if not any(start < after and end > before for before, after, _ in greeted):
            edits.append((start, end, NAME))
    return edits


def _nouns_have_capitals(text: str) -> bool:
    small = _SMALL.findall(text[:2_000])
    told = sum(map(words.NOUNS_HAVE_CAPITALS.__contains__, small))
    if not told:
        return False
    others = len(small) - told - sum(map(words.PARTICLES.__contains__, small))
    return told > GERMAN * (told + others)


def _greeted(text: str) -> tuple[list[Edit], set[str]]:
    """The greetings at the beginning, with the names behind them, and which words these are."""
    edits: list[Edit] = []
    known: set[str] = set()
    at = seen = 0
    for line in text.split("\n", 12)[:12]:
        if line.strip() and len(line) < 2_000:
            seen += 1
            if seen > GREETED:
                break
            if _may_greet(line) and (place := _greeted_in(line)):
                start, end = place
                listed = map(_word, _ALL.findall(line[start:end]))
                known.update(each.folded for each in listed if _tells_name(each))
                edits.append((at + start, at + end, ""))
        at += len(line) + 1
    return edits, known


def _may_greet(line: str) -> bool:
    """Whether a line begins as greetings do, or is a name and a comma; quick."""
    first = _FIRST.match(line)
    if first is None:
        return False
    return _word(first[1]).folded in words.GREETING_BEGINS or (len(line) < 60 and line.rstrip().endswith(","))


def _greeted_in(line: str) -> tuple[int, int] | None:
    """Where the greeting of a line stands, its names and its mark among it, or nothing."""
    match = words.GREETING.match(fold(line))
    begin = match.end() if match else 0
    if match and (bare := _MARK.match(line, begin)) and bare.end() == len(line):
        return 0, len(line)
    found = words.NAMES.match(line, begin)
    if not found or not found[1] or words.FAREWELL.match(fold(line)):
        return None
    if not (_names_greeted(found[1]) if match else _stands_alone(line, found)):
        return None
    mark = _MARK.match(line, found.end())
    return 0, mark.end() if mark else found.end()


def _names_greeted(names: str) -> bool:
    """Whether what stands behind a greeting is names and nothing else."""
    listed = _ALL.findall(names)
    big = [word for word in listed if capital(word)]
    if any(not capital(word) and fold(word) not in _BETWEEN for word in listed):
        return False
    if len(big) > 3 and all(len(word) > 1 and word.isupper() for word in big):
        return False
    titled = _word(listed[0]).sure_title and len(listed) > 1
    return titled or not tells_heat(names) or bool(words.FORM.search(fold(names)))


def _stands_alone(line: str, found: re.Match[str]) -> bool:
    """Whether a line is a name and a comma."""
    alone = found.end() == len(line.rstrip()) - 1 and line.rstrip().endswith(",")
    return alone and len(_ALL.findall(found[1])) <= MOST and names_line(found[1])


def _runs(
    text: str, tokens: list[tuple[int, int]], german: bool, known: set[str]
) -> Iterator[tuple[int, int]]:
    """Where names stand in running text (from, to), given its words with capitals."""
    index = 0
    while index < len(tokens):
        after = index + 1
        if after < len(tokens) and tokens[after][0] - tokens[index][1] <= LONGEST_JOINT:
            far = not german or _named(text, tokens[index], known)
            while after < len(tokens) and _joined(text, tokens[after - 1], tokens[after][0], far=far):
                after += 1
        if after > index + 1 or _may_be_alone(text, *tokens[index], german, known):
            yield from _in_run(text, tokens[index:after], german, known)
        index = after


def _named(text: str, span: tuple[int, int], known: set[str]) -> bool:
    """Whether a word is a title, or was told to be a name."""
    word = _word(text[span[0] : span[1]])
    return word.sure_title or word.folded in known


def _joined(text: str, before: tuple[int, int], start: int, *, far: bool) -> bool:
    """Whether the word that starts there goes on what the one before began; `far`: small words may join them."""
    if text[before[1]] not in " -.":
        return False
    gap = text[before[1] : start]
    if gap == " " or gap == "-":
        return True
    if len(gap) > LONGEST_JOINT or "\n" in gap:
        return False
    if gap in _BEHIND_INITIAL:
        word = text[before[0] : before[1]]
        return len(word) == 1 or _word(word).sure_title
    return far and bool(_JOINT.fullmatch(gap))


def _may_be_alone(text: str, start: int, end: int, german: bool, known: set[str]) -> bool:
    """Whether a single word may be a name; quick, because most are the first of their sentence, or German nouns."""
    if not (german or _opens(text, start)):
        return True
    word = _word(text[start:end])
    if word.folded in known or word.sure_title or text.startswith((" & ", " und ", " and ", " et "), end):
        return True
    return not word.folded.isascii() and bool(_OTHER_SCRIPT.match(word.folded))


def _in_run(
    text: str, run: list[tuple[int, int]], german: bool, known: set[str]
) -> Iterable[tuple[int, int]]:
    """The names in a row of words with capitals, which words that are never names cut up."""
    parts: list[list[tuple[int, int]]] = [[]]
    for span in run:
        word = _word(text[span[0] : span[1]])
        if word.title and (word.sure_title or not parts[-1]):
            parts.append([span])
        elif word.kept or not word.titled or (span[1] - span[0] == 1 and text[span[1] : span[1] + 1] != "."):
            parts.append([])
        else:
            parts[-1].append(span)
    for part in parts:
        if part:
            yield from _name(text, part, german, known)


def _name(text: str, part: list[tuple[int, int]], german: bool, known: set[str]) -> Iterator[tuple[int, int]]:
    """Where the name stands that these words are; nothing where they are none."""
    start, end = part[0][0], part[-1][1]
    listed = [_word(text[first:last]) for first, last in part]
    if listed[0].title:
        if len(listed) > 1 and (listed[0].sure_title or len(listed) > 2):
            known.update(each.folded for each in listed[1:] if _tells_name(each))
            yield start, end
        return
    if form := words.FORM.match(fold(text[end : end + 24]), 1) if text[end : end + 1] == " " else None:
        yield start, end + form.end()
        return
    if len(part) > 1 and words.FORM.search(fold(text[start:end])):
        yield start, end
        return
    if _headline(text, part):
        return
    opens = _opens(text, start)
    if opens and listed[0].folded not in known and (german or listed[0].function or len(part) == 1):
        part, listed, opens = part[1:], listed[1:], False
        if not part:
            return
        start = part[0][0]
    if all(word.function or word.dated for word in listed):
        return
    if len(part) > 1:
        if tells_heat(text[start:end]) or (
            opens and listed[0].folded not in known and not _SMALL.match(text[end + 1 : end + 2])
        ):
            return
    elif not _alone(text, start, listed[0], german, known):
        return
    yield start, end


def _alone(text: str, start: int, word: Word, german: bool, known: set[str]) -> bool:
    """Whether a single word is a name: not one of heat, not behind an article, and a noun only when it was greeted."""
    if german and word.folded not in known and not _OTHER_SCRIPT.match(word.folded):
        return False
    return not word.heat and not _determined(text, start)


def _tells_name(word: Word) -> bool:
    """Whether a word of a name may be a name where it stands alone, too."""
    return word.titled and not (word.title or word.kept or word.function or word.heat)


def _headline(text: str, part: list[tuple[int, int]]) -> bool:
    """Whether more words stand in a row than any name has; small words inside a name begin a new row."""
    row = 0
    for index, (start, _) in enumerate(part):
        row = row + 1 if index and text[part[index - 1][1] : start] in " -. " else 1
        if row > MOST:
            return True
    return False


def _opens(text: str, start: int) -> bool:
    """Whether a word is the first of its sentence or line."""
    if start > 1 and text[start - 1] == " " and text[start - 2].isalnum():
        return False
    before = text[max(0, start - 3) : start].rstrip(" \t")
    last = before[-1:]
    return not last or last == "\n" or not (last.isalnum() or last in ",)&'’/")


def _determined(text: str, start: int) -> bool:
    """Whether an article or a possessive stands before a word: then it is a thing."""
    before = _ALL.findall(text[max(0, start - 14) : start])
    if not before:
        return False
    word = fold(before[-1])
    return word in words.DETERMINERS or (word in ("a", "an") and " the " in text)
