"""What a command says: JSON for programs, text for people, nothing that could steer a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from levelhead.masking import VAULT, escape

Json = Mapping[str, Any]


class ReaderGone(Exception):
    """Whoever read our output closed the pipe; there is nobody to tell."""


def lines_of(text: str) -> str:
    """The text with every character that could steer a terminal written as an escape; line ends and tabs stay."""
    return escape(text.replace("\r\n", "\n"), lines=True)


def line_of(text: str) -> str:
    """The same on one line: line ends and tabs become single spaces."""
    return lines_of(" ".join(text.split()))


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 message`, `2 messages`, `0 entries`."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else many}"


def write(text: str) -> None:
    """Write to stdout; raises ReaderGone when nobody reads any more."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError as exc:
        raise ReaderGone from exc


def flush() -> None:
    """Send what was written on its way now; raises ReaderGone when nobody reads any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as exc:
        raise ReaderGone from exc


def write_bytes(pieces: Iterable[bytes]) -> None:
    """Write bytes exactly to stdout; raises ReaderGone when nobody reads any more."""
    try:
        sys.stdout.flush()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError as exc:
        raise ReaderGone from exc


def complain(text: str) -> None:
    """Write one or more sentences to stderr, without any secret that this process has read.

    Where they cannot be written (the log lies on the disk that is full) the exit status alone speaks.
    """
    try:
        sys.stderr.write(lines_of(VAULT.hide(text)).rstrip("\n") + "\n")
        sys.stderr.flush()
    except OSError:
        # What is left in the buffer goes nowhere, so that the interpreter's own last flush does not fail again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


def dump(value: Json) -> str:
    """One JSON object on one line; ASCII only, so that no terminal and no locale can be upset by it."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


class Output:
    """Says the same thing to programs (`--json`) and to people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def one(self, value: Json, text: str) -> None:
        """One thing: the object, or a text for a reader; the exit status tells it too, so a gone reader is no end."""
        with suppress(ReaderGone):
            write(dump(value) + "\n" if self.as_json else lines_of(text).rstrip("\n") + "\n")

    def many(self, values: Iterable[Json], columns: Sequence[str], empty: str) -> None:
        """A list: JSON Lines as they come, or a table of these columns, or the sentence `empty`."""
        if self.as_json:
            for value in values:
                write(dump(value) + "\n")
            return
        rows = [[cell(value.get(column)) for column in columns] for value in values]
        if not rows:
            write(empty + "\n")
        elif sys.stdout.isatty():
            _table(columns, rows)
        else:
            for row in (list(columns), *rows):
                write("\t".join(row) + "\n")


SHORT = 18
"""Characters; a column of a table that is no wider is not broken into lines."""


def cell(value: object) -> str:
    """A value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    text = line_of(str(value))
    return _LONG.sub(lambda found: found["id"] or f"{found['day']} {found['time']}Z", text)


_LONG = re.compile(
    r"^(?:(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d):\d\d\.\d{6}Z|(?P<id>[0-9a-f]{12})[0-9a-f]{52})$"
)
"""Times and digests, of which a table shows as much as a person needs; `--json` has all of it."""

_HEADS = {"direction": "way", "received_at": "received", "release_at": "release", "next_rung_at": "next rung"}


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with rich; the texts are shown as they are, never read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # What is short, such as keys and times, is there to be copied: it is never cut and never broken.
        short = max(len(row[number]) for row in rows) <= SHORT
        table.add_column(_HEADS.get(column, column.replace("_", " ")), overflow="fold", no_wrap=short)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    try:
        Console(file=sys.stdout, highlight=False).print(table)
    except BrokenPipeError as exc:
        raise ReaderGone from exc
