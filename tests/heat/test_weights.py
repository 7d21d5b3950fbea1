"""The file of weights: small, the same bytes for the same weights, refused in one sentence when it is not whole."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise

import pytest

from levelhead.errors import UserError
from levelhead.heat.engine import read
from levelhead.heat.phrases import families
from levelhead.heat.weights import FILE, SCHEMA, curve, packed, unpacked, weights

SHIPPED = files("levelhead.heat").joinpath(FILE).read_bytes()
LIMIT = 3_000_000


def test_the_weights_that_ship_are_small() -> None:
    assert len(SHIPPED) <= LIMIT


def test_the_same_weights_always_make_the_same_bytes() -> None:
    assert packed(unpacked(SHIPPED)) == packed(unpacked(SHIPPED))


def test_what_is_written_is_read_back() -> None:
    shipped, back = unpacked(SHIPPED), unpacked(packed(unpacked(SHIPPED)))
    assert (back.coefficients, back.words, back.trained) == (
        shipped.coefficients,
        shipped.words,
        shipped.trained,
    )
    assert set(back.labels.tables) == set(shipped.labels.tables)
    tables = [(shipped.heat, back.heat), (shipped.public, back.public), (shipped.kind, back.kind)]
    tables += [(shipped.complaint, back.complaint)]
    tables += [(table, back.labels.tables[name]) for name, table in shipped.labels.tables.items()]
    for one, two in tables:
        assert (one.table, one.bias) == (two.table, two.bias)
        assert two.scale == pytest.approx(one.scale, rel=1e-12)


def test_what_is_read_back_reads_the_same() -> None:
    text = "You are a liar and I want my money back. Kind regards, Bob"
    back = unpacked(packed(weights()))
    assert read(text, "en", back).logit == pytest.approx(read(text, "en").logit, abs=1e-9)


def damaged() -> dict[str, bytes]:
    line, _, body = SHIPPED.partition(b"\n")
    head = json.loads(line)
    without = {key: value for key, value in head.items() if key != "tables"}
    return {
        "empty": b"",
        "not JSON": b"hello\n" + body,
        "no line": body,
        "cut": SHIPPED[: len(SHIPPED) // 2],
        "only the line": line + b"\n",
        "a list": b"[]\n" + body,
        "without its tables": json.dumps(without).encode() + b"\n" + body,
        "changed": line + b"\n" + body[:1000] + b"\0\0\0\0" + body[1004:],
    }


@pytest.mark.parametrize("data", damaged().values(), ids=damaged().keys())
def test_a_damaged_file_is_refused_in_one_sentence_that_says_what_helps(data: bytes) -> None:
    with pytest.raises(
        UserError, match=r"(?s)\Aheat/weights\.bin is damaged .*; install levelhead again\Z"
    ) as error:
        unpacked(data)
    assert "\n" not in str(error.value)


def test_a_newer_file_is_refused_with_both_schemas() -> None:
    line, _, body = SHIPPED.partition(b"\n")
    newer = json.dumps(json.loads(line) | {"schema": SCHEMA + 1}).encode() + b"\n" + body
    with pytest.raises(UserError, match=f"schema {SCHEMA + 1}, and this version knows only {SCHEMA}"):
        unpacked(newer)


def test_the_bytes_of_a_table_are_symmetric_and_finer_near_nothing() -> None:
    scale = curve(1.0)
    assert scale[128] == 0 and scale[255] == pytest.approx(1.0)
    assert all(scale[128 + step] == pytest.approx(-scale[128 - step]) for step in range(128))
    assert all(one < two for one, two in pairwise(scale))
    assert scale[129] < (scale[255] - scale[254]) / 10


def test_heat_never_calms_and_courtesy_never_heats() -> None:
    """The signs of the coefficients are fixed, so that nothing that was learnt can turn a threat into a comfort."""
    coefficients = weights().coefficients
    assert coefficients["tone"] > 0 and coefficients["shouting"] >= 0 and coefficients["smiling"] <= 0
    for name, family in families().items():
        assert coefficients[name] <= 0 if family.label == "courtesy" else coefficients[name] >= 0, name


def test_the_file_says_what_it_was_trained_from() -> None:
    assert {"mails", "sentences", "public", "seed"} <= set(weights().trained)
