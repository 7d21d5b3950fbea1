"""SIGTERM in the middle of anything: the daemon ends within ten seconds with 0, leaves no child and nothing half."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.proxy import Fault, Proxy
from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

pytestmark = [pytest.mark.sweep, pytest.mark.server]

MOST = 10.0
"""Seconds until systemd kills (`TimeoutStopSec`)."""


def tree(pid: int) -> set[int]:
    """A process and all that descend from it, whatever session they are in."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    found, fresh = {pid}, {pid}
    while fresh := {child for child, parent in parents.items() if parent in fresh} - found:
        found |= fresh
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def ends(home: Home) -> float:
    """SIGTERM; it must end in time, with 0, alone, and with an archive that is whole. The seconds that it took."""
    assert home.daemon is not None
    family = tree(home.daemon.pid)
    begin = time.monotonic()
    assert home.stop() == 0, home.log()
    seconds = time.monotonic() - begin
    print(f"from SIGTERM to the end: {seconds:.2f} s, {len(family)} processes")
    assert seconds < MOST
    assert [pid for pid in family if alive(pid)] == []
    assert "Traceback" not in home.log()
    if (home.archive / "index.sqlite").exists():
        assert home.json("verify", "--deep")["ok"]
        assert home.count("daemon.stopped") == home.count("daemon.started")
    return seconds


def replace(home: Home, old: str, new: str) -> None:
    text = home.config.read_text()
    assert old in text
    home.config.write_text(text.replace(old, new))


@contextmanager
def slowly(home: Home, at: int) -> Iterator[Proxy]:
    """The first connection is relayed with 40 KB a second from a byte on; later ones are as they should be."""
    proxy = Proxy(home.account.port, Fault("slow", at))
    replace(home, f"port = {home.account.port}", f"port = {proxy.port}")
    try:
        yield proxy
    finally:
        proxy.close()


def large(write: Write, megabytes: int) -> bytes:
    return write("0123456789abcdef " * (megabytes * 1_000_000 // 17))


def test_in_the_middle_of_a_first_sync(home: Home, write: Write) -> None:
    many = 600
    home.account.fill("INBOX", [write(f"Mail {n}.", own_id=f"<f{n}@northwind.example>") for n in range(many)])
    home.start(wait=False)
    home.until(lambda: 0 < home.messages() < many)
    ends(home)
    before = home.messages()
    print(f"{before} of {many} were archived")
    home.start()
    home.until(lambda: home.messages() == many)
    assert home.count("message.archived") == many
    ends(home)


def test_in_the_middle_of_a_large_message(home: Home, write: Write) -> None:
    home.account.append("INBOX", large(write, 4))
    with slowly(home, 100_000) as proxy:
        home.start(wait=False)
        home.until(lambda: proxy.struck)
        ends(home)
    assert home.messages() == 0, "a message is archived whole or not at all"


def test_in_the_middle_of_a_plugin_that_hangs(home: Home, write: Write) -> None:
    plugins = home.path / "plugins"
    plugins.mkdir(mode=0o700)
    (plugins / "stuck.py").write_text(
        "import pathlib, time\nfrom levelhead import hookimpl\n\n\n@hookimpl\ndef detect(message):\n"
        f"    pathlib.Path({str(home.path / 'asked')!r}).touch()\n    time.sleep(60)\n"
    )
    home.write_config(more='[plugins]\npath = "plugins"\ntimeout = "30s"\n')
    home.start()
    home.account.append("INBOX", write("Hello."))
    home.until(lambda: (home.path / "asked").exists())
    ends(home)
    assert home.count("message.judged") == 0


def test_in_the_middle_of_a_password_command(home: Home) -> None:
    script = home.path / "ask"
    script.write_text(f"#!/bin/sh\ntouch {home.path}/asked\nsleep 60\n")
    script.chmod(0o700)
    replace(home, 'password_file = "password"', f'password_command = "{script}"')
    home.start(wait=False)
    home.until(lambda: (home.path / "asked").exists())
    ends(home)


def test_in_the_middle_of_a_delivery_to_a_channel_that_never_answers(
    home: Home, write: Write, heated: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        replace(home, f"127.0.0.1:{home.phone.port}", f"127.0.0.1:{silent.getsockname()[1]}")
        home.start()
        home.account.append("INBOX", write(heated))
        connection, _ = silent.accept()
        with connection:
            ends(home)
    assert home.count("alert.raised") == 1
    assert home.count("alert.notified") == 0, "what was not taken is told again after the next start"


@pytest.mark.parametrize("after", [0.0, 0.1, 0.4, 1.0])
def test_in_the_middle_of_a_reload(home: Home, after: float) -> None:
    home.start()
    home.hang_up()
    time.sleep(after)  # no condition to wait for: the point is to hit whatever is under way
    ends(home)


def test_in_the_middle_of_a_lookup_that_no_name_server_answers(home: Home) -> None:
    if os.geteuid() != 0:
        lacking("a name server of its own needs a mount namespace: run this test as root")
    require("unshare", "util-linux")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.77.77.77", 53))
        silent.settimeout(60)
        (home.path / "resolv.conf").write_text("nameserver 127.77.77.77\n")
        replace(home, 'host = "127.0.0.1"', 'host = "imap.nowhere.test"')
        mount = f"mount --bind {home.path}/resolv.conf /etc/resolv.conf"
        words = [sys.executable, "-m", "levelhead", "--config", str(home.config), "run"]
        home.logs += 1
        with (home.path / f"daemon{home.logs}.log").open("wb") as log:
            home.daemon = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *words], stdout=log, stderr=log
            )
        assert b"nowhere" in silent.recv(4096)
        ends(home)


def test_a_reload_in_the_middle_of_a_large_message_brings_it_whole_and_once(home: Home, write: Write) -> None:
    message = large(write, 3)
    home.account.append("INBOX", message)
    with slowly(home, 100_000) as proxy:
        home.start(wait=False)
        home.until(lambda: proxy.struck)
        home.hang_up()
        home.until(lambda: home.count("message.archived"))
        home.until(lambda: home.count("config.loaded") == 2)
        (archived,) = home.of("message.archived")
        assert archived.size == len(message)
        ends(home)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_that_cannot_be_written_stops_nothing(home: Home, write: Write, heated: str) -> None:
    words = [sys.executable, "-m", "levelhead", "--config", str(home.config), "run"]
    with Path("/dev/full").open("wb") as full:
        home.daemon = subprocess.Popen(words, stdout=full, stderr=full, stdin=subprocess.DEVNULL)
    home.until(lambda: home.count("mailbox.watched"))
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.placed") and home.phone.received)
    ends(home)
