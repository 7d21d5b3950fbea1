"""Fixtures that every test folder may use: a real Dovecot, fresh accounts on it, and a server that plays scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from servers.dovecot import Dovecot, MailAccount
from servers.scripted import Script, ScriptedServer


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Dovecot]:
    """One Dovecot for the whole session (each xdist worker has its own)."""
    server = Dovecot()
    yield server
    server.close()


@pytest.fixture
def dovecot(dovecot_server: Dovecot) -> Dovecot:
    """The session's Dovecot, started again if a test has ended it."""
    if not dovecot_server.running:
        dovecot_server.start()
    return dovecot_server


@pytest.fixture
def mailbox_account(dovecot: Dovecot) -> MailAccount:
    """A fresh user with INBOX, Drafts, Sent and Archive on the session's Dovecot."""
    return dovecot.user()


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes servers that play one script a connection: `scripted(script, ...)`."""
    servers: list[ScriptedServer] = []

    def make(*scripts: Script) -> ScriptedServer:
        servers.append(ScriptedServer(scripts))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
