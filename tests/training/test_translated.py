"""The same thing said in seven languages: the same level or the next, but for what is named here."""

from __future__ import annotations

import pytest

from levelhead.heat.engine import measure
from levelhead.heat.weights import weights
from training.judged import POLICY
from training.material import LANGUAGES
from training.report import PAGE
from training.translated import MOST, PROMISE, Said, heat_families, promised, said

APART: frozenset[str] = frozenset()
"""What is further apart than one level between two languages, by its English sentence. None may be added."""


def test_every_family_of_heat_is_said_at_least_twice_in_every_language() -> None:
    assert {each.family for each in said()} == heat_families()
    assert all(sum(each.family == name for each in said()) >= 2 for name in heat_families())
    assert all(set(each.scores) == set(LANGUAGES) for each in said())


@pytest.mark.parametrize("name", [each.name for each in said() if each.name not in APART])
def test_a_translation_moves_the_verdict_by_one_level_at_most(name: str) -> None:
    (each,) = (each for each in said() if each.name == name)
    assert each.apart <= MOST, each.scores


def test_what_is_further_apart_is_named_here_and_on_the_page() -> None:
    moved = {each.name for each in said() if each.apart > MOST}
    assert moved == APART, "a translation was mended: take it from the list"
    page = PAGE.read_text(encoding="utf-8").partition("## The same thing in seven languages")[2]
    assert all(f"- {each.family}: “{each.name}”" in page for each in said() if each.name in APART)


def test_few_of_what_nobody_wrote_a_phrase_for_are_further_apart() -> None:
    """The figures stand on the page; each file holds every language and a family of heat."""
    for name, most in (("unseen", UNSEEN), ("fresh", FRESH)):
        told = [each for each in said(name) if each.family != PROMISE]
        assert sum(each.apart > MOST for each in told) <= most, [
            each.name for each in told if each.apart > MOST
        ]


UNSEEN, FRESH = 3, 9


def test_next_to_no_promise_alarms_and_every_real_deadline_is_tense() -> None:
    """Nothing was learnt from any of these; the figures stand on the page."""
    owed, due = promised()
    told = [score for each in said("unseen") if each.family == PROMISE for score in each.scores.values()]
    assert len(owed) == 28 and len(due) == 14 and len(told) == 56
    assert sum(score >= POLICY.heated for score in (*owed, *told)) <= 3
    assert all(score >= POLICY.tense for score in due)


def test_levels_apart_are_counted_from_the_calmest_to_the_hottest_language() -> None:
    words = dict.fromkeys(LANGUAGES, "x")
    assert Said("insult", words, {"en": 0.1, "de": 0.4, "nl": 0.99}).apart == 3
    assert Said("insult", words, {"en": 0.61, "de": 0.84}).apart == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_review_with_one_star_is_known_as_a_threat_whether_in_words_or_a_digit(language: str) -> None:
    for text in STARS[language]:
        assert measure(text, language, weights()).features.get("review-threat", 0.0) >= 1, text


STARS = {
    "en": [
        "I will leave a one-star review.",
        "You get a 1-star review from me.",
        "That makes 1 star from me.",
    ],
    "de": [
        "Ich hinterlasse eine 1-Sterne-Bewertung.",
        "Ich schreibe Ihnen eine 1-Stern-Bewertung.",
        "Von mir gibt es eine Ein-Sterne-Rezension.",
        "Ich schreibe eine Bewertung mit einem Stern.",
        "Dann folgt eine Rezension mit nur 1 Stern.",
        "Ich gebe Ihnen einen Stern bei Google.",
    ],
    "es": [
        "Dejaré una reseña de una estrella.",
        "Voy a publicar una reseña muy mala.",
        "Les pongo una sola estrella.",
    ],
    "fr": [
        "Je laisserai un avis à une étoile.",
        "Vous aurez un avis à 1 étoile.",
        "Un avis à une seule étoile.",
    ],
    "it": [
        "Lascerò una recensione da una stella.",
        "Lascio una recensione da 1 stella.",
        "Una recensione da una sola stella.",
    ],
    "pt": ["Vou dar uma estrela.", "A minha avaliação: 1 estrela.", "Leva uma só estrela."],
    "nl": [
        "Ik geef jullie één ster.",
        "Ik schrijf een 1-ster-review.",
        "Er komt een review met maar 1 ster.",
    ],
}
"""Threats to leave a review with one star, in words and in digits."""
