"""Lengths of time as people write them: "90s", "30m", "4h", "14d", "1w", "1h30m"."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WHOLE = re.compile(
    r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?\Z", re.ASCII
)
LONGEST = timedelta(days=36_500)
"""A hundred years; nothing that is meant is longer, and sums with dates cannot overflow."""


def parse_duration(text: str) -> timedelta:
    """The length of time that `text` says, in whole seconds, largest unit first; ValueError says what is wrong."""
    if text.isascii() and text.isdigit():
        raise ValueError(f'"{text}" has no unit: write "{text}s", "{text}m", "{text}h" or "{text}d"')
    match = _WHOLE.match(text)
    if not text or match is None:
        raise ValueError(
            f'"{text}" is not a length of time: write it as "90s", "30m", "4h", "1h30m", "14d" or "1w"'
        )
    seconds = sum(int(n or 0) * size for n, size in zip(match.groups(), _UNITS.values(), strict=True))
    if seconds > LONGEST.total_seconds():
        raise ValueError(f'"{text}" is longer than a hundred years')
    return timedelta(seconds=seconds)


def duration_text(length: timedelta) -> str:
    """The shortest way to write a length of time of whole seconds, such as "1h30m"; "0s" for none."""
    rest = int(length.total_seconds())
    if rest and rest % _UNITS["w"] == 0:
        return f"{rest // _UNITS['w']}w"
    parts = []
    for unit, size in _UNITS.items():
        if unit != "w" and rest >= size:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return "".join(parts) or "0s"
