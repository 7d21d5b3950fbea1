"""What a changed configuration, or an erasure, leaves behind is put right when a session begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.house import House
from evidence.packs import START
from levelhead.clock import FrozenClock
from levelhead.facts import AlertRaised


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
