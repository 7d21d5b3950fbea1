"""The early warning: what is seen of a thread, that signs only raise, and that the figures told were measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat.manners import courtesies
from levelhead.heat.thread import letters
from levelhead.heat.trajectory import (
    DEMAND,
    SIGNS,
    Trajectory,
    demands,
    outlook,
    read_trajectory,
    signs,
    trajectory,
)
from levelhead.model import Direction, Level, Past
from levelhead.testing import NOW, make_message, make_thread, make_verdict

ROOT = Path(__file__).parents[2]
EQUAL = Trajectory(
    demand_bias=-1.0,
    demand={"curt": 1.0, "pressing": 1.0, "fault": 1.0},
    bias=-2.0,
    signs=dict.fromkeys(SIGNS, 1.0),
    threshold=0.5,
)
"""Every sign counts for one logit, and two are enough."""


def past(hours: float, *labels: str, score: float = 0.05, **fields: Any) -> Past:
    """A message of the client so many hours before now."""
    values: dict[str, Any] = {
        "id": str(hours),
        "direction": Direction.IN,
        "received_at": NOW - timedelta(hours=hours),
        "sender": "bob@acme.example",
        "subject": "The website",
        "level": Level.CALM,
        "score": score,
        "recipients": ("me@studio.example",),
        "labels": labels,
    }
    return Past(**(values | fields))


def ours(hours: float) -> Past:
    return past(
        hours,
        direction=Direction.OUT,
        sender="me@studio.example",
        recipients=("bob@acme.example",),
        score=None,
        level=None,
    )


def seen(*found: Past) -> set[str]:
    """The signs that are not nothing."""
    return {name for name, value in signs(found).items() if value}


# --- what is seen ------------------------------------------------------------------------------


def test_a_calm_beginning_shows_no_sign() -> None:
    assert seen(past(0)) == set()
    assert seen(past(40), ours(40), past(30), ours(30), past(0)) == set()


def test_a_demand_is_seen_and_that_it_is_the_second() -> None:
    assert seen(past(0, DEMAND)) == {"demanding"}
    assert seen(past(9, DEMAND), ours(9), past(0, DEMAND)) == {"demanding", "again"}
    assert seen(past(9, DEMAND), ours(9), past(0)) == set(), "who has calmed down demands nothing"


def test_it_is_seen_that_somebody_friendly_demands() -> None:
    friendly, demanding, now = past(30), past(10, DEMAND), past(0, DEMAND)
    assert "turned" in seen(friendly, demanding, now)
    assert "turned" not in seen(demanding, now), "who always was so has not turned"


def test_a_score_that_rises_is_seen_and_one_that_falls_is_not() -> None:
    low, high = past(9, score=0.05), past(0, score=0.4)
    assert signs([low, high])["rising"] > 0.5
    assert signs([replace(low, score=0.4), replace(high, score=0.05)])["rising"] == 0


def test_shorter_intervals_are_seen() -> None:
    assert signs([past(30), ours(29), past(8), ours(8), past(0)])["haste"] == 1
    assert signs([past(18), ours(17), past(8), ours(8), past(0)])["haste"] == 0


def test_whom_the_client_put_in_copy_is_seen_for_the_rest_of_the_thread() -> None:
    boss = ("me@studio.example", "boss@acme.example")
    assert signs([past(9), past(0, recipients=boss)])["readers"] == 0.5
    assert signs([past(9), past(5, recipients=boss), past(0, recipients=boss)])["readers"] == 0.5
    assert signs([past(0, recipients=boss)])["readers"] == 0, "who reads from the beginning is nobody new"
    assert signs([past(9), past(0, recipients=boss)], frozenset({"boss@acme.example"}))["readers"] == 0


def test_our_slowness_is_what_the_message_before_waited() -> None:
    assert signs([past(72), ours(60), past(0)])["slow"] == pytest.approx(0.25)
    assert signs([past(24), past(0)])["slow"] == pytest.approx(0.5), "it waits still"
    assert signs([past(500), ours(100), past(1), past(0)])["slow"] == pytest.approx(1 / 48)
    assert signs([past(500), past(0)])["slow"] == 1


# --- what is expected --------------------------------------------------------------------------

DANGER = (past(30), ours(6), past(0, DEMAND, score=0.2))


def test_enough_signs_warn_and_are_told_by_weight() -> None:
    found = outlook(DANGER, known=EQUAL)
    assert found is not None
    assert found.warns
    assert found.probability > 0.5
    assert set(found.why) == {SIGNS[name] for name in ("demanding", "turned", "slow", "rising")}
    heavy = replace(EQUAL, signs=EQUAL.signs | {"turned": 9.0})
    told = outlook(DANGER, known=heavy)
    assert told is not None
    assert told.why[0] == SIGNS["turned"]


def test_too_few_signs_do_not_warn() -> None:
    found = outlook((past(0, DEMAND),), known=EQUAL)
    assert found is not None
    assert not found.warns
    assert found.why == (SIGNS["demanding"],)
    faint = outlook((past(3), past(0)), known=EQUAL)
    assert faint is not None
    assert faint.why == (), "three hours of waiting are not worth telling"


@pytest.mark.parametrize("level", [Level.HEATED, Level.HOSTILE])
def test_nothing_is_foreseen_where_it_is_heated_already(level: Level) -> None:
    hot = past(20, level=level, score=0.8)
    assert outlook((hot, *DANGER[1:]), known=EQUAL) is None
    assert outlook((*DANGER, replace(hot, received_at=NOW)), known=EQUAL) is None
    other = replace(hot, direction=Direction.OTHER)
    assert outlook((DANGER[0], other, *DANGER[1:]), known=EQUAL) is not None, "somebody else was"


def test_nothing_is_foreseen_from_what_is_not_the_clients_or_has_no_score() -> None:
    assert outlook((*DANGER, ours(0)), known=EQUAL) is None
    assert outlook((*DANGER[:2], replace(DANGER[2], score=None, level=Level.UNKNOWN)), known=EQUAL) is None
    assert outlook((), known=EQUAL) is None


def test_a_thread_warns_once() -> None:
    later = tuple(
        replace(one, received_at=one.received_at - timedelta(hours=9)) for one in (*DANGER, ours(-1))
    )
    again = outlook((*later, past(0, DEMAND, score=0.3)), known=EQUAL)
    assert again is not None
    assert again.probability >= EQUAL.threshold
    assert not again.warns
    unjudged = replace(later[2], score=None, level=None)
    found = outlook((*later[:2], unjudged, later[3], past(0, DEMAND, score=0.3)), known=EQUAL)
    assert found is not None
    assert found.warns, "what was never judged has warned of nothing"


def test_no_sign_that_was_learnt_makes_a_thread_look_safer() -> None:
    known = trajectory()
    assert all(part >= 0 for part in (*known.signs.values(), *known.demand.values()))
    assert set(known.signs) == set(SIGNS)
    assert 0 < known.threshold < 1


@given(st.lists(st.tuples(st.floats(0.1, 400), st.booleans(), st.floats(0, 0.59), st.booleans()), max_size=8))
def test_one_more_sign_never_lowers_what_is_expected(before: list[tuple[float, bool, float, bool]]) -> None:
    found = sorted(
        (
            replace(ours(hours), id=str(hours)) if mine else past(hours, *([DEMAND] * asks), score=score)
            for hours, asks, score, mine in before
        ),
        key=lambda one: one.received_at,
    )
    calm, sharp = (
        past(0, score=0.1),
        past(0, DEMAND, score=0.4, recipients=("me@studio.example", "new@x.example")),
    )
    less, more = outlook((*found, calm)), outlook((*found, sharp))
    assert less is not None
    assert more is not None
    assert more.probability >= less.probability


def test_the_letters_of_a_thread_are_in_order_and_end_with_the_message() -> None:
    message = make_message("Well?", cc=make_message().to)
    verdict = make_verdict(Level.TENSE, labels=(DEMAND,))
    found = letters(message, make_thread(past(1), past(9), ours(-1)), verdict)
    assert [one.received_at for one in found] == sorted(one.received_at for one in found)
    assert (len(found), found[-1].id, found[-1].score) == (3, message.id, verdict.score)
    assert (found[-1].labels, found[-1].recipients) == ((DEMAND,), ("me@studio.example",))


# --- who demands -------------------------------------------------------------------------------

FIRM = {
    "en": "Still nothing here. You promised it for today. When will it be done?",
    "de": "Immer noch nichts da. Sie hatten es versprochen, heute ist Schluss.",
    "es": "Todavía nada. Llevo dos semanas esperando y necesito una fecha hoy.",
    "fr": "Toujours rien. J'attends une réponse aujourd'hui, comme convenu.",
    "it": "Ancora niente. Aspetto da ieri, entro oggi voglio una risposta.",
    "pt": "Ainda nada. Preciso de uma resposta hoje, estou à espera há duas semanas.",
    "nl": "Nog steeds niets. Ik wil vandaag antwoord, het was beloofd.",
}
KIND = {
    "en": "Hello Tom, thank you for the draft, it looks lovely. Best wishes, Ruth",
    "de": "Guten Tag, vielen Dank für den Entwurf. Viele Grüße",
    "es": "Hola, muchas gracias por el borrador. Un saludo",
    "fr": "Bonjour, merci beaucoup pour le projet. Bien à vous",
    "it": "Buongiorno, grazie mille per la bozza. Cordiali saluti",
    "pt": "Bom dia, muito obrigada pelo rascunho. Cumprimentos",
    "nl": "Beste Joost, dank voor het ontwerp. Groet, Marieke",
}


@pytest.mark.parametrize("language", FIRM)
def test_who_presses_without_a_courtesy_demands_and_who_thanks_does_not(language: str) -> None:
    assert demands(FIRM[language], language)
    assert demands(FIRM[language]), "in a language that was not told too"
    assert not demands(KIND[language], language)


WORDED = (
    "Please",
    "thanks",
    "Where is it",
    "now",
    "today",
    "the logo is wrong",
    "still broken",
    "I need it",
    "!",
)


@given(st.lists(st.sampled_from(WORDED), max_size=6).map(" ".join))
def test_whether_a_text_demands_is_what_all_of_its_courtesies_say(text: str) -> None:
    known, told = trajectory(), courtesies(text, "en")
    logit = known.demand_bias + sum(part * told[name] for name, part in known.demand.items())
    assert demands(text, "en") is (logit >= 0)


def test_a_text_without_words_demands_nothing() -> None:
    assert not demands("", "en")
    assert not demands("\n\n...", "en")


# --- what ships --------------------------------------------------------------------------------


def test_the_figures_are_whole_and_the_page_tells_them() -> None:
    measured = trajectory().measured
    assert measured["precision"] == pytest.approx(measured["right"] / measured["warned"], abs=0.001)
    assert measured["recall"] == pytest.approx(measured["right"] / measured["derailing"], abs=0.001)
    page = (ROOT / "docs" / "explanation" / "heat.md").read_text(encoding="utf-8")
    for name in ("precision", "recall"):
        low, high = measured[f"{name}_low"], measured[f"{name}_high"]
        assert low < measured[name] < high
        assert f"{name} of {measured[name]:.2f} (95 % interval {low:.2f} to {high:.2f})" in page


def test_what_is_no_such_file_is_refused() -> None:
    text = files("levelhead.heat").joinpath("trajectory.toml").read_text(encoding="utf-8")
    assert read_trajectory(text) == trajectory()
    for broken in ("", "bias = [", text.replace("threshold", "other"), text.replace("demanding", "other")):
        with pytest.raises((KeyError, ValueError)):
            read_trajectory(broken)


@pytest.mark.sweep
def test_training_again_makes_the_file_that_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    made = import_module("training.trajectory").make()
    assert made.toml == files("levelhead.heat").joinpath("trajectory.toml").read_text(encoding="utf-8")
