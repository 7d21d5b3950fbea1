"""Plain values that were bent: each differs from the right one in one place, where a value of another type stands."""

from __future__ import annotations

from collections.abc import Iterator

OTHERS: tuple[object, ...] = (None, True, 7, 0.5, "os.system", [])
"""One value of each type that crosses."""


def bent(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Every place in a value (`[3][0]`), and the value with one of another type there."""
    for other in OTHERS:
        if type(other) is not type(value):
            yield f"{at or 'all'} is {other!r}", other
    if isinstance(value, list):
        for place, item in enumerate(value):
            for where, other in bent(item, f"{at}[{place}]"):
                yield where, [*value[:place], other, *value[place + 1 :]]
