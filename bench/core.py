"""What a section is given and what it hands back: a bench with a server and homes; tables, plots and targets."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from bench import corpus
from bench.home import Home
from bench.server import BenchServer, MailAccount, server
from bench.sizes import Sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page; the first column is words, the others are figures."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve of a plot, or the bars of one kind when the plot has no numbers along its x axis."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot, kept as an SVG beside the page. `bars` names the bars of a bar chart, from the top."""

    file: str
    """The name of its file, without the ending."""
    title: str
    description: str
    axes: tuple[str, str]
    lines: tuple[Line, ...] = ()
    bars: tuple[tuple[str, float], ...] = ()
    logarithmic: bool = False
    """Whether the x axis counts in powers of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was asked for and what was measured; `reached` is None where this run could not tell."""

    name: str
    goal: str
    measured: str
    reached: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one section found."""

    title: str
    prose: tuple[str, ...]
    """Sentences on how it was measured; hand-written notes come from `bench/notes.md`."""
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...] = ()
    targets: tuple[Target, ...] = ()


class Bench:
    """One run: its sizes, a folder for everything, and what sections share. Use it in a `with`."""

    def __init__(self, sizes: Sizes, mode: str, root: Path) -> None:
        """`root` is an empty folder on the disk that is to be measured."""
        self.sizes, self.mode, self.root = sizes, mode, root
        self._stack = ExitStack()
        self._folders = 0
        self._began = time.monotonic()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def say(self, what: str) -> None:
        """Tell whoever waits what is being done."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {what}", file=sys.stderr, flush=True)

    def folder(self, name: str) -> Path:
        """A path of its own, where nothing is yet."""
        self._folders += 1
        return self.root / f"{self._folders:03}-{name}"

    def home(self, account: MailAccount, name: str = "home") -> Home:
        """A fresh home beside an account."""
        return Home(self.folder(name), account)

    def remove(self, path: Path) -> None:
        """Make room, and have it written to the disk before anything else is measured."""
        shutil.rmtree(path)
        os.sync()

    @cached_property
    def server(self) -> BenchServer:
        """The private Dovecot, started when it is first needed."""
        self.say("starting a private Dovecot")
        return self._stack.enter_context(server())

    @cached_property
    def mailbox(self) -> MailAccount:
        """An account with the messages of a first sync, whose index is warm."""
        self.say(f"making {self.sizes.first_sync:,} messages")
        return self.server.filled(corpus.mails(self.sizes.first_sync))

    @cached_property
    def crowd(self) -> MailAccount:
        """An account with very many short messages, whose connections can be listened to."""
        self.say(f"making {self.sizes.large_archive:,} short messages")
        return self.server.filled(corpus.short(number) for number in range(self.sizes.large_archive))

    @cached_property
    def archived(self) -> Home:
        """A home that has recorded and judged all of `crowd`; sections leave it as it is, but for new mail."""
        home = self.home(self.crowd, "archived")
        self.say("recording and judging them")
        home.once(self.sizes.large_archive)
        return home


def megabytes(count: float) -> str:
    """Bytes for a reader."""
    return f"{count / 1e6:.0f} MB"


def seconds(value: float) -> str:
    """Seconds for a reader, in three figures."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def times(value: float) -> str:
    """A ratio for a reader."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """From the least to the most, for a reader."""
    return f"{seconds(min(values))} to {seconds(max(values))}"
