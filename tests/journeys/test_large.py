"""A message of a hundred megabytes: archived to the byte by the real daemon, which never holds it in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home

pytestmark = [pytest.mark.server, pytest.mark.sweep]

MEGABYTE = 1_000_000
HEAD = (
    b"From: Sam <sam@northwind.example>\r\nTo: me@studio.example\r\nSubject: the film\r\n"
    b"Message-ID: <film@northwind.example>\r\nMIME-Version: 1.0\r\n"
)
LINE = b"0123456789abcdef" * 4 + b"wxyz0123\r\n"
SHAPES = {
    "an attachment": HEAD
    + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + LINE * (100 * MEGABYTE // len(LINE)),
    "one line": HEAD + b"Content-Type: text/plain\r\n\r\n" + b"word " * (20 * MEGABYTE) + b"\r\n",
}


MOST = 250e6
"""Bytes beyond what a small message takes. The bytes go by in pieces; it is the parser that reads the first 40 MB."""
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""
"""A small program in between: what a child is said to use at most begins with what its parent used."""


def most_memory_of(home: Home, *words: str) -> int:
    """Run levelhead to its end; the most bytes that it had in memory (getrusage(2), ru_maxrss)."""
    command = [sys.executable, "-m", "levelhead", "--config", str(home.config), *words]
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, check=True)
    status, kilobytes = map(int, done.stdout.split())
    assert status == 0
    return kilobytes * 1024


@pytest.mark.parametrize("shape", SHAPES)
def test_a_message_of_a_hundred_megabytes_is_archived_and_never_held_in_memory(
    home: Home, shape: str, record_property: Callable[[str, object], None]
) -> None:
    home.account.append("INBOX", HEAD + b"\r\nHello.\r\n")
    small = most_memory_of(home, "run", "--once")
    data = SHAPES[shape]
    home.account.fill("INBOX", [data])
    large = most_memory_of(home, "run", "--once")
    print(
        f"{shape}: {small / 1e6:.0f} MB for a small message, {large / 1e6:.0f} MB for {len(data) / 1e6:.0f} MB"
    )
    record_property("memory_mb", round(large / 1e6))
    rows = {row["size"]: row["id"] for row in home.lines("messages")}
    assert home.run("show", rows[len(data)], "--raw").stdout == data
    assert large - small < MOST
