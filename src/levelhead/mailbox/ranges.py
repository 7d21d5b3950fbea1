"""Sets of UIDs as IMAP writes them, and windows of a numbering that may be dense or sparse. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

LONGEST = 4_000
"""Characters of one set; servers need not take lines above 8,000 octets (RFC 2683)."""
WINDOW = 50_000
"""UIDs that are listed with one SEARCH of a large folder."""


def sets(uids: Iterable[int]) -> Iterator[str]:
    """The UIDs as sets such as `1:4,7,9:12`, each short enough for one command line."""
    parts: list[str] = []
    length = 0
    for first, last in _runs(sorted(set(uids))):
        part = str(first) if first == last else f"{first}:{last}"
        if parts and length + len(part) + 1 > LONGEST:
            yield ",".join(parts)
            parts, length = [], 0
        parts.append(part)
        length += len(part) + 1
    if parts:
        yield ",".join(parts)


def _runs(uids: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = previous = None
    for uid in uids:
        if previous is not None and uid == previous + 1:
            previous = uid
            continue
        if start is not None and previous is not None:
            yield start, previous
        start = previous = uid
    if start is not None and previous is not None:
        yield start, previous


def windows(first: int, last: int, exists: int) -> Iterator[tuple[int, int]]:
    """Spans that together cover `first` to `last`: few enough for sparse UIDs, small enough for dense ones.

    A server may number by the clock, so that a thousand messages have UIDs up to four thousand millions.
    """
    if last < first:
        return
    count = max(1, -(-exists // WINDOW))
    step = max(WINDOW, -(-(last - first + 1) // count))
    start = first
    while start <= last:
        yield start, min(last, start + step - 1)
        start += step


def chunks(uids: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Groups of at most `size` UIDs, in order."""
    for start in range(0, len(uids), size):
        yield tuple(uids[start : start + size])
