from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.config.durations import LONGEST, duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("30m", 1800), ("4h", 14400), ("14d", 1209600), ("1w", 604800), ("1h30m", 5400)],
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "4", "4 h", "h", "-4h", "4H", "30m1h", "1.5h", "4h4h", "٤h", "4h\n", "99999w"]
)
def test_what_is_not_a_length_of_time_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|longer"):
        parse_duration(text)


def test_a_bare_number_is_told_that_it_lacks_a_unit() -> None:
    with pytest.raises(ValueError, match='"30" has no unit: write "30s", "30m", "30h" or "30d"'):
        parse_duration("30")


@given(st.integers(min_value=0, max_value=int(LONGEST.total_seconds())))
def test_a_length_survives_being_written_and_read(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
