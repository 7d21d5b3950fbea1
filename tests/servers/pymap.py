"""pymap, an IMAP server in Python, on loopback: the one of the demo, here over TLS, its data in memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import ssl
import tempfile
import threading
from argparse import Namespace
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levelhead.daemon.demo_server import keep_tasks
from servers.account import PASSWORD, Account, make_certificates

FOLDERS = ("Sent", "Drafts", "Archive")


class Pymap:
    """One thread that serves accounts, each on a port of its own: no SPECIAL-USE, no CONDSTORE, FETCH in pieces."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lh-pymap-", dir="/tmp"))
        make_certificates(self.root)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.root / "cert.pem", self.root / "key.pem")
        logging.getLogger("pymap").setLevel(logging.CRITICAL)
        self.doors: list[Door] = []
        self._loop = asyncio.new_event_loop()
        keep_tasks(self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, name="pymap", daemon=True)
        self._thread.start()
        self.running = True

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    def log(self) -> str:
        """It says nothing."""
        return ""

    def user(self) -> Account:
        """A fresh user with empty folders."""
        door = Door(root=self.root, tls=self.tls)
        self.doors.append(door)
        self._do(door.make())
        self._do(door.open())
        account = Account(server=door, user=door.user)
        for folder in FOLDERS:
            account.create(folder)
        return account

    def start(self) -> None:
        """Listen again on the same ports, with all the mail there was."""
        for door in self.doors:
            self._do(door.open())
        self.running = True

    def kill(self) -> None:
        """Close every connection and every port; the mail stays."""
        self.running = False
        for door in self.doors:
            self._do(door.shut())

    def close(self) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@dataclass
class Door:
    """The port of one account."""

    root: Path
    tls: ssl.SSLContext
    host: str = "127.0.0.1"
    port: int = 0
    user: str = "person@example.test"
    _serve: Any = None
    _config: Any = None
    _server: asyncio.Server | None = None
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    async def make(self) -> None:
        """Its account, with nothing in it."""
        from pymap.backend.dict import DictBackend
        from pymap.imap import IMAPServer

        args = Namespace(
            host=self.host, port=0, debug=False, cert=None, key=None, tls=False, passlib_cfg=None,
            proxy_protocol=None, demo_data=False, demo_user=self.user, demo_password=PASSWORD,
        )  # fmt: skip
        backend, config = await DictBackend.init(args, secure_auth=False)
        self._config = config
        self._serve = IMAPServer(backend.login, config)

    async def open(self) -> None:
        """Listen, on the same port as before."""
        from proxyprotocol.sock import SocketInfo

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._open[task] = writer
            try:
                await self._serve(reader, writer, SocketInfo.get(writer, None))
            finally:
                self._open.pop(task, None)
                writer.transport.abort()

        self._config.apply_context()  # connections inherit the context in which the port was opened
        self._server = await asyncio.start_server(serve, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening and drop every connection without a word."""
        if self._server is not None:
            self._server.close()
        for task, writer in dict(self._open).items():
            writer.transport.abort()
            task.cancel()
            with contextlib.suppress(BaseException):
                await task
