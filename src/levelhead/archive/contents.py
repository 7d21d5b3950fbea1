"""The bytes of a message's parts, for whoever hands them out as files; what they are called is `parse`'s business."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from levelhead.archive.chars import Defects, Guard
from levelhead.archive.headers import split_head
from levelhead.archive.mime import Part, read_parts
from levelhead.archive.parse import READ_LIMIT
from levelhead.raw import Raw


def contents(raw: Raw) -> Mapping[str, bytes]:
    """The decoded bytes of every part that is whole, by their SHA-256 in hex, which is `Attachment.digest`.

    Total and bounded as `parse`: what cannot be read is not there.
    """
    defects = Defects()
    data = raw.head(READ_LIMIT)
    head = split_head(data, defects)
    if head.bare_cr:
        data = data.replace(b"\r", b"\n")
    found: dict[str, bytes] = {}
    with Guard(defects, "body-unread"):
        _add(read_parts(head, data[head.body_at :], defects, cut=raw.size > len(data)), found)
    return found


def _add(part: Part, found: dict[str, bytes]) -> None:
    if not part.type.startswith("multipart/") and not part.cut:
        found[hashlib.sha256(part.content).hexdigest()] = part.content
    for child in part.children:
        _add(child, found)
