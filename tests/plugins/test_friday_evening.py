"""The example `plugins/friday_evening.py`, asked as its users ask it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.testing import Refused, ask, check_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "friday_evening.py"
TABLE = {"from": "Fri 16:00", "until": "Mon 09:00", "timezone": "Europe/Berlin"}


def berlin(text: str) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def test_it_sleeps_until_its_table_is_written() -> None:
    assert ask(PLUGIN, "hold", now=berlin("2026-03-06 18:00")) is None


@pytest.mark.parametrize(
    "now", ["2026-03-06 16:00", "2026-03-07 03:00", "2026-03-08 23:59", "2026-03-09 08:59"]
)
def test_nothing_leaves_between_friday_evening_and_monday_morning(now: str) -> None:
    hold = ask(PLUGIN, "hold", settings=TABLE, now=berlin(now))
    assert hold.until == berlin("2026-03-09 09:00")
    assert hold.why == "nothing leaves before Monday 09:00"


@pytest.mark.parametrize("now", ["2026-03-06 15:59", "2026-03-09 09:00", "2026-03-11 12:00"])
def test_in_the_week_it_holds_nothing(now: str) -> None:
    assert ask(PLUGIN, "hold", settings=TABLE, now=berlin(now)) is None


def test_a_change_of_the_clocks_on_the_weekend_does_not_shift_monday_morning() -> None:
    hold = ask(PLUGIN, "hold", settings=TABLE, now=berlin("2026-03-27 20:00"))
    assert hold.until == berlin("2026-03-30 09:00")


def test_without_a_time_zone_the_machine_s_counts() -> None:
    table = {"from": "Mon 00:00", "until": "Sun 23:59"}
    now = datetime(2026, 3, 4, 12, 0).astimezone()
    assert ask(PLUGIN, "hold", settings=table, now=now.astimezone(UTC)).until.astimezone().strftime(
        "%a %H:%M"
    ) == ("Sun 23:59")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"from": "Fri 16:00"}, "such as 'Fri 16:00', not None"),
        ({"from": "Fri 25:00", "until": "Mon 09:00"}, "not 'Fri 25:00'"),
        ({"from": "Friday", "until": "Mon 09:00"}, "not 'Friday'"),
        (TABLE | {"timezone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        (TABLE | {"untl": "x"}, "there is no key untl"),
    ],
)
def test_a_table_that_makes_no_sense_refuses_the_plugin_in_a_sentence(
    table: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        ask(PLUGIN, "hold", settings=table)


def test_it_passes_every_check_of_the_daemon() -> None:
    try:
        assert check_plugin(PLUGIN, settings=TABLE).hooks == ("configure", "hold")
    except Refused as exc:
        pytest.skip(f"this checkout can be written by others: {exc}")
