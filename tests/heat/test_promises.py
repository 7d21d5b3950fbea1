"""A promise with a day in it is no deadline, in seven languages; and what demands, threatens or sets one stays hot."""

from __future__ import annotations

import pytest

from levelhead.heat.engine import measure
from levelhead.heat.language import LANGUAGES
from levelhead.heat.weights import weights
from levelhead.policy.types import HeatPolicy
from written import score

POLICY = HeatPolicy()

PROMISES = {
    "en": ["You will have all texts by Friday noon.", "You'll get the keys on Monday, before nine."],
    "de": ["Sie haben alle Texte bis Freitagmittag.", "Den Schlüssel bekommen Sie am Montag vor neun."],
    "es": [
        "Tendrá todos los textos el viernes a mediodía.",
        "El lunes recibirán las llaves antes de las nueve.",
    ],
    "fr": [
        "Vous aurez tous les textes d'ici vendredi midi.",
        "Lundi vous recevrez les clés avant neuf heures.",
    ],
    "it": [
        "Avrà tutti i testi entro venerdì a mezzogiorno.",
        "Lunedì riceverete le chiavi prima delle nove.",
    ],
    "pt": ["Terá todos os textos até sexta ao meio-dia.", "Na segunda receberão as chaves antes das nove."],
    "nl": [
        "U heeft alle teksten uiterlijk vrijdagmiddag.",
        "Maandag krijgen jullie de sleutels voor negen uur.",
    ],
}

DEADLINES = {
    "en": ["You have until Friday, not a day longer.", "You will hear from my lawyer by Friday."],
    "de": ["Sie haben bis Freitag, keinen Tag länger.", "Bis Freitag hören Sie von meinem Anwalt."],
    "es": ["Tienen hasta el viernes, ni un día más.", "El viernes tendrán noticias de mi abogado."],
    "fr": [
        "Vous avez jusqu'à vendredi, pas un jour de plus.",
        "Vendredi vous aurez des nouvelles de mon avocat.",
    ],
    "it": [
        "Avete tempo fino a venerdì, non un giorno di più.",
        "Entro venerdì avrete notizie dal mio avvocato.",
    ],
    "pt": ["Têm até sexta-feira, nem um dia a mais.", "Até sexta terão notícias do meu advogado."],
    "nl": ["Jullie hebben tot vrijdag, geen dag langer.", "Vrijdag hoort u van mijn advocaat."],
}


def promises(text: str, language: str) -> bool:
    """Whether a text is taken for a promise."""
    return measure(text, language, weights()).features.get("promise", 0.0) > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_commits_himself_promises_and_who_sets_a_deadline_does_not(language: str) -> None:
    assert all(promises(text, language) for text in PROMISES[language])
    assert not any(promises(text, language) for text in DEADLINES[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_promise_is_calm_and_a_deadline_is_tense(language: str) -> None:
    assert all(score("", text) < POLICY.tense for text in PROMISES[language])
    assert all(score("", text) >= POLICY.tense for text in DEADLINES[language])


@pytest.mark.parametrize(
    "text",
    [
        "You will have the money by Friday or I will sue you.",
        "You will have that gate fixed by Friday noon.",
        "You will have the keys by Friday, is that clear?",
        "You will get the letter from my lawyer by Friday.",
    ],
)
def test_what_goes_on_with_a_demand_or_a_threat_is_no_promise(text: str) -> None:
    assert not promises(text, "en")


def test_a_promise_stands_beside_a_threat_of_another_sentence() -> None:
    assert promises("You will have the plans by Friday. We will sue the builder.", "en")


def test_a_promise_calms_and_is_told() -> None:
    with_day = "You will have all the papers by Friday noon, as agreed."
    assert weights().coefficients["promise"] < 0
    assert measure(with_day, "en", weights()).features["promise"] == 1
