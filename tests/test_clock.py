"""The frozen clock: a test that waits in a loop comes to its end."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from levelhead.clock import FrozenClock


@pytest.mark.parametrize("seconds", [1e-9, 1e-7, 0.3, 1.0, 1 / 3])
def test_a_wait_however_short_moves_the_frozen_clock(seconds: float) -> None:
    clock = FrozenClock(datetime(2026, 3, 6, tzinfo=UTC))
    before = clock.now(), clock.monotonic()
    assert not clock.wait(threading.Event(), seconds)
    assert clock.now() > before[0] and clock.monotonic() > before[1]


def test_no_wait_does_not_move_it() -> None:
    clock = FrozenClock(datetime(2026, 3, 6, tzinfo=UTC))
    for seconds in (0.0, -1.0):
        clock.wait(threading.Event(), seconds)
    stop = threading.Event()
    stop.set()
    assert clock.wait(stop, 60.0)
    assert clock.monotonic() == 0.0
