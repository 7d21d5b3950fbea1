"""The bytes of a message's parts, for whoever hands them out as files; what they are called is `parse`'s business."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from levelhead.archive.chars import Defects, Guard
from levelhead.archive.large import Doubt, decoded, measured
from levelhead.archive.mime import LeftOut, Part
from levelhead.archive.tree import tree_of
from levelhead.raw import Raw

Pieces = Callable[[], Iterator[bytes]]
"""Called, the decoded bytes of a part, in pieces; as often as it is called, while the message is there."""


def contents(raw: Raw) -> Mapping[str, Pieces]:
    """The decoded bytes of every part that is whole, by their SHA-256 in hex, which is `Attachment.digest`.

    Total and bounded: what cannot be read is not there, and the large parts of a large message are read in pieces.
    """
    defects = Defects()
    found: dict[str, Pieces] = {}
    with Guard(defects, "body-unread"):
        _add(tree_of(raw, defects), found)
    return found


def _add(part: Part, found: dict[str, Pieces]) -> None:
    if part.left_out is not None:
        _, digest = measured(part.left_out)
        if digest:
            found[digest] = partial(_in_pieces, part.left_out)
    elif not part.type.startswith("multipart/") and not part.cut:
        found[hashlib.sha256(part.content).hexdigest()] = partial(iter, (part.content,))
    for child in part.children:
        _add(child, found)


def _in_pieces(left_out: LeftOut) -> Iterator[bytes]:
    return decoded(left_out, Doubt())
