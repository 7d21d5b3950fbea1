"""Weighing: points that sum exactly, levels by threshold, and who may raise or lower."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import ProgrammerError
from levelhead.hookspecs import Said
from levelhead.model import (
    Calibration,
    Client,
    Failure,
    Finding,
    Level,
    Noted,
    Point,
    Screening,
    Verdict,
)
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import combine, level_of, weigh

CLIENT = Client(name="acme")
POLICY = HeatPolicy()
SOMEBODY = Calibration(judged=200, mean=0.05, deviation=0.02)

labels = st.sampled_from(["threat", "legal", "shouting", "courtesy", "mine"])
findings = st.builds(Finding, labels, st.floats(-1, 1), st.text(max_size=8))
noted = st.lists(st.builds(Noted, plugin=st.sampled_from(["tone", "mine"]), finding=findings), max_size=25)
weights = st.dictionaries(labels, st.floats(0, 5))
calibrations = st.builds(
    Calibration,
    judged=st.integers(0, 500),
    mean=st.floats(0, 1),
    deviation=st.floats(0, 0.5),
    marks=st.dictionaries(st.sampled_from(["calm", "tense", "heated", "hostile"]), st.integers(0, 9)),
)


def screening(*said: tuple[str, float], plugin: str = "tone") -> Screening:
    return Screening(
        message_id="m", noted=tuple(Noted(plugin=plugin, finding=Finding(*each)) for each in said)
    )


def verdict(level: Level, **more: object) -> Verdict:
    score = None if level is Level.UNKNOWN else 250_000 * level.rank
    return Verdict(level=level, millionths=score, **more)  # type: ignore[arg-type]


@given(noted, weights, calibrations)
def test_the_points_of_every_verdict_sum_to_its_score(said, weighed, calibration):
    client = replace(CLIENT, calibration=calibration)
    result = weigh(Screening(message_id="m", noted=tuple(said)), client, HeatPolicy(weights=weighed))
    assert sum(point.millionths for point in result.because) == result.millionths
    assert 0 <= result.score <= 1


@given(noted, st.randoms(use_true_random=False))
def test_the_order_in_which_detectors_speak_changes_nothing(said, dice):
    shuffled = list(said)
    dice.shuffle(shuffled)
    assert weigh(Screening(message_id="m", noted=tuple(shuffled)), CLIENT, POLICY) == weigh(
        Screening(message_id="m", noted=tuple(said)), CLIENT, POLICY
    )


def test_nothing_found_is_calm_and_the_baseline_alone():
    result = weigh(screening(), CLIENT, POLICY)
    assert (result.level, result.millionths) == (Level.CALM, 47_426)
    assert [(point.plugin, point.label) for point in result.because] == [("levelhead", "baseline")]


def test_one_full_finding_is_heated_and_two_are_hostile():
    assert weigh(screening(("threat", 1.0)), CLIENT, POLICY).level is Level.HEATED
    assert weigh(screening(("threat", 1.0), ("personal-attack", 1.0)), CLIENT, POLICY).level is Level.HOSTILE


def test_a_finding_earns_its_part_of_what_was_moved():
    because = weigh(screening(("threat", 0.6), ("personal-attack", 0.3)), CLIENT, POLICY).because
    threat, attack = because[1], because[2]
    assert (threat.label, attack.label) == ("threat", "personal-attack")
    assert abs(threat.millionths - 2 * attack.millionths) <= 2


def test_findings_that_cancel_out_still_earn_shares_of_opposite_sign():
    result = weigh(screening(("threat", 0.5), ("courtesy", -0.5)), CLIENT, POLICY)
    assert result.millionths == 47_426
    assert result.because[1].millionths == -result.because[2].millionths > 0


def test_a_weight_of_nothing_mutes_a_label_and_a_larger_one_raises_it():
    plain = weigh(screening(("threat", 0.5)), CLIENT, POLICY)
    muted = weigh(screening(("threat", 0.5)), CLIENT, HeatPolicy(weights={"threat": 0.0}))
    loud = weigh(screening(("threat", 0.5)), CLIENT, HeatPolicy(weights={"threat": 2.0}))
    assert muted.millionths == 47_426 < plain.millionths < loud.millionths
    assert muted.labels == ("threat",)  # a remark: it was found and moved nothing


def test_what_a_habit_takes_off_a_label_counts_as_much_as_that_label():
    said = screening(("shouting", 0.5), ("habit-shouting", -0.25))
    assert weigh(said, CLIENT, HeatPolicy(weights={"shouting": 0.0})).millionths == 47_426
    apart = weigh(said, CLIENT, HeatPolicy(weights={"shouting": 0.0, "habit-shouting": 1.0}))
    assert apart.millionths < 47_426


def test_a_label_found_over_and_over_is_capped_by_a_named_negative_point():
    result = weigh(screening(*[("shouting", 0.5)] * 20), CLIENT, POLICY)
    cap = next(point for point in result.because if point.label == "cap-shouting")
    assert cap.millionths < 0 and "20 times" in cap.why
    assert result.millionths == weigh(screening(*[("shouting", 0.75)] * 4), CLIENT, POLICY).millionths


def test_calming_words_found_over_and_over_cannot_mute_a_threat():
    muffled = weigh(screening(("threat", 1.0), *[("courtesy", -0.5)] * 100), CLIENT, POLICY)
    assert (
        muffled.millionths
        == weigh(screening(("threat", 1.0), *[("courtesy", -0.75)] * 4), CLIENT, POLICY).millionths
    )


def test_labels_are_those_that_raised_the_score_strongest_first_and_each_once():
    said = (("personal-attack", 0.3), ("threat", 0.8), ("personal-attack", 0.2), ("courtesy", -0.4))
    assert weigh(screening(*said), CLIENT, POLICY).labels == ("threat", "personal-attack")


def test_a_message_that_cannot_be_judged_is_unknown_with_its_reason_and_no_score():
    result = weigh(Screening(message_id="m", unknown="no text"), CLIENT, POLICY)
    assert (result.level, result.millionths, result.because, result.labels) == (
        Level.UNKNOWN, None, (), ("no-text",),
    )  # fmt: skip


def test_a_failed_detector_makes_the_verdict_incomplete():
    failed = replace(screening(), failures=(Failure(plugin="mine", hook="detect", error="boom"),))
    assert not weigh(failed, CLIENT, POLICY).complete
    assert weigh(screening(), CLIENT, POLICY).complete


def test_a_level_begins_exactly_at_its_threshold():
    assert [level_of(score, POLICY) for score in (349_999, 350_000, 599_999, 600_000, 849_999, 850_000)] == [
        Level.CALM, Level.TENSE, Level.TENSE, Level.HEATED, Level.HEATED, Level.HOSTILE,
    ]  # fmt: skip


def test_a_clients_own_normal_raises_an_outburst_and_never_lowers_one():
    said = screening(("threat", 0.7))
    stranger = weigh(said, CLIENT, POLICY)
    calm_client = weigh(said, replace(CLIENT, calibration=SOMEBODY), POLICY)
    hot_client = weigh(said, replace(CLIENT, calibration=Calibration(judged=200, mean=0.9)), POLICY)
    off = weigh(said, replace(CLIENT, calibration=SOMEBODY), HeatPolicy(baseline=False))
    assert calm_client.millionths > stranger.millionths == hot_client.millionths == off.millionths
    assert "above-normal" in [point.label for point in calm_client.because]


def test_marks_move_only_by_a_named_point_and_by_half_a_logit_at_most():
    said = screening(("threat", 0.7))
    cooler = weigh(said, replace(CLIENT, calibration=Calibration(marks={"calm": 1000})), POLICY)
    hotter = weigh(said, replace(CLIENT, calibration=Calibration(marks={"heated": 3})), POLICY)
    assert cooler.millionths < weigh(said, CLIENT, POLICY).millionths < hotter.millionths
    assert cooler.millionths > 300_000
    assert {"marked-calmer", "marked-hotter"} <= {point.label for point in cooler.because + hotter.because}


def test_a_plugin_may_raise_the_level():
    chosen = combine((Said("mine", verdict(Level.HOSTILE)), Said("weigh", verdict(Level.CALM))), frozenset())
    assert (chosen.level, chosen.decided_by) == (Level.HOSTILE, "mine")


def test_a_plugin_may_not_lower_the_level_unless_the_operator_lets_it():
    said = (Said("mine", verdict(Level.CALM)), Said("weigh", verdict(Level.HEATED)))
    assert combine(said, frozenset()).decided_by == "weigh"
    assert combine(said, frozenset({"mine"})).level is Level.CALM


def test_calling_an_unjudgeable_message_calm_is_lowering_it():
    said = (Said("mine", verdict(Level.CALM)), Said("weigh", verdict(Level.UNKNOWN)))
    assert combine(said, frozenset()).level is Level.UNKNOWN


def test_incompleteness_carries_over_to_whoever_decides():
    said = (Said("mine", verdict(Level.HOSTILE)), Said("weigh", verdict(Level.CALM, complete=False)))
    assert not combine(said, frozenset()).complete


def test_only_the_first_plugin_that_answers_counts():
    said = (
        Said("one", verdict(Level.TENSE)),
        Said("two", verdict(Level.HOSTILE)),
        Said("weigh", verdict(Level.CALM)),
    )
    assert combine(said, frozenset()).decided_by == "one"


def first(*said: tuple[str, float]) -> Screening:
    """What was found in the first message ever exchanged with a client."""
    return replace(screening(*said), first_contact=True)


def test_a_first_message_is_tense_at_most_by_a_named_negative_point():
    angry = (("heated", 1.0), ("personal-attack", 0.8))
    later, earliest = weigh(screening(*angry), CLIENT, POLICY), weigh(first(*angry), CLIENT, POLICY)
    (point,) = [point for point in earliest.because if point.label == "first-contact"]
    assert (later.level, earliest.level) == (Level.HOSTILE, Level.TENSE)
    assert point.plugin == "levelhead" and point.millionths < 0 and "first message" in point.why
    assert "first-contact" not in earliest.labels


def test_a_first_message_that_is_not_heated_is_left_alone():
    for said in ((), (("heated", 0.4),)):
        assert weigh(first(*said), CLIENT, POLICY) == weigh(screening(*said), CLIENT, POLICY)


@pytest.mark.parametrize("label", ["threat", "legal"])
def test_a_first_message_that_threatens_is_not_spared(label):
    said = (("heated", 0.8), (label, 0.5))
    assert weigh(first(*said), CLIENT, POLICY) == weigh(screening(*said), CLIENT, POLICY)
    hint = weigh(first(("heated", 1.0), (label, 0.1)), CLIENT, POLICY)
    assert hint.level is Level.TENSE


@given(noted, weights, calibrations, st.floats(0.36, 1))
def test_the_points_of_a_first_message_sum_and_only_a_threat_takes_it_further(
    said, weighed, calibration, heated
):
    policy = HeatPolicy(weights=weighed, heated=heated, hostile=1.0)
    client = replace(CLIENT, calibration=calibration)
    result = weigh(Screening(message_id="m", noted=tuple(said), first_contact=True), client, policy)
    assert sum(point.millionths for point in result.because) == result.millionths
    if not any(each.finding.label in ("threat", "legal") for each in said):
        assert result.level in (Level.CALM, Level.TENSE) or heated == 1


def test_nothing_is_spared_where_everything_is_to_be_heated():
    policy = HeatPolicy(tense=0, heated=0)
    assert weigh(first(("heated", 0.5)), CLIENT, policy).level is Level.HEATED


def test_a_remark_is_a_label_behind_those_that_raised_the_score_and_moves_nothing():
    said = (("legitimate-complaint", 0.0), ("heated", 0.3))
    result = weigh(screening(*said), CLIENT, POLICY)
    assert result.labels == ("heated", "legitimate-complaint")
    assert result.millionths == weigh(screening(("heated", 0.3)), CLIENT, POLICY).millionths


def test_no_verdict_at_all_is_our_mistake():
    with pytest.raises(ProgrammerError):
        combine((), frozenset())


def test_a_verdict_whose_points_do_not_sum_cannot_exist():
    point = Point(plugin="mine", label="threat", millionths=1)
    with pytest.raises(ValueError, match="sum"):
        Verdict(level=Level.HEATED, millionths=700_000, because=(point,))


def test_weighing_many_findings_takes_no_time_worth_naming():
    dice = random.Random(1)
    said = tuple(Noted(plugin="p", finding=Finding(f"l{n % 50}", dice.uniform(-1, 1))) for n in range(5000))
    assert weigh(Screening(message_id="m", noted=said), CLIENT, POLICY).millionths is not None
