"""The real daemon on a disk that runs full, cannot be written, or takes no log: what it says, and what it keeps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servers.disks import fill, read_only, real_disk, resize, small_disk

if TYPE_CHECKING:
    from conftest import Home

pytestmark = pytest.mark.sweep

Write = Callable[..., bytes]
MB = 1024**2


def said(home: Home, event: str) -> list[dict[str, Any]]:
    """The lines of that event in the log of the daemon that runs now."""
    lines = (home.path / f"daemon{home.logs}.log").read_text().splitlines()
    return [entry for line in lines if line.startswith("{") and (entry := json.loads(line))["event"] == event]


def about_the_disk(home: Home) -> list[Any]:
    return [alert for alert in home.of("alert.raised") if not alert.message]


def test_a_full_disk_stops_fetching_is_told_once_and_goes_on_when_there_is_room(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(
        more=f"""
[[mailbox]]
name = "other"
host = "127.0.0.1"
port = {home.account.port}
ca_file = "{home.account.ca_file}"
user = "{home.account.server.user().user}"
password_file = "password"
poll = "3s"
"""
    )
    with small_disk(home.archive, "32m") as disk:
        home.start()
        home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
        home.until(lambda: home.count("message.judged") == 1)
        home.until((disk / "reserve").exists)
        fill(disk, leave=MB // 2)
        home.until(lambda: not (disk / "reserve").exists())
        fill(disk, leave=3 * MB)
        home.until(lambda: len(home.phone.received) == 1)
        # Mail comes in all the while, a heated one too, and both mailboxes would like to fetch.
        home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
        home.account.fill(
            "INBOX", [write(f"{n} " * 2_000, own_id=f"<b{n}@northwind.example>") for n in range(60)]
        )
        home.until(lambda: said(home, "mailbox.session_ended"))
        assert home.json("status")["open_alerts"] == 1
        assert home.messages() == 1, "nothing is fetched"
        assert home.daemon is not None
        assert home.daemon.poll() is None
        (alert,) = about_the_disk(home)
        assert alert.rule == "disk-full"
        lines = len(home.log().splitlines())
        resize(disk, "200m")
        seconds = home.until(lambda: home.count("message.judged") == 62)
        print(f"{lines} lines were logged; from room to the last of 61 judged messages: {seconds:.1f} s")
        assert lines < 60
        home.until(lambda: (disk / "reserve").stat().st_size == 4 * MB)
        home.until(lambda: [fact for fact in home.of("alert.resolved") if fact.key == alert.key])
        assert len(about_the_disk(home)) == 1
        heats = {fact.key for fact in home.of("alert.raised")} - {alert.key}
        told = [ring for ring in home.phone.received if not any(key in str(ring) for key in heats)]
        assert len(told) == 1, "the whole daemon tells it once"
        assert home.stop() == 0
        assert "Traceback" not in home.log()
        home.run("run", "--once")
        archived = [fact.id for fact in home.of("message.archived")]
        assert len(archived) == len(set(archived)) == 62
        assert home.json("verify", "--deep")["ok"]


def test_mail_that_will_not_fit_is_not_begun(home: Home, write: Write) -> None:
    with small_disk(home.archive, "32m") as disk:
        home.run("run", "--once")
        home.account.append("INBOX", write("x" * 70 + "\n" + ("y" * 70 + "\n") * 200_000))
        fill(disk, leave=12 * MB)
        done = home.run("run", "--once", check=False)
        assert done.returncode == 3
        assert b"no room is left" in done.stderr
        assert b"Traceback" not in done.stderr
        assert not list((disk / "spool").glob("*")), "nothing of it was fetched"
        assert [alert.rule for alert in about_the_disk(home)] == ["disk-full"]
        assert len(home.phone.received) == 1
        resize(disk, "200m")
        home.run("run", "--once")
        assert home.messages() == 1
        assert home.lines("alerts") == []


def test_a_daemon_starts_on_a_full_disk_by_its_reserve_and_says_so(home: Home, write: Write) -> None:
    with small_disk(home.archive, "32m") as disk:
        home.run("run", "--once")
        home.start()
        home.until((disk / "reserve").exists)
        home.kill()
        fill(disk, leave=0)
        home.start(wait=False)
        home.until(lambda: home.phone.received)
        (alert,) = about_the_disk(home)
        assert alert.rule == "disk-full"
        (disk / "somebody-elses").unlink()
        home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
        home.until(lambda: home.count("message.judged") == 1)
        home.until(lambda: home.count("alert.resolved") == 1)
        assert home.stop() == 0


def test_a_disk_that_cannot_be_written_is_told_before_the_end_and_once_a_day(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    home.run("run", "--once")
    with read_only(home.archive):
        for _ in range(3):
            done = home.run("run", check=False)
            assert done.returncode == 3
            assert b"read-only" in done.stderr.splitlines()[-1]
            assert b"Traceback" not in done.stderr
    (told,) = home.phone.received
    assert "read-only" in str(told)
    home.run("run", "--once")
    assert not list((tmp_path / "run").iterdir()), "the next time it is told again"


def test_a_disk_that_turns_read_only_ends_the_daemon_with_an_alert(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    with real_disk(tmp_path / "image", home.archive, options="loop,errors=remount-ro") as disk:
        home.start()
        # What the kernel does by itself when such a disk fails.
        subprocess.run(["mount", "-o", "remount,abort", disk], check=False, capture_output=True)
        home.account.append("INBOX", write("Hello?"))
        assert home.daemon is not None
        assert home.daemon.wait(timeout=120) == 3
        home.daemon = None
        assert "read-only" in home.log().splitlines()[-1]
        assert "Traceback" not in home.log()
        assert len(home.phone.received) == 1, home.phone.received
        (told,) = home.phone.received
        assert "read-only" in str(told)


def test_a_read_only_copy_can_be_checked_and_asked(home: Home, write: Write, heated: str) -> None:
    home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
    home.run("run", "--once")
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.run("run", "--once")

    def asked() -> tuple[Any, ...]:
        status = home.json("status")
        return home.json("verify", "--deep"), status["messages"], status["ledger"], home.lines("messages")

    before = asked()
    shutil.copytree(home.archive, home.path / "copy")
    home.config.write_text(home.config.read_text().replace('path = "archive"', 'path = "copy"'))
    with read_only(home.path / "copy"):
        assert asked() == before
        assert before[0]["ok"]
        refused = home.run("ack", home.lines("alerts")[0]["key"], check=False)
        assert refused.returncode == 3
        assert b"Traceback" not in refused.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_under_the_log_stops_nothing(home: Home, write: Write) -> None:
    home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
    command = [sys.executable, "-m", "levelhead", "--config", str(home.config), "run", "--once"]
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run(command, stdout=full, stderr=full, check=False, timeout=120).returncode == 0
    assert home.count("message.judged") == 1
