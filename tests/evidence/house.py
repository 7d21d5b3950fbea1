"""One configuration with its archive, its crew and a clock moved by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.crew import Crew
from levelhead.daemon.parts import Archive, open_archive
from levelhead.facts import DaemonStarted, Fact
from levelhead.store.api import EVIDENCE, WORK

CONFIG = """
[me]
addresses = ["me@studio.example"]
timezone = "UTC"
[archive]
path = "archive"
[[mailbox]]
name = "studio"
host = "127.0.0.1"
user = "me"
password_file = "password"
[[client]]
name = "Northwind"
addresses = ["*@northwind.example"]
"""
SIGNED = '[evidence]\nkey_file = "key"\n'


class House:
    """Open it with more of a configuration, move its clock, and have everything paid that is due."""

    def __init__(self, folder: Path, clock: FrozenClock) -> None:
        self.folder = folder
        self.clock = clock
        self.archive: Archive
        self.crew: Crew

    def open(self, more: str = "") -> None:
        config = self.folder / "levelhead.toml"
        config.write_text(CONFIG + more)
        config.chmod(0o600)
        settings = load(config)
        self.archive = open_archive(settings, read_only=False)
        self.crew = Crew(
            settings,
            self.archive,
            self.clock,
            on_lost=lambda *_: None,
            on_watched=lambda *_: None,
            tick=lambda: False,
        )
        with self.archive.store.transaction(self.clock.now()) as tx:
            tx.record(DaemonStarted(version="1", started_at=self.clock.now()))
        self.crew.announce()

    def close(self) -> None:
        self.crew.close()
        self.archive.close()

    def again(self, more: str = "") -> None:
        self.close()
        self.open(more)

    def pay(self) -> None:
        """Pay everything that is due now."""
        while self.crew.worker.pay() + self.crew.witness.pay():
            pass

    def live(self, **span: float) -> None:
        """Let so much time pass, and pay whatever falls due meanwhile when it does."""
        self.pay()
        end = self.clock.now() + timedelta(**span)
        lanes = (WORK, EVIDENCE)
        while (due := min(filter(None, map(self.archive.store.next_due, lanes)), default=end)) < end:
            self.clock.advance(due - self.clock.now())
            self.pay()
        self.clock.advance(end - self.clock.now())
        self.pay()

    def facts(self, kind: type[Fact]) -> list[Fact]:
        """Oldest first."""
        return [fact for _, fact in self.archive.store.facts_about(kind=kind.name)][::-1]

    def alerts(self, rule: str) -> list[str]:
        """Titles and bodies of the open alerts of a rule."""
        rows = self.archive.store.alerts(states=("open",))
        return [f"{row.title}\n{row.body}" for row in rows if row.rule.partition(":")[0] == rule]
