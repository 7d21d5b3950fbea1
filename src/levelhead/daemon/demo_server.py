"""The demo's mail provider: an embedded IMAP server (pymap) on loopback, its data in memory only."""

from __future__ import annotations

import asyncio
import imaplib
import logging
import threading
from argparse import Namespace
from concurrent.futures import Future
from datetime import datetime
from types import TracebackType
from typing import Any

from levelhead.errors import UserError

FOLDERS = ("Sent", "Drafts", "Archive")
STARTS_WITHIN = 30.0
"""Seconds."""


def keep_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task of a loop live until it has ended.

    A loop keeps none by itself, and the server starts one for each connection that nobody keeps either: with Python
    3.13 it was collected while it waited for the next command, and whoever sent that waited for ever.
    """
    tasks: set[asyncio.Task[Any]] = set()

    def kept(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **more)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    loop.set_task_factory(kept)


class DemoServer:
    """A context manager: inside it, an IMAP account answers on 127.0.0.1 at `port`."""

    user = "you@studio.example"
    password = "a-demo-password"

    def __init__(self) -> None:
        self.port = 0
        self._ready: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="demo-server", daemon=True)

    def __enter__(self) -> DemoServer:
        self._thread.start()
        self.port = self._ready.result(timeout=STARTS_WITHIN)
        with self._login() as client:
            for folder in FOLDERS:
                client.create(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(timeout=STARTS_WITHIN)

    def deliver(self, folder: str, message: bytes, at: datetime, flags: str = "") -> None:
        """Put a message into a folder, as a provider or another of your devices would."""
        with self._login() as client:
            stamp = imaplib.Time2Internaldate(at)
            answer, detail = client.append(folder, flags, stamp, message)
            if answer != "OK":
                raise UserError(f"the demo server refused a message: {detail!r}")

    def read(self, folder: str) -> tuple[bytes, ...]:
        """All messages of a folder, as they stand on the server."""
        with self._login() as client:
            client.select(folder, readonly=True)
            _, found = client.uid("SEARCH", "ALL")
            bodies = []
            for uid in (found[0] or b"").split():
                _, data = client.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
                bodies += [part[1] for part in data if isinstance(part, tuple)]
            return tuple(bodies)

    def _login(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=STARTS_WITHIN)
        client.login(self.user, self.password)
        return client

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        keep_tasks(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except (OSError, ImportError) as exc:
            self._ready.set_exception(exc)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        try:
            from proxyprotocol.reader import ProxyProtocolReader
            from pymap.backend.dict import DictBackend
            from pymap.imap import IMAPServer
        except ImportError as exc:
            raise ImportError("the demo needs its extra: pip install 'levelhead[demo]'") from exc
        logging.getLogger("pymap").setLevel(logging.CRITICAL)
        args = Namespace(
            host="127.0.0.1", port=0, debug=False, cert=None, key=None, tls=False, passlib_cfg=None,
            proxy_protocol=None, demo_data=False, demo_user=self.user, demo_password=self.password,
        )  # fmt: skip
        backend, config = await DictBackend.init(args, secure_auth=False)
        config.apply_context()
        imap = IMAPServer(backend.login, config)
        reader = ProxyProtocolReader(config.proxy_protocol)
        server = await asyncio.start_server(reader.get_callback(imap), "127.0.0.1", 0)
        async with server:
            self._ready.set_result(server.sockets[0].getsockname()[1])
            await self._done.wait()
        # Connections that are still open (an IDLE of the daemon) end with the server.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
