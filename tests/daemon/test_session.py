"""A session: one pass pays all that it owes, however much that is, and news wakes who has to look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.config.load import load
from levelhead.daemon import session as module
from levelhead.daemon.parts import Archive, open_archive
from levelhead.daemon.session import Session
from levelhead.errors import DiskReadOnly, StoreLocked
from levelhead.model import Arrival
from levelhead.outbox.work import AT_ONCE
from levelhead.raw import raw
from levelhead.store.api import mailbox_lane

CONFIG = (
    '[me]\naddresses = ["me@studio.example"]\n[clients]\nscope = "everyone"\n[archive]\npath = "archive"\n'
)


def mail(subject: str) -> bytes:
    """A short letter from a client."""
    return (
        f"From: a@acme.example\r\nTo: me@studio.example\r\nSubject: {subject}\r\n\r\nThe plan.\r\n".encode()
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Session, Archive]]:
    """A session without a mailbox, and its archive."""
    (tmp_path / "levelhead.toml").write_text(CONFIG)
    settings, clock = load(tmp_path / "levelhead.toml"), SystemClock()
    archive = open_archive(settings, read_only=False)
    session = Session(settings, archive, clock)
    try:
        yield session, archive
    finally:
        session.close()
        archive.close()


def test_one_pass_judges_everything_that_a_first_sync_brought(
    opened: tuple[Session, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)
    session, archive = opened
    session.recorder.record(
        [Arrival(raw=raw(mail(f"Number {n}")), history=True, source="box") for n in range(3 * AT_ONCE)]
    )
    assert archive.store.counts().backlog == 3 * AT_ONCE
    assert session.once(threading.Event()) == 0
    assert archive.store.counts().backlog == 0


def test_the_worker_is_woken_when_mail_is_written_down(
    opened: tuple[Session, Archive],
) -> None:
    session, _ = opened
    session._wake.clear()
    session.recorder.record([Arrival(raw=raw(mail("News")), source="box")])
    assert session._wake.is_set()


def test_the_reader_is_started_before_the_first_mail_comes(opened: tuple[Session, Archive]) -> None:
    session, archive = opened
    assert archive.reader is not None and archive.reader.pids == ()
    session._warm_up()
    (pid,) = archive.reader.pids
    # With all that it reads mail by, or the first message would wait for that.
    assert "fast_mail_parser" in Path(f"/proc/{pid}/maps").read_text()


def test_a_reader_that_cannot_be_started_is_told_of_with_the_first_message_and_not_before(
    opened: tuple[Session, Archive],
) -> None:
    session, archive = opened
    assert archive.reader is not None
    archive.reader.close()
    session._warm_up()


def test_of_a_disk_that_is_over_nobody_is_told_twice(opened: tuple[Session, Archive]) -> None:
    """The daemon ends with that alert; a loop that meets the same disk sooner has nothing to add."""
    session, archive = opened
    gone = DiskReadOnly("the disk cannot be written any more")
    for times in (1, 2, 3):
        session._loop_hindered("worker", gone, times)
    session._lost("post", "archive", str(gone))
    assert archive.store.alerts() == ()
    session._loop_hindered("worker", StoreLocked("another program writes"), 2)
    assert [alert.rule for alert in archive.store.alerts()] == ["archive-trouble"]


def test_in_a_second_in_which_nothing_was_written_the_index_is_asked_for_nothing(
    opened: tuple[Session, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, archive = opened
    session.tick()
    session.tick()  # the first one may have written something itself
    said = session.status()
    asked: list[str] = []
    for name in ("next_due", "mailboxes", "counts"):
        answer = getattr(archive.store, name)

        def counted(*words: Any, name: str = name, answer: Any = answer) -> Any:
            asked.append(name)
            return answer(*words)

        monkeypatch.setattr(archive.store, name, counted)
    session.tick()
    assert session.status() == said and asked == []
    session.recorder.record([Arrival(raw=raw(mail("News")), source="box")])
    session.tick()
    assert "mailboxes" in asked and session.status() != said


def test_a_debt_of_a_mailbox_rings_when_it_falls_due_though_nobody_has_written_since(
    opened: tuple[Session, Archive],
) -> None:
    session, archive = opened
    clock = FrozenClock(datetime.now(UTC))
    box = SimpleNamespace(wake=threading.Event(), resting=False, close=lambda: None)
    session._clock, session._crew.watchers["box"] = clock, box  # type: ignore[assignment]
    with archive.store.transaction(clock.now()) as tx:
        tx.add_job(mailbox_lane("box"), "place", "k", "k", clock.now() + timedelta(minutes=5))
    session.tick()
    clock.advance(minutes=4)
    session.tick()
    assert not box.wake.is_set()
    clock.advance(minutes=1)
    session.tick()
    assert box.wake.is_set()
