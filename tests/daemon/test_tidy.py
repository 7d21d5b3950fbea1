"""What a changed configuration, or an erasure, leaves behind is put right when a session begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.house import House
from evidence.packs import START
from levelhead.clock import FrozenClock
from levelhead.facts import AlertClimbed, AlertNotified, AlertRaised


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, FrozenClock(START))
    (tmp_path / "password").write_text("a password")
    (tmp_path / "password").chmod(0o600)
    made.open()
    yield made
    made.close()


def test_an_alert_about_a_draft_that_is_there_no_more_ends(house: House) -> None:
    with house.archive.store.transaction(START) as tx:
        tx.record(
            AlertRaised(
                key="feedfacefeedface",
                rule="draft-without-mailbox:0123456789abcdef",
                client="",
                thread="",
                message="",
                severity="warning",
                title="A held reply has no mailbox any more",
                body="",
                plugin="levelhead",
                raised_at=START,
                next_rung_at=None,
            )
        )
    house.crew.tidy(set())
    assert house.archive.store.alert("feedfacefeedface").state == "resolved"


@pytest.mark.parametrize(("rule", "told_again"), [("mailbox-refused:studio", True), ("disk-full", False)])
def test_an_alert_of_blindness_that_had_fallen_silent_is_told_a_day_after_the_last_word(
    house: House, rule: str, told_again: bool
) -> None:
    """As an earlier version left it where nothing was repeated, or as `repeat = "0s"` has left it."""
    key = "feedfacefeedface"
    with house.archive.store.transaction(START) as tx:
        tx.record(
            AlertRaised(
                key=key,
                rule=rule,
                client="",
                thread="",
                message="",
                severity="critical",
                title="It is so",
                body="",
                plugin="levelhead",
                raised_at=START,
                next_rung_at=None,
            )
        )
        tx.record(AlertClimbed(key=key, rung=1, next_rung_at=None))
        tx.record(AlertNotified(key=key, rung=0, channel="phone", detail="", notified_at=START))
    house.clock.advance(hours=5)
    for _ in range(2):  # two starts, and the word is owed once
        house.again('[channels.phone]\nurl = "json://127.0.0.1:9/"\n')
    due = START + timedelta(days=1) if told_again else None
    assert house.archive.store.alert(key).next_rung_at == due
    assert house.archive.store.next_due("work") == due or not told_again
