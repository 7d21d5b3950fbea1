"""The index made again after an erasure, finished or not: nothing that was erased comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from archive import erasing
from levelhead.archive.erased import erased
from levelhead.archive.parse import parse
from levelhead.config.load import load
from levelhead.daemon.remake import remake
from levelhead.model import Parsed
from levelhead.raw import Raw
from levelhead.store.api import MessageFilter

Archive = Any
CONFIG = """
[me]
addresses = ["me@studio.example"]
timezone = "UTC"
[archive]
path = "archive"
"""


class Here:
    """Reads messages in this process; starting another one for each test takes a second."""

    def __call__(self, message: Raw) -> Parsed:
        return parse(message)

    def many(self, messages: Sequence[Raw]) -> Iterator[Parsed]:
        return map(parse, messages)

    def close(self) -> None:
        pass


@pytest.fixture
def filled(archive: Archive, mail: Any, arrival: Any) -> Archive:
    archive.recorder.record([arrival(mail(f"canary {n}", message_id=f"<{n}@x>"), n) for n in range(1, 5)])
    return archive


@pytest.fixture
def made_again(
    filled: Archive, open_archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Archive]:
    """Loses the index, makes it again, and opens the archive as a restart does."""
    (tmp_path / "levelhead.toml").write_text(CONFIG)
    monkeypatch.setattr("levelhead.daemon.remake.Readers", Here)

    def make() -> Archive:
        filled.store.close()
        for path in filled.path.glob("index*"):
            path.unlink()
        remake(load(tmp_path / "levelhead.toml"), filled.clock)
        return open_archive()

    return make


def rows(archive: Archive) -> Any:
    return tuple(archive.store.messages(MessageFilter()))


@pytest.mark.parametrize("steps", range(4))
def test_what_was_erased_stays_erased_wherever_the_erasure_was_broken_off(
    filled: Archive, made_again: Callable[[], Archive], steps: int
) -> None:
    """The last message too: its frame is behind all that the new index knows, and is not taken in again."""
    first, second, third, last = rows(filled)
    erasing.decide(filled, second, last)
    for step in erasing.STEPS[:steps]:
        step(filled)
    messages = rows(filled)
    again = made_again()
    assert again.recorder.adopt().adopted == ()
    assert rows(again) == messages
    assert [row.id for row in messages] == [first.id, third.id]
    assert again.store.erased([second.id, third.id]) == {second.id}
    gone = {entry.seq for entry in again.store.entries() if entry.payload is None}
    assert gone == erased(again.store).entries
    for step in erasing.STEPS[steps:]:
        step(again)
    assert again.verify(deep=True).ok


def test_a_message_after_the_last_that_was_erased_gets_a_number_of_its_own(
    filled: Archive, made_again: Callable[[], Archive], mail: Any, arrival: Any
) -> None:
    last = rows(filled)[3]
    erasing.erase(filled, last)
    again = made_again()
    again.recorder.adopt()
    (receipt,) = again.recorder.record([arrival(mail("later"), 9)])
    assert receipt.seq == last.seq + 1
    assert again.verify(deep=True).ok


def test_a_blank_that_is_damaged_is_not_cut_from_a_volume_when_the_index_is_made_again(
    filled: Archive, made_again: Callable[[], Archive]
) -> None:
    last = rows(filled)[3]
    erasing.erase(filled, last)
    with filled.volumes.path(1).open("r+b") as file:
        file.seek(last.offset + 20)
        file.write(b"x")
    end = filled.volumes.end()
    again = made_again()
    again.recorder.adopt()
    assert again.volumes.end() == end


def test_the_leaves_and_the_root_come_back(filled: Archive, made_again: Callable[[], Archive]) -> None:
    erasing.erase(filled, rows(filled)[1])
    before = list(filled.store.entries())
    again = made_again()
    assert list(again.store.entries(0, len(before))) == before
