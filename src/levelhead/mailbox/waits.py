"""A pause after trouble that `status` can tell of while it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import Unavailable
from levelhead.mailbox.pauses import kind_of
from levelhead.store.api import Store
from levelhead.store.api_waits import Pause, pause_key

log = structlog.get_logger()

LONG = 30.0
"""Seconds from which on a pause is worth being told of."""


@contextmanager
def noted(
    store: Store, clock: Clock, mailbox: str, seconds: float, trouble: Exception | None
) -> Iterator[None]:
    """Keep it written down, for as long as the body takes, that the server is left alone for so many seconds."""
    if trouble is None or seconds < LONG:
        yield
        return
    until = clock.now() + timedelta(seconds=seconds)
    _keep(store, clock, mailbox, Pause(until=until, kind=kind_of(trouble), why=str(trouble)).text())
    try:
        yield
    finally:
        _keep(store, clock, mailbox, "")


def _keep(store: Store, clock: Clock, mailbox: str, text: str) -> None:
    try:
        with store.transaction(clock.now()) as tx:
            tx.set_meta(pause_key(mailbox), text)
    except (Unavailable, OSError) as exc:  # it is said of the pause, and must not be why there is none
        log.warning("mailbox.pause_unrecorded", error=str(exc))
