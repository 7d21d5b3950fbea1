"""The engine: measures a text, combines what was measured into a logit, and says which words earned how much of it.

The combination is linear with coefficients of a fixed sign, so that it is monotone (a phrase of threat never makes a
text calmer, thanks never hotter) and additive: each sentence's and each phrase's part of the logit is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from levelhead.heat import few
from levelhead.heat.aside import aside
from levelhead.heat.grams import Grams, Told
from levelhead.heat.kinds import Posted, posted
from levelhead.heat.language import LANGUAGES
from levelhead.heat.machine import TO_A_MACHINE
from levelhead.heat.phrases import Hit, families, hits
from levelhead.heat.promises import kept_promises
from levelhead.heat.signs import Signs, signs
from levelhead.heat.text import LONGEST, REPORTED, TOKEN, Segment, fold, masked, segments
from levelhead.heat.threats import told_apart
from levelhead.heat.weights import Weights, weights

REPORTED_MOST = 0.6
"""When more of a text than this stands in quotation marks, they are its author's style and set nothing aside."""

FAMILY_MOST = 2.0
"""Strong phrases of one family that count."""

REACH = 6.0
"""The logit never goes beyond this either way: a probability of 0.9975."""

RUN, UNSURE = 8, 8.0
"""A run of so many sentences makes a text as hot as it is alone, less `UNSURE` logits over the root of its words."""

THREAT_RAISES = 0.25
"""Logits by which a text with an explicit threat is hotter than it is without that sentence, at least."""

LEAST_CUE = 0.25
"""Logits that a sentence must add to be pointed at."""

LEAST_GUESS = 1.0
"""Logits that a sentence without any known phrase must add before what kind of heat it is may be guessed."""

CUES = 8
QUOTE_WORDS = 14
"""Words of a sentence that are quoted, at most: those that add the most."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing that moved the logit: its label, by how much, the sentence that is said, and where it stands."""

    label: str
    logits: float
    why: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text reads: the logit of its being heated, the cues, and the rest, which sum to it."""

    logit: float
    cues: tuple[Cue, ...]
    rest: float
    untold: tuple[tuple[int, int], ...] = ()
    """Where threats stand that count for nothing, because they are denied or somebody else's."""
    reported: tuple[tuple[int, int], ...] = ()
    """What stands in quotation marks, and counts for next to nothing."""

    def hot_spans(self) -> list[tuple[int, int]]:
        """The places of everything that raised it, in order."""
        return sorted({span for cue in self.cues if cue.logits > 0 for span in cue.spans})


def probability(logit: float) -> float:
    """The probability of a logit."""
    return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a text, by feature, and where."""

    features: dict[str, float]
    sentences: tuple[Segment, ...] = ()
    tone: tuple[float, ...] = ()
    """Of each sentence its part of the feature `tone`."""
    alone: tuple[tuple[float, int], ...] = ()
    """Of each sentence the sum of its features' weights and their number, were it the whole text."""
    bias: float = 0.0
    """Of the n-grams."""
    phrases: tuple[Hit, ...] = ()
    signs: Signs = field(default_factory=Signs)
    reported: tuple[tuple[int, int], ...] = ()
    public: Posted = field(default_factory=Posted)
    threats: tuple[int, ...] = ()
    """Which of the sentences hold an explicit threat."""
    untold: tuple[Hit, ...] = ()
    """Phrases of threat that are denied or somebody else's."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text made ready to be measured: `own` are its author's words, `reported` where it quotes (from, to)."""

    text: str
    own: str
    reported: tuple[tuple[int, int], ...]
    folded: str
    sentences: tuple[Segment, ...]


@lru_cache(maxsize=4)
def prepared(text: str) -> Prepared:
    """A text made ready; the last few are kept, because one text is asked for its heat and for its complaints."""
    text = masked(text[:LONGEST])
    own, reported = own_words(text)
    folded = fold(own)
    return Prepared(text, own, reported, folded, tuple(segments(own, folded)))


def measure(text: str, language: str, known: Weights) -> Measured:
    """Measure a text (its newly written part, the subject above it); linear in its length.

    `tone`: the n-grams of the whole; `reported`: of what stands in quotation marks; one feature for each family of
    phrases; `shouting` and `smiling`. As far as the text reads like a public one, which is `posted`, `public`, the
    n-grams of such texts, takes the place of `tone` and of what calms in mail; what heats there counts in full.
    """
    ready = prepared(text)
    text, own, reported = ready.text, ready.own, ready.reported
    folded, sentences = ready.folded, ready.sentences
    if not sentences:
        return Measured({"tone": known.heat.bias}, reported=reported)
    public = posted(own, sentences, known)
    mail = 1 - public.share
    told: Told = {}
    sums = [known.heat.sentence(sentence.words, told) for sentence in sentences]
    root = math.sqrt(sum(count for _, count, _, _ in sums) or 1)
    tone = tuple(fresh * mail / root for fresh, _, _, _ in sums)
    every = kept_promises(hits(own, folded, language), sentences, folded, language)
    found, threats = told_apart(every, sentences, folded, language)
    untold = tuple([hit for hit in every if hit not in found]) if len(found) < len(every) else ()
    seen = signs(own, folded)
    features = {
        "tone": math.fsum(tone) + known.heat.bias * mail,
        "public": public.logit,
        "posted": public.share,
        "reported": max([0.0, *[_spoken(text[start:end], known.heat) for start, end in reported]]),
        "shouting": seen.shouting,
        "smiling": seen.smiling * mail,
    }
    for hit in found:
        features[hit.family] = min(FAMILY_MOST, features.get(hit.family, 0.0) + hit.share)
    if public.share:
        calming = [name for name, family in families().items() if family.label == "courtesy"]
        features |= {name: features[name] * mail for name in calming if name in features}
    alone = tuple((total * mail, count) for _, _, total, count in sums)
    bias = known.heat.bias * mail
    return Measured(
        features, sentences, tone, alone, bias, tuple(found), seen, reported, public, threats, untold
    )


def _to_people(text: str) -> str:
    """The text with the sentences blanked out that speak to whatever judges it, and what follows in their paragraph."""
    folded = fold(text[:LONGEST])
    if not TO_A_MACHINE.search(folded):
        return text
    bare, speaking, last = text, False, 0
    for sentence in segments(text[:LONGEST], folded):
        speaking = speaking and "\n" not in folded[last : sentence.start + 1].rstrip(" ")
        speaking = speaking or bool(TO_A_MACHINE.search(folded[sentence.start : sentence.end].strip()))
        if speaking:
            bare = bare[: sentence.start] + " " * (sentence.end - sentence.start) + bare[sentence.end :]
        last = max(sentence.start, sentence.end - 2)
    return bare


def read(text: str, language: str = "", known: Weights | None = None) -> Reading:
    """How a text reads, what carries no verdict set aside; the same text always reads the same.

    Where something in it speaks to whatever judges mail, it is read with and without that, and the hottest reading
    holds; without it in every language, as those words also sway which language a text is taken for.
    """
    known = known or weights()
    reading = _read(text, language, known)
    bare = _to_people(text)
    if bare == text:
        return reading
    others = (_read(bare, each, known) for each in LANGUAGES)
    return max((reading, *others), key=lambda each: each.logit)


def _read(text: str, language: str, known: Weights) -> Reading:
    """How a text reads in a language, what carries no verdict set aside, with places in what was written."""
    kept = aside(text)
    measured = measure(kept.text, language, known)
    reading = _attributed(kept.text, measured, known, _unthreatened(kept.text, measured, language, known))
    if kept.text is text:
        return reading
    cues = (replace(cue, spans=tuple([kept.place(*span) for span in cue.spans])) for cue in reading.cues)
    untold, reported = (
        tuple([kept.place(*span) for span in spans]) for spans in (reading.untold, reading.reported)
    )
    return replace(reading, cues=tuple(cues), untold=untold, reported=reported)


def _unthreatened(text: str, measured: Measured, language: str, known: Weights) -> float:
    """The least logit of a text with explicit threats: more than it has without them; minus infinity without any."""
    if not measured.threats or len(measured.threats) == len(measured.sentences):
        return -math.inf
    for number in measured.threats:
        sentence = measured.sentences[number]
        text = text[: sentence.start] + " " * (sentence.end - sentence.start) + text[sentence.end :]
    rest = measure(text, language, known)
    plain = _plain(rest, known.coefficients) + _lift(rest, known.coefficients)
    return max(plain, _peak(rest, known.coefficients)[0]) + THREAT_RAISES


def own_words(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text with what it quotes in quotation marks blanked out, and where that stands (from, to)."""
    reported = tuple(match.span() for match in REPORTED.finditer(text))
    if sum(end - start for start, end in reported) > REPORTED_MOST * len(text.strip()):
        return text, ()
    own = text
    for start, end in reported:
        own = own[: start + 1] + " " * (end - start - 2) + own[end - 1 :]
    return own, reported


def _spoken(text: str, grams: Grams) -> float:
    return grams.alone(TOKEN.findall(fold(text)))


def _plain(measured: Measured, coefficients: Mapping[str, float]) -> float:
    """The logit of a text as a whole."""
    features = measured.features.items()
    return coefficients["bias"] + math.fsum([coefficients.get(name, 0.0) * value for name, value in features])


def _parts(measured: Measured, coefficients: Mapping[str, float]) -> dict[str, float]:
    """What each feature adds, in logits."""
    return {name: coefficients.get(name, 0.0) * value for name, value in measured.features.items()}


def _lift(measured: Measured, coefficients: Mapping[str, float]) -> float:
    """What a short text is hotter by than its n-grams and phrases say (`heat.few`), in logits."""
    if not measured.phrases:
        return 0.0
    words = sum([len(sentence.words) for sentence in measured.sentences])
    return few.lift(measured.phrases, words, _parts(measured, coefficients), coefficients["bias"])


def _attributed(text: str, measured: Measured, known: Weights, least: float = -math.inf) -> Reading:
    """The logit, which is at least `least`, and who earned it. The bound on the logit scales every part alike."""
    coefficients = known.coefficients
    parts, lifted = _parts(measured, coefficients), _lift(measured, coefficients)
    plain = _plain(measured, coefficients) + lifted
    peak, hottest = _peak(measured, coefficients)
    floor, threat = _threat(measured, coefficients)
    floor = max(floor, least)
    if floor > max(peak, plain):
        peak, hottest = floor, (threat,)
    risen = max(plain, peak)
    logit = REACH * math.tanh(risen / REACH)
    scale = logit / risen if risen else 1.0
    cues = [
        *_phrase_cues(measured, parts, scale),
        *_sentence_cues(text, measured, known, scale),
        *_sign_cues(measured, parts, scale),
    ]
    if lifted:
        spans = tuple((hit.start, hit.end) for hit in measured.phrases if few.counts(hit))
        cues.append(Cue(few.label(measured.phrases), lifted * scale, few.WHY, spans))
    if risen > plain:
        grams = _grams(measured, known)
        loudest = max(hottest, key=lambda sentence: grams.alone(sentence.words))
        label = _named(loudest, measured.phrases) or _guessed(loudest, (risen - plain) * scale, known)
        why = AS_A_THREAT if peak == floor else "a part of it is hotter than the text around it"
        cues.append(Cue(label, (risen - plain) * scale, why, (_hottest(text, loudest, grams),)))
    cues = sorted(cues, key=lambda cue: (-abs(cue.logits), cue.label, cue.spans))[:CUES]
    untold = tuple([(hit.start, hit.end) for hit in measured.untold])
    rest = logit - math.fsum(cue.logits for cue in cues)
    return Reading(logit, tuple(cues), rest, untold, measured.reported)


def _peak(measured: Measured, coefficients: Mapping[str, float]) -> tuple[float, tuple[Segment, ...]]:
    """The logit that the hottest run of sentences would have alone, less what a short text is unsure by, and that run.

    However much calm text stands around it, the text is no calmer than that: nobody can talk a threat away. Where no
    run is hotter than the whole, minus infinity and none.
    """
    alone, bias = _alone(measured, coefficients)
    lengths = [len(sentence.words) for sentence in measured.sentences]
    least = _least(measured, coefficients) - bias
    # By Cauchy-Schwarz, (a + b)² / (c + d) <= a² / c + b² / d: no run has a logit above the root of this sum.
    if least > 0 and math.fsum([more * more / count for more, count in alone if more > 0]) <= least * least:
        return -math.inf, ()
    best, hottest = -math.inf, (0, 0)
    for first in range(len(alone)):
        total, count, words = 0.0, 0, 0
        for last in range(first, min(first + RUN, len(alone))):
            more, features = alone[last]
            total += more
            count += features
            words += lengths[last]
            if least > 0 and (total <= 0 or total * total <= least * least * count):
                continue
            logit = total / math.sqrt(count or 1) + bias - UNSURE / math.sqrt(words or 1)
            if logit > best:
                best, hottest = logit, (first, last + 1)
    return best + coefficients["bias"], measured.sentences[hottest[0] : hottest[1]]


def _threat(measured: Measured, coefficients: Mapping[str, float]) -> tuple[float, Segment]:
    """The logit that the hottest explicit threat would have alone, and its sentence; minus infinity where none is.

    What is threatened is no less so because calm words stand around it. Unlike the peak it is not less sure for being
    short: that it is a threat was written down beforehand.
    """
    best, hottest = -math.inf, Segment(0, 0, ())
    alone, bias = _alone(measured, coefficients) if measured.threats else ([], 0.0)
    for number in measured.threats:
        sentence, (total, count) = measured.sentences[number], alone[number]
        said: dict[str, float] = {}
        for hit in measured.phrases:
            if sentence.start <= hit.start < sentence.end:
                said[hit.family] = min(FAMILY_MOST, said.get(hit.family, 0.0) + hit.share)
        logit = coefficients["bias"] + total / math.sqrt(count or 1) + bias
        logit += math.fsum([coefficients.get(name, 0.0) * value for name, value in said.items()])
        if logit > best:
            best, hottest = logit, sentence
    return best, hottest


AS_A_THREAT = "it is an explicit threat, whatever stands around it"


def _alone(measured: Measured, coefficients: Mapping[str, float]) -> tuple[list[tuple[float, int]], float]:
    """What each sentence's n-grams add, were it the whole text, before the division by the root of their number, which
    is given with it; and what is added in any case. All in logits."""
    tone, public = coefficients.get("tone", 0.0), measured.public
    sums = [(tone * total, count) for total, count in measured.alone]
    if not public.share:
        return sums, tone * measured.bias
    other, any_post = coefficients.get("public", 0.0), coefficients.get("posted", 0.0)
    sums = [(total + other * more, count) for (total, count), more in zip(sums, public.alone, strict=True)]
    return sums, tone * measured.bias + other * public.bias + any_post * public.share


def _least(measured: Measured, coefficients: Mapping[str, float]) -> float:
    """A run whose n-grams add no more than this cannot be hotter than the whole text."""
    whole = math.fsum([coefficients.get(name, 0.0) * value for name, value in measured.features.items()])
    words = sum([len(sentence.words) for sentence in measured.sentences])
    return whole - 1e-9 + UNSURE / math.sqrt(words or 1)


def _grams(measured: Measured, known: Weights) -> Grams:
    """The n-grams that say more of such a text."""
    return known.public if measured.public.share > 0.5 else known.heat


def _phrase_cues(measured: Measured, parts: dict[str, float], scale: float) -> list[Cue]:
    cues = []
    for name, family in families().items():
        if part := parts.get(name, 0.0) * scale:
            spans = tuple((hit.start, hit.end) for hit in measured.phrases if hit.family == name)
            cues.append(Cue(family.label, part, family.why, spans))
    return cues


def _sentence_cues(text: str, measured: Measured, known: Weights, scale: float) -> list[Cue]:
    """A cue for each sentence whose words add much, labelled by the phrases in it, or by the n-grams of the labels."""
    cues = []
    mail, public = (known.coefficients.get(name, 0.0) * scale for name in ("tone", "public"))
    parts = measured.public.parts or (0.0,) * len(measured.sentences)
    grams = _grams(measured, known)
    for sentence, tone, more in zip(measured.sentences, measured.tone, parts, strict=True):
        part = mail * tone + public * more
        if part >= LEAST_CUE:
            label = _named(sentence, measured.phrases) or _guessed(sentence, part, known)
            span = _hottest(text, sentence, grams)
            cues.append(Cue(label, part, WHY.get(label, WHY["heated"]), (span,)))
    return cues


WHY = {
    "heated": "the wording is angry",
    "pressure": "the wording presses you",
    "threat": "the wording threatens you or your name",
    "legal": "the wording uses the law against you",
    "payment-dispute": "the wording disputes the payment",
    "boundary": "the wording claims your time or your work as a right",
    "personal-attack": "the wording attacks you as a person",
    "attacks-work": "the wording attacks your work",
    "passive-aggressive": "the wording is sarcastic or poisonously polite",
    "wording": "the wording leans towards anger",
}
"""What is said of a sentence by its label, when no phrase that was written down beforehand says it better."""


def _named(sentence: Segment, phrases: tuple[Hit, ...]) -> str:
    """The label of the weightiest hot phrase that stands in a sentence; empty where there is none."""
    named = families()
    inside = (hit for hit in phrases if sentence.start <= hit.start < sentence.end)
    hot = [hit for hit in inside if named[hit.family].label in WHY]
    if not hot:
        return ""
    best = max(hot, key=lambda hit: (hit.share, hit.end - hit.start, -hit.start))
    return named[best.family].label


def _guessed(sentence: Segment, logits: float, known: Weights) -> str:
    """The label that the n-grams give a sentence that adds so much; a little heat has no kind."""
    return known.labels.best(sentence.words) if logits >= LEAST_GUESS else "wording"


def _hottest(text: str, sentence: Segment, grams: Grams) -> tuple[int, int]:
    """Where those words of a sentence stand that add the most: the whole of a short one."""
    said = fold(text[sentence.start : sentence.end])
    places = [match.span() for match in TOKEN.finditer(said)]
    if len(places) > QUOTE_WORDS:
        shares = grams.words(sentence.words)[: len(places)]
        first = max(
            range(len(places) - QUOTE_WORDS + 1),
            key=lambda start: (math.fsum(shares[start : start + QUOTE_WORDS]), -start),
        )
        places = places[first : first + QUOTE_WORDS]
    return sentence.start + places[0][0], sentence.start + places[-1][1]


def _sign_cues(measured: Measured, parts: dict[str, float], scale: float) -> list[Cue]:
    cues = []
    if part := parts.get("shouting", 0.0) * scale:
        cues.append(Cue("shouting", part, "it shouts in capitals or marks", measured.signs.loud))
    if part := parts.get("smiling", 0.0) * scale:
        cues.append(Cue("courtesy", part, "it smiles", measured.signs.smiles))
    if part := parts.get("reported", 0.0) * scale:
        cues.append(Cue("heated", part, "what it quotes in quotation marks is heated", measured.reported[:1]))
    return cues
