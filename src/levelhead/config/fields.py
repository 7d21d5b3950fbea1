"""The kinds of values that settings are made of, and how a setting carries its own text and example."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationInfo

from levelhead.clients.patterns import problem_with
from levelhead.config.durations import parse_duration
from levelhead.config.sizes import NONE, parse_size, size_text
from levelhead.model import Level

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
"""What names of mailboxes, channels and plugins look like."""

COUNTRY = re.compile(r"([A-Z]{2,3})(?:-([A-Z0-9]{1,6}))?\Z")
"""An ISO 3166 code, with a part of the country after a hyphen."""

LEAST_BYTES = 10_000_000
"""The least that may be fetched in a day: a poll every two minutes takes up to a million bytes by itself."""

_NEVER_IN_ADDRESSES = frozenset('<>,;:"()[]\\')

_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What values are read against: the folder of the configuration file."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Taken:
    """What a key takes, in words, where its type does not tell."""

    words: str


class Section(BaseModel):
    """The base of every table of the configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        defer_build=True,  # `Settings` builds what it holds anyway; each table alone as well would take as long again
    )


def setting(
    text: str,
    *,
    example: Any,
    default: Any = _REQUIRED,
    alias: str | None = None,
    otherwise: str = "",
    later: bool = False,
    hidden: bool = False,
) -> Any:
    """A field with its sentence for a user and an example.

    `default` is written as in TOML; a callable makes one. `otherwise` says in words what holds when the key is left
    out, where the default alone does not tell. `later`: the key is kept but not used by this version. `hidden`: it may
    hold a secret, so that the settings' own text leaves it out.
    """
    extra: dict[str, Any] = {"otherwise": otherwise, "later": later}
    common: dict[str, Any] = {
        "description": text,
        "examples": [example],
        "json_schema_extra": extra,
        "alias": alias,
        "repr": not hidden,
    }
    if default is _REQUIRED:
        return Field(**common)
    if callable(default):
        return Field(default_factory=default, **common)
    return Field(default, **common)


def _clean(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not hold line breaks or other control characters")
    return text


def _lines(text: str) -> str:
    _clean(text.replace("\n", "").replace("\t", "").replace("\r", ""))
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return _clean(text)


def _length(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('must be a length of time in quotes, such as "30m" or "4h"')
    if not isinstance(value, str):
        raise ValueError(f'is a bare number; say of what: "{value}s", "{value}m", "{value}h" or "{value}d"')
    return parse_duration(value)


def _some_time(value: timedelta) -> timedelta:
    if not value:
        raise ValueError('must be longer than "0s"')
    return value


def _bytes(value: object) -> int | None:
    if not isinstance(value, str):
        raise ValueError('must be a size in quotes, such as "500 MB" or "2 GB"')
    if value == NONE:
        return None
    size = parse_size(value)
    if size < LEAST_BYTES:
        raise ValueError(
            f'"{value}" would be spent on asking what is there: write "{size_text(LEAST_BYTES)}" or more'
        )
    return size


def _path(value: object, info: ValidationInfo) -> object:
    return resolve(value, info) if isinstance(value, str) else value


def resolve(text: str, info: ValidationInfo) -> Path:
    """A path as written in the file: `~` is the home folder, a relative one starts at the file's own folder."""
    try:
        path = Path(_filled(text)).expanduser()
    except RuntimeError as exc:
        raise ValueError(f'"{text}" names a home folder that this machine does not know') from exc
    return Path(os.path.normpath(info.context.folder / path)) if isinstance(info.context, Place) else path


def _pattern(text: str) -> str:
    pattern = text.strip()
    problem = problem_with(pattern)
    if not problem and not _NEVER_IN_ADDRESSES.isdisjoint(pattern):
        problem = f"{pattern!r} is more than an address; write 'anna@example.com' or '*@example.com'"
    if problem:
        raise ValueError(problem)
    return pattern


def _name(text: str) -> str:
    if not NAME.match(text):
        raise ValueError(f'"{text}" is not a name: use letters, digits, "-" and "_", at most 64, no spaces')
    return text


def _level(value: object) -> object:
    judged = [level.value for level in Level if level is not Level.UNKNOWN]
    if value not in judged:
        raise ValueError("must be one of " + ", ".join(f'"{level}"' for level in judged))
    return Level(str(value))


def machine_zone(env: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> str:
    """The machine's time zone by its IANA name: `TZ`, /etc/timezone, where /etc/localtime points, else UTC."""
    named = [env.get("TZ", "").removeprefix(":")]
    try:
        named.append((etc / "timezone").read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        named.append("")
    named.append(os.path.realpath(etc / "localtime"))
    for name in named:
        candidate = name.rpartition("/zoneinfo/")[2]
        if candidate and is_zone(candidate):
            return candidate
    return "UTC"


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # an odd name, a folder of zones, an unknown zone
        return False
    return True


Text = Annotated[str, AfterValidator(_clean)]
Lines = Annotated[str, AfterValidator(_lines)]
Filled = Annotated[str, AfterValidator(_filled)]
Name = Annotated[str, AfterValidator(_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Length = Annotated[timedelta, BeforeValidator(_length)]
SomeTime = Annotated[timedelta, BeforeValidator(_length), AfterValidator(_some_time)]
Bytes = Annotated[
    int | None,
    BeforeValidator(_bytes),
    Taken('a size from "10 MB" on, such as "500 MB" or "2 GB", or "none"'),
]
"""None is for no limit."""
Location = Annotated[Path, BeforeValidator(_path)]
JudgedLevel = Annotated[Level, BeforeValidator(_level)]
