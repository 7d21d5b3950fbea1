"""The newly written text of an archived message and nothing else, for a snippet: what `parse` reads, sooner."""

from __future__ import annotations

from levelhead.archive.body import Body, read_body
from levelhead.archive.chars import Defects, Guard
from levelhead.archive.headers import split_head
from levelhead.archive.mime import read_parts
from levelhead.heat.forms import joined
from levelhead.heat.newtext import new_text_of
from levelhead.raw import Raw

LIMIT = 4_000_000
"""Bytes of a message that are read; what stands behind them gives no snippet."""


def new_text_in(raw: Raw) -> str:
    """The newly written text as `parse` gives it; empty where the bytes cannot be read."""
    unwanted = Defects()
    data = raw.head(LIMIT)
    head = split_head(data, unwanted)
    if head.bare_cr:
        data = data.replace(b"\r", b"\n")
    body = Body()
    with Guard(unwanted, "body-unread"):
        body = read_body(read_parts(head, data[head.body_at :], unwanted, cut=raw.size > len(data)), unwanted)
    with Guard(unwanted, "text-unread"):
        one, other = map(new_text_of, body.forms())
        return joined(one.text, other.text)
    return ""
