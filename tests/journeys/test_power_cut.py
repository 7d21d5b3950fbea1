"""A real disk loses its power in the middle of writing: whatever was acknowledged is there afterwards.

ext4 in a file, cut off by its own shutdown call, so that what the kernel had not written through is lost.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levelhead.archive.library import Library
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.errors import LevelheadError
from levelhead.store.sqlite import open_store
from servers.disks import carried_away, cut_the_power, real_disk
from servers.requirements import require

pytestmark = pytest.mark.sweep

SECONDS = 2.0
ENOUGH = 50
"""So long, and until so many messages are acknowledged, is written before the power goes."""

EATMYDATA = ("/usr/lib/x86_64-linux-gnu/libeatmydata.so", "/usr/lib/aarch64-linux-gnu/libeatmydata.so")

WRITER = """
import hashlib, os, sys
from pathlib import Path
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import SystemClock
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.sqlite import open_store

where = Path(sys.argv[1])
store, clock = open_store(where / "index.sqlite"), SystemClock()
recorder = Recorder(
    store, Volumes(where / "volumes"), clock, parse=parse, directory=Directory.make(["me@studio.example"]),
    mirror=Mirror(where / "ledger"),
)
number = 0
while True:
    batch = []
    for _ in range(1 + number % 7):
        number += 1
        noise = hashlib.shake_128(str(number).encode()).hexdigest(1 + (number * 7919) % 40_000)
        text = f"From: a@acme.example\\r\\nTo: me@studio.example\\r\\nSubject: {number}\\r\\n\\r\\n{noise}\\r\\n"
        batch.append(Arrival(raw=raw(text.encode())))
    receipts = recorder.record(batch)
    # Only now has anybody a right to believe it: an IMAP cursor moves, a flag is set.
    os.write(1, "".join(f"{receipt.message_id}\\n" for receipt in receipts).encode())
"""


def write_until_the_power_goes(disk: Path, preload: str) -> list[str]:
    """Archive messages on that disk, cut its power, and say which had been acknowledged by then."""
    environment = {**os.environ, "LD_PRELOAD": preload}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(disk)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as writer:
        assert writer.stdout is not None
        said = writer.stdout.fileno()
        os.set_blocking(said, False)
        heard, ready = b"", selectors.DefaultSelector()
        ready.register(said, selectors.EVENT_READ)
        end, latest = float("inf"), time.monotonic() + 120
        while time.monotonic() < end or heard.count(b"\n") < ENOUGH:
            assert time.monotonic() < latest, (
                f"only {len(heard.split())} messages were written in two minutes"
            )
            ready.select(0.1)
            piece = os.read(said, 1 << 20) if ready.select(0) else None
            assert piece != b"", "the writer ended by itself"
            heard += piece or b""
            end = min(end, time.monotonic() + SECONDS) if heard else end
        cut_the_power(disk)
        # What it says after that moment may be a word it had no right to give, so it is not counted for it.
        writer.kill()
    return heard.decode().split()


def lost(disk: Path, acknowledged: list[str]) -> int:
    """How many of the acknowledged messages cannot be had any more; all of them when there is no index to be read."""
    try:
        store = open_store(disk / "index.sqlite")
    except LevelheadError:
        return len(acknowledged)
    missing = 0
    try:
        library = Library(store, Volumes(disk / "volumes"), parse)
        for id in acknowledged:
            try:
                missing += library.raw(id).digest != id
            except LevelheadError:
                missing += 1
    finally:
        store.close()
    return missing


def whole(disk: Path) -> bool:
    """What `verify --deep` says of it, once a daemon has been there again and has mended what the cut left."""
    subprocess.run([sys.executable, "-c", MEND, str(disk)], check=True)
    store = open_store(disk / "index.sqlite", read_only=True)
    try:
        report = verify(
            store,
            Volumes(disk / "volumes"),
            Mirror(disk / "ledger"),
            parse_many=one_by_one(parse),
            open_store=open_store,
            deep=True,
        )
    finally:
        store.close()
    print(report.damaged, report.missing, report.unexplained)
    return report.ok


MEND = WRITER.split("number = 0")[0] + "recorder.adopt()\n"


@pytest.mark.parametrize("turn", range(3))
def test_nothing_that_was_acknowledged_is_lost_when_the_power_goes(tmp_path: Path, turn: int) -> None:
    image, point = tmp_path / "image", tmp_path / "disk"
    with real_disk(image, point) as disk:
        acknowledged = write_until_the_power_goes(disk, preload="")
    with real_disk(carried_away(image), point) as disk:
        missing = lost(disk, acknowledged)
        print(f"{len(acknowledged)} acknowledged, {missing} lost")
        assert missing == 0
        assert whole(disk)


def test_the_same_cut_loses_messages_where_nothing_is_made_durable(tmp_path: Path) -> None:
    """The control: a test that could not see a loss would pass here too."""
    require("eatmydata", "eatmydata")
    (library,) = [path for path in EATMYDATA if Path(path).exists()]
    image, point = tmp_path / "image", tmp_path / "disk"
    with real_disk(image, point) as disk:
        acknowledged = write_until_the_power_goes(disk, preload=library)
    with real_disk(carried_away(image), point) as disk:
        missing = lost(disk, acknowledged)
        print(f"control: {len(acknowledged)} acknowledged, {missing} lost")
        assert missing > 0
