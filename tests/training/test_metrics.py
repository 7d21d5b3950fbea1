"""The measures of the report against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.metrics import (
    auroc,
    average_precision,
    bootstrap,
    ece,
    platt,
    recall_at,
    reliability,
    steps,
    wilson,
)

HOT = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    # of nine pairs of a heated and a calm one, only (0.6, 0.7) is the wrong way round
    assert auroc(HOT, SCORE) == pytest.approx(8 / 9)


def test_a_tie_counts_half() -> None:
    assert auroc(np.array([True, False]), np.array([0.5, 0.5])) == pytest.approx(0.5)
    # pairs: 0.7 over 0.5 and 0.3, 0.5 beside 0.5, 0.5 over 0.3
    hot, score = np.array([True, True, False, False]), np.array([0.7, 0.5, 0.5, 0.3])
    assert auroc(hot, score) == pytest.approx(3.5 / 4)


def test_average_precision_weighs_each_precision_by_the_recall_it_adds() -> None:
    # found at ranks 1, 2 and 4, each a third of the recall
    assert average_precision(HOT, SCORE) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_average_precision_takes_ties_as_one_step() -> None:
    assert average_precision(np.array([True, False]), np.array([0.5, 0.5])) == pytest.approx(0.5)


def test_recall_is_that_of_the_lowest_threshold_with_few_enough_alarms() -> None:
    assert recall_at(HOT, SCORE, 0.0) == pytest.approx(2 / 3)
    assert recall_at(HOT, SCORE, 1 / 3) == pytest.approx(1.0)
    assert recall_at(np.array([False, True]), np.array([0.9, 0.8]), 0.05) == 0.0


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    weight = np.array([1.0, 2.0, 1.0, 1.0, 3.0, 0.0])
    often = np.repeat(np.arange(6), weight.astype(int))
    for measure in (auroc, average_precision, ece):
        assert measure(HOT, SCORE, weight) == pytest.approx(measure(HOT[often], SCORE[often]))


def test_the_measures_know_no_value_where_one_side_is_missing() -> None:
    assert np.isnan(auroc(np.array([True, True]), np.array([0.1, 0.2])))
    with pytest.raises(ValueError, match="no row"):
        steps(np.array([], bool), np.array([]))


def test_the_calibration_error_is_the_mean_distance_of_the_bins() -> None:
    hot, chance = np.array([True, False, True, True]), np.array([0.1, 0.1, 0.9, 0.9])
    # bins of two: said 0.1 and so in half, said 0.9 and so in all
    assert ece(hot, chance, bins=2) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
    assert reliability(hot, chance, bins=2) == [
        (pytest.approx(0.1), pytest.approx(0.5), pytest.approx(0.5)),
        (pytest.approx(0.9), pytest.approx(1.0), pytest.approx(0.5)),
    ]


def test_a_chance_of_one_falls_into_the_last_bin() -> None:
    assert ece(np.array([True]), np.array([1.0])) == 0.0


def test_the_fit_of_two_numbers_finds_the_shares_of_two_groups() -> None:
    score = np.repeat([0.0, 1.0], 400)
    hot = np.concatenate([np.arange(400) < 80, np.arange(400) < 360])
    fitted = platt(hot, score)(np.array([0.0, 1.0]))
    assert fitted == pytest.approx([0.2, 0.9], abs=1e-4)


def test_wilson_gives_the_intervals_that_the_tables_give() -> None:
    # z = 1.96: 0 of 10 is 0 to z²/(10+z²); 5 of 10 is 0.2366 to 0.7634 (Brown, Cai, DasGupta 2001)
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_bootstrap_is_the_same_every_time_and_holds_the_mean() -> None:
    values = np.arange(100, dtype=float)

    def mean(weight: np.ndarray) -> list[float]:
        return [float(np.average(values, weights=weight))]

    groups = np.arange(100)
    (ends,) = bootstrap(groups, mean, times=400)
    assert [ends] == bootstrap(groups, mean, times=400)
    # the standard error of the mean of 0..99 is 2.9
    assert ends[0] == pytest.approx(49.5 - 5.7, abs=1.0)
    assert ends[1] == pytest.approx(49.5 + 5.7, abs=1.0)


def test_rows_of_one_group_are_drawn_together() -> None:
    seen: list[np.ndarray] = []

    def keep(weight: np.ndarray) -> list[float]:
        seen.append(weight)
        return [0.0]

    bootstrap(np.array([4, 4, 9, 9]), keep, times=20)
    assert all(weight[0] == weight[1] and weight[2] == weight[3] for weight in seen)
    assert len({tuple(weight) for weight in seen}) > 1
