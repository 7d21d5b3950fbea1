"""What a fact is, how it is written into the ledger and read from there.

A fact is a frozen dataclass whose fields are JSON values, times and enums only. Its payload in the ledger is the
canonical JSON of its fields, so that the index can be rebuilt from volumes and ledger alone. Scores are integer
millionths; times RFC 3339 with six fractional digits and `Z`. To add a fact: a class in `walk.py` or
`evidence.py`, its name in `__init__.py`, a branch in `store/sqlite_project.py` if it changes a table.
"""

from __future__ import annotations

import json
import types
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from levelhead import clock
from levelhead.errors import ProgrammerError
from levelhead.values import dataclass

_BY_NAME: dict[str, type[Fact]] = {}
_HINTS: dict[type[Fact | Part], dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The base of every fact; `name` is its constant name in ledger, log and `observe`."""

    name: ClassVar[str] = ""

    def payload(self) -> bytes:
        """Canonical JSON (sorted keys, no spaces, UTF-8) of the fields."""
        from dataclasses import fields  # here, because one who only reads needs nothing of what it loads

        values = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def named(name: str) -> Any:
    """Give a fact class its name; two classes of one name are a programmer's error."""

    def register(cls: type[Fact]) -> type[Fact]:
        if name in _BY_NAME:
            raise ProgrammerError(f"two facts are called {name}")
        cls.name = name
        _BY_NAME[name] = cls
        return cls

    return register


def names() -> tuple[str, ...]:
    """The names of all facts, sorted."""
    _load()
    return tuple(sorted(_BY_NAME))


def fact_class(name: str) -> type[Fact]:
    """The class of that name; KeyError when there is none."""
    if name not in _BY_NAME:
        import_module("levelhead.facts.walk")
    if name not in _BY_NAME:
        _load()
    return _BY_NAME[name]


def _load() -> None:
    """Know every fact. They are loaded when one is needed: making that many classes takes a start-up's time."""
    import_module("levelhead.facts.evidence")
    import_module("levelhead.facts.walk")


def read(name: str, payload: bytes) -> Fact:
    """The fact that `payload()` wrote; KeyError for an unknown name, ValueError for a payload that does not fit."""
    cls = fact_class(name)
    try:
        values = json.loads(payload)
        hints = _hints(cls)
        return cls(**{key: _rich(hints[key], value) for key, value in values.items()})
    except (TypeError, KeyError) as exc:
        raise ValueError(f"the payload of {name} does not fit: {exc}") from exc


def _hints(cls: type[Fact | Part]) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.to_text(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Part):
        from dataclasses import fields

        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if value is None or isinstance(value, str | int | bool):
        return value
    raise ProgrammerError(f"a fact cannot hold {type(value).__name__}: {value!r}")


def _rich(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return _rich(inner, value)
    if origin is tuple:
        return tuple(_rich(get_args(hint)[0], item) for item in value)
    if hint is datetime:
        return clock.from_text(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if isinstance(hint, type) and issubclass(hint, Part):
        inner_hints = _hints(hint)
        return hint(**{key: _rich(inner_hints[key], item) for key, item in value.items()})
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The base of values inside a fact."""
