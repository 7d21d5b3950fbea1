"""The daemon as a service: what systemd hears, how it ends, and that one dead mailbox slows nobody."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]


def test_systemd_hears_that_it_is_ready_alive_and_stopping(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        home.start()
        heard = systemd.recv(4096)
        assert heard.startswith(b"READY=1\n")
        for wanted in (b"WATCHDOG=1", b"STATUS=1 mailboxes"):
            while wanted not in heard:
                heard = systemd.recv(4096)
        begin = time.monotonic()
        assert home.stop() == 0
        seconds = time.monotonic() - begin
        print(f"from SIGTERM to the end: {seconds:.2f} s")
        assert seconds < 10
        while b"STOPPING=1" not in heard:
            heard = systemd.recv(4096)
    assert home.count("daemon.stopped") == 1


def test_one_dead_mailbox_never_slows_another(home: Home, write: Write, heated: str) -> None:
    with socket.socket() as black_hole:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen()  # takes connections and never says a word
        home.write_config(
            more=f"""
[[mailbox]]
name = "dead"
host = "127.0.0.1"
port = {black_hole.getsockname()[1]}
tls = "none"
user = "me"
password_file = "password"
"""
        )
        home.start()
        home.account.append("INBOX", write(heated))
        seconds = home.until(lambda: home.count("draft.placed"))
        print(f"from delivery to a placed draft beside a dead mailbox: {seconds:.2f} s")
        states = {one["name"]: one["state"] for one in home.json("status")["mailboxes"]}
        assert states["studio"] == "watched"
        assert states["dead"] != "watched"
        begin = time.monotonic()
        assert home.stop() == 0
        assert time.monotonic() - begin < 10


def test_a_server_that_restarts_is_watched_again(home: Home, write: Write) -> None:
    home.start()
    home.account.append("INBOX", write("Before.", own_id="<b1@northwind.example>"))
    home.until(lambda: home.count("message.judged") == 1)
    home.account.server.stop()
    home.account.server.start()
    home.account.append("INBOX", write("After.", own_id="<b2@northwind.example>"))
    seconds = home.until(lambda: home.count("message.judged") == 2)
    print(f"from delivery after a restart to a verdict: {seconds:.2f} s")


def test_a_config_that_cannot_be_used_is_told_at_once_with_every_line_and_ends_with_2(home: Home) -> None:
    home.config.write_text(
        home.config.read_text()
        .replace('poll = "3s"', 'poll = "3 parsecs"')
        .replace("[cooldown]", "[cooldwon]")
    )
    done = home.run("run", check=False)
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "poll" in said
    assert "cooldwon" in said
    assert "did you mean" in said
    assert said.count(", line ") == 2
    assert "Traceback" not in said
    assert not (home.archive / "index.sqlite").exists(), "nothing was begun"


@pytest.mark.sweep
def test_no_log_of_a_whole_day_holds_the_password_or_the_channel_or_the_words(
    home: Home, write: Write, heated: str
) -> None:
    secret = "s3cr3t-topic-canary"
    home.config.write_text(
        home.config.read_text().replace("json://127.0.0.1", f"json://user:{secret}@127.0.0.1")
    )
    home.start()
    home.account.append("INBOX", write(heated, subject="A very private subject"))
    home.until(lambda: home.phone.received)
    home.until(lambda: home.count("draft.placed"))
    (home.path / "password").write_text("another-wrong-password-canary")
    home.account.server.stop()
    home.account.server.start()
    home.until(lambda: home.count("mailbox.lost"))
    home.kill()
    log = "".join(path.read_text() for path in home.path.glob("daemon*.log"))
    for canary in (
        secret,
        home.account.password,
        "another-wrong-password-canary",
        "maria@",
        "private subject",
        "excuses",
    ):
        assert canary not in log, canary
