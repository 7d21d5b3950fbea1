"""Fixtures that every test folder may use: a real Dovecot, fresh accounts on it, and a server that plays scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from levelhead.masking import VAULT
from servers.all import Servers
from servers.dovecot import Dovecot, MailAccount
from servers.dovecot_oauth import OAuthDovecot
from servers.provider import Mood, Provider
from servers.scripted import Script, ScriptedServer

# Machines are shared: how long one example takes says nothing. Reproducible, so that a failure can be run again.
settings.register_profile("levelhead", deadline=None, derandomize=True, database=None)
settings.load_profile("levelhead")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow sweeps run in `.ci/run`, or with LEVELHEAD_SWEEP=1; elsewhere they are not even collected."""
    if not os.environ.get("LEVELHEAD_SWEEP"):
        sweeps = [item for item in items if item.get_closest_marker("sweep")]
        config.hook.pytest_deselected(items=sweeps)
        items[:] = [item for item in items if item not in sweeps]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failed-to", type=Path, help="a file that gets the names of failed tests, a line each")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """For `.ci/run`, which tries them once more. Written by the process that has heard of all of them."""
    if (path := config.getoption("--failed-to")) is not None:
        reports = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
        # xdist adds the name of a group, which is no part of what a test is called by.
        names = dict.fromkeys(re.sub(r"@[^]@]*$", "", report.nodeid) for report in reports)
        path.write_text("".join(f"{name}\n" for name in names))


@pytest.fixture(autouse=True)
def secrets_of_this_test() -> Iterator[None]:
    """What one test has had masked is no secret to the next in the same process, whose words it might hide."""
    lasting, pattern = dict(VAULT._lasting), VAULT._pattern
    passing = {where: dict(turns) for where, turns in VAULT._passing.items()}
    yield
    VAULT._lasting, VAULT._passing, VAULT._pattern = lasting, passing, pattern


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands keep for the next call is kept away from the caches of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


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


@pytest.fixture(scope="session")
def mail_servers() -> Iterator[Servers]:
    """Dovecot, Cyrus, Courier and pymap, each started when a test first asks for it."""
    servers = Servers()
    yield servers
    servers.close()


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


@pytest.fixture(scope="session")
def oauth_dovecot() -> Iterator[OAuthDovecot]:
    """A Dovecot that takes access tokens only, with its provider."""
    server = OAuthDovecot()
    yield server
    server.close()


@pytest.fixture
def provider(oauth_dovecot: OAuthDovecot) -> Iterator[Provider]:
    """That Dovecot's provider, in a good mood."""
    provider = oauth_dovecot.provider
    provider.mood = Mood()
    provider.asked.clear()
    provider.device_asked.clear()
    yield provider
    provider.mood = Mood()
