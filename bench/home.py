"""A home for the real levelhead beside one account: its configuration, its measured runs, its index from outside."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.corpus import CLIENTS, ME
from bench.measure import LONGEST, Broken, Cost, Running, run
from bench.server import PASSWORD, MailAccount

CONFIG = """\
[me]
addresses = ["{me}"]
timezone = "UTC"

[archive]
path = "archive"

[[mailbox]]
name = "studio"
host = "127.0.0.1"
port = {port}
ca_file = "{ca_file}"
user = "{user}"
password_file = "password"
poll = "{poll}"
idle = {idle}

[clients]
scope = "everyone"

[[client]]
name = "Acme"
addresses = ["{client}"]

[log]
format = "json"
"""

LOOK = 0.005
"""Seconds between two looks into the index from outside."""


def program() -> list[str]:
    """The words that start levelhead as its users do: the script that was installed beside this Python."""
    script = Path(sys.executable).with_name("levelhead")
    return [str(script)] if script.exists() else [sys.executable, "-m", "levelhead"]


@dataclass
class Home:
    """A folder with a configuration, beside one account; everything else has its default."""

    path: Path
    account: MailAccount

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True)
        (self.path / "password").write_text(PASSWORD)
        (self.path / "password").chmod(0o600)
        self.configure()

    def configure(self, *, poll: str = "2m", idle: bool = True) -> None:
        """Write the configuration, with the defaults of levelhead unless others are named."""
        self.config.write_text(
            CONFIG.format(
                me=ME,
                port=self.account.port,
                ca_file=self.account.ca_file,
                user=self.account.user,
                poll=poll,
                idle=str(idle).lower(),
                client=CLIENTS[0],
            )
        )
        self.config.chmod(0o600)

    @property
    def config(self) -> Path:
        return self.path / "levelhead.toml"

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    @property
    def index(self) -> Path:
        return self.archive / "index.sqlite"

    @property
    def log(self) -> Path:
        return self.path / "levelhead.log"

    def words(self, *words: str) -> list[str]:
        """A command line of levelhead on this home."""
        return [*program(), "--config", str(self.config), *words]

    def start(self, *words: str, seconds: float = LONGEST) -> Running:
        """A command under the meter; what it logs is kept for the case that it fails."""
        return Running(self.words(*words), cwd=self.path, stderr=self.log, seconds=seconds)

    def run(self, *words: str) -> Cost:
        """A command to its end, under the meter."""
        return run(self.words(*words), cwd=self.path, stderr=self.log)

    def json(self, *words: str) -> Any:
        """What a command answers, as its JSON lines."""
        done = subprocess.run(self.words(*words, "--json"), capture_output=True, check=False)
        if done.returncode:
            raise Broken(f"levelhead {' '.join(words)}: {done.stderr.decode(errors='replace')[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def once(self, messages: int) -> Cost:
        """Full passes over a mailbox of so many messages until all are recorded and judged; one should do.

        Marked are the moment when the index holds them all, `recorded`, and how many `passes` it took. Broken when a
        pass leaves some unrecorded, or judges none of those that are left.
        """
        with Index(self.index) as index:
            with self.start("run", "--once") as running:
                # A look costs what it counts, and is taken from the time of those who are counted.
                pause = max(LOOK, messages / 400_000)
                recorded = until(lambda: index.recorded() >= messages, running, pause=pause) - running.began
                costs = [running.finish()]
            while (judged := index.judged()) < messages:
                costs.append(self.run("run", "--once"))
                if index.judged() == judged:
                    raise Broken(f"of {messages} messages {judged} were judged, and no more\n{self.tail()}")
            found = index.recorded()
        if found != messages:
            raise Broken(f"of {messages} messages {found} were recorded\n{self.tail()}")
        return Cost(
            wall=sum(cost.wall for cost in costs),
            cpu=sum(cost.cpu for cost in costs),
            own=max(cost.own for cost in costs),
            all=max(cost.all for cost in costs),
            marks={"recorded": recorded, "passes": len(costs)},
        )

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""


class Index:
    """The index of an archive, looked into from outside by a connection that only reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def recorded(self) -> int:
        """Messages that have their row and whose text can be searched, committed both."""
        rows = self._number("SELECT count(*) FROM message")
        # The rows of a full-text index are told by the sizes that it keeps of them.
        return min(rows, self._number("SELECT count(*) FROM message_text_docsize")) if rows else 0

    def judged(self) -> int:
        """Messages that have their verdict."""
        return self._number("SELECT count(*) FROM verdict")

    def _number(self, question: str) -> int:
        """The answer of a query with one number; 0 while the index is being made."""
        try:
            if self._connection is None:
                if not self._path.exists():
                    return 0
                self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=0.2)
            row = self._connection.execute(question).fetchone()
        except sqlite3.OperationalError as exc:
            if "no such table" in str(exc) or "locked" in str(exc) or "unable to open" in str(exc):
                return 0
            raise
        return int(row[0])


def until(
    true: Callable[[], bool], running: Running, *, pause: float = LOOK, seconds: float = LONGEST
) -> float:
    """Look until something is true; when it was (time.monotonic). Broken when the program ends or time runs out."""
    end = time.monotonic() + seconds
    while not true():
        if not running.running:
            # It may have come true between the last look and the end.
            if true():
                break
            running.finish()
            raise Broken("levelhead ended before what was awaited came true")
        if time.monotonic() > end:
            raise Broken(f"what was awaited did not come true within {seconds:.0f} s")
        time.sleep(pause)
    return time.monotonic()
