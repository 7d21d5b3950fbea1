"""The newly written text of an archived message and nothing else, for a snippet: what `parse` reads, sooner."""

from __future__ import annotations

from levelhead.archive.body import Body, read_body
from levelhead.archive.chars import Defects, Guard
from levelhead.archive.tree import tree_of
from levelhead.heat.forms import joined
from levelhead.heat.newtext import new_text_of
from levelhead.raw import Raw


def new_text_in(raw: Raw) -> str:
    """The newly written text as `parse` gives it; empty where the bytes cannot be read."""
    unwanted = Defects()
    body = Body()
    with Guard(unwanted, "body-unread"):
        body = read_body(tree_of(raw, unwanted), unwanted)
    with Guard(unwanted, "text-unread"):
        one, other = map(new_text_of, body.forms())
        return joined(one.text, other.text)
    return ""
