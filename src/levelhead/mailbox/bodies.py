"""Bodies, each held against its announced size: what is missing, NIL, doubled or short is asked again once.

Two equal answers that differ from RFC822.SIZE are believed and marked (some servers only estimate the size); anything
else is BadBody, for that message alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from levelhead.errors import BadBody, DiskFull
from levelhead.mailbox.answers import Answer, Piece
from levelhead.mailbox.api import Body, SpoolWriter
from levelhead.mailbox.ranges import sets
from levelhead.raw import SPOOL_ABOVE, Raw, raw

GROUP_BYTES = 16_000_000
"""Bytes that are asked for with one FETCH."""
PIECE = SPOOL_ABOVE
"""Bytes; a larger message is fetched in pieces of this size into a spool."""


class Fetch(Protocol):
    """UID FETCH of a set of UIDs, with the number of bytes that its answer may have."""

    def __call__(self, uids: str, items: str, expect: int) -> dict[int, Answer]: ...


def whole(
    fetch: Fetch, sizes: Mapping[int, int], spool: Callable[[], SpoolWriter]
) -> Iterator[tuple[int, Body | BadBody]]:
    """Every message of `sizes` (UID to RFC822.SIZE) in ascending order within its kind, small ones first."""
    small = {uid: size for uid, size in sorted(sizes.items()) if size <= PIECE}
    for group in _groups(small):
        yield from _small(fetch, group)
    for uid, size in sorted(sizes.items()):
        if size > PIECE:
            yield uid, _large(fetch, uid, size, spool)


def _groups(sizes: Mapping[int, int]) -> Iterator[dict[int, int]]:
    group: dict[int, int] = {}
    for uid, size in sizes.items():
        if group and sum(group.values()) + size > GROUP_BYTES:
            yield group
            group = {}
        group[uid] = size
    if group:
        yield group


def _small(fetch: Fetch, sizes: Mapping[int, int]) -> Iterator[tuple[int, Body | BadBody]]:
    first = _ask(fetch, sizes)
    doubtful = {uid: size for uid, size in sizes.items() if not _right(first[uid], size)}
    second = _ask(fetch, doubtful) if doubtful else {}
    for uid, size in sizes.items():
        again = second.get(uid, first[uid])
        data = _only(again, 0)
        if _right(again, size) and data is not None:
            yield uid, Body(raw=raw(data))
        elif data and again == first[uid]:
            yield uid, Body(raw=raw(data), size_differs=True)
        else:
            yield uid, BadBody(f"UID {uid} announces {size} bytes, but {_described(first[uid])} came twice")


def _ask(fetch: Fetch, sizes: Mapping[int, int]) -> dict[int, list[Piece]]:
    found: dict[int, list[Piece]] = {uid: [] for uid in sizes}
    expect = 2 * sum(sizes.values()) + 2_000 * len(sizes)
    for part in sets(sizes):
        for uid, answer in fetch(part, "(UID BODY.PEEK[])", expect).items():
            if uid in found:
                found[uid] += answer.bodies
    return found


def _only(pieces: list[Piece], offset: int) -> bytes | None:
    """The bytes of the only piece, when it begins where it must; a piece that names no origin is a whole body."""
    if len(pieces) != 1 or (pieces[0].origin or 0) != offset:
        return None
    return pieces[0].data


def _right(pieces: list[Piece], size: int) -> bool:
    data = _only(pieces, 0)
    return data is not None and len(data) == size


def _described(pieces: list[Piece]) -> str:
    if not pieces:
        return "nothing"
    if len(pieces) > 1:
        return f"{len(pieces)} bodies"
    if pieces[0].origin:
        return f"a piece from {pieces[0].origin}"
    return "NIL" if pieces[0].data is None else f"{len(pieces[0].data)} bytes"


def _large(fetch: Fetch, uid: int, size: int, spool: Callable[[], SpoolWriter]) -> Body | BadBody:
    first = _pieces(fetch, uid, size, spool)
    if isinstance(first, Raw) and first.size == size:
        return Body(raw=first)
    try:
        second = _pieces(fetch, uid, size, spool)
    finally:
        if isinstance(first, Raw):
            first.discard()
    if isinstance(second, BadBody):
        return second
    if second.size == size:
        return Body(raw=second)
    if isinstance(first, Raw) and first.digest == second.digest and second.size:
        return Body(raw=second, size_differs=True)
    second.discard()
    return BadBody(f"UID {uid} announces {size} bytes, but {second.size} came")


def _pieces(fetch: Fetch, uid: int, size: int, spool: Callable[[], SpoolWriter]) -> Raw | BadBody:
    writer = spool()
    done = False
    try:
        offset = 0
        # The last piece is shorter than asked; a server that never sends one is stopped at twice the size.
        while offset <= 2 * size:
            piece = _piece(fetch, uid, offset)
            if piece is None:
                return BadBody(f"UID {uid} announces {size} bytes, but the piece at {offset} did not come")
            writer.write(piece)
            offset += len(piece)
            if len(piece) < PIECE:
                break
        result = writer.finish()
        done = True
        return result
    except OSError as exc:
        raise DiskFull(f"a message of {size} bytes cannot be spooled: {exc.strerror or exc}") from exc
    finally:
        if not done:
            writer.discard()


def _piece(fetch: Fetch, uid: int, offset: int) -> bytes | None:
    answer = fetch(str(uid), f"(UID BODY.PEEK[]<{offset}.{PIECE}>)", PIECE).get(uid)
    piece = _only(answer.bodies, offset) if answer else None
    return piece if piece is not None and len(piece) <= PIECE else None
