"""Reading a message takes memory in proportion to its size, whatever it is made of; native parsers count as well."""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from levelhead.archive.parse import parse
from levelhead.raw import raw

TORTURE = Path(__file__).parents[2].parent / "shared" / "data" / "torture" / "made"
TIMES, CONSTANT = 6, 40_000_000
"""Peak memory may be so many times the message's size and so many bytes more."""

HEAD = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
LARGE = 4_000_000


def embedded(depth: int) -> bytes:
    message = TEXT + b"x" * 100_000
    for _ in range(depth):
        coded = base64.encodebytes(message) if depth % 2 else message
        kind = b"Content-Type: message/rfc822\r\n"
        encoding = b"Content-Transfer-Encoding: base64\r\n" if depth % 2 else b""
        message = MIXED + b"--b\r\n" + kind + encoding + b"\r\n" + coded + b"\r\n--b--\r\n"
    return message


BOMBS = {
    "plain text": TEXT + b"Where is it? " * (LARGE // 13),
    "one line": TEXT + b"x" * LARGE,
    "empty lines": TEXT + b"\n" * LARGE,
    "quotes": TEXT + b"> > > > q\n" * (LARGE // 10),
    "a long subject": HEAD + b"Subject: " + b"y" * 1_000_000 + b"\r\n\r\nx",
    "encoded words": HEAD + b"Subject: " + b"=?utf-8?q?=41?= " * 60_000 + b"\r\n\r\nx",
    "many fields": HEAD + b"X-Y: z\r\n" * 100_000 + b"\r\nx",
    "many recipients": HEAD + b"To: " + b"a@b.example,\r\n " * 60_000 + b"c@d.example\r\n\r\nx",
    "many parameters": HEAD + b"Content-Type: text/plain" + b";\r\n a=b" * 100_000 + b"\r\n\r\nx",
    "many parts": MIXED + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n",
    "many boundaries": MIXED + b"--b\r\n" * 200_000,
    "open tags": HTML + b"<div>" * (LARGE // 20),
    "formatting never closed": HTML + b"<b><i><font>" * 100_000,
    "attributes": HTML + b"<p " + b"a=b " * (LARGE // 8) + b">x</p>",
    "tables": HTML + b"<table><tr><td>" * 60_000,
    "entities": HTML + b"&#x1F600;" * (LARGE // 18),
    "base64": HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(bytes(LARGE)),
    "a large attachment": MIXED + b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(bytes(16_000_000)) + b"--b--\r\n",
    "quoted-printable": HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=41" * (LARGE // 3),
    "messages in messages": embedded(30),
    "coded messages in coded messages": embedded(9),
}  # fmt: skip


def peak(data: bytes) -> int:
    """Bytes by which the resident memory of a fresh process grows at most while it reads the message."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            parse(raw(data))
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.write(writer, str(after - before).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    assert said, "the process that read the message ended without an answer"
    return int(said) * 1024


def measure() -> None:
    """Print name, size and peak of every message. Runs in a process of its own: one that forks has no threads."""
    for body in (TEXT + b"Where is it?", HTML + b"<p>x</p>", MIXED + b"--b\r\n\r\nx\r\n--b--\r\n"):
        parse(raw(body))  # what is loaded once is loaded before anybody measures
    collected = {path.name: path.read_bytes() for path in sorted(TORTURE.glob("bomb-*"))}
    for name, data in (BOMBS | collected).items():
        print(json.dumps([name, len(data), peak(data)]), flush=True)


def test_memory_grows_with_the_size_of_a_message_and_not_with_what_is_inside() -> None:
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    peaks = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name for name, _, _ in peaks} >= set(BOMBS)
    assert not [one for one in peaks if one[2] > TIMES * one[1] + CONSTANT]
    # What is measured includes what the native parsers take.
    assert all(grown > size for name, size, grown in peaks if name in {"plain text", "one line"})


if __name__ == "__main__":
    measure()
