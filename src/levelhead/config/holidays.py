"""Days without work, by country or from a calendar file, as a question that the calendar asks of each day."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from levelhead.config.fields import COUNTRY
from levelhead.config.ics import DaysOff, read_ics
from levelhead.config.settings import Settings
from levelhead.errors import UserError

INSTALL = "pip install levelhead[holidays]"
LARGEST = 5_000_000
"""Bytes of a calendar file."""


def settings_holidays(settings: Settings) -> Callable[[date], bool]:
    """Whether a day is a holiday, as `[me] holidays` says; UserError when that cannot be told."""
    wanted = settings.me.holidays
    if not wanted:
        return lambda day: False
    if COUNTRY.match(wanted):
        return _country(wanted)
    return calendar_file(Path(wanted)).__contains__


def calendar_file(path: Path) -> DaysOff:
    """The all-day events of an .ics file; UserError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as exc:
        raise UserError(f"`me.holidays`: {path} cannot be read: {exc.strerror or exc}") from exc
    if len(data) > LARGEST:
        raise UserError(f"`me.holidays`: {path} is larger than {LARGEST // 1_000_000} MB")
    try:
        return read_ics(data.decode("utf-8-sig"))
    except ValueError as exc:  # UnicodeDecodeError is one
        raise UserError(f"`me.holidays`: {path}: {exc}") from exc


def _country(code: str) -> Callable[[date], bool]:
    if importlib.util.find_spec("holidays") is None:
        raise UserError(f'`me.holidays = "{code}"` needs the list of public holidays: run `{INSTALL}`')
    import holidays  # 170 ms, so only when a country is asked for

    country, _, part = code.partition("-")
    try:
        days = holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError as exc:
        known = holidays.list_supported_countries().get(country)
        hint = (
            f"parts of {country}: {', '.join(known)}"
            if known
            else "a calendar file (.ics) can be named instead"
        )
        raise UserError(f"`me.holidays`: the holidays of {code} are not known; {hint}") from exc
    lock = threading.Lock()

    def is_holiday(day: date) -> bool:
        with lock:  # asking for a new year fills its table
            return day in days

    return is_holiday
