"""The newly written part of a mail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewText:
    """What its author newly wrote; `whole` when setting aside would have taken too much."""

    text: str
    whole: bool = False


def new_text_of(text: str) -> NewText:
    """The newly written part."""
    lines = [line for line in text.split("\n") if not line.startswith(">")]
    return NewText("\n".join(lines).strip())
