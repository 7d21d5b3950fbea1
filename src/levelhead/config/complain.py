"""Problems of a configuration in plain sentences: what pydantic found, told with line, key and nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from levelhead.config.keys import LISTS, all_keys, field_at, key_text, model_at, toml_example, toml_keys
from levelhead.config.linemap import Path, nearest_line
from levelhead.config.rules import PASSWORD_KEYS
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
