"""What is fuzzed: each target takes any bytes, and must neither raise nor take long nor leave anything dirty behind.

`run.py` feeds them what atheris finds to be interesting, `test_found.py` the seeds and every finding kept.
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path

from imapclient.exceptions import ProtocolError

from levelhead.archive.crossing import read_parsed
from levelhead.archive.frames import Damage, Member
from levelhead.archive.parse import parse, parse_head, parse_headers
from levelhead.archive.volumes import Volumes
from levelhead.errors import NewerSchema
from levelhead.heat.heard import unpacked
from levelhead.mailbox.answers import read
from levelhead.mailbox.connection import NONSENSE
from levelhead.model import Parsed
from levelhead.pipes import BadFrame, receive
from levelhead.raw import raw
from levelhead.screening.answers import EXPECTED
from levelhead.screening.wire import read_opened, read_reply

DIRTY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
VOLUME = "000001.tar.zst"
AWAITED: tuple[Callable[[bytes], object], ...] = (
    partial(read_parsed, about=("0" * 64,)),
    # The same, whatever it says that it is about: what is behind that is to be looked at, too.
    lambda data: read_parsed(b'[["%b"],%b]' % (b"0" * 64, data), ("0" * 64,)),
    lambda data: unpacked(data.decode("utf-8", "surrogatepass")) if _is_text(data) else None,
    read_opened,
    *(partial(read_reply, hook=hook) for hook in EXPECTED),
)
"""What a host reads an answer as, after what it has asked."""


def _is_text(data: bytes) -> bool:
    """Whether these bytes can be the text of a value that crossed."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def message(data: bytes) -> None:
    """The bytes of a message, and of a header block."""
    check(parse(raw(data)))
    check(parse_head(data))
    assert parse_headers(raw(data)).body_digest == parse(raw(data)).body_digest or len(data) > 1_000_000


def answer(data: bytes) -> None:
    """What a server sends instead of the data items of a FETCH, each line a piece of the response."""
    pieces: list[object] = []
    for line in data.split(b"\x00"):
        head, found, literal = line.partition(b"\x01")
        pieces.append((head, literal) if found else head)
    for labels in (False, True):
        try:
            found = read(pieces, labels=labels)
        except (ProtocolError, *NONSENSE):
            continue  # the connection that said so is ended
        for one in found.values():
            clean(one.gmail())


def volume(data: bytes) -> None:
    """A volume that somebody damaged."""
    with tempfile.TemporaryDirectory(prefix="levelhead-fuzz-") as folder:
        path = Path(folder) / "volumes"
        path.mkdir()
        (path / VOLUME).write_bytes(data)
        at = -1
        try:
            for item in Volumes(path).walk(1, 0):
                assert isinstance(item, Member | Damage)
                place = item.frame.offset if isinstance(item, Member) else item.offset
                assert place > at, "the walk does not get on"
                at = place
        except NewerSchema:
            return


def frame(data: bytes) -> None:
    """What a worker process sends: the frame, and an answer of a stranger in it, read as each that is awaited."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        try:
            received = receive(ours, 5.0)
        except BadFrame:
            received = data
    said = data if received is None else received
    for read_as in AWAITED:
        try:
            read_as(said)
        except BadFrame:
            continue


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": message,
    "answer": answer,
    "volume": volume,
    "frame": frame,
}


def check(parsed: Parsed) -> None:
    """Nothing that a message made may hurt who shows or stores it."""
    clean(parsed)
    assert "\n" not in parsed.subject
    assert all("/" not in item.name and "\\" not in item.name for item in parsed.attachments)
    assert len(parsed.headers) <= 1000


def clean(value: object) -> None:
    """No text in a value has control characters or half a surrogate pair."""
    for text in texts_in(value):
        text.encode("utf-8")
        assert not DIRTY.search(text)


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_in(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))
