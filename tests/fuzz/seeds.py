"""Where the fuzzer begins: the hostile messages of our own, what was found before, and small whole things."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from levelhead.archive.parse import parse
from levelhead.archive.volumes import Volumes
from levelhead.model import Alert, Finding, Hold, Level, Point, Severity, Verdict
from levelhead.plain import to_json
from levelhead.raw import raw
from levelhead.screening.guard import Opened, Reply

DATA = Path(__file__).parents[1] / "data"
FOUND = DATA / "found"

ANSWERS = (
    b'1 (UID 7 RFC822.SIZE 3 FLAGS (\\Seen $Junk) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {3}\x01abc\x00)',
    b"1 (UID 7 BODY[HEADER] {11}\x01From: a\r\n\r\n\x00 FLAGS ())\x002 (UID 8 BODY[]<0> {3}\x01xyz\x00)",
    b"1 (UID 7 BODY[] NIL)",
    b'1 (UID 7 X-GM-MSGID 1278455344230334865 X-GM-LABELS (\\Inbox "\\\\Sent" [a 7 {4}\x01a&-b\x00 "&AOQ-"))',
    b"1 (UID 7 X-GM-LABELS ((a) {3}\x01&2A\x00) X-GM-LABELS () BODY[HEADER]<0> {5}\x01A: b\n\x00)",
    b"((((((((",
)


def of(target: str) -> Iterator[bytes]:
    """Seeds and findings of one target."""
    yield from {"message": _messages, "answer": lambda: iter(ANSWERS), "volume": _volumes, "frame": _frames}[
        target
    ]()
    yield from findings(target)


def findings(target: str) -> Iterator[bytes]:
    """What fuzzing has found of that target until now."""
    for path in sorted((FOUND / target).glob("*")):
        yield path.read_bytes()


def _messages() -> Iterator[bytes]:
    for path in sorted((DATA / "hostile").glob("*.eml")):
        yield path.read_bytes()


def _volumes() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="levelhead-seed-") as folder:
        volumes = Volumes(Path(folder))
        volumes.append([(0, raw(b"From: a@b.example\r\n\r\nx")), (1, raw(b"y" * 1_000))])
        yield volumes.path(1).read_bytes()


def _frames() -> Iterator[bytes]:
    verdict = Verdict(
        level=Level.TENSE, millionths=5, because=(Point(plugin="p", label="l", millionths=5, quotes=("q",)),)
    )
    for value in (
        [parse(raw(b"From: a@b.example\r\nTo: c <d@e.example>\r\nDate: 1 Jan 2026 00:00:00 +0000\r\n\r\nx"))],
        Opened(("detect", "hold")),
        Reply((Finding("loud", 0.5, "why", ("x",)),)),
        Reply((verdict,)),
        Reply((Hold(datetime(2026, 1, 1, tzinfo=UTC), "why"),)),
        Reply((Alert("k", Severity.INFO, "title"),)),
        [1.5, True, None, -1],
    ):
        packed = to_json(value)
        yield len(packed).to_bytes(4, "big") + packed
        yield packed
