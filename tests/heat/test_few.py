"""Few words: a short text is judged by the phrases that are known rather than by what its n-grams happen to say."""

from __future__ import annotations

import pytest

from levelhead.heat import few
from levelhead.heat.engine import measure, probability, read
from levelhead.heat.few import MOST, counts
from levelhead.heat.language import LANGUAGES
from levelhead.heat.phrases import Hit
from levelhead.heat.weights import weights

JOKE = Hit("contempt", 1.0, 0, 10)


def lifted(hit: Hit, words: int, tone: float, heat: float, **other: float) -> float:
    """The lift of a text with that phrase, whose n-grams and phrases of contempt add so much, at a bias of -1."""
    return few.lift([hit], words, {"tone": tone, "contempt": heat, **other}, bias=-1.0)


def test_the_shorter_a_text_the_more_a_phrase_lifts_it() -> None:
    found = [lifted(JOKE, words, tone=-2.0, heat=1.0) for words in (6, 12, 24, 48)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2 and 0 < found[-1] < 0.1


def test_a_text_is_lifted_up_to_heated_and_never_lowered() -> None:
    assert lifted(JOKE, 6, tone=-1.0, heat=2.0) == pytest.approx(MOST)
    assert lifted(JOKE, 6, tone=4.0, heat=1.0) == 0.0
    assert 0.6 < probability(MOST) < 0.85


def test_what_is_friendly_too_is_not_lifted() -> None:
    thanks = Hit("thanks", 1.0, 11, 20)
    assert few.lift([JOKE, thanks], 6, {"tone": -2.0, "contempt": 1.0}, bias=-1.0) == 0.0
    assert lifted(JOKE, 6, tone=-2.0, heat=1.0, smiling=-0.5) == 0.0


@pytest.mark.parametrize("hit", [Hit("profanity", 1.0, 0, 4), Hit("insult", 1.0, 0, 6, single=True)])
def test_neither_swearing_nor_a_single_word_lifts(hit: Hit) -> None:
    """Friends call each other thieves, and swear at what they love."""
    assert not counts(hit)
    assert lifted(hit, 6, tone=-2.0, heat=1.0) == 0.0


def test_what_few_words_earn_is_a_point_of_its_own_and_sums_up() -> None:
    reading = read("What a joke. You are wasting my time.", "en")
    (cue,) = [cue for cue in reading.cues if cue.why == few.WHY]
    assert cue.label == "attacks-work" and cue.logits > 0 and cue.spans
    assert sum(cue.logits for cue in reading.cues) + reading.rest == pytest.approx(reading.logit)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Nobody has apologised, not even once."),
        ("de", "Keiner hat sich entschuldigt."),
        ("es", "Nadie ha pedido disculpas."),
        ("fr", "Personne ne s'est excusé."),
        ("it", "Nessuno ha chiesto scusa."),
        ("pt", "Ninguém pediu desculpa."),
        ("nl", "Niemand heeft sorry gezegd."),
    ],
)
def test_an_apology_that_is_missed_is_none(language: str, text: str) -> None:
    features = measure(text, language, weights()).features
    assert features.get("blame", 0.0) >= 1 and not features.get("apology")


FIVE = {
    "en": "We wrote a five-star review.",
    "de": "Wir haben eine Bewertung mit fünf Sternen geschrieben.",
    "es": "Hemos dejado una reseña de cinco estrellas.",
    "fr": "Nous avons laissé un avis à cinq étoiles.",
    "it": "Abbiamo lasciato una recensione a cinque stelle.",
    "pt": "Deixámos uma avaliação de cinco estrelas.",
    "nl": "We hebben een recensie van vijf sterren geschreven.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_stars_threaten_nobody(language: str) -> None:
    assert measure(FIVE[language], language, weights()).features.get("review-threat", 0.0) < 1
