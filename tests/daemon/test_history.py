"""Judging history: what is gone by then keeps nothing else from being judged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.history import judge_history
from levelhead.daemon.parts import open_archive, recorder_of
from levelhead.model import Arrival
from levelhead.outbox.owed import SCREEN
from levelhead.raw import raw
from levelhead.store.api import WORK

CONFIG = '[me]\naddresses = ["me@studio.example"]\n[archive]\npath = "archive"\n'
LETTER = (
    b"From: maria@northwind.example\r\nTo: me@studio.example\r\nMessage-ID: <a@x>\r\nSubject: Files\r\n\r\n"
    b"Hello, could you please send me the files of last week? Thank you very much.\r\n"
)


def test_a_message_that_was_erased_after_its_judgement_was_claimed_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "levelhead.toml").write_text(CONFIG)
    settings = load(tmp_path / "levelhead.toml")
    clock = FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    archive = open_archive(settings, read_only=False)
    try:
        (receipt,) = recorder_of(settings, archive, clock).record([Arrival(raw=raw(LETTER), history=True)])
        gone = raw(b"gone").digest
        with archive.store.transaction(clock.now()) as tx:
            tx.add_job(WORK, SCREEN, f"{SCREEN}:{gone}", gone, clock.now())
        assert judge_history(settings, archive, clock) == 1
        assert archive.store.judged(receipt.message_id) is not None
    finally:
        archive.close()
