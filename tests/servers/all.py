"""The mail servers that levelhead is tried on, by name; each starts when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from servers.courier import Courier
from servers.cyrus import Cyrus
from servers.dovecot import Dovecot
from servers.pymap import Pymap

SERVERS: dict[str, Callable[[], Any]] = {
    "dovecot": Dovecot,
    "cyrus": Cyrus,
    "courier": Courier,
    "pymap": Pymap,
}


class Servers:
    """Those of one test session."""

    def __init__(self) -> None:
        self._started: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The running server of that name; started again when a test has ended it."""
        if name not in self._started:
            self._started[name] = SERVERS[name]()
        server = self._started[name]
        if not server.running:
            server.start()
        return server

    def close(self) -> None:
        for server in self._started.values():
            server.close()
