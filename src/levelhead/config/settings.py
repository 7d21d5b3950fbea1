"""All that the operator has decided, as one frozen value. `load` is the only door that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr

from levelhead.config.fields import Name, Section, setting
from levelhead.config.linemap import Path as LinePath
from levelhead.config.linemap import nearest_line
from levelhead.config.mailbox import Mailbox, OAuth2
from levelhead.config.sections import (
    Anchors,
    Archive,
    Channel,
    Clients,
    Cooldown,
    Drafts,
    Escalation,
    Evidence,
    Heat,
    ListedClient,
    Log,
    Me,
    Plugins,
    Retention,
    Rung,
    Web,
)

__all__ = [
    "Anchors",
    "Archive",
    "Channel",
    "Clients",
    "Cooldown",
    "Drafts",
    "Escalation",
    "Evidence",
    "Heat",
    "ListedClient",
    "Log",
    "Mailbox",
    "Me",
    "OAuth2",
    "Plugins",
    "Retention",
    "Rung",
    "Settings",
    "Web",
]


def _table(text: str, example: Any, alias: str | None = None, default: Any = None) -> Any:
    return setting(text, example=example, alias=alias, default={} if default is None else default)


class Settings(Section):
    """The whole configuration file."""

    me: Me = setting("Who you are.", example={"addresses": ["me@example.com"]})
    archive: Archive = setting("Where everything is kept.", example={"path": "archive"})
    mailboxes: tuple[Mailbox, ...] = _table("The mailboxes to watch.", [], alias="mailbox", default=())
    clients: Clients = _table("Whose mail is archived.", {})
    listed: tuple[ListedClient, ...] = _table("The clients you name.", [], alias="client", default=())
    heat: Heat = _table("How a score becomes a level.", {})
    cooldown: Cooldown = _table("How long replies are held.", {})
    drafts: Drafts = _table("The replies that are drafted.", {})
    escalation: Escalation = _table("How alerts climb.", {})
    channels: dict[Name, Channel] = _table("Ways to reach people, by name.", {})
    plugins: Plugins = _table("Your own plugins.", {})
    retention: Retention = _table("How long mail is kept.", {})
    evidence: Evidence = _table("What makes an export provable.", {})
    anchors: Anchors = _table("Who else bears witness.", {})
    web: Web = _table("Pages in a browser.", {})
    log: Log = _table("What the daemon says on stderr.", {})

    _path: Path = PrivateAttr(default=Path("levelhead.toml"))
    _digest: str = PrivateAttr(default="")
    _lines: Mapping[LinePath, int] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        """The absolute path of the file that this was read from."""
        return self._path

    @property
    def digest(self) -> str:
        """The SHA-256 of the file's bytes, in lower-case hex."""
        return self._digest

    def line(self, *path: str | int) -> int | None:
        """The line of a key in the file, `settings.line("mailbox", 0, "host")`, or of the table around it."""
        return nearest_line(self._lines, path)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder: the configured rungs, or one that tells every channel at once; empty without any channel."""
        if self.escalation.rungs or not self.channels:
            return self.escalation.rungs
        return (Rung(after="0s", notify=tuple(self.channels), hours="any"),)  # type: ignore[arg-type]  # a text, as in TOML

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of that name; KeyError when there is none."""
        for mailbox in self.mailboxes:
            if mailbox.name == name:
                return mailbox
        raise KeyError(name)
