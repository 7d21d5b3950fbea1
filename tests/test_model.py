"""The nouns: frozen, and no datetime without a time zone gets into one."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args, get_type_hints

import pytest

from levelhead import facts, model
from levelhead.errors import ProgrammerError

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
NOUNS = [
    value for value in vars(model).values() if is_dataclass(value) and value.__module__ == model.__name__
]
PLAIN: dict[Any, Any] = {
    str: "x", int: 1, float: 0.5, bool: False, datetime: NOON, model.Draft: model.Draft("s", "b"),
    model.Finding: model.Finding("loud", 0.5), model.Alert: model.Alert("loud", model.Severity.INFO, "t"),
}  # fmt: skip


def value_of(hint: Any) -> Any:
    """Something that fits a field."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if hint in PLAIN:
        return PLAIN[hint]
    if type(None) in get_args(hint):
        return value_of(next(part for part in get_args(hint) if part is not type(None)))
    return {} if "Mapping" in str(hint) else ()


def values_of(noun: Any) -> dict[str, Any]:
    hints = get_type_hints(noun)
    special = {"raw": model.Raw(digest="", size=0, data=b""), "label": "loud", "key": "loud"}
    values = {one.name: special.get(one.name, value_of(hints[one.name])) for one in fields(noun)}
    return values | ({"calibration": model.Calibration()} if "calibration" in values else {})


def moments(kinds: list[Any]) -> list[Any]:
    """(class, field) of every field that takes a datetime."""
    return [
        pytest.param(kind, one.name, id=f"{kind.__name__}.{one.name}")
        for kind in kinds
        for one in fields(kind)
        if "datetime" in str(get_type_hints(kind)[one.name])
    ]


@pytest.mark.parametrize(("noun", "name"), moments(NOUNS))
def test_no_noun_takes_a_naive_datetime(noun: Any, name: str) -> None:
    values = values_of(noun)
    assert getattr(noun(**values), name) == NOON
    with pytest.raises(ValueError, match=f"{name} has no time zone"):
        noun(**values | {name: NAIVE})


FACTS = [facts.fact_class(name) for name in facts.names()]


@pytest.mark.parametrize(("fact", "name"), moments(FACTS))
def test_no_fact_with_a_naive_datetime_reaches_the_ledger(fact: Any, name: str) -> None:
    values = values_of(fact)
    assert fact(**values).payload()
    with pytest.raises(ProgrammerError, match="without a time zone"):
        fact(**values | {name: NAIVE}).payload()


def test_what_takes_a_datetime_is_found() -> None:
    assert len(moments(NOUNS)) >= 11
    assert len(moments(FACTS)) >= 25


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_noun_is_frozen(noun: Any) -> None:
    assert noun.__dataclass_params__.frozen
    assert hasattr(noun, "__slots__")


def test_a_frozen_noun_cannot_be_changed() -> None:
    place = model.Place(mailbox="work", folder="INBOX", uidvalidity=1, uid=2)
    with pytest.raises(FrozenInstanceError):
        place.uid = 3  # type: ignore[misc]  # the mistake is the point


def test_a_hold_is_kept_in_utc() -> None:
    assert model.Hold(datetime.fromisoformat("2026-03-06T17:30:00+05:30"), "calm").until == NOON
    with pytest.raises(ValueError, match="must be a datetime"):
        model.Hold("tomorrow", "calm")  # type: ignore[arg-type]  # the mistake is the point


def test_levels_are_ordered_and_not_knowing_ranks_as_tense() -> None:
    assert [level.rank for level in model.Level] == [0, 1, 2, 3, model.Level.TENSE.rank]
    assert [severity.rank for severity in model.Severity] == [0, 1, 2]


@pytest.mark.parametrize("strength", [1.01, -1.01, float("nan"), float("inf"), True, "1", None])
def test_a_strength_outside_its_range_is_refused(strength: Any) -> None:
    with pytest.raises(ValueError, match="strength must be"):
        model.Finding("loud", strength)


@pytest.mark.parametrize("label", ["", "Loud", "very loud", "-loud", "loud-", None])
def test_a_label_is_a_slug(label: Any) -> None:
    with pytest.raises(ValueError, match="a label is lower-case words"):
        model.Finding(label, 0.5)


@pytest.mark.parametrize(
    ("level", "millionths", "points"),
    [
        (model.Level.CALM, None, ()),
        (model.Level.UNKNOWN, 1, ()),
        (model.Level.CALM, 1_000_001, ()),
        (model.Level.CALM, 2, (model.Point(plugin="tone", label="loud", millionths=1),)),
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused(
    level: model.Level, millionths: int | None, points: tuple[model.Point, ...]
) -> None:
    with pytest.raises(ValueError, match=r"score"):
        model.Verdict(level=level, millionths=millionths, because=points)


def test_a_score_is_its_millionths() -> None:
    assert model.Verdict(level=model.Level.CALM, millionths=250_000).score == 0.25
    assert model.Verdict(level=model.Level.UNKNOWN, millionths=None).score is None
