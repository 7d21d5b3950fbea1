"""Where each key of a TOML text stands: a map from its path to its line.

It trusts that `tomllib` has already accepted the text, so it only has to find its way, not to judge.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and list positions from the top: `("mailbox", 0, "host")`."""


def line_map(text: str) -> Mapping[Path, int]:
    """Every table, key and list item of a valid TOML text with the line (from 1) on which it is first named."""
    return _Reader(text.replace("\r\n", "\n")).read()


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of the path, or of the innermost table around it that the text names."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Reader:
    """One walk over the text."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def read(self) -> Mapping[Path, int]:
        table: Path = ()
        while self._skip(" \t\n"):
            if self._peek("[["):
                table = self._header(2)
            elif self._peek("["):
                table = self._header(1)
            else:
                self._pair(table)
        return self.lines

    def _header(self, brackets: int) -> Path:
        line = self.line
        self._take(brackets)
        keys = self._keys()
        self._take(brackets)
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if number == len(keys) and brackets == 2:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:  # a list of tables: what follows belongs to its latest item
                path = (*path, self.counts[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, table: Path) -> None:
        line = self.line
        for key in self._keys():
            table = (*table, key)
            self.lines.setdefault(table, line)
        self._take(1)  # the equals sign
        self._skip(" \t")
        self._value(table)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(" \t")
            keys.append(self._key())
            self._skip(" \t")
            if not self._peek("."):
                return keys
            self._take(1)

    def _key(self) -> str:
        start = self.at
        if self._peek('"') or self._peek("'"):
            self._string()
            name: str = tomllib.loads(f"key = {self.text[start : self.at]}")["key"]
            return name
        while self.text[self.at] not in " \t.=]":
            self.at += 1
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        if self._peek('"') or self._peek("'"):
            self._string()
        elif self._peek("["):
            self._items(path)
        elif self._peek("{"):
            self._inline(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _items(self, path: Path) -> None:
        self._take(1)
        number = 0
        while self._skip(" \t\n,") and not self._peek("]"):
            self.lines[(*path, number)] = self.line
            self._value((*path, number))
            number += 1
        self._take(1)

    def _inline(self, path: Path) -> None:
        self._take(1)
        while self._skip(" \t\n,") and not self._peek("}"):
            self._pair(path)
        self._take(1)

    def _string(self) -> None:
        quote = self.text[self.at]
        end = quote * 3 if self._peek(quote * 3) else quote
        self._take(len(end))
        while not self._peek(end):
            self._take(2 if quote == '"' and self._peek("\\") else 1)
        self._take(len(end))
        # Up to two quotes may stand right before the closing three.
        while len(end) == 3 and self._peek(quote):
            self._take(1)

    def _peek(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def _take(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _skip(self, what: str) -> bool:
        """Pass over these characters and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in what:
                self._take(1)
            else:
                return True
        return False
