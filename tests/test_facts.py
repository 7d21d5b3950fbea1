from __future__ import annotations

import functools
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levelhead import facts
from levelhead.errors import ProgrammerError
from levelhead.facts import Fact, fact_class, names, read

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1))
WHOLE = st.integers(-(2**62), 2**62)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    known: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: WHOLE,
        bool: st.booleans(),
        datetime: MOMENTS,
        int | None: st.none() | WHOLE,
        bool | None: st.none() | st.booleans(),
        datetime | None: st.none() | MOMENTS,
        tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
        tuple[int, ...]: st.lists(WHOLE, max_size=3).map(tuple),
    }
    parts = (
        facts.PointPart,
        facts.CallPart,
        facts.SignaturePart,
        facts.KeyPart,
        facts.ComparedPart,
        facts.FramePart,
        facts.GmailPart,
    )
    for part in parts:
        known[tuple[part, ...]] = st.lists(instances_of(part), max_size=2).map(tuple)
        known[part | None] = st.none() | instances_of(part)
    return known[hint]


@functools.cache
def instances_of(cls: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.fixed_dictionaries(
        {f.name: st.deferred(lambda h=hints[f.name]: values_of(h)) for f in fields(cls)}
    ).map(lambda values: cls(**values))


def test_every_fact_is_two_lower_case_words() -> None:
    assert len(names()) > 40
    for name in names():
        kind, dot, what = name.partition(".")
        assert dot
        assert kind.isidentifier()
        assert what.isidentifier()
        assert name == name.lower()


@pytest.mark.parametrize("name", names())
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_fact_comes_back_from_its_payload(name: str, data: st.DataObject) -> None:
    fact = data.draw(instances_of(fact_class(name)))
    payload = fact.payload()
    assert read(name, payload) == fact
    assert read(name, payload).payload() == payload


@pytest.mark.parametrize("name", names())
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_payload_is_canonical_json_without_fractions(name: str, data: st.DataObject) -> None:
    payload = data.draw(instances_of(fact_class(name))).payload()

    def refuse(text: str) -> None:
        raise AssertionError(f"a fraction in a payload: {text}")

    values = json.loads(payload, parse_float=refuse)
    again = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert again == payload


def test_a_time_in_another_zone_is_written_in_utc() -> None:
    when = datetime(2026, 3, 6, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert facts.DaemonStopped(why="asked", stopped_at=when).payload() == (
        b'{"stopped_at":"2026-03-06T12:00:00.000000Z","why":"asked"}'
    )


def test_a_fact_cannot_hold_a_fraction() -> None:
    with pytest.raises(ProgrammerError, match="cannot hold float"):
        facts.ConfigRefused(why=0.5).payload()  # type: ignore[arg-type]  # the mistake is the point


def test_a_fact_cannot_hold_a_time_without_a_zone() -> None:
    with pytest.raises(ProgrammerError, match="without a time zone"):
        facts.DaemonStopped(why="", stopped_at=datetime(2026, 3, 6)).payload()


def test_an_unknown_fact_and_a_payload_that_does_not_fit_are_told_apart() -> None:
    with pytest.raises(KeyError):
        read("nothing.known", b"{}")
    with pytest.raises(ValueError, match=r"config\.loaded does not fit"):
        read("config.loaded", b'{"other":1}')
    with pytest.raises(ValueError, match=r"config\.loaded does not fit"):
        read("config.loaded", b"{}")


def test_a_sighting_of_an_older_version_says_nothing_of_gmail() -> None:
    payload = (
        b'{"flags":[],"folder":"INBOX","id":"5e","internal_date":null,"mailbox":"office",'
        b'"seen_at":"2026-03-06T12:00:00.000000Z","sent":true,"uid":4,"uidvalidity":7}'
    )
    fact = read("message.sighted", payload)
    assert isinstance(fact, facts.MessageSighted) and fact.sent and fact.gmail is None


def test_two_facts_of_one_name_are_refused() -> None:
    with pytest.raises(ProgrammerError, match="two facts"):
        facts.named("daemon.started")(Fact)
