"""The demo's mail provider."""

from __future__ import annotations

from datetime import UTC, datetime

from levelhead.daemon.demo_server import DemoServer


def test_what_is_delivered_is_read_back_and_the_server_ends() -> None:
    message = b"From: a@example.com\r\nSubject: hello\r\n\r\nHi.\r\n"
    with DemoServer() as server:
        server.deliver("INBOX", message, datetime(2026, 3, 2, 12, tzinfo=UTC))
        assert server.read("INBOX") == (message,)
        assert server.read("Drafts") == ()
    assert not server._thread.is_alive()
