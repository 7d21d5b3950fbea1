"""The daily checkpoint: owed once, paid by the worker, tried again while the key cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.house import House
from levelhead.clock import FrozenClock
from levelhead.daemon.crew import UNSIGNED
from levelhead.errors import StoreLocked
from levelhead.evidence.checkpoints import check_checkpoints, checkpoints, tree_of
from levelhead.evidence.daily import CHECKPOINT, Daily
from levelhead.facts import DaemonStarted
from levelhead.model import Job
from levelhead.store.api import WORK

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNED = '[evidence]\nkey_file = "secrets/key"\n'


class Signing(House):
    """A house whose checkpoints are signed unless somebody leaves the key out."""

    def open(self, more: str = SIGNED) -> None:
        super().open(more)

    def again(self, more: str = SIGNED) -> None:
        self.close()
        self.open(more)

    def signed(self) -> list[int]:
        """Pay everything that is due; the sizes of all checkpoints."""
        self.pay()
        return [fact.size for _, fact in checkpoints(self.archive.store)]

    def bodies(self) -> list[str]:
        return [row.body for row in self.archive.store.alerts(states=("open",)) if row.rule == UNSIGNED]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Signing]:
    (tmp_path / "secrets").mkdir()
    made = Signing(tmp_path, FrozenClock(NOW))
    made.open()
    yield made
    made.close()


def test_a_checkpoint_is_signed_at_the_first_start_and_every_day(house: Signing) -> None:
    assert len(house.signed()) == 1
    assert (house.folder / "secrets" / "key").stat().st_mode & 0o777 == 0o600
    house.clock.advance(hours=23)
    assert len(house.signed()) == 1
    for day in range(2, 5):
        house.clock.advance(hours=24)
        with house.archive.store.transaction(house.clock.now()) as tx:
            tx.record(DaemonStarted(version="1", started_at=house.clock.now()))
        assert len(house.signed()) == day
    store = house.archive.store
    assert list(check_checkpoints(checkpoints(store), tree_of(store.entries()))) == []


def test_a_restart_signs_no_sooner_and_a_long_stop_no_later(house: Signing) -> None:
    house.signed()
    house.clock.advance(hours=20)
    house.again()
    assert len(house.signed()) == 1
    house.clock.advance(hours=4)
    assert len(house.signed()) == 2
    house.clock.advance(days=9)
    house.again()
    assert len(house.signed()) == 3


def test_without_a_key_file_nothing_is_owed_and_nothing_made(house: Signing) -> None:
    house.signed()
    house.again("")
    house.clock.advance(days=9)
    assert len(house.signed()) == 1
    assert house.archive.store.next_due(WORK) is None


def test_a_key_that_cannot_be_used_is_one_alert_and_is_tried_every_hour(house: Signing) -> None:
    key = house.folder / "secrets" / "key"
    house.signed()
    key.chmod(0o644)
    house.clock.advance(days=1)
    with house.archive.store.transaction(house.clock.now()) as tx:
        tx.record(DaemonStarted(version="1", started_at=house.clock.now()))
    for _ in range(30):
        assert len(house.signed()) == 1
        house.clock.advance(hours=1)
    (body,) = house.bodies()
    assert "chmod 600" in body
    key.chmod(0o600)
    assert len(house.signed()) == 2
    assert house.bodies() == []


def test_a_key_that_is_gone_is_told_and_no_other_is_made(house: Signing) -> None:
    house.signed()
    (house.folder / "secrets" / "key").unlink()
    house.clock.advance(days=1)
    assert len(house.signed()) == 1
    (body,) = house.bodies()
    assert "former_keys" in body
    (_, signed) = checkpoints(house.archive.store)[-1]
    house.again(f'{SIGNED}former_keys = ["{signed.verifier}"]\n')
    house.clock.advance(hours=1)
    assert len(house.signed()) == 2
    assert checkpoints(house.archive.store)[-1][1].verifier != signed.verifier


def test_a_clock_that_was_ahead_puts_the_next_one_off_for_a_day_at_most(house: Signing) -> None:
    house.clock.advance(days=300)
    house.again()
    house.signed()
    house.clock = FrozenClock(NOW)
    house.again()
    assert house.archive.store.next_due(WORK) == NOW + timedelta(days=1)


def test_trouble_of_the_archive_is_not_trouble_of_the_key(house: Signing) -> None:
    def locked() -> None:
        raise StoreLocked("busy")

    told: list[str] = []
    daily = Daily(house.archive.store, house.clock, locked, trouble=told.append, well=lambda: None)
    job = Job(id=1, lane=WORK, kind=CHECKPOINT, key=CHECKPOINT, subject="", due_at=NOW, attempt=0)
    with pytest.raises(StoreLocked):
        daily.sign(job)
    assert told == []
