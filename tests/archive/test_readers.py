"""Several readers: a batch is read by several processes at once, as one process would read it, and in its order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.parse import parse
from levelhead.archive.reader import TOGETHER, Reader
from levelhead.archive.readers import Readers
from levelhead.errors import Stopping
from levelhead.raw import Raw, raw

MakeReaders = Callable[..., Readers]


@pytest.fixture
def readers() -> Iterator[MakeReaders]:
    """Makes readers that end with the test."""
    made: list[Readers] = []

    def make(count: int = 2, reader: Callable[[], Reader] = Reader) -> Readers:
        made.append(Readers(count, reader))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def batch(mail: Callable[..., bytes]) -> list[Raw]:
    """More messages than cross over together, each another one."""
    return [raw(mail(f"Number {number}", body=f"Words of {number}.")) for number in range(3 * TOGETHER + 1)]


def test_a_batch_is_read_in_its_order_by_as_many_processes_as_there_are(
    readers: MakeReaders, batch: list[Raw]
) -> None:
    several = readers(2)
    assert list(several.many(batch)) == [parse(one) for one in batch]
    assert len(several.pids) == 2


def test_one_message_and_a_small_batch_start_one_process_only(readers: MakeReaders, batch: list[Raw]) -> None:
    several = readers(3)
    assert several(batch[0]) == parse(batch[0])
    assert list(several.many(batch[:3])) == [parse(one) for one in batch[:3]]
    assert len(several.pids) == 1


def test_after_the_rush_one_process_is_left(readers: MakeReaders, batch: list[Raw]) -> None:
    several = readers(2)
    list(several.many(batch))
    ends = several.pids
    list(several.many(batch[:1]))
    assert len(several.pids) == 1
    assert [pid for pid in ends if Path(f"/proc/{pid}").exists()] == list(several.pids)


def test_one_message_that_cannot_be_read_harms_no_other_of_its_batch(
    readers: MakeReaders, batch: list[Raw], mail: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[2] / 'src'}")
    several = readers(2, lambda: Reader(whole="poison:touchy", cpu_seconds=0.4))
    bad = raw(mail("A hostile one", body="POISON exit and words of a stranger"))
    found = list(several.many([*batch[:20], bad, *batch[20:]]))
    assert found[20].defects and "unread" in found[20].defects[0]
    assert found[:20] + found[21:] == [parse(one) for one in batch]


def test_who_waits_for_a_batch_when_the_readers_close_is_told_so(
    readers: MakeReaders, batch: list[Raw]
) -> None:
    reading = threading.Event()

    class Slow(Reader):
        def many(self, messages: Any) -> Any:
            reading.set()
            closed.wait(30)
            return super().many(messages)

    closed = threading.Event()
    several = readers(2, Slow)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(lambda: list(several.many(batch)))
        assert reading.wait(30)
        ends = threads.submit(several.close)
        closed.set()
        with pytest.raises(Stopping):
            asked.result(30)
        ends.result(30)
    with pytest.raises(Stopping):
        list(several.many(batch))
