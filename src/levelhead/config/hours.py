"""A span of the day as people write it: "20:00-08:00"."""

from __future__ import annotations

import re
from datetime import time

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\Z")


def parse_span(text: str) -> tuple[time, time]:
    """From (inclusive) and to (exclusive) in local time; an end before its start wraps midnight; raises ValueError."""
    match = _SPAN.match(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not a span of the day: write it as "20:00-08:00"')
    hour, minute, to_hour, to_minute = (int(part) for part in match.groups())
    if (to_hour, to_minute) == (24, 0):
        to_hour = 0
    try:
        return time(hour, minute), time(to_hour, to_minute)
    except ValueError:
        raise ValueError(f'"{text}" is not a span of the day: hours go to 23, minutes to 59') from None
