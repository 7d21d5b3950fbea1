"""What the figures were measured on: hardware and versions, and nothing that names this machine or its folders."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.peers import PEERS, version_of


def described() -> tuple[tuple[str, str], ...]:
    """Names and values for the page."""
    return (
        ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", _memory()),
        ("kernel", _kernel()),
        ("Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"),
        ("levelhead", version("levelhead")),
        ("Dovecot", version_of("dovecot-imapd")),
        ("imapclient", version("imapclient")),
        *((name, found) for name, found in _peers().items()),
        ("load before the run", f"{os.getloadavg()[0]:.1f}"),
    )


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found.group(1).strip() if found else platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    return f"{int(found.group(1)) / 1e6:.0f} GB" if found else "unknown"


def _kernel() -> str:
    # What a builder appends after the number is nobody's business.
    found = re.match(r"[\d.]+", platform.release())
    return f"{platform.system()} {found.group(0).rstrip('.') if found else 'unknown'}"


def _peers() -> dict[str, str]:
    return {
        peer.package: peer.version if peer.here else "not installed"
        for peer in PEERS
        if peer.package and peer.package != "notmuch"
    } | {"notmuch": version_of("notmuch") if shutil.which("notmuch") else "not installed"}


def disk_of(folder: Path) -> str:
    """The file system that a folder lies on."""
    try:
        command = ["findmnt", "-n", "-o", "FSTYPE", "-T", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return sys.platform
