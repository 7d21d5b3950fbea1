"""The parts of a whole message as a tree: how `parse` sees it, for all who read the same message for less."""

from __future__ import annotations

from levelhead.archive.chars import Defects
from levelhead.archive.headers import Head, split_head
from levelhead.archive.large import made_small
from levelhead.archive.mime import Part, read_parts
from levelhead.raw import Raw

READ_LIMIT = 8_000_000
"""Bytes that parsers are given; of a larger message what its large parts hold is left out (`large`)."""


def tree_of(raw: Raw, defects: Defects) -> Part:
    """The tree of parts whose text and attachments `parse` tells of."""
    data = raw.head(READ_LIMIT)
    head = split_head(data, defects)
    if raw.size > len(data):
        del data
        return parts_of_large(raw, head, defects)
    return parts_of(head, data, defects)


def parts_of(head: Head, data: bytes, defects: Defects) -> Part:
    """The tree of a message of `data`, whose header block is `head`."""
    data = data.replace(b"\r", b"\n") if head.bare_cr else data
    return read_parts(head, data[head.body_at :], defects)


def parts_of_large(raw: Raw, head: Head, defects: Defects) -> Part:
    """The tree of a message that is larger than what parsers are given."""
    small = made_small(raw, head, READ_LIMIT)
    if small.cut:
        defects.add("message-cut", f"{raw.size} bytes")
    return small.marked(read_parts(head, small.body, defects, cut=small.cut))
