"""What systemd hears from us."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from levelhead.daemon.systemd import Notifier


def listener(address: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(address)
    server.settimeout(5)
    return server


def test_states_arrive_as_sd_notify_wants_them(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")) as server:
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).send(READY=1, STATUS="watching")
        assert server.recv(4096) == b"READY=1\nSTATUS=watching"


def test_an_abstract_socket_is_reached_too() -> None:
    name = f"levelhead-test-{os.getpid()}"
    with listener(f"\0{name}") as server:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).send(WATCHDOG=1)
        assert server.recv(4096) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.send(READY=1)
    assert not notifier
    assert notifier.watchdog_seconds == 0


def test_a_vanished_socket_does_not_stop_the_daemon(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send(READY=1)


def test_the_watchdog_is_only_ours_when_systemd_means_this_process() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_seconds == 30
    assert Notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_seconds == 0
