"""Plain values as JSON: what a worker sends back to its host, which can be a wrong value but never a call.

JSON (RFC 8259) has no names, no references and nothing to run, so what is read is never larger than what was sent by
more than a fixed factor. Nothing is taken on trust here but the number of bytes: who reads names the type of each
value (`text`, `whole`, `row`...), and whatever else stands there is a BadFrame.

Text crosses as it is, even half a surrogate pair (which a plugin may have in a text, and which no UTF-8 can hold).
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from levelhead.pipes import BadFrame

LARGEST_WHOLE = 2**63 - 1
"""The largest whole number that crosses; the smallest is as far below 0."""

MOST_MARKS = 1_000_000
"""Bytes of a frame that may stand outside of its texts (brackets, commas, numbers): each can cost 60 in memory."""

E = TypeVar("E", bound=StrEnum)

_LONGEST_WHOLE, _LONGEST_REAL = 20, 30
"""Characters; `repr` writes at most 24 for a float."""
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text, or what stands behind its first quote where it does not end: so that looking for all is linear."""
_NOTHING = timedelta(0)


def to_json(value: object) -> bytes:
    """A value as bytes: None, bool, int, float, str, a moment; lists, tuples and dataclasses (their fields) of such.

    ValueError for a float that is not finite, TypeError for anything else: both are mistakes of ours.
    """
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")


def from_json(data: bytes) -> object:
    """None, bool, int, float, str, or lists of such; BadFrame for anything else, however deep or long it is."""
    try:
        document = data.decode("utf-8", "surrogatepass")
        if len(document) > MOST_MARKS and len(_TEXT.sub("", document)) > MOST_MARKS:
            raise BadFrame(f"{len(document):,} characters, of which too few are text")
        found: object = _DECODER.decode(document)
    except (ValueError, RecursionError, MemoryError) as exc:
        raise BadFrame(f"{type(exc).__name__}: {exc}") from exc
    return found


def _flat(value: Any) -> object:
    """What JSON has no word for: a moment, and a noun as the list of its fields in their order."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        raise TypeError(f"an answer cannot hold a {type(value).__name__}")
    return [getattr(value, name) for name in names]


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_WHOLE or abs(number := int(digits)) > LARGEST_WHOLE:
        raise BadFrame(f"a whole number of {len(digits):,} digits")
    return number


def _real(digits: str) -> float:
    if len(digits) > _LONGEST_REAL or not math.isfinite(number := float(digits)):
        raise BadFrame(f"a number of {len(digits):,} characters that is too long or not finite")
    return number


def _no_constant(_: str) -> NoReturn:
    raise BadFrame("a number that is not finite")


def _no_object(_: list[tuple[str, object]]) -> NoReturn:
    raise BadFrame("an object, where only lists are sent")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=_flat
)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_object, parse_int=_whole, parse_float=_real, parse_constant=_no_constant
)

# --- reading one value, of the type that must be there; BadFrame for any other ------------------


def text(value: object) -> str:
    if type(value) is not str:
        raise _wrong(value, "a text")
    return value


def whole(value: object) -> int:
    if type(value) is not int:
        raise _wrong(value, "a whole number")
    return value


def real(value: object) -> float:
    if type(value) is not float:
        raise _wrong(value, "a number with a point")
    return value


def truth(value: object) -> bool:
    if type(value) is not bool:
        raise _wrong(value, "true or false")
    return value


def many(value: object) -> list[object]:
    """A list of whatever length."""
    if type(value) is not list:
        raise _wrong(value, "a list")
    return value


def row(value: object, length: int) -> list[object]:
    """A list of just so many."""
    if type(value) is not list or len(value) != length:
        raise _wrong(value, f"a list of {length}")
    return value


def texts(value: object) -> tuple[str, ...]:
    return tuple([text(item) for item in many(value)])


def moment(value: object) -> datetime:
    """A moment in UTC, written as `datetime.isoformat` does."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        raise _wrong(value, "a moment") from None
    if found.utcoffset() != _NOTHING:
        raise _wrong(value, "a moment in UTC")
    return found.replace(tzinfo=UTC)


def one_of(value: object, kind: type[E]) -> E:
    """A member of an enumeration, by its value."""
    try:
        return kind(text(value))
    except ValueError:
        raise _wrong(value, f"a {kind.__name__}") from None


def _wrong(value: object, wanted: str) -> BadFrame:
    """Says what kind of value came and no word of it: it may be a stranger's mail."""
    length = f" of {len(value)}" if isinstance(value, str | list) else ""
    return BadFrame(f"{type(value).__name__}{length} where {wanted} belongs")
