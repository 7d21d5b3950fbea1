"""Other tools that tell how heated a text is, each as a function from texts to numbers that rise with heat.

The packages are no dependencies of levelhead: whoever wants them in the report installs them beside it (`INSTALL`),
and those that are missing are named there. `word_list` is ours, built again from what is known of Eudora's MoodWatch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

Scorer = Callable[[Sequence[str]], list[float]]

INSTALL = "pip install vaderSentiment afinn textblob alt-profanity-check empath"

OURS = "word list in the spirit of MoodWatch"


def found() -> tuple[dict[str, Scorer], list[str]]:
    """The peers that can be asked here by name, and the names of those whose package is missing."""
    ready: dict[str, Scorer] = {}
    missing = []
    for name, (package, make) in PACKAGES.items():
        try:
            ready[name] = make(import_module(package))
        except ImportError:
            missing.append(name)
    return ready | {OURS: word_list}, missing


def _vader(module: ModuleType) -> Scorer:
    polarity = module.SentimentIntensityAnalyzer().polarity_scores
    return lambda texts: [-float(polarity(text)["compound"]) for text in texts]


def _afinn(module: ModuleType) -> Scorer:
    """AFINN sums the valences of words; a long mail must not be hot for its length, so the sum goes by its root."""
    valence = module.Afinn(emoticons=True).score
    return lambda texts: [-float(valence(text)) / math.sqrt(max(1, len(text.split()))) for text in texts]


def _textblob(module: ModuleType) -> Scorer:
    return lambda texts: [-float(module.TextBlob(text).sentiment.polarity) for text in texts]


def _profanity(module: ModuleType) -> Scorer:
    return lambda texts: [float(chance) for chance in module.predict_prob(list(texts))]


ANGRY = [
    "anger",
    "hate",
    "rage",
    "aggression",
    "swearing_terms",
    "disgust",
    "ridicule",
    "dispute",
    "irritability",
]
"""Categories of Empath that speak of heat."""


def _empath(module: ModuleType) -> Scorer:
    analyze = module.Empath().analyze

    def score(texts: Sequence[str]) -> list[float]:
        counts = [analyze(text, categories=ANGRY, normalize=False) or {} for text in texts]
        return [
            sum(count.values()) / math.sqrt(max(1, len(text.split())))
            for count, text in zip(counts, texts, strict=True)
        ]

    return score


PACKAGES: dict[str, tuple[str, Callable[[ModuleType], Scorer]]] = {
    "VADER": ("vaderSentiment.vaderSentiment", _vader),
    "AFINN": ("afinn", _afinn),
    "TextBlob": ("textblob", _textblob),
    "alt-profanity-check": ("profanity_check", _profanity),
    "Empath": ("empath", _empath),
}

CHILLIES: dict[int, tuple[str, ...]] = {
    3: (
        r"fuck\w*", r"shit\w*", r"bull ?shit", r"bastards?", r"arse?holes?", r"assholes?", r"bitch\w*", r"cunts?",
        r"dick ?heads?", r"wankers?", r"piss(?:ed)? off", r"screw you", r"go to hell", r"drop dead",
        r"kill (?:you|him|her)", r"burn in hell", r"shut (?:the \w+ )?up",
    ),
    2: (
        r"idiot\w*", r"morons?", r"imbeciles?", r"stupid\w*", r"dumb", r"fools?", r"liars?", r"lying", r"cheats?",
        r"thie(?:f|ves)", r"crooks?", r"scam\w*", r"fraud\w*", r"pathetic", r"disgust\w*", r"despicable",
        r"contemptible", r"incompeten\w+", r"useless", r"worthless", r"clueless", r"garbage", r"rubbish", r"crap\w*",
        r"damn\w*", r"hell", r"hate", r"loathe", r"sue you", r"see you in court",
        r"my lawyers?", r"you(?:'ll| will) regret",
    ),
    1: (
        r"unacceptable", r"ridiculous", r"absurd", r"outrag\w+", r"appall\w+", r"disgrace\w*", r"shame(?:ful)?",
        r"angry", r"furious", r"livid", r"fed up", r"sick of", r"had enough", r"last chance", r"how dare",
        r"what a joke", r"nonsense", r"terrible", r"horrible", r"awful", r"worst", r"demand", r"immediately",
        r"refund", r"complain\w*", r"disappoint\w*", r"unprofessional", r"amateur\w*",
    ),
}  # fmt: skip
"""Words that such a program marks with three, two or one chilli."""

_HOT = {count: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) for count, words in CHILLIES.items()}


def word_list(texts: Sequence[str]) -> list[float]:
    """Eudora's MoodWatch as it was told of: it looks for words that may offend and gives a mail up to three chillies.

    The hottest word gives the chillies; further words are a fraction, so that mails can be ranked.
    """
    return [_chillies(text) for text in texts]


def _chillies(text: str) -> float:
    counts = {chillies: len(pattern.findall(text)) for chillies, pattern in _HOT.items()}
    hottest = max((chillies for chillies, count in counts.items() if count), default=0)
    heat = sum(chillies * count for chillies, count in counts.items())
    return hottest + heat / (1 + heat)
