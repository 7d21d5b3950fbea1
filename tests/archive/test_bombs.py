"""Attachments that would grow a thousandfold: nothing in the program unpacks what a sender packed."""

from __future__ import annotations

import ast
import base64
import gzip
import io
import os
import sys
import zipfile
from pathlib import Path

import pytest

import levelhead
from levelhead.archive.parse import parse
from levelhead.raw import raw

SOURCE = Path(levelhead.__file__).parent
MADE = Path(__file__).parents[2].parent / "shared" / "data" / "torture" / "made" / "att-zip-ratio-100MB.eml"
UNPACKERS = {
    "zipfile",
    "gzip",
    "zlib",
    "tarfile",
    "bz2",
    "lzma",
    "zstandard",
    "shutil.unpack_archive",
    "py7zr",
    "rarfile",
}
SUMS = {"zlib.crc32", "zlib.adler32"}
UNPACK_OUR_OWN = {
    "heat/weights.py": "the tables of the detector, which ship",
    "heat/semantic.py": "the sentence encoder, which the operator installs",
    "archive/packed.py": "packed files that their owner names on the command line, such as a Takeout archive",
    "archive/frames.py": "our own volumes: headers of tar and frames of zstd",
}
INFLATED = 100_000_000
CONFIG = """
[me]
addresses = ["me@studio.example"]
[archive]
path = "archive"
"""


def unpackers(source: str) -> set[str]:
    """What a file imports that can unpack."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
    return {name for name in found - SUMS if name in UNPACKERS or name.split(".")[0] in UNPACKERS}


def test_no_file_that_sees_other_peoples_mail_can_unpack_anything() -> None:
    able = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if unpackers(path.read_text())
    }
    assert able == set(UNPACK_OUR_OWN)


@pytest.mark.parametrize(
    "source",
    [
        "import zipfile",
        "from gzip import open",
        "import shutil\nshutil.unpack_archive('x')",
        "import zlib as z",
    ],
)
def test_who_can_unpack_is_seen(source: str) -> None:
    assert unpackers(source)


def packed(kind: str, size: int = INFLATED) -> bytes:
    """That many bytes of nothing, packed."""
    if kind == "gzip":
        return gzip.compress(bytes(size), 9)
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nothing.txt", bytes(size))
    return box.getvalue()


def with_attachment(data: bytes, name: str) -> bytes:
    return (
        b"From: sam@client.example\r\nTo: me@studio.example\r\nSubject: files\r\nMessage-ID: <1@client.example>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHere are the files.\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=" + name.encode() + b"\r\n\r\n"
        + base64.encodebytes(data) + b"--b--\r\n"
    )  # fmt: skip


def peak_of_adding(folder: Path, mail: bytes) -> int:
    """Bytes that the program takes at most, in a process of its own, while it archives and judges one mail."""
    folder.mkdir()
    (folder / "levelhead.toml").write_text(CONFIG)
    (folder / "mail.eml").write_bytes(mail)
    words = [
        sys.executable,
        "-m",
        "levelhead",
        "--config",
        f"{folder}/levelhead.toml",
        "add",
        f"{folder}/mail.eml",
    ]
    child = os.posix_spawn(
        sys.executable, words, os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0o600)],
    )  # fmt: skip
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return used.ru_maxrss * 1024


@pytest.mark.sweep
def test_a_bomb_is_archived_and_judged_in_the_memory_that_a_small_mail_takes(tmp_path: Path) -> None:
    calm = peak_of_adding(tmp_path / "calm", with_attachment(b"nothing", "a.txt"))
    bombs = {kind: with_attachment(packed(kind), f"a.{kind}") for kind in ("zip", "gzip")}
    if MADE.exists():
        bombs["made"] = MADE.read_bytes()
    for kind, mail in bombs.items():
        grown = peak_of_adding(tmp_path / kind, mail) - calm
        print(f"{kind}: {len(mail)} bytes, {grown / 1e6:.1f} MB more than a small mail ({calm / 1e6:.0f} MB)")
        assert grown < INFLATED / 4, kind


def test_what_is_said_of_a_bomb_is_what_was_sent_and_not_what_is_inside() -> None:
    data = packed("zip", 10_000_000)
    (attachment,) = parse(raw(with_attachment(data, "a.zip"))).attachments
    assert (attachment.name, attachment.size) == ("a.zip", len(data))
