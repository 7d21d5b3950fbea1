"""The built-in `tone` plugin: finds phrases of heat, and of calm, in the newly written part of a message.

It looks for whole words and phrases in seven languages, never in what stands between quotation marks and never for a
single capitalised word inside a sentence, which is taken for a name. Each family of phrases makes one finding; the
more of them, the stronger. What stands inside a phrase listed as harmless ("sorry for wasting your time") is none.
It reads the text once, so its time grows with the length of the text and no faster.
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

STRESS = (
    "now never not still again immediately today nothing nobody three four five twice times weeks "
    "months every always jetzt nie nichts niemand immer sofort heute endlich wieder ya nunca nada "
    "nadie hoy siempre ahora jamais rien personne toujours encore maintenant ninguem sempre agora "
    "hoje mai niente nessuno adesso subito oggi nooit niets altijd vandaag meteen "
)
"""Words (folded) that are raised to capitals in anger rather than because they are names or abbreviations."""

QUOTES = 5
"""Phrases that are shown with a finding."""

HARMLESS = "harmless"
"""The family whose phrases make no finding, and whose words belong to no other."""

GAP = 4
"""Words that `...` may stand for, at most."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_OPTION = r"[^\W_]+(?:['’][^\W_]+)*\*?"
_PLACE = re.compile(rf"{_OPTION}(?:/{_OPTION})*\??|_|\.\.\.|\|")
_QUOTED = re.compile(r'"[^"\n]{1,300}"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»|»[^«\n]{1,300}«')
_SENTENCE_END = re.compile(r"[.!?:;\n¡¿]\W*\Z")
_BETWEEN_SENTENCES = re.compile(r"[.!?;…]\W|\n\s*\n")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Mme|Sr|Sra|Sig|Dott|Hr|Fr|St)\.?\s+\Z")
_SHOUTED_MARKS = re.compile(r"[!?]{3,}|[!?]*(?:!\?|\?!)[!?]*|‼|⁉")
_SMILE = re.compile(r"[:;]-?[)D](?![^\W_])|[😀-😆😉-😍😂🤣😜😝🙂🙃😅]")


@dataclass(frozen=True, slots=True)
class Word:
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
    for phrase, start, end in _apart(_phrases(text, words, languages)):
        quote = " ".join(text[start:end].split())
        found.setdefault(phrase.family, {}).setdefault(quote.lower(), (phrase.share, quote))
    findings = [_finding(family, tuple(hits.values())) for family, hits in found.items()]
    if smile := _SMILE.search(text):
        findings.append(Finding("smile", -0.2, why="it smiles", quotes=(smile.group(),)))
    return (*findings, *_shouting(text, words))


def _apart(hits: Iterable[tuple[Phrase, int, int]]) -> Iterator[tuple[Phrase, int, int]]:
    """Of phrases of one family that overlap only the weightiest, then the longest: what is said once counts once."""
    last: dict[str, tuple[Phrase, int, int]] = {}
    for hit in hits:
        phrase, start, end = hit
        before = last.get(phrase.family)
        if before and start < before[2]:
            if (phrase.share, end - start) <= (before[0].share, before[2] - before[1]):
                continue
        elif before:
            yield before
        last[phrase.family] = hit
    yield from last.values()


def _finding(family: str, hits: tuple[tuple[float, str], ...]) -> Finding:
    """The finding of one family: its best phrase in full, and a little for every other one."""
    rule = _families()[family]
    shares = sorted((share for share, _ in hits), reverse=True)
    strength = max(-0.6, min(1.0, rule.strength * shares[0] + rule.more * sum(shares[1:])))
    return Finding(
        family, round(strength, 3), why=rule.why, quotes=tuple(quote for _, quote in hits)[:QUOTES]
    )


def _shouting(text: str, words: list[Word]) -> Iterator[Finding]:
    """Capitals: a whole message in them, a run of such words, or single ones that stress; and marks in clusters."""
    long = [word for word in words if word.end - word.start >= 3]
    capital = [word for word in long if text[word.start : word.end].isupper()]
    quotes = tuple(dict.fromkeys(_runs(text, words)))[:3] if capital else ()
    stressed = [word for word in capital if word.folded in _stress_words()]
    strength = 0.0
    if len(capital) >= 3 and len(words) >= 4 and len(capital) > 0.6 * len(long):
        strength = 0.4
    elif quotes:
        strength = 0.3
    elif stressed:
        strength = min(0.2, 0.1 * len(stressed))
        quotes = tuple(dict.fromkeys(text[word.start : word.end] for word in stressed))[:3]
    clusters = [match.group()[:10] for match in _SHOUTED_MARKS.finditer(text)]
    if clusters:
        strength += min(0.3, 0.1 + 0.05 * len(clusters))
        quotes = (*quotes, clusters[0])
    if strength:
        yield Finding("shouting", round(strength, 3), why="it shouts in capitals or marks", quotes=quotes)


def _runs(text: str, words: list[Word]) -> Iterator[str]:
    """Three or more capital words in a row."""
    run: list[Word] = []
    for word in (*words, Word("", len(text), len(text), 0)):
        shown = text[word.start : word.end]
        if len(shown) >= 2 and shown.isupper() and (not run or word.start - run[-1].end <= 3):
            run.append(word)
            continue
        if len(run) >= 3 and any(each.end - each.start >= 4 for each in run):
            yield " ".join(text[run[0].start : run[-1].end].split())[:80]
        run = []


def _phrases(text: str, words: list[Word], languages: tuple[str, ...]) -> Iterator[tuple[Phrase, int, int]]:
    """The phrases found, each with where it begins and ends, but none that overlaps a harmless one."""
    found = list(_everything(text, words, languages))
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
        told = phrase if aimed else replace(phrase, share=SHARES["hint"])
        yield told, words[first].start, words[after - 1].end


def _everything(
    text: str, words: list[Word], languages: tuple[str, ...]
) -> Iterator[tuple[Phrase, int, int, str]]:
    """Every phrase outside quotation marks: its first word, the word after its last, and its language."""
    aside = [(match.start(), match.end()) for match in _QUOTED.finditer(text)][::-1]
    lexicons = [(language, _lexicon(language)) for language in languages]
    for index, word in enumerate(words):
        while aside and aside[-1][1] <= word.start:
            aside.pop()
        if aside and aside[-1][0] <= word.start:
            continue
        for language, lexicon in lexicons:
            for phrase in lexicon.starting(word.folded):
                if after := phrase.end(words, index):
                    yield phrase, index, after, language


def _spoken_to(words: list[Word], index: int, language: str) -> bool:
    """Whether the reader is spoken to near that word; in a very short message there is nobody else to mean."""
    if len(words) <= 6:
        return True
    near = words[max(0, index - NEAR) : index + NEAR + 1]
    return any(word.folded in _spoken_to_words(language) for word in near)


@cache
def _stress_words() -> frozenset[str]:
    return frozenset(STRESS.split())


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
    sentence = last = 0
    for match in _WORD.finditer(folded):
        sentence += bool(_BETWEEN_SENTENCES.search(folded, last, match.start()))
        last = match.end()
        yield Word(match.group(), match.start(), match.end(), sentence)


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
        if name != HARMLESS
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
