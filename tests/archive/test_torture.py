"""All of the torture corpus through a real archive: recorded, read back byte for byte, verified, judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.library import Library
from levelhead.archive.reader import Reader
from levelhead.archive.record import Recorder
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.clock import FrozenClock
from levelhead.model import Client, Thread
from levelhead.outbox.said import asked_verdict
from levelhead.policy.types import HeatPolicy
from levelhead.raw import raw
from levelhead.screening.build import build_panel
from levelhead.screening.spec import PanelSpec
from levelhead.screening.unknown import unknown_reason
from levelhead.store.sqlite import open_store

TORTURE = Path(__file__).parents[2].parent / "shared" / "data" / "torture"


@pytest.mark.sweep
@pytest.mark.skipif(not TORTURE.is_dir(), reason="the torture corpus is not beside the repository")
def test_every_message_of_the_torture_corpus_is_kept_verified_and_judged(
    archive: Any, arrival: Callable[..., Any], tmp_path: Path
) -> None:
    files = [path.read_bytes() for path in sorted((*TORTURE.glob("messages/*"), *TORTURE.glob("made/*")))]
    assert len(files) > 600
    read = Reader()
    try:
        recorder = Recorder(
            archive.store,
            archive.volumes,
            archive.clock,
            parse=read,
            parse_many=read.many,
            directory=archive.recorder.directory,
            mirror=archive.mirror,
        )
        for start in range(0, len(files), 100):
            batch = [
                arrival(data, start + number + 1) for number, data in enumerate(files[start : start + 100])
            ]
            recorder.record(batch)
        library = Library(archive.store, archive.volumes, read)
        for data in files:
            assert library.raw(raw(data).digest).read() == data
        report = verify(
            archive.store,
            archive.volumes,
            archive.mirror,
            parse_many=one_by_one(read),
            open_store=open_store,
            deep=True,
        )
        assert report.ok and report.checked == len({raw(data).digest for data in files}), report
        judged = _judged(library, archive.clock, tmp_path, [raw(data).digest for data in files])
        assert len(judged) == len(files)
        assert not [id for id in judged if any(d.startswith("unread") for d in library.message(id).defects)]
    finally:
        read.close()


def _judged(library: Library, clock: FrozenClock, folder: Path, ids: list[str]) -> list[str]:
    """The messages that got a verdict from every built-in without a failure."""
    heat = HeatPolicy(tense=0.25, heated=0.5, hostile=0.75, baseline="off", weights={})
    panel = build_panel(
        PanelSpec(folder=folder / "plugins", order=(), disable=(), may_lower=(), isolation="process",
                  timeout_seconds=5.0, tables={}, builtin={"weigh": heat}),
        clock,
    )  # fmt: skip
    done = []
    try:
        for id in ids:
            message = library.message(id)
            verdict, calls = asked_verdict(
                panel, message, Thread(key="", client=""), Client(name=""),
                unknown=unknown_reason(message), heat=heat, may_lower=frozenset(),
            )  # fmt: skip
            assert verdict.complete, (id, calls)
            done.append(id)
    finally:
        panel.close()
    return done
