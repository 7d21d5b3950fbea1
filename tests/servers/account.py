"""A person's account on a running mail server, and what another mail program could do to it."""

from __future__ import annotations

import contextlib
import ctypes
import imaplib
import re
import signal
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import trustme
from imapclient.imap_utf7 import encode

PASSWORD = "correct horse battery staple"


class Server(Protocol):
    """What an account needs of its server: `port` takes TLS at once and `ca_file` vouches for it."""

    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...


@dataclass
class Account:
    """One user of a running server."""

    server: Server
    user: str
    password: str = field(default=PASSWORD, repr=False, kw_only=True)

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def ca_file(self) -> Path:
        return self.server.ca_file

    def folder_name(self, role: str) -> str:
        """This user's name of `INBOX`, `Drafts`, `Sent` or `Archive`."""
        return role

    @contextlib.contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4]:
        """A raw, logged-in imaplib connection over TLS."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        client = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=20)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client.login(self.user, self.password)
            yield client
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                client.logout()

    def append(
        self, folder: str, data: bytes, flags: Sequence[str] = (), date: datetime | None = None
    ) -> int:
        """APPEND a message as another mail program would; its UID."""
        when = imaplib.Time2Internaldate(date or datetime.now(UTC))
        with self.imap() as client:
            answer = ok(client.append(quoted(folder), " ".join(flags) or None, when, data))
        found = re.search(rb"APPENDUID \d+ (\d+)", answer[0])
        assert found, answer
        return int(found.group(1))

    def fill(self, folder: str, messages: Iterable[bytes], date: datetime | None = None) -> int:
        """Put many messages (with CRLF line ends) into a folder by one command (MULTIAPPEND, LITERAL+); how many."""
        when = imaplib.Time2Internaldate(date or datetime.now(UTC)).encode()
        words = [b" () %s {%d+}\r\n%s" % (when, len(data), data) for data in messages]
        if words:
            with self.imap() as client:
                client.send(b"fill APPEND %s%s\r\n" % (quoted(folder).encode(), b"".join(words)))
                while not (line := client.readline()).startswith(b"fill "):
                    assert line.startswith(b"* "), line
                assert line.startswith(b"fill OK"), line
        return len(words)

    def read(self, folder: str) -> dict[int, bytes]:
        """The bytes of every message in a folder, by UID."""
        return {uid: data for uid, (data, _) in self.read_all(folder).items()}

    def flags(self, folder: str) -> dict[int, tuple[str, ...]]:
        """The flags of every message in a folder, by UID."""
        return {uid: flags for uid, (_, flags) in self.read_all(folder).items()}

    def read_all(self, folder: str) -> dict[int, tuple[bytes, tuple[str, ...]]]:
        """Bytes and flags of every message in a folder, by UID."""
        found: dict[int, tuple[bytes, tuple[str, ...]]] = {}
        with self.imap() as client:
            if not int(ok(client.select(quoted(folder), readonly=True))[0]):
                return {}
            answer = ok(client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])"))
        for item, rest in zip(answer, [*answer[1:], b""], strict=True):
            if isinstance(item, tuple):
                # A server may tell some items after the body (pymap does).
                told = item[0] + (rest if isinstance(rest, bytes) else b"")
                uid = re.search(rb"UID (\d+)", told)
                flags = re.search(rb"FLAGS \(([^)]*)\)", told)
                assert uid and flags, told
                found[int(uid.group(1))] = (item[1], tuple(flags.group(1).decode().split()))
        return found

    def store(self, folder: str, uid: int, command: str, flags: str) -> None:
        """UID STORE, for example `("INBOX", 3, "+FLAGS", r"(\\Seen)")`."""
        with self.imap() as client:
            ok(client.select(quoted(folder)))
            ok(client.uid("STORE", str(uid), command, flags))

    def expunge(self, folder: str, *uids: int) -> None:
        """Delete these messages for good."""
        with self.imap() as client:
            ok(client.select(quoted(folder)))
            ok(client.uid("STORE", ",".join(map(str, uids)), "+FLAGS.SILENT", r"(\Deleted)"))
            ok(client.uid("EXPUNGE", ",".join(map(str, uids))))

    def move(self, folder: str, uid: int, to: str) -> None:
        """UID MOVE one message."""
        with self.imap() as client:
            ok(client.select(quoted(folder)))
            ok(client.uid("MOVE", str(uid), quoted(to)))

    def create(self, folder: str) -> None:
        with self.imap() as client:
            ok(client.create(quoted(folder)))

    def delete(self, folder: str) -> None:
        with self.imap() as client:
            ok(client.delete(quoted(folder)))

    def recreate(self, folder: str) -> None:
        """Delete a folder and make it anew with the same messages: its UIDVALIDITY changes."""
        kept = self.read(folder)
        self.delete(folder)
        self.create(folder)
        self.fill(folder, kept.values())

    def uidvalidity(self, folder: str) -> int:
        with self.imap() as client:
            answer = ok(client.status(quoted(folder), "(UIDVALIDITY)"))
        found = re.search(rb"UIDVALIDITY (\d+)", answer[0])
        assert found
        return int(found.group(1))


def make_certificates(root: Path) -> None:
    """`ca.pem`, and `cert.pem` with `key.pem` for 127.0.0.1 that it vouches for, in `root`."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(root / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(root / "key.pem"))
    with (root / "cert.pem").open("wb") as out:
        for blob in certificate.cert_chain_pems:
            out.write(blob.bytes())


def end_with_us(signum: signal.Signals = signal.SIGTERM) -> None:
    """A test session that is killed must not leave its server behind (prctl PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signum)


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def mutf7(name: str) -> str:
    return encode(name).decode("ascii")


def quoted(name: str) -> str:
    escaped = mutf7(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def ok(answer: tuple[str, list[bytes]]) -> list[bytes]:
    assert answer[0] == "OK", answer
    return answer[1]
