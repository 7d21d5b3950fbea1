"""The settings walked by the keys of the file: what stands where, and how it is written in TOML."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from levelhead.config.linemap import Path
from levelhead.config.settings import Settings


def key_text(path: Path) -> str:
    """A key as a reader would say it: `mailbox[2].host` is the host of the second mailbox."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


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


def is_later(field: FieldInfo) -> bool:
    """Whether a setting is kept but not used by this version."""
    return bool(_extra(field).get("later"))


def otherwise(field: FieldInfo) -> str:
    """What holds when the key is left out, in words, or empty."""
    return str(_extra(field).get("otherwise", ""))


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


LISTS = frozenset(key for key, field in toml_keys(Settings).items() if is_list(field))
