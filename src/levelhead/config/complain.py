"""Problems of a configuration in plain sentences: what pydantic found, told with line, key and nearest known name."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from levelhead.config.linemap import Path, nearest_line
from levelhead.config.rules import PASSWORD_KEYS
from levelhead.config.settings import Settings
from levelhead.errors import Problem

THREE_WAYS = (
    'write `password_file = "secrets/office"`, `password_command = "pass show mail/office"` '
    'or `credential = "office-password"`'
)

SILENT = frozenset({"default_factory_not_called"})
"""What pydantic adds when something else, which it also tells, is wrong."""

_PREDICATES = frozenset({"is", "must", "has", "holds", "would"})

_SENTENCES = {
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "tuple_type": "must be a list in square brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "path_type": "must be a path in quotes",
    "finite_number": "must be a number, not nan or inf",
    "too_short": "must not be empty",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "greater_than": ("gt", "must be above {}"),
    "less_than": ("lt", "must be below {}"),
}


def key_text(path: Path) -> str:
    """A key as a reader would say it: `mailbox[2].host` is the host of the second mailbox."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def sentence(path: Path, problem: str) -> str:
    """The problem with its key in front."""
    joint = " " if problem.partition(" ")[0] in _PREDICATES else ": "
    return f"`{key_text(path)}`{joint}{problem}"


def problem_of(
    error: ErrorDetails, document: Mapping[str, Any], lines: Mapping[Path, int], where: str
) -> Problem:
    """What pydantic found, as a Problem. The value itself is never shown: it may be a secret."""
    path = _toml_path(error["loc"])
    problem, fix = _words(error, path, document)
    return Problem(where=where, line=nearest_line(lines, path), problem=sentence(path, problem), fix=fix)


def _toml_path(loc: tuple[int | str, ...]) -> Path:
    """The path in the file: pydantic's `tables` and `[key]` stand in no file."""
    path: list[str | int] = [part for part in loc if part != "[key]"]
    if path[:2] == ["plugins", "tables"]:
        del path[1]
    return tuple(path)


def _words(error: ErrorDetails, path: Path, document: Mapping[str, Any]) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path)
    if kind == "missing":
        field = field_at(path)
        about = f": {field.description}" if field is not None and field.description else ""
        example = toml_example(field)
        return "is missing" + about.rstrip("."), example and f"for example {path[-1]} = {example}"
    if kind == "literal_error":
        return _one_of(context["expected"], error["input"])
    if kind in ("tuple_type", "model_type", "dict_type") and len(path) == 1 and path[0] in LISTS:
        return "must be a list of tables", f"write [[{path[0]}]] with two brackets"
    if kind == "too_short" and path[-1] == "addresses":
        return "must not be empty", "name at least one address"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return words.format(context[key]), ""
    if kind in _SENTENCES:
        return _SENTENCES[kind], ""
    return error["msg"].removeprefix("Value error, "), ""


def _one_of(expected: str, given: object) -> tuple[str, str]:
    choices = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    near = difflib.get_close_matches(str(given), choices, n=1) if isinstance(given, str) else []
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return f"must be one of {listed}", f'did you mean "{near[0]}"?' if near else ""


def unknown_key(path: Path) -> tuple[str, str]:
    """What to say of a key that no table knows: the nearest known name beside it, or the same name elsewhere."""
    name = str(path[-1])
    if path[0] == "mailbox" and name in PASSWORD_KEYS:
        return "would be a secret in this file, where secrets never belong", THREE_WAYS
    around = model_at(path[:-1])
    known = sorted(toml_keys(around)) if around is not None else []
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if near:
        return "is not a known key", f"did you mean `{near[0]}`?"
    elsewhere = [key for key in all_keys() if key.rpartition(".")[2] == name]
    if elsewhere:
        return "is not a known key here", f"there is `{elsewhere[0]}`"
    inside = key_text(path[:-1])
    here = f"`{inside}` knows" if inside else "the file knows"
    return "is not a known key", f"{here} {', '.join(known)}"


# --- the models, walked by the keys of the file ------------------------------------------------


def toml_keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys that a table takes in the file, with their fields."""
    return {field.alias or name: field for name, field in model.model_fields.items() if name != "tables"}


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The table that a field holds: itself, the items of a list, the values of a table of tables; else None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, dict, Union, types.UnionType):
        return next((found for part in get_args(annotation) if (found := inner_model(part))), None)
    return None


def is_list(field: FieldInfo) -> bool:
    """Whether a field is a list of tables, written with two brackets."""
    return get_origin(field.annotation) is tuple and inner_model(field.annotation) is not None


def is_named(field: FieldInfo) -> bool:
    """Whether a field is a table of tables with names of the operator's choice."""
    return get_origin(field.annotation) is dict and inner_model(field.annotation) is not None


def model_at(path: Path) -> type[BaseModel] | None:
    """The table at a path of the file, or None."""
    model: type[BaseModel] | None = Settings
    skip = False
    for part in path:
        if skip or isinstance(part, int):
            skip = False
            continue
        field = toml_keys(model).get(part) if model is not None else None
        model = inner_model(field.annotation) if field is not None else None
        skip = field is not None and is_named(field)
    return model


def field_at(path: Path) -> FieldInfo | None:
    """The setting at a path of the file, or None."""
    model = model_at(path[:-1])
    return toml_keys(model).get(str(path[-1])) if model is not None else None


def all_keys(model: type[BaseModel] = Settings, before: str = "") -> Iterator[str]:
    """Every key of the file by its dotted name, tables before what they hold; `channels.NAME.url` for named ones."""
    for key, field in toml_keys(model).items():
        yield before + key
        inner = inner_model(field.annotation)
        if inner is not None:
            yield from all_keys(inner, f"{before}{key}.NAME." if is_named(field) else f"{before}{key}.")


def toml_example(field: FieldInfo | None) -> str:
    """A field's example as it is written in the file; empty for tables."""
    if field is None or not field.examples or inner_model(field.annotation) is not None:
        return ""
    return toml_value(field.examples[0])


def toml_value(value: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml_key(str(key))} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)


def _toml_key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else toml_value(key)


LISTS = frozenset(key for key, field in toml_keys(Settings).items() if is_list(field))
