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

REMEMBERED = 2_000
"""Words whose phrases are kept at hand: only those that may begin one."""

GAP = 4
"""Words that `...` may stand for, at most."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PLAIN_WORD = re.compile(r"[a-z0-9]++(?:'[a-z0-9]++)*+")
"""The same in a folded text that is ASCII, and faster."""

_OPTION = r"[^\W_]+(?:['’][^\W_]+)*\*?"
_PLACE = re.compile(rf"{_OPTION}(?:/{_OPTION})*\??|_|\.\.\.|\|")
_SENTENCE_END = re.compile(r"[.!?:;\n¡¿]\W*\Z")
_BETWEEN_SENTENCES = re.compile(r"[.!?;…]\W|\n\s*\n")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Mme|Sr|Sra|Sig|Dott|Hr|Fr|St)\.?\s+\Z")


class Sentence(NamedTuple):
    """A sentence of a folded text: where it stands, and its words."""

    start: int
    end: int
    words: list[str]
    before: int
    """How many words stand before it in the text."""
    last: bool


class Found(NamedTuple):
    """A phrase that stands in a sentence, from one word of it to another (which is behind its last)."""

    phrase: Phrase
    language: str
    sentence: Sentence
    first: int
    after: int


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
    needs: tuple[frozenset[str], ...] = ()
    """What its sentence must hold: for each place that only listed words can take, those words, the first ones aside.

    The first is known when a phrase is looked at, and so is the second where the phrase is kept by it.
    """

    def end(self, sentence: Sentence, index: int) -> int:
        """The index after its last word when the phrase stands at that word, or 0 when it does not."""
        if self.opens and index:
            return 0
        return _follow(self.slots, 0, sentence, index)

    @property
    def single(self) -> bool:
        """Whether it is one word only."""
        return len(self.slots) == 1


def _follow(slots: tuple[Slot, ...], place: int, sentence: Sentence, index: int) -> int:
    """Where the slots from a place on end when they fit from that word on, or 0; few gaps, so this is bounded.

    A gap may reach the end of a sentence, but not that of the last one.
    """
    if place == len(slots):
        return index
    slot, words = slots[place], sentence.words
    inside = index < len(words)
    if slot.ends:
        return 0 if inside else index
    if slot.gap:
        for at in range(index, min(index + GAP, len(words) - sentence.last) + 1):
            if end := _follow(slots, place + 1, sentence, at):
                return end
        return 0
    if inside and slot.fits(words[index]) and (end := _follow(slots, place + 1, sentence, index + 1)):
        return end
    return _follow(slots, place + 1, sentence, index) if slot.optional else 0


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
    single: bool = False
    """Whether it is one word."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The phrases that may begin with one word: by the second word where any phrase names that, and the others."""

    by_second: Mapping[str, tuple[Phrase, ...]]
    others: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The phrases of one language, by their first word (`by_beginning`: by the first letters of it)."""

    by_word: Mapping[str, tuple[Phrase, ...]]
    by_beginning: Mapping[str, tuple[Phrase, ...]]
    lengths: tuple[int, ...]
    known: dict[str, Starts] = field(default_factory=dict)

    def _learn(self, word: str) -> Starts:
        """The phrases that may begin with a word, kept for the next time."""
        begun = (self.by_beginning.get(word[:length], ()) for length in self.lengths)
        phrases = (*self.by_word.get(word, ()), *(phrase for phrases in begun for phrase in phrases))
        others = tuple(phrase for phrase in phrases if not _names_second(phrase.slots))
        by_second: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            if _names_second(phrase.slots):
                for each in phrase.slots[1].words:
                    by_second.setdefault(each, list(others)).append(phrase)
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        starts = Starts({each: tuple(named) for each, named in by_second.items()}, others)
        self.known[word] = starts
        return starts


def _names_second(slots: tuple[Slot, ...]) -> bool:
    """Whether only certain words can be the second of a phrase."""
    return len(slots) > 1 and not slots[0].optional and slots[1].plain


@dataclass(frozen=True, slots=True)
class Openings:
    """What the phrases of some languages begin with: whole words, and the first letters of beginnings."""

    lexicons: tuple[tuple[str, Lexicon], ...]
    words: frozenset[str]
    heads: frozenset[str]
    length: int


@cache
def _openings(languages: tuple[str, ...]) -> Openings:
    lexicons = tuple((language, _lexicon(language)) for language in languages)
    beginnings = [beginning for _, lexicon in lexicons for beginning in lexicon.by_beginning]
    length = min(map(len, beginnings), default=0)
    return Openings(
        lexicons,
        frozenset(word for _, lexicon in lexicons for word in lexicon.by_word),
        frozenset(beginning[:length] for beginning in beginnings),
        length,
    )


def hits(text: str, folded: str, language: str) -> list[Hit]:
    """The phrases that stand in a text, in order; with no language, those of every language.

    None overlaps a harmless one, and of two of one family that overlap only the weightiest, then the longest, counts.
    """
    openings = _openings((language,) if language in LANGUAGES else LANGUAGES)
    sentences = _sentences(folded)
    found = [one for sentence in sentences for one in _everything(sentence, openings)]
    if not found:
        return []
    meant = _unspoilt([*_apart(_meant(text, folded, sentences, found))])
    return sorted(meant, key=lambda hit: (hit.start, hit.end, hit.family))


def _unspoilt(hits: list[Hit]) -> Iterator[Hit]:
    """The phrases without the friendly ones inside one of heat: "not even an apology" does not apologise."""
    named = families()
    hot = [(hit.start, hit.end) for hit in hits if named[hit.family].label != "courtesy"]
    for hit in hits:
        friendly = named[hit.family].label == "courtesy"
        if not friendly or all(hit.end <= start or end <= hit.start for start, end in hot):
            yield hit


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


def _meant(text: str, folded: str, sentences: list[Sentence], found: list[Found]) -> Iterator[Hit]:
    """The phrases that are meant: not inside a harmless one, no name, and an insult is for the reader."""
    words = [word for sentence in sentences for word in sentence.words]
    spared = {
        one.sentence.before + index
        for one in found
        if one.phrase.family == HARMLESS
        for index in range(one.first, one.after)
    }
    seen, places = None, list[tuple[int, int]]()
    shouted = text.isupper()
    for phrase, language, sentence, first, after in found:
        if any(sentence.before + index in spared for index in range(first, after)):
            continue
        if sentence is not seen:
            places = [match.span() for match in _WORD.finditer(folded, sentence.start, sentence.end)]
            seen = sentence
        start, end = places[first][0], places[after - 1][1]
        # German writes every noun with a capital, so there it tells no name.
        if phrase.single and language != "de" and not shouted and _is_name(text, start, end):
            continue
        single = phrase.family == "insult" and phrase.single
        aimed = not single or _spoken_to(words, sentence.before + first, language)
        yield Hit(phrase.family, phrase.share if aimed else SHARES["hint"], start, end, phrase.single)


def _everything(sentence: Sentence, openings: Openings) -> list[Found]:
    """Every phrase that stands in a sentence; quick about those some needed word of which is not there at all."""
    begins, heads, length = openings.words, openings.heads, openings.length
    words, found = sentence.words, []
    lacks = None
    for index, word in enumerate(words):
        if word not in begins and word[:length] not in heads:
            continue
        second = words[index + 1] if index + 1 < len(words) else ""
        for language, lexicon in openings.lexicons:
            starts = lexicon.known.get(word) or lexicon._learn(word)
            for phrase in starts.by_second.get(second, starts.others):
                lacks = lacks or set(words).isdisjoint
                if not any(map(lacks, phrase.needs)) and (after := phrase.end(sentence, index)):
                    found.append(Found(phrase, language, sentence, index, after))
    return found


def _spoken_to(words: list[str], index: int, language: str) -> bool:
    """Whether the reader is spoken to near that word; in a very short message there is nobody else to mean."""
    if len(words) <= 6:
        return True
    near = words[max(0, index - NEAR) : index + NEAR + 1]
    return not _spoken_to_words(language).isdisjoint(near)


@cache
def _spoken_to_words(language: str) -> frozenset[str]:
    return frozenset(SPOKEN_TO[language].split())


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether that is a capitalised word inside a sentence, or after a title such as `Mr.`."""
    if not text[start:end].istitle():
        return False
    before = text[max(0, start - 12) : start]
    if _TITLE.search(before):
        return True
    return bool(before.strip()) and not _SENTENCE_END.search(before)


def _sentences(folded: str) -> list[Sentence]:
    """The sentences of a folded text that have any words, in order."""
    plain, find = _PLAIN_WORD.findall, _WORD.findall
    found: list[Sentence] = []
    start = before = 0
    for match in _BETWEEN_SENTENCES.finditer(folded):
        end = match.end()
        said = folded[start:end]
        if words := plain(said) if said.isascii() else find(said):
            found.append(Sentence(start, end, words, before, False))
            before += len(words)
        start = end
    said = folded[start:]
    if words := plain(said) if said.isascii() else find(said):
        found.append(Sentence(start, len(folded), words, before, True))
    elif found:
        found[-1] = found[-1]._replace(last=True)
    return found


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
def insults() -> frozenset[str]:
    """The single words that are an insult, contempt or profanity of themselves."""
    told = set[str]()
    for family in ("insult", "contempt", "profanity"):
        for grade in ("strong", "mild"):
            listed = _table()[family].get(grade, {})
            assert isinstance(listed, dict)
            for slots in (_slots(text) for texts in listed.values() for text in texts):
                told.update(slots[0].words if len(slots) == 1 else ())
    return frozenset(told)


@cache
def heat_words() -> tuple[frozenset[str], tuple[str, ...]]:
    """The words, and beginnings of words, of five letters or more that phrases of heat name: none alone is a name."""
    told, begun = set[str](), set[str]()
    for family, row in _table().items():
        if family == HARMLESS or families()[family].label == "courtesy":
            continue
        for grade in SHARES:
            listed = row.get(grade, {})
            assert isinstance(listed, dict)
            for slot in (slot for texts in listed.values() for text in texts for slot in _slots(text)):
                told.update(word for word in slot.words if len(word) >= 5)
                begun.update(word for word in slot.beginnings if len(word) >= 5)
    return frozenset(told), tuple(sorted(begun))


@cache
def _lexicon(language: str) -> Lexicon:
    by_word: dict[str, list[Phrase]] = {}
    by_beginning: dict[str, list[Phrase]] = {}
    for family, row in _table().items():
        for grade, share in SHARES.items():
            listed = row.get(grade, {})
            assert isinstance(listed, dict)
            for text in listed.get(language, ()):
                slots = _slots(text)
                behind = slots[2:] if _names_second(slots) else slots[1:]
                needs = tuple([slot.words for slot in behind if slot.plain])
                phrase = Phrase(family, slots, share, opens=text.startswith("^"), needs=needs)
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


@cache
def _slot(piece: str) -> Slot:
    if piece in ("_", "...", "|"):
        return Slot(anything=piece == "_", gap=piece == "...", ends=piece == "|")
    options = piece.rstrip("?").split("/")
    return Slot(
        words=frozenset(option for option in options if not option.endswith("*")),
        beginnings=tuple(option[:-1] for option in options if option.endswith("*")),
        optional=piece.endswith("?"),
    )
