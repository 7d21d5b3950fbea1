"""Names of files in a pack: made by us, so that no sender's word is ever a path."""

from __future__ import annotations

import re

STEM_LIMIT, ENDING_LIMIT = 60, 10
"""Characters."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def number_of(number: int, total: int) -> str:
    """An exhibit's number with as many digits as the last one has, at least four, so that names sort."""
    return f"{number:0{max(4, len(str(total)))}}"


def message_file(number: str) -> str:
    """Where a message lies in the pack."""
    return f"messages/{number}.eml"


def attachment_file(number: str, position: int, name: str) -> str:
    """Where an attachment lies: exhibit and position make it unique; of the sender's name what is harmless is kept.

    Letters, digits, `-` and `_` of ASCII, and one dot before an ending of at most 10; no path, no device name of any
    system (it begins with a number), nothing hidden.
    """
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    stem = _UNSAFE.sub("_", stem)[:STEM_LIMIT].strip("_") or "attachment"
    ending = _UNSAFE.sub("", ending)[:ENDING_LIMIT]
    return f"attachments/{number}-{position:03}-{stem}{f'.{ending}' if ending else ''}"
