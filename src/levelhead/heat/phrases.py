"""Phrase families: what somebody wrote down beforehand as an insult, an ultimatum, a threat, and as thanks or a joke.

Whole words and phrases in seven languages (`phrases.toml`), never a single capitalised word inside a sentence, which is
taken for a name. What stands inside a phrase listed as harmless ("sorry for wasting your time") is none. The text is
read once, so the time grows with its length and no faster.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from levelhead.heat.language import LANGUAGES
from levelhead.heat.text import fold

SHARES = {"strong": 1.0, "mild": 0.5, "hint": 0.25}
"""How much of a family's strength a phrase earns."""

NEAR = 8
"""Words on either side in which somebody must be spoken to for a single word to be an insult to them."""

SPOKEN_TO: Mapping[str, str] = {
    "en": "you your you're youre you've yours yourself u ur",
    "de": "sie ihr ihre ihren ihrem ihnen euch euer eure du dich dir dein deine",
    "es": "tu tus te eres usted ustedes vosotros vosotras vuestro vuestra os sois son su sus",
    "fr": "vous votre vos etes tu toi ton ta tes t'es",
    "pt": "voce voces vc vcs tu teu tua vosso vossa sao seu sua seus",
    "it": "voi vostro vostra vostri vostre siete sei lei tu tuo tua vi ti",
    "nl": "jullie u uw je jij jouw jou",
}
"""Words that speak to the reader (folded)."""

HARMLESS = "harmless"
"""The family whose phrases make no finding, and whose words belong to no other."""

REMEMBERED = 20_000
"""Words whose phrases are kept at hand."""

GAP = 4
"""Words that `...` may stand for, at most."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_OPTION = r"[^\W_]+(?:['’][^\W_]+)*\*?"
_PLACE = re.compile(rf"{_OPTION}(?:/{_OPTION})*\??|_|\.\.\.|\|")
_SENTENCE_END = re.compile(r"[.!?:;\n¡¿]\W*\Z")
_BETWEEN_SENTENCES = re.compile(r"[.!?;…]\W|\n\s*\n")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Mme|Sr|Sra|Sig|Dott|Hr|Fr|St)\.?\s+\Z")


class Word(NamedTuple):
    """One word of a text: as compared (folded), and where it stands."""

    folded: str
    start: int
    end: int
    sentence: int
    """How many sentences have ended before it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a phrase: the whole words and the beginnings of words that fit, any word, or up to `GAP` words."""

    words: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    anything: bool = False
    gap: bool = False
    optional: bool = False
    ends: bool = False
    """It is no word: the sentence must have ended here."""

    @property
    def plain(self) -> bool:
        """Whether one of its whole words must stand here."""
        return not (self.beginnings or self.anything or self.gap or self.optional or self.ends)

    def fits(self, word: str) -> bool:
        """Whether that (folded) word may stand here."""
        return (
            self.anything
            or word in self.words
            or (bool(self.beginnings) and word.startswith(self.beginnings))
        )


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to find in a row, within one sentence."""

    family: str
    slots: tuple[Slot, ...]
    share: float
    """How much of its family's strength it earns: 1, or less for a mild phrase or a hint."""
    opens: bool = False
    """Whether its sentence must begin with it."""

    def end(self, words: list[Word], index: int) -> int:
        """The index after its last word when the phrase stands at that word, or 0 when it does not."""
        sentence = words[index].sentence
        if self.opens and index and words[index - 1].sentence == sentence:
            return 0
        return _follow(self.slots, words, index, sentence)

    @property
    def single(self) -> bool:
        """Whether it is one word only."""
        return len(self.slots) == 1


def _follow(slots: tuple[Slot, ...], words: list[Word], index: int, sentence: int) -> int:
    """Where the slots end when they fit from that word on, or 0; a phrase has few gaps, so this is bounded."""
    if not slots:
        return index
    slot, rest = slots[0], slots[1:]
    inside = index < len(words) and words[index].sentence == sentence
    if slot.ends:
        return 0 if inside else index
    if slot.gap:
        reach = range(index, min(index + GAP + 1, len(words)))
        return next((end for at in reach if (end := _follow(rest, words, at, sentence))), 0)
    if inside and slot.fits(words[index].folded) and (end := _follow(rest, words, index + 1, sentence)):
        return end
    return _follow(rest, words, index, sentence) if slot.optional else 0


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of phrases is called in a verdict, and the sentence that is said."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that stands in a text."""

    family: str
    share: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Starts:
    """The phrases that may begin with one word: those that name their second word, by it, and the others."""

    by_second: Mapping[str, tuple[Phrase, ...]]
    others: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The phrases of one language, by their first word (`by_beginning`: by the first letters of it)."""

    by_word: Mapping[str, tuple[Phrase, ...]]
    by_beginning: Mapping[str, tuple[Phrase, ...]]
    lengths: tuple[int, ...]
    known: dict[str, Starts] = field(default_factory=dict)

    def starting(self, word: str, second: str) -> tuple[Phrase, ...]:
        """The phrases that may begin with this word and go on with the second."""
        starts = self.known.get(word)
        if starts is None:
            starts = self._learn(word)
        named = starts.by_second.get(second)
        return starts.others + named if named else starts.others

    def _learn(self, word: str) -> Starts:
        begun = (self.by_beginning.get(word[:length], ()) for length in self.lengths)
        others: list[Phrase] = []
        by_second: dict[str, list[Phrase]] = {}
        for phrase in (*self.by_word.get(word, ()), *(phrase for phrases in begun for phrase in phrases)):
            second = (
                phrase.slots[1] if len(phrase.slots) > 1 and not phrase.slots[0].optional else Slot(gap=True)
            )
            if second.plain:
                for each in second.words:
                    by_second.setdefault(each, []).append(phrase)
            else:
                others.append(phrase)
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        starts = Starts({each: tuple(phrases) for each, phrases in by_second.items()}, tuple(others))
        self.known[word] = starts
        return starts


def hits(text: str, folded: str, language: str) -> list[Hit]:
    """The phrases that stand in a text, in order; with no language, those of every language.

    None overlaps a harmless one, and of two of one family that overlap only the weightiest, then the longest, counts.
    """
    words = list(_words(folded))
    languages = (language,) if language in LANGUAGES else LANGUAGES
    found = list(_everything(words, languages))
    return sorted(_apart(_meant(text, words, found)), key=lambda hit: (hit.start, hit.end, hit.family))


def _apart(hits: Iterable[Hit]) -> Iterator[Hit]:
    """Of phrases of one family that overlap only the weightiest, then the longest: what is said once counts once."""
    last: dict[str, Hit] = {}
    for hit in hits:
        before = last.get(hit.family)
        if before and hit.start < before.end:
            if (hit.share, hit.end - hit.start) <= (before.share, before.end - before.start):
                continue
        elif before:
            yield before
        last[hit.family] = hit
    yield from last.values()


def _meant(text: str, words: list[Word], found: list[tuple[Phrase, int, int, str]]) -> Iterator[Hit]:
    """The phrases that are meant: not inside a harmless one, no name, and an insult is for the reader."""
    spared = bytearray(len(words))
    for phrase, first, after, _ in found:
        if phrase.family == HARMLESS:
            spared[first:after] = b"\x01" * (after - first)
    shouted = text.isupper()
    for phrase, first, after, language in found:
        if any(spared[first:after]):
            continue
        # German writes every noun with a capital, so there it tells no name.
        if phrase.single and language != "de" and not shouted and _is_name(text, words[first]):
            continue
        aimed = phrase.family != "insult" or not phrase.single or _spoken_to(words, first, language)
        share = phrase.share if aimed else SHARES["hint"]
        yield Hit(phrase.family, share, words[first].start, words[after - 1].end)


def _everything(words: list[Word], languages: tuple[str, ...]) -> Iterator[tuple[Phrase, int, int, str]]:
    """Every phrase: its first word, the word after its last, and its language."""
    lexicons = [(language, _lexicon(language)) for language in languages]
    following = [*(word.folded for word in words[1:]), ""][: len(words)]
    for index, (word, second) in enumerate(zip(words, following, strict=True)):
        for language, lexicon in lexicons:
            for phrase in lexicon.starting(word.folded, second):
                if after := phrase.end(words, index):
                    yield phrase, index, after, language


def _spoken_to(words: list[Word], index: int, language: str) -> bool:
    """Whether the reader is spoken to near that word; in a very short message there is nobody else to mean."""
    if len(words) <= 6:
        return True
    near = words[max(0, index - NEAR) : index + NEAR + 1]
    return any(word.folded in _spoken_to_words(language) for word in near)


@cache
def _spoken_to_words(language: str) -> frozenset[str]:
    return frozenset(SPOKEN_TO[language].split())


def _is_name(text: str, word: Word) -> bool:
    """A capitalised word inside a sentence, or after a title such as `Mr.`."""
    if not text[word.start : word.end].istitle():
        return False
    before = text[max(0, word.start - 12) : word.start]
    if _TITLE.search(before):
        return True
    return bool(before.strip()) and not _SENTENCE_END.search(before)


def _words(folded: str) -> Iterator[Word]:
    sentence = last = 0
    for match in _WORD.finditer(folded):
        start, end = match.span()
        if start - last > 1 and _BETWEEN_SENTENCES.search(folded, last, start):
            sentence += 1
        last = end
        yield Word(match[0], start, end, sentence)


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    with files(__package__).joinpath("phrases.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def families() -> Mapping[str, Family]:
    """Every family but the harmless one, by name."""
    return {
        name: Family(str(row["label"]), str(row["why"])) for name, row in _table().items() if name != HARMLESS
    }


@cache
def _lexicon(language: str) -> Lexicon:
    by_word: dict[str, list[Phrase]] = {}
    by_beginning: dict[str, list[Phrase]] = {}
    for family, row in _table().items():
        for grade, share in SHARES.items():
            listed = row.get(grade, {})
            assert isinstance(listed, dict)
            for text in listed.get(language, ()):
                phrase = Phrase(family, _slots(text), share, opens=text.startswith("^"))
                for word in phrase.slots[0].words:
                    by_word.setdefault(word, []).append(phrase)
                for beginning in phrase.slots[0].beginnings:
                    by_beginning.setdefault(beginning, []).append(phrase)
    return Lexicon(
        {word: tuple(phrases) for word, phrases in by_word.items()},
        {word: tuple(phrases) for word, phrases in by_beginning.items()},
        tuple(sorted({len(word) for word in by_beginning})),
    )


def _slots(text: str) -> tuple[Slot, ...]:
    """The places of a phrase as it is written in the table, its words cut as a message is cut."""
    return tuple(_slot(piece) for piece in _PLACE.findall(fold(text)))


def _slot(piece: str) -> Slot:
    if piece in ("_", "...", "|"):
        return Slot(anything=piece == "_", gap=piece == "...", ends=piece == "|")
    options = piece.rstrip("?").split("/")
    return Slot(
        words=frozenset(option for option in options if not option.endswith("*")),
        beginnings=tuple(option[:-1] for option in options if option.endswith("*")),
        optional=piece.endswith("?"),
    )
