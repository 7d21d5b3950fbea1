"""The daily checkpoint: owed once, paid by the worker, tried again while the key cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.crew import UNSIGNED, Crew
from levelhead.daemon.parts import Archive, open_archive
from levelhead.errors import StoreLocked
from levelhead.evidence.checkpoints import check_checkpoints, checkpoints, tree_of
from levelhead.evidence.daily import CHECKPOINT, Daily
from levelhead.facts import DaemonStarted
from levelhead.model import Job
from levelhead.store.api import WORK

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONFIG = """
[me]
addresses = ["me@studio.example"]
[archive]
path = "archive"
[[mailbox]]
name = "studio"
host = "127.0.0.1"
user = "me"
password_file = "password"
"""
SIGNED = '[evidence]\nkey_file = "secrets/key"\n'


class House:
    """One configuration with its archive, its crew and a clock moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FrozenClock(NOW)
        self.archive: Archive
        self.crew: Crew

    def open(self, more: str = SIGNED) -> None:
        (self.folder / "levelhead.toml").write_text(CONFIG + more)
        settings = load(self.folder / "levelhead.toml")
        self.archive = open_archive(settings, read_only=False)
        self.crew = Crew(
            settings,
            self.archive,
            self.clock,
            on_lost=lambda *_: None,
            on_watched=lambda *_: None,
            tick=lambda: False,
        )
        with self.archive.store.transaction(self.clock.now()) as tx:
            tx.record(DaemonStarted(version="1", started_at=self.clock.now()))
        self.crew.announce()

    def close(self) -> None:
        self.crew.close()
        self.archive.close()

    def again(self, more: str = SIGNED) -> None:
        self.close()
        self.open(more)

    def pay(self) -> list[int]:
        """Pay everything that is due; the sizes of all checkpoints."""
        while self.crew.worker.pay():
            pass
        return [fact.size for _, fact in checkpoints(self.archive.store)]

    def alerts(self) -> list[str]:
        return [row.body for row in self.archive.store.alerts(states=("open",)) if row.rule == UNSIGNED]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "secrets").mkdir()
    made = House(tmp_path)
    made.open()
    yield made
    made.close()


def test_a_checkpoint_is_signed_at_the_first_start_and_every_day(house: House) -> None:
    assert len(house.pay()) == 1
    assert (house.folder / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    house.clock.advance(hours=23)
    assert len(house.pay()) == 1
    for day in range(2, 5):
        house.clock.advance(hours=24)
        with house.archive.store.transaction(house.clock.now()) as tx:
            tx.record(DaemonStarted(version="1", started_at=house.clock.now()))
        assert len(house.pay()) == day
    store = house.archive.store
    assert list(check_checkpoints(checkpoints(store), tree_of(store.entries()))) == []


def test_a_restart_signs_no_sooner_and_a_long_stop_no_later(house: House) -> None:
    house.pay()
    house.clock.advance(hours=20)
    house.again()
    assert len(house.pay()) == 1
    house.clock.advance(hours=4)
    assert len(house.pay()) == 2
    house.clock.advance(days=9)
    house.again()
    assert len(house.pay()) == 3


def test_without_a_key_file_nothing_is_owed_and_nothing_made(house: House) -> None:
    house.pay()
    house.again("")
    house.clock.advance(days=9)
    assert len(house.pay()) == 1
    assert house.archive.store.next_due(WORK) is None


def test_a_key_that_cannot_be_used_is_one_alert_and_is_tried_every_hour(house: House) -> None:
    key = house.folder / "secrets" / "key"
    house.pay()
    key.chmod(0o644)
    house.clock.advance(days=1)
    with house.archive.store.transaction(house.clock.now()) as tx:
        tx.record(DaemonStarted(version="1", started_at=house.clock.now()))
    for _ in range(30):
        assert len(house.pay()) == 1
        house.clock.advance(hours=1)
    (body,) = house.alerts()
    assert "chmod 600" in body
    key.chmod(0o600)
    assert len(house.pay()) == 2
    assert house.alerts() == []


def test_a_key_that_is_gone_is_told_and_no_other_is_made(house: House) -> None:
    house.pay()
    (house.folder / "secrets" / "key").unlink()
    house.clock.advance(days=1)
    assert len(house.pay()) == 1
    (body,) = house.alerts()
    assert "former_keys" in body
    (_, signed) = checkpoints(house.archive.store)[-1]
    house.again(f'{SIGNED}former_keys = ["{signed.verifier}"]\n')
    house.clock.advance(hours=1)
    assert len(house.pay()) == 2
    assert checkpoints(house.archive.store)[-1][1].verifier != signed.verifier


def test_a_clock_that_was_ahead_puts_the_next_one_off_for_a_day_at_most(house: House) -> None:
    house.clock.advance(days=300)
    house.again()
    house.pay()
    house.clock = FrozenClock(NOW)
    house.again()
    assert house.archive.store.next_due(WORK) == NOW + timedelta(days=1)


def test_trouble_of_the_archive_is_not_trouble_of_the_key(house: House) -> None:
    def locked() -> None:
        raise StoreLocked("busy")

    told: list[str] = []
    daily = Daily(house.archive.store, house.clock, locked, trouble=told.append, well=lambda: None)
    job = Job(id=1, lane=WORK, kind=CHECKPOINT, key=CHECKPOINT, subject="", due_at=NOW, attempt=0)
    with pytest.raises(StoreLocked):
        daily.sign(job)
    assert told == []
