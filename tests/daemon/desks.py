"""Mail servers on loopback that a test bends, and a session over them by a clock that is moved by hand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.parts import Archive, open_archive
from levelhead.daemon.session import Session
from levelhead.facts import Fact
from levelhead.outbox.health import LASTING
from servers.inbox import Inbox
from servers.scripted import ScriptedServer, Talk

NOW = datetime(2026, 3, 6, 16, 5, tzinfo=UTC)
HEAD = """
[me]
addresses = ["me@studio.example"]
timezone = "UTC"
[clients]
scope = "everyone"
[archive]
path = "archive"
"""
BOX = """
[[mailbox]]
name = "{name}"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "me"
password_file = "{name}-password"
"""


@dataclass
class Desk:
    """A mail server: it takes the password or refuses it, and has what mail it is given."""

    refusing: bytes = b""
    inbox: Inbox = field(default_factory=lambda: Inbox([], mail))

    def script(self, talk: Talk) -> None:
        if not self.refusing:
            self.inbox.script(talk)
            return
        talk.greet()
        talk.expect(rb"LOGIN ")
        talk.done(self.refusing)
        talk.until_gone()


def mail(uid: int) -> bytes:
    return f"From: a@acme.example\r\nTo: me@studio.example\r\nSubject: {uid}\r\n\r\nThe plan.\r\n".encode()


@dataclass
class House:
    """A configuration with these mailboxes, and a session over it by a clock that is moved by hand."""

    folder: Path
    desks: dict[str, Desk]
    clock: FrozenClock
    archive: Archive
    session: Session
    servers: list[ScriptedServer]

    def once(self) -> int:
        return self.session.once(threading.Event())

    def again(self) -> None:
        """As another process that begins now."""
        self.session.close()
        self.archive.close()
        settings = load(self.folder / "levelhead.toml")
        self.archive = open_archive(settings, read_only=False)
        self.session = Session(settings, self.archive, self.clock)

    def alerts(self) -> dict[str, str]:
        """Bodies of the alerts that last, by rule; that these servers have no folder for sent mail is not meant."""
        rows = self.archive.store.alerts(states=LASTING, client="")
        return {row.rule: row.body for row in rows if not row.rule.startswith("sent-unseen")}

    def state(self, name: str) -> str:
        return next((row.state for row in self.archive.store.mailboxes() if row.name == name), "new")

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [fact for _, fact in self.archive.store.facts_about(kind=kind.name)][::-1]
