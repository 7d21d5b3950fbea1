"""Bodies, each held against its announced size: what is missing, NIL, doubled or short is asked again once.

Two equal answers that differ from RFC822.SIZE are believed (some servers only estimate it); anything else is BadBody,
for that message alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from levelhead.errors import BadBody, DiskFull
from levelhead.mailbox.answers import Answer
from levelhead.mailbox.api import SpoolWriter
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
) -> Iterator[tuple[int, Raw | BadBody]]:
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


def _small(fetch: Fetch, sizes: Mapping[int, int]) -> Iterator[tuple[int, Raw | BadBody]]:
    first = _ask(fetch, sizes)
    doubtful = {uid: size for uid, size in sizes.items() if not _right(first[uid], size)}
    second = _ask(fetch, doubtful) if doubtful else {}
    for uid, size in sizes.items():
        if uid not in doubtful:
            yield uid, raw(first[uid][0] or b"")
            continue
        again = second[uid]
        if _right(again, size) or (again == first[uid] and len(again) == 1 and again[0]):
            yield uid, raw(again[0] or b"")
        else:
            yield uid, BadBody(f"UID {uid} announces {size} bytes, but {_described(first[uid])} came twice")


def _ask(fetch: Fetch, sizes: Mapping[int, int]) -> dict[int, list[bytes | None]]:
    found: dict[int, list[bytes | None]] = {uid: [] for uid in sizes}
    expect = 2 * sum(sizes.values()) + 2_000 * len(sizes)
    for part in sets(sizes):
        for uid, answer in fetch(part, "(UID BODY.PEEK[])", expect).items():
            if uid in found:
                found[uid] += answer.bodies
    return found


def _right(values: list[bytes | None], size: int) -> bool:
    return len(values) == 1 and values[0] is not None and len(values[0]) == size


def _described(values: list[bytes | None]) -> str:
    if not values:
        return "nothing"
    if len(values) > 1:
        return f"{len(values)} bodies"
    return "NIL" if values[0] is None else f"{len(values[0])} bytes"


def _large(fetch: Fetch, uid: int, size: int, spool: Callable[[], SpoolWriter]) -> Raw | BadBody:
    first = _pieces(fetch, uid, size, spool)
    if isinstance(first, Raw) and first.size == size:
        return first
    second = _pieces(fetch, uid, size, spool)
    if isinstance(first, Raw):
        first.discard()
    if isinstance(second, BadBody) or second.size == size:
        return second
    if isinstance(first, Raw) and first.digest == second.digest and second.size:
        return second
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
    values = answer.bodies if answer else []
    if len(values) != 1 or values[0] is None or len(values[0]) > PIECE:
        return None
    return values[0]
