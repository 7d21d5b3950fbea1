"""Plain values as JSON: what a worker says can be a wrong value, but never a call, a loop or a flood of memory."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from levelhead import plain
from levelhead.model import Finding, Level, Severity
from levelhead.pipes import BadFrame
from levelhead.plain import (
    LARGEST_WHOLE,
    MOST_MARKS,
    from_json,
    many,
    moment,
    one_of,
    real,
    row,
    text,
    texts,
    to_json,
    truth,
    whole,
)

MOST_CALLS = 100
"""Calls of functions, in Python or in C, that reading a frame may take before it is refused."""

ANY_TEXT = some.text(some.characters())
"""With halves of surrogate pairs."""
LEAVES = (
    some.none()
    | some.booleans()
    | some.integers(-LARGEST_WHOLE, LARGEST_WHOLE)
    | some.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
)


def exactly(value: object) -> object:
    """A value with its types beside it, since 1 == 1.0 == True."""
    return [exactly(item) for item in value] if isinstance(value, list) else (type(value), repr(value))


# --- what is sent comes back -------------------------------------------------------------------


@given(some.recursive(LEAVES, lambda inner: some.lists(inner, max_size=5)))
@example("\ud83d\ude00 is no \U0001f600")
@example(["\ud800", "\x00\x1f\x7f\u2028\ufeff", -0.0, 5e-324, sys.float_info.max, -LARGEST_WHOLE])
def test_every_plain_value_comes_back_as_it_was_sent(value: object) -> None:
    assert exactly(from_json(to_json(value))) == exactly(value)


def test_a_noun_crosses_as_its_fields_and_a_moment_in_utc() -> None:
    at_noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert from_json(to_json((Finding("a", 1, quotes=("x",)), Level.CALM))) == [["a", 1.0, "", ["x"]], "calm"]
    assert moment(from_json(to_json(at_noon))) == at_noon
    assert moment(from_json(to_json(at_noon))).tzinfo is UTC


@given(some.datetimes(timezones=some.just(UTC)))
def test_every_moment_comes_back_as_it_was_sent(value: datetime) -> None:
    assert moment(from_json(to_json(value))) == value


@pytest.mark.parametrize("value", [print, {1}, {"a": 1}, b"bytes", object(), Path("x"), Finding])
def test_what_is_no_plain_value_is_not_sent(value: object) -> None:
    with pytest.raises((TypeError, BadFrame)):
        from_json(to_json([value]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError):
        to_json(value)


# --- what is crafted is refused ----------------------------------------------------------------


class Calls:
    """Pickled, it is a call of `os.mkdir`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


KEY_OF_A_TRILLION = b"\x80\x04})" + b"2\x86" * 40 + b"Ns."
"""87 bytes of pickle: a tuple of itself twice, forty times over, whose hash is asked for. It takes hours."""

FOUND = Path(__file__).parent / "data" / "found" / "frame"

CRAFTED = {
    "a pickle that takes for ever": KEY_OF_A_TRILLION,
    "a pickle that takes gigabytes": (FOUND / "a-table-of-gigabytes").read_bytes(),
    "a pickle of plain values": pickle.dumps(["all is well"]),
    "an old pickle of plain values": pickle.dumps(["all is well"], 0),
    "nothing": b"",
    "no JSON": b"nonsense",
    "no text at all": b"\xff\xfe[\x00]\x00",
    "two values": b"[][]",
    "half a value": b'["a',
    "a name": b"[print]",
    "an object": b'{"a": 1}',
    "an object deep inside": b'[[[{"__class__": "os.system"}]]]',
    "many objects": b"[" + b"{}," * 100_000 + b"0]",
    "not a number": b"[NaN]",
    "infinite": b"[Infinity]",
    "infinite and negative": b"[-Infinity]",
    "infinite in the end": b"[1e999]",
    "65 bits": b"[%d]" % (LARGEST_WHOLE + 1),
    "65 bits and negative": b"[-%d]" % (LARGEST_WHOLE + 1),
    "a number of a million digits": b"[" + b"9" * 1_000_000 + b"]",
    "a fraction of a million digits": b"[0." + b"9" * 1_000_000 + b"]",
    "brackets without end": b"[" * 1_000_000,
    "deep brackets": b"[" * 200_000 + b"]" * 200_000,
    "deep brackets, and more than are read": b"[" * MOST_MARKS + b"]" * MOST_MARKS,
    "millions of lists": b"[" + b"[]," * 1_000_000 + b"0]",
    "millions of small texts": b"[" + b'"ab",' * 1_100_000 + b"0]",
    "a text of quotes that never ends": b'["' + b'\\"' * 1_000_000,
    "a text that ends with half a word": b'["' + b"x" * 2_000_000 + b"\\",
    "many texts that never end": b'["\\' * 500_000,
}


def cost(read: Callable[[], object]) -> tuple[int, int]:
    """Calls of functions that reading takes, and bytes of memory at its highest; BadFrame is expected of it."""
    calls = 0

    def count(_frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > MOST_CALLS:
            raise AssertionError("it takes too many calls")

    gc.disable()  # what others do when it collects is not counted
    tracemalloc.start()
    sys.setprofile(count)
    try:
        with pytest.raises(BadFrame):
            read()
    finally:
        sys.setprofile(None)
        gc.enable()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return calls, peak


@pytest.mark.parametrize("how", CRAFTED)
def test_a_crafted_answer_is_refused_and_costs_little(how: str) -> None:
    """Each call that reading makes goes through what it was given a fixed number of times."""
    data = CRAFTED[how]
    _, peak = cost(lambda: from_json(data))
    assert peak < 100_000 + 25 * len(data)


@pytest.mark.parametrize(("kind", "most"), [(int, 20), (float, 30)])
def test_a_number_that_is_too_long_is_not_even_converted(
    kind: type, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has a limit of its own, which the environment can switch off; converting takes time by the square."""
    converted: list[int] = []

    def convert(digits: str) -> int | float:
        converted.append(len(digits))
        return kind(digits[:most])

    monkeypatch.setattr(plain, kind.__name__, convert, raising=False)
    point = "." if kind is float else ""
    for length in (most, most + 1, 5_000):
        number = f"1{point}".ljust(length, "1")
        with contextlib.suppress(BadFrame):
            from_json(b"[" + number.encode() + b"]")
    assert converted == [most]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_answer_that_calls_something_is_refused_and_nothing_is_called(
    protocol: int, tmp_path: Path
) -> None:
    path = tmp_path / "made"
    with pytest.raises(BadFrame):
        from_json(pickle.dumps(Calls(str(path)), protocol))
    assert not path.exists()


def test_what_is_taken_has_no_more_memory_than_a_fixed_part_of_the_frame() -> None:
    """The worst that there is: empty lists, of three bytes each."""
    data = b"[" + b"[]," * (MOST_MARKS // 3 - 2) + b"0]"
    assert len(data) < MOST_MARKS
    _, peak = cost(lambda: row(from_json(data), 1))
    assert peak < 25 * len(data)


def test_the_names_of_functions_are_texts_like_any_other() -> None:
    assert from_json(b'["os.system", "__reduce__", "builtins.exec"]') == [
        "os.system",
        "__reduce__",
        "builtins.exec",
    ]


def test_a_large_text_is_read_whatever_stands_in_it() -> None:
    for piece in ('["', "\\", '",[],[],"', "\U0001f600", "\ud800", "\n"):
        large = piece * (2 * MOST_MARKS // len(piece))
        assert from_json(to_json([large, 1])) == [large, 1]


@given(some.binary(max_size=200), some.integers(0, 60))
def test_an_answer_that_was_bent_is_a_plain_value_or_refused(garbage: bytes, at: int) -> None:
    whole_answer = to_json(([["label", 0.5, "why", ["quote"]]], "", False, 12345))
    try:
        found = from_json(whole_answer[:at] + garbage + whole_answer[at + len(garbage) :])
    except BadFrame:
        return
    assert types_in(found) <= {type(None), bool, int, float, str, list}


def types_in(value: object) -> set[type]:
    inside = (types_in(item) for item in value) if isinstance(value, list) else ()
    return {type(value)}.union(*inside)


# --- who reads a value says what it is -----------------------------------------------------------

READERS: dict[str, tuple[Callable[[object], object], object]] = {
    "text": (text, "x"),
    "whole": (whole, 1),
    "real": (real, 1.0),
    "truth": (truth, True),
    "many": (many, []),
    "row": (lambda value: row(value, 0), []),
    "texts": (texts, ["x"]),
    "moment": (moment, "2026-01-01T00:00:00+00:00"),
    "one_of": (lambda value: one_of(value, Severity), "info"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_value_of_another_type_is_refused_and_not_shown(name: str) -> None:
    read, right = READERS[name]
    read(right)
    for wrong in (None, 7, 7.5, False, "a stranger's words", ["a stranger's words", 1]):
        if type(wrong) is not type(right) or isinstance(wrong, list) or name in ("moment", "one_of"):
            if name == "many" and isinstance(wrong, list):
                continue
            with pytest.raises(BadFrame) as caught:
                read(wrong)
            assert "stranger" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    ["2026-01-01T00:00:00", "2026-01-01T00:00:00+02:00", "2026-13-01T00:00:00+00:00", "2026", "\ud800"],
)
def test_a_moment_that_is_none_in_utc_is_refused(wrong: str) -> None:
    with pytest.raises(BadFrame):
        moment(wrong)
