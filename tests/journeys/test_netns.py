"""A connection that dies without a word: the link goes down in a network of its own, and no FIN ever comes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levelhead.daemon.demo import Phone
from servers.dovecot import Dovecot
from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

CLONE_NEWNET = 0x40000000

HASTY = (
    "import sys; from levelhead.mailbox.api import MailboxSpec; from levelhead.cli import main;"
    "MailboxSpec.__init__.__kwdefaults__['timeout_seconds'] = 5.0; sys.exit(main())"
)
"""The daemon as it is, but that it waits five seconds for an answer, not a minute (with which this takes three)."""


@pytest.fixture
def own_network() -> Iterator[Callable[[str], None]]:
    """This thread, and every program and thread that it starts, in a network namespace with nothing but `lo`."""
    require("ip", "iproute2")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET) != 0:
        os.close(before)
        lacking("a network namespace cannot be made here: run this test as root")

    def link(state: str) -> None:
        subprocess.run(["ip", "link", "set", "lo", state], check=True, timeout=10)

    link("up")
    yield link
    assert libc.setns(before, CLONE_NEWNET) == 0
    os.close(before)


@pytest.mark.sweep
@pytest.mark.server
def test_a_connection_that_dies_without_a_word_is_noticed_on_record_and_made_again(
    make_home: Callable[[Path], Home],
    own_network: Callable[[str], None],
    tmp_path: Path,
    write: Write,
) -> None:
    server = Dovecot()
    home = make_home(tmp_path / "home")
    try:
        with Phone().ringing() as phone:
            home = replace(home, account=server.user(), phone=phone)
            home.write_config()
            home.logs += 1
            with (home.path / "daemon1.log").open("wb") as log:
                words = [sys.executable, "-c", HASTY, "--config", str(home.config), "run"]
                home.daemon = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            home.until(lambda: home.count("mailbox.watched"))
            home.account.append("INBOX", write("Before.", own_id="<b1@northwind.example>"))
            home.until(lambda: home.count("message.judged") == 1)
            own_network("down")
            seconds = home.until(lambda: home.count("mailbox.lost"))
            print(f"from the dead link to its record: {seconds:.1f} s")
            (lost,) = home.of("mailbox.lost")
            assert lost.kind == "connection"
            own_network("up")
            home.account.append("INBOX", write("After.", own_id="<b2@northwind.example>"))
            seconds = home.until(lambda: home.count("message.judged") == 2)
            print(f"from the mended link to a verdict: {seconds:.1f} s")
            home.until(lambda: home.count("mailbox.watched") == 2)
            watched = home.of("mailbox.watched")[-1]
            assert watched.blind_since is not None and watched.blind_since <= lost.since
            assert home.stop() == 0
            assert home.json("verify", "--deep")["ok"]
    finally:
        if home.daemon is not None:
            home.kill()
        server.close()
