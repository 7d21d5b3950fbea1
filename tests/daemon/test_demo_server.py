"""The demo's mail provider."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import UTC, datetime

import pytest

from levelhead.daemon.demo_server import DemoServer, keep_tasks


def test_what_is_delivered_is_read_back_and_the_server_ends() -> None:
    message = b"From: a@example.com\r\nSubject: hello\r\n\r\nHi.\r\n"
    with DemoServer() as server:
        server.deliver("INBOX", message, datetime(2026, 3, 2, 12, tzinfo=UTC))
        assert server.read("INBOX") == (message,)
        assert server.read("Drafts") == ()
    assert not server._thread.is_alive()


@pytest.mark.parametrize("kept", [True, False])
def test_a_task_that_nobody_holds_lives_until_it_has_ended(kept: bool) -> None:
    """A connection's task waits for a line that nobody but the connection itself can bring."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    if kept:
        keep_tasks(loop)

    async def wait() -> None:
        await loop.create_future()

    async def begin() -> weakref.ref[asyncio.Task[None]]:
        task = weakref.ref(loop.create_task(wait()))
        await asyncio.sleep(0)
        return task

    task = loop.run_until_complete(begin())
    gc.collect()
    found = task()
    assert (found is not None) is kept
    if found is not None:
        found.cancel()
        loop.run_until_complete(asyncio.wait([found]))
    del found
    gc.collect()
    assert task() is None
    loop.close()
