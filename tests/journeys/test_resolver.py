"""A resolver that never answers, in a network namespace of its own: the real daemon says so, and stops when told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

pytestmark = [pytest.mark.server, pytest.mark.sweep]

INSIDE = """
import json, os, signal, socket, subprocess, sys, time
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.53", 53))
silent.settimeout(30)
daemon = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
silent.recv(512)
asked = time.monotonic()
time.sleep(0.3)
daemon.send_signal(signal.SIGTERM)
said = daemon.communicate(timeout=60)[1].decode()
print(json.dumps({"status": daemon.returncode, "seconds": time.monotonic() - asked, "said": said[-2000:]}))
"""
"""Listens where the resolver asks, answers nothing, and tells the daemon to stop while it waits."""


def test_a_daemon_that_waits_for_a_dead_resolver_stops_within_ten_seconds(home: Home) -> None:
    require("unshare", "util-linux")
    require("ip", "iproute2")
    if os.geteuid() != 0:
        lacking("a network namespace of its own needs root")
    home.write_config()
    home.config.write_text(
        home.config.read_text().replace('host = "127.0.0.1"', 'host = "mail.northwind.example"')
    )
    resolv = home.path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.53\noptions timeout:20 attempts:2\n")
    shell = f'ip link set lo up && mount --bind {resolv} /etc/resolv.conf && exec "$@"'
    daemon = [sys.executable, "-m", "levelhead", "--config", str(home.config), "run"]
    done = subprocess.run(
        ["unshare", "-m", "-n", "sh", "-c", shell, "sh", sys.executable, "-c", INSIDE, *daemon],
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["status"] == 0, told["said"]
    assert told["seconds"] < 6, "the grace of the daemon is eight"
    print(f"stopped {told['seconds']:.1f} s after it had asked a resolver that never answers")
