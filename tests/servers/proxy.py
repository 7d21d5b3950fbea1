"""A relay between a client and a real server that does one evil thing at one byte of one direction."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal["drop", "truncate", "stall", "delay", "split", "slow", "garble", "lose"]

PORTION = 2_000
"""Bytes that `slow` passes on at a time."""
SPLIT = 400
"""Bytes that `split` passes on one by one."""


@dataclass(frozen=True)
class Fault:
    """What happens at byte `at` (from 0) of what the server sends, or of what the client sends (`up`).

    drop: the receiver gets a reset. truncate: an orderly end of the connection, in the middle of a word. stall: nothing
    more comes, and nobody hangs up. delay: a pause, then all is as before. split: the next bytes come one by one.
    slow: the rest comes in small portions with pauses. garble: one bit is changed. lose: sixteen bytes are left out.
    """

    kind: Kind
    at: int
    up: bool = False
    connections: int = 1
    """How many connections, from the first, it befalls."""


class Proxy:
    """Listens on a loopback port and relays to `port`. `struck` counts how often the fault happened."""

    host = "127.0.0.1"

    def __init__(self, port: int, fault: Fault | None = None) -> None:
        self.fault = fault
        self.struck = 0
        self.passed: list[dict[bool, int]] = []
        """Bytes that were relayed for each connection, down (False) and up (True)."""
        self._to = port
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((self.host, 0))
        self._listener.settimeout(0.02)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """End every connection and wait for the threads."""
        self._stop.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            server = socket.create_connection((self.host, self._to))
            for sock in (client, server):
                sock.setblocking(True)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.passed.append({False: 0, True: 0})
            self._start(self._relay, client, server, len(self.passed) - 1)

    def _relay(self, client: socket.socket, server: socket.socket, number: int) -> None:
        """One thread for both directions: a socket that another thread still reads cannot be reset."""
        ways = {server: (client, False), client: (server, True)}
        with client, server, contextlib.suppress(OSError, Over):
            while not self._stop.is_set():
                for source in select.select(list(ways), [], [], 0.02)[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    sink, up = ways[source]
                    if not self._pass(data, sink, number, up):
                        del ways[source]

    def _pass(self, data: bytes, sink: socket.socket, number: int, up: bool) -> bool:
        """Pass on what came, with the fault when it is due; False when nothing more may go this way."""
        fault = self.fault
        start = self.passed[number][up]
        self.passed[number][up] += len(data)
        if (
            fault is None
            or fault.up is not up
            or number >= fault.connections
            or start + len(data) <= fault.at
        ):
            sink.sendall(data)
            return True
        if start > fault.at:
            self._in_portions(sink, data, PORTION if fault.kind == "slow" else len(data))
            return True
        cut = fault.at - start
        sink.sendall(data[:cut])
        self.struck += 1
        return self._strike(fault, sink, data[cut:])

    def _strike(self, fault: Fault, sink: socket.socket, rest: bytes) -> bool:
        if fault.kind == "drop":
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Over
        if fault.kind == "truncate":
            raise Over
        if fault.kind == "stall":
            return False
        if fault.kind == "delay":
            self._stop.wait(0.2)
            sink.sendall(rest)
        elif fault.kind == "split":
            self._in_portions(sink, rest[:SPLIT], 1)
            sink.sendall(rest[SPLIT:])
        elif fault.kind == "slow":
            self._in_portions(sink, rest, PORTION)
        elif fault.kind == "garble":
            sink.sendall(bytes([rest[0] ^ 0x10]) + rest[1:])
        else:
            sink.sendall(rest[16:])
        return True

    def _in_portions(self, sink: socket.socket, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            sink.sendall(data[start : start + size])
            # Without a breath the kernel would join what was split.
            self._stop.wait(0.01 if size == PORTION else 0.0001)


class Over(Exception):
    """Both directions of a connection are over."""
