"""The built-in `tone` plugin: finds phrases of heat, and of calm, in the newly written part of a message.

It looks for whole words and phrases in seven languages, never in what stands between quotation marks and never for a
single capitalised word inside a sentence, which is taken for a name. Each family of phrases makes one finding; the
more of them, the stronger. It reads the text once, so its time grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from levelhead import Finding, Message, hookimpl

LANGUAGES = ("en", "de", "es", "fr", "pt", "it", "nl")
"""The languages (ISO 639-1) that are judged."""

LONGEST = 100_000
"""Characters of a message that are looked at."""

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

QUOTES = 5
"""Phrases that are shown with a finding."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_QUOTED = re.compile(r'"[^"\n]{1,300}"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»|»[^«\n]{1,300}«')
_SENTENCE_END = re.compile(r"[.!?:;\n¡¿]\W*\Z")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Mme|Sr|Sra|Sig|Dott|Hr|Fr|St)\.?\s+\Z")
_SHOUTED_MARKS = re.compile(r"[!?]{3,}|‼|⁉")
_SMILE = re.compile(r"[:;]-?[)D](?![^\W_])|[😀-😆😉-😍😂🤣😜😝🙂🙃😅]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: as compared (folded), and where it stands."""

    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to find in a row: exact, any word (`_`), or the beginning of one (`incompet*`)."""

    family: str
    words: tuple[str, ...]
    share: float
    """How much of its family's strength it earns: 1, or less for a mild phrase or a hint."""

    def at(self, words: list[Word], index: int) -> bool:
        """Whether the phrase stands at that word."""
        if index + len(self.words) > len(words):
            return False
        return all(_fits(wanted, words[index + step].folded) for step, wanted in enumerate(self.words))


def _fits(wanted: str, word: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else wanted in ("_", word)


@dataclass(frozen=True, slots=True)
class Family:
    """What one family of phrases makes: strength of the first, of each more, and the sentence that is said."""

    strength: float
    more: float
    why: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The phrases of one language, by their first word (`by_beginning`: by the first letters of it)."""

    by_word: Mapping[str, tuple[Phrase, ...]]
    by_beginning: Mapping[str, tuple[Phrase, ...]]
    lengths: tuple[int, ...]

    def starting(self, word: str) -> Iterator[Phrase]:
        """The phrases that may begin with this word."""
        yield from self.by_word.get(word, ())
        for length in self.lengths:
            yield from self.by_beginning.get(word[:length], ())


@hookimpl
def detect(message: Message) -> Iterable[Finding]:
    """One finding for each family of phrases in the newly written text, and one for shouting."""
    text = message.new_text[:LONGEST]
    languages = (message.language,) if message.language in LANGUAGES else LANGUAGES
    found: dict[str, dict[str, tuple[float, str]]] = {}
    words = list(_words(text))
    for phrase, start, end in _phrases(text, words, languages):
        quote = " ".join(text[start:end].split())
        found.setdefault(phrase.family, {}).setdefault(quote.lower(), (phrase.share, quote))
    findings = [_finding(family, tuple(hits.values())) for family, hits in found.items()]
    if smile := _SMILE.search(text):
        findings.append(Finding("smile", -0.2, why="it smiles", quotes=(smile.group(),)))
    return (*findings, *_shouting(text, words))


def _finding(family: str, hits: tuple[tuple[float, str], ...]) -> Finding:
    """The finding of one family: its best phrase in full, and a little for every other one."""
    rule = _families()[family]
    shares = sorted((share for share, _ in hits), reverse=True)
    strength = max(-0.6, min(1.0, rule.strength * shares[0] + rule.more * sum(shares[1:])))
    return Finding(
        family, round(strength, 3), why=rule.why, quotes=tuple(quote for _, quote in hits)[:QUOTES]
    )


def _shouting(text: str, words: list[Word]) -> Iterator[Finding]:
    """Capitals: a whole message in them, or a run of four such words; and marks in clusters."""
    long = [word for word in words if word.end - word.start >= 3]
    capital = [word for word in long if text[word.start : word.end].isupper()]
    quotes = tuple(dict.fromkeys(_runs(text, words)))[:3] if capital else ()
    strength = 0.0
    if len(capital) >= 4 and len(capital) > 0.6 * len(long):
        strength = 0.35
    elif quotes:
        strength = 0.3
    if marks := _SHOUTED_MARKS.search(text):
        strength += 0.15
        quotes = (*quotes, marks.group()[:10])
    if strength:
        yield Finding("shouting", round(strength, 3), why="it shouts in capitals or marks", quotes=quotes)


def _runs(text: str, words: list[Word]) -> Iterator[str]:
    """Three or more capital words in a row."""
    run: list[Word] = []
    for word in (*words, Word("", len(text), len(text))):
        shown = text[word.start : word.end]
        if len(shown) >= 2 and shown.isupper() and (not run or word.start - run[-1].end <= 3):
            run.append(word)
            continue
        if len(run) >= 3 and any(each.end - each.start >= 4 for each in run):
            yield " ".join(text[run[0].start : run[-1].end].split())[:80]
        run = []


def _phrases(text: str, words: list[Word], languages: tuple[str, ...]) -> Iterator[tuple[Phrase, int, int]]:
    """The phrases found, each with where it begins and ends."""
    aside = [(match.start(), match.end()) for match in _QUOTED.finditer(text)][::-1]
    lexicons = [(language, _lexicon(language)) for language in languages]
    shouted = text.isupper()
    for index, word in enumerate(words):
        while aside and aside[-1][1] <= word.start:
            aside.pop()
        if aside and aside[-1][0] <= word.start:
            continue
        for language, lexicon in lexicons:
            for phrase in lexicon.starting(word.folded):
                if not phrase.at(words, index):
                    continue
                end = words[index + len(phrase.words) - 1].end
                # German writes every noun with a capital, so there it tells no name.
                if len(phrase.words) == 1 and language != "de" and not shouted and _is_name(text, word):
                    continue
                aimed = (
                    phrase.family != "insult" or len(phrase.words) > 1 or _spoken_to(words, index, language)
                )
                yield (phrase if aimed else replace(phrase, share=SHARES["hint"])), word.start, end


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


def _words(text: str) -> Iterator[Word]:
    folded = fold(text)
    for match in _WORD.finditer(folded):
        yield Word(match.group(), match.start(), match.end())


def fold(text: str) -> str:
    """Lower case without accents and with straight apostrophes, character for character, so that places stay."""
    return "".join(map(_folded, text))


@cache
def _folded(character: str) -> str:
    if character in "’‘ʼ´`":
        return "'"
    if character.isascii():
        return character.lower()
    base = unicodedata.normalize("NFKD", character)[:1].lower()
    # Whatever has no letter at its base (a space, a dash) stays what it was.
    return base[:1] if base.isalnum() else character


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    with files(__package__).joinpath("tone.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def _families() -> Mapping[str, Family]:
    return {
        name: Family(float(str(row["strength"])), float(str(row["more"])), str(row["why"]))
        for name, row in _table().items()
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
                words = _pattern(text)
                phrase = Phrase(family, words, share)
                if words[0].endswith("*"):
                    by_beginning.setdefault(words[0][:-1], []).append(phrase)
                else:
                    by_word.setdefault(words[0], []).append(phrase)
    return Lexicon(
        {word: tuple(phrases) for word, phrases in by_word.items()},
        {word: tuple(phrases) for word, phrases in by_beginning.items()},
        tuple(sorted({len(word) for word in by_beginning})),
    )


def _pattern(text: str) -> tuple[str, ...]:
    """The words of a phrase, cut as a message is cut, with their `*` and `_`."""
    words = []
    for piece in re.findall(r"[^\W_]+(?:['’][^\W_]+)*\*?|_", fold(text)):
        words.append(piece)
    return tuple(words)
