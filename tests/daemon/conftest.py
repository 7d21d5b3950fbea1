"""Sessions over mail servers on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.desks import BOX, HEAD, NOW, Desk, House
from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.parts import open_archive
from levelhead.daemon.session import Session
from servers.scripted import ScriptedServer


@pytest.fixture
def house_of(tmp_path: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []
    servers: list[ScriptedServer] = []

    def make(*names: str, more: str = "") -> House:
        desks = {name: Desk() for name in names}
        text = HEAD
        for name, desk in desks.items():
            servers.append(ScriptedServer([desk.script]))
            text += BOX.format(name=name, port=servers[-1].port) + more
            (tmp_path / f"{name}-password").write_text("s3cret-word\n")
            (tmp_path / f"{name}-password").chmod(0o600)
        (tmp_path / "levelhead.toml").write_text(text)
        settings, clock = load(tmp_path / "levelhead.toml"), FrozenClock(NOW)
        archive = open_archive(settings, read_only=False)
        made.append(House(tmp_path, desks, clock, archive, Session(settings, archive, clock), servers))
        return made[-1]

    yield make
    for house in made:
        house.session.close()
        house.archive.close()
    for server in servers:
        server.close()
