"""Reads a message and hears its words at once, where it is read; for who records and judges what comes in."""

from __future__ import annotations

from dataclasses import replace

from levelhead.archive.parse import parse
from levelhead.heat.heard import hear, packed
from levelhead.model import Parsed
from levelhead.raw import Raw


def parse_and_hear(raw: Raw) -> Parsed:
    """What the bytes say, and how the words read (`Parsed.heard`) where they are judged at all."""
    parsed = parse(raw)
    if not parsed.new_text or parsed.encrypted:
        return parsed
    return replace(parsed, heard=packed(hear(parsed.subject, parsed.new_text, parsed.language)))
