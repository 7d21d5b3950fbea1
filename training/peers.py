"""Other tools that tell how heated a text is, each as a function from texts to numbers that rise with heat.

The packages are no dependencies of levelhead: whoever wants them in the report installs them beside it (`INSTALL`), or
into a virtual environment of their own, whose Python is named in `LEVELHEAD_PEERS_PYTHON`. What neither has is named on
the page. `word_list` is ours, built again from what is known of Eudora's MoodWatch.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

Scorer = Callable[[Sequence[str]], list[float]]

INSTALL = "pip install vaderSentiment afinn textblob alt-profanity-check empath"

OURS = "word list in the spirit of MoodWatch"

ELSEWHERE = "LEVELHEAD_PEERS_PYTHON"
"""The environment variable that names the Python of another virtual environment with the tools in it."""


def found() -> tuple[dict[str, Scorer], list[str]]:
    """The peers that can be asked by name, here or by the other Python, and the names of those that neither has."""
    ready, missing = _here()
    other = os.environ.get(ELSEWHERE, "")
    if other and missing:
        known: list[str] = _asked(other, [], "")
        ready |= {name: _by(other, name) for name in missing if name in known}
        missing = [name for name in missing if name not in known]
    in_order = {name: ready[name] for name in PACKAGES if name in ready}
    return in_order | {OURS: word_list}, missing


def _here() -> tuple[dict[str, Scorer], list[str]]:
    """The tools whose packages this Python has, and the names of the others."""
    ready: dict[str, Scorer] = {}
    missing = []
    for name, (package, make) in PACKAGES.items():
        try:
            ready[name] = make(import_module(package))
        except ImportError:
            missing.append(name)
    return ready, missing


def _by(python: str, name: str) -> Scorer:
    def score(texts: Sequence[str]) -> list[float]:
        numbers: list[float] = _asked(python, [name], json.dumps(list(texts)))
        return numbers

    return score


def _asked(python: str, words: Sequence[str], given: str) -> Any:
    """What this file prints as JSON when the other Python runs it; exits with one sentence when it cannot."""
    command = [python, "-I", __file__, *words]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().rpartition("\n")[2]
        sys.exit(
            f"{ELSEWHERE} names {python}, which cannot run the other tools ({said}); name another Python"
        )
    return json.loads(done.stdout)


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


def main() -> None:
    """For the process that asks: the names of the tools here, or what the named one says of the texts it is given."""
    ready, _ = _here()
    answer: object = ready[sys.argv[1]](json.load(sys.stdin)) if len(sys.argv) > 1 else sorted(ready)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
