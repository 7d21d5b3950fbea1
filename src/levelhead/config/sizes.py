"""Sizes as people write them: "500 MB", "2 GB", "1.5 GB"; a thousand kB are a MB, as providers count."""

from __future__ import annotations

import re

_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(kB|MB|GB|TB)\Z", re.ASCII)
NONE = "none"


def parse_size(text: str) -> int:
    """How many bytes `text` says, at least one; ValueError says what is wrong."""
    if text.isascii() and text.isdigit():
        raise ValueError(f'"{text}" has no unit: write "{text} MB" or "{text} GB"')
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f'"{text}" is not a size: write it as "500 MB", "2 GB" or "1.5 GB", or "{NONE}"')
    size = round(float(match[1]) * _UNITS[match[2]])
    if not size:
        raise ValueError(f'"{text}" is nothing at all; "{NONE}" is for no limit')
    return size


def size_text(size: int) -> str:
    """A size for a reader, such as "2.5 GB" or "730 MB"."""
    for unit, each in reversed(_UNITS.items()):
        if size >= each:
            return f"{size / each:.3g} {unit}" if size < 999.5 * each else f"{size / each:.0f} {unit}"
    return f"{size} bytes"
