"""Talking to systemd: the few datagrams of sd_notify(3), and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends states to the socket that systemd named in `NOTIFY_SOCKET`; does nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._address = env.get("NOTIFY_SOCKET", "")
        pid = env.get("WATCHDOG_PID")
        for_us = pid is None or pid == str(os.getpid())
        usec = env.get("WATCHDOG_USEC", "0") if for_us else "0"
        self.watchdog_seconds = int(usec) / 1_000_000 if usec.isdigit() else 0.0
        """How long systemd waits for a sign of life, in seconds; 0 when it does not watch."""

    def __bool__(self) -> bool:
        return bool(self._address)

    def send(self, **states: str | int) -> None:
        """`send(READY=1, STATUS="watching 2 mailboxes")`; a lost datagram is not worth a crash."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.connect(address)
                channel.sendall(text.encode())
            except OSError:
                return
