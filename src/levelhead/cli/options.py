"""What a command takes, described once for two readers: typer, which knows every way to write a command line, and
`plainly`, which reads only what leaves no doubt and starts in no time.

A command that looks at the archive would otherwise wait for the import of typer longer than for its answer. Whatever
`plainly` does not know at once (another order, `--help`, a mistake) it leaves to typer, whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

LONGEST_NUMBER = 9
"""Digits of a number that is read here."""


class Option:
    """An option: its name with the dashes, or two joined by `/` for yes and no; `min` is the least number."""

    def __init__(self, name: str, *, help: str, metavar: str | None = None, min: int | None = None) -> None:
        self.name, self.help, self.metavar, self.min = name, help, metavar, min

    def typed(self) -> Any:
        """The same for typer."""
        import typer

        if self.min is None:
            return typer.Option(self.name, help=self.help, metavar=self.metavar)
        return typer.Option(self.name, help=self.help, metavar=self.metavar, parser=self._whole)

    def _whole(self, value: str | int) -> int:
        """A whole number that is not below `min`; the default comes as one already."""
        least = self.min or 0
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"must be a whole number, not {value!r}") from None
        if number < least:
            raise ValueError(f"must be {least} or more, not {number}")
        return number


class Argument:
    """A word at its place."""

    def __init__(self, *, metavar: str, help: str) -> None:
        self.metavar, self.help = metavar, help

    def typed(self) -> Any:
        """The same for typer."""
        import typer

        return typer.Argument(metavar=self.metavar, help=self.help)


class Unclear(Exception):
    """Not for this reader."""


class _Words:
    """The words of a command line, taken one by one."""

    def __init__(self, words: Sequence[str]) -> None:
        self._left = list(reversed(words))

    def next(self) -> str | None:
        """The next word; None at the end. An empty one is left to typer."""
        if self._left and not self._left[-1]:
            raise Unclear("an empty word")
        return self._left.pop() if self._left else None

    def value(self, name: str, joined: str, equals: str) -> str:
        """What an option is given: the text behind its `=`, or the next word, which must not look like an option."""
        found = joined if equals else self.next()
        if not found or (not equals and found.startswith("-")):
            raise Unclear(name)
        return found


class _Shared:
    """The values of the options that every command takes; each may stand there once."""

    def __init__(self) -> None:
        self.config: Path | None = None
        self.as_json = False

    def take(self, name: str, joined: str, equals: str, words: _Words) -> bool:
        """Whether the option is one of them."""
        if name == "--config" and self.config is None:
            self.config = Path(words.value(name, joined, equals))
            return True
        if name == "--json" and not equals:
            self.as_json = True
            return True
        return False


def plainly(
    words: Sequence[str], find: Callable[[str], Callable[..., int | None]]
) -> tuple[Callable[..., int | None], Path | None, bool, dict[str, Any]]:
    """The command, `--config`, `--json` and the command's own values; raises Unclear for whatever typer must read.

    `find` gives the function of a command by its name, and raises Unclear for one that is not known to it.
    """
    left, shared = _Words(words), _Shared()
    while (word := left.next()) is not None and word.startswith("-"):
        name, equals, joined = word.partition("=")
        if not shared.take(name, joined, equals, left):
            raise Unclear(word)
    act = find(word or "")
    options, arguments, values = _taken(act)
    named: set[str] = set()
    while (word := left.next()) is not None:
        if not word.startswith("-"):
            if not arguments:
                raise Unclear(word)
            values[arguments.pop(0)] = word
            continue
        name, equals, joined = word.partition("=")
        if shared.take(name, joined, equals, left):
            continue
        if name not in options or options[name][0] in named:
            raise Unclear(word)
        key, kind, least = options[name]
        named.add(key)
        if isinstance(kind, bool):
            if equals:
                raise Unclear(word)
            values[key] = kind
        else:
            values[key] = _value(kind, left.value(name, joined, equals), least)
    if any(argument not in values for argument in arguments):
        raise Unclear("a word is missing")
    return act, shared.config, shared.as_json, values


Taken = tuple[dict[str, tuple[str, Any, int | None]], list[str], dict[str, Any]]


def _taken(act: Callable[..., int | None]) -> Taken:
    """What a function takes: its options by name (parameter, type or the value that a flag means, least number), its
    arguments in order, and the defaults."""
    hints = get_type_hints(act, include_extras=True)
    defaults = act.__defaults__ or ()
    code = act.__code__
    names = code.co_varnames[1 : code.co_argcount]
    values = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    options: dict[str, tuple[str, Any, int | None]] = {}
    arguments = []
    for name in names:
        kind, described = get_args(hints[name])
        if isinstance(described, Argument):
            if kind is not str:
                raise Unclear(name)
            arguments.append(name)
            continue
        kind = _one(kind)
        for written, flag in zip(described.name.split("/"), (True, False), strict=False):
            options[written] = (name, flag if kind is bool else kind, described.min)
    return options, arguments, values


def _one(kind: Any) -> Any:
    """The type itself of `type | None`."""
    if get_origin(kind) is None:
        return kind
    found = [part for part in get_args(kind) if part is not type(None)]
    if len(found) != 1 or get_origin(kind) is list:
        raise Unclear(str(kind))
    return found[0]


def _value(kind: Any, text: str, least: int | None) -> Any:
    if kind is str:
        return text
    if kind is int and text.isdecimal() and len(text) <= LONGEST_NUMBER:
        number = int(text)
        if least is None or number >= least:
            return number
    elif issubclass(kind, Enum) and text in [one.value for one in kind]:
        return kind(text)
    raise Unclear(text)
