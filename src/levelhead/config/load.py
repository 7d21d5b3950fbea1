"""From a TOML file to Settings: reads the file, and tells all of its problems at once."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from levelhead.config.complain import SILENT, problem_of, sentence
from levelhead.config.exposed import ill_shared, in_archive
from levelhead.config.fields import Place
from levelhead.config.find import MAKE_ONE
from levelhead.config.linemap import line_map, nearest_line
from levelhead.config.rules import complaints
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError, Problem, UserError

_SYNTAX = re.compile(
    r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)\Z", re.DOTALL
)


def load(path: Path) -> Settings:
    """The settings of that file; raises UserError when it cannot be read, ConfigError with all of its problems."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"there is no configuration file {path}: {MAKE_ONE}") from None
    except OSError as exc:
        raise UserError(f"the configuration file {path} cannot be read: {exc.strerror or exc}") from exc
    return settings_of(data, path)


def settings_of(data: bytes, path: Path) -> Settings:
    """The settings that a file of these bytes would give if it stood at `path`; raises ConfigError."""
    where = str(path)
    text, document = _parse(data, where)
    lines = line_map(text)
    absolute = path.absolute()
    problems = [
        Problem(where=where, line=nearest_line(lines, c.path), problem=sentence(c.path, c.problem), fix=c.fix)
        for c in complaints(document)
    ]
    try:
        settings = Settings.model_validate(document, context=Place(folder=absolute.parent))
    except ValidationError as exc:
        problems += [
            problem_of(error, document, lines, where) for error in exc.errors() if error["type"] not in SILENT
        ]
    if problems:
        raise ConfigError(tuple(sorted(set(problems), key=lambda p: (p.line or 0, p.problem))))
    settings._path = absolute
    settings._lines = lines
    settings._digest = hashlib.sha256(data).hexdigest()
    if misplaced := (*in_archive(settings), *ill_shared(settings)):
        raise ConfigError(misplaced)
    return settings


def _parse(data: bytes, where: str) -> tuple[str, dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        problem = Problem(where=where, line=line, problem="this is not UTF-8", fix="save the file as UTF-8")
        raise ConfigError((problem,)) from exc
    try:
        return text, tomllib.loads(text)
    except RecursionError as exc:
        raise ConfigError((Problem(where=where, problem="this is nested too deeply"),)) from exc
    except ValueError as exc:  # TOMLDecodeError, or a number of thousands of digits
        raise ConfigError((_syntax_problem(str(exc), text, where),)) from exc


def _syntax_problem(said: str, text: str, where: str) -> Problem:
    match = _SYNTAX.match(said)
    if match is None:
        return Problem(where=where, problem=f"this is not TOML: {said}")
    if match["line"]:
        line, place = int(match["line"]), f" (column {match['column']})"
    else:
        line, place = text.count("\n") + (not text.endswith("\n")), " (at the end of the file)"
    return Problem(where=where, line=line, problem=f"this is not TOML: {match['what']}{place}")
