"""What each key of the configuration is, in words: for `config explain`, the sample file and the reference page."""

from __future__ import annotations

import difflib
import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from levelhead.config.fields import Taken
from levelhead.config.keys import (
    all_keys,
    field_at,
    inner_model,
    is_later,
    is_list,
    is_named,
    model_at,
    otherwise,
    toml_example,
    toml_keys,
    toml_value,
)
from levelhead.config.settings import Settings
from levelhead.errors import UserError
from levelhead.model import Level

NOT_USED = "Not used by this version."


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key as people read of it. `default` and `example` are TOML or words; `required` has no default."""

    key: str
    text: str
    takes: str
    default: str
    example: str
    required: bool

    @property
    def kind(self) -> str:
        """What it takes in short, for a reader who has been told how lengths of time and paths are written."""
        return self.takes.partition(", such as")[0].partition(";")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table as people read of it; `header` is how it is written, such as `[[mailbox]]` or `[channels.NAME]`."""

    path: str
    header: str
    text: str
    settings: tuple[Setting, ...]


def tables() -> tuple[Table, ...]:
    """Every table of the file, in its order."""
    found = []
    for path in ("", *all_keys()):
        model = Settings if not path else model_at(tuple(path.split(".")))
        field = field_at(tuple(path.split("."))) if path else None
        if model is not None and field is not None and inner_model(field.annotation) is not None:
            found.append(_table(path, field, model))
    return tuple(found)


def explain(key: str) -> str:
    """A setting or table in a few lines; UserError with the nearest name for a key that there is not."""
    wanted = re.sub(r"\[\d*\]", "", key.strip()).strip("[].")
    path = tuple(wanted.split("."))
    named = ".".join(
        "NAME" if number == 1 and path[0] == "channels" else part for number, part in enumerate(path)
    )
    for table in tables():
        if named in (table.path, table.path.removesuffix(".NAME")):
            return _table_text(table)
        for setting in table.settings:
            if setting.key == named:
                return setting_text(setting)
    if path[0] == "plugins" and len(path) == 2:
        return f"[plugins.{path[1]}]\n  The own table of plugin {path[1]}: what it takes is told by the plugin itself."
    if path[:2] == ("heat", "weights") and len(path) == 3:
        return explain("heat.weights")
    raise UserError(_no_such_key(wanted))


def _no_such_key(wanted: str) -> str:
    known = list(all_keys())
    same = [key for key in known if key.rpartition(".")[2] == wanted.rpartition(".")[2]]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6) or same
    if near:
        return f'there is no setting "{wanted}"; did you mean {" or ".join(near)}?'
    listed = ", ".join(toml_keys(Settings))
    return f'there is no setting "{wanted}"; the tables are {listed}'


def setting_text(setting: Setting) -> str:
    """A setting for a terminal."""
    rows = {
        "Takes": setting.takes,
        "Default": "none; it must be given" if setting.required else setting.default,
    }
    rows["Example"] = setting.example
    lines = [f"  {name + ':':<9}{value}" for name, value in rows.items() if value]
    return "\n".join([setting.key, *(f"  {line}" for line in sentences(setting.text)), *lines])


def _table_text(table: Table) -> str:
    width = max((len(setting.key) for setting in table.settings), default=0)
    rows = [f"  {setting.key:<{width}}  {sentences(setting.text)[0]}" for setting in table.settings]
    return "\n".join([table.header, *(f"  {line}" for line in sentences(table.text)), "", *rows]).rstrip()


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, one each."""
    return tuple(re.split(r"(?<=[.!?])\s+(?=[A-Z`\"])", text))


def _table(path: str, field: FieldInfo, model: type[BaseModel]) -> Table:
    header = f"[[{path}]]" if is_list(field) else f"[{path}.NAME]" if is_named(field) else f"[{path}]"
    full = f"{path}.NAME" if is_named(field) else path
    keys = {key: inner for key, inner in toml_keys(model).items() if inner_model(inner.annotation) is None}
    told = tuple(_setting(f"{full}.{key}", inner) for key, inner in keys.items())
    return Table(
        path=full, header=header, text=(inspect.getdoc(model) or "").replace("\n", " "), settings=told
    )


def _setting(key: str, field: FieldInfo) -> Setting:
    name = key.rpartition(".")[2]
    example = toml_example(field)
    return Setting(
        key=key,
        text=(field.description or "") + (f" {NOT_USED}" if is_later(field) else ""),
        takes=_takes(field.annotation, field.metadata),
        default="" if field.is_required() else otherwise(field) or _default(field),
        example=example and f"{name} = {example}",
        required=field.is_required(),
    )


def _default(field: FieldInfo) -> str:
    value = field.default
    return "none" if value is None or value in ("", (), {}) else toml_value(value)


_PLAIN: Mapping[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    timedelta: 'a length of time, such as "90s", "30m", "4h", "14d", "1w" or "1h30m"',
    Path: "a path; a relative one starts at the folder of this file",
}


def _takes(annotation: Any, metadata: list[Any]) -> str:
    """What kind of value a key takes, in words."""
    if told := next((each.words for each in metadata if isinstance(each, Taken)), ""):
        return told
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _takes(inner[0], list(inner[1:]))
    if origin is Literal:
        return _choice(inner)
    if annotation is Level:
        return _choice([level.value for level in Level if level is not Level.UNKNOWN])
    if origin is tuple:
        return "a list, each " + _takes(inner[0], [])
    if origin is dict:
        return "a table, each value " + _takes(inner[1], [])
    if origin in (Union, types.UnionType):
        return _takes(next(part for part in inner if part is not type(None)), metadata)
    return _PLAIN[annotation] + _bounds(metadata)


def _choice(values: Any) -> str:
    return "one of " + ", ".join(f'"{value}"' for value in values)


def _bounds(metadata: list[Any]) -> str:
    flat = [item for part in metadata for item in (part.metadata if isinstance(part, FieldInfo) else [part])]
    low = next((f"from {item.ge}" for item in flat if isinstance(item, Ge)), "")
    above = next((f"above {item.gt}" for item in flat if isinstance(item, Gt)), "")
    high = next((f"up to {item.le}" for item in flat if isinstance(item, Le)), "")
    words = " ".join(word for word in (low or above, high) if word)
    return f", {words}" if words else ""
