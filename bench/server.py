"""A private Dovecot on loopback, the one that the tests use, with accounts full of made-up mail."""

from __future__ import annotations

import imaplib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.measure import Broken

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from servers.account import PASSWORD as PASSWORD
from servers.account import ok
from servers.dovecot import Dovecot
from servers.dovecot import MailAccount as MailAccount

RAWLOG = """
protocol imap {{
  rawlog_dir = {root}/rawlog/%u
}}
"""
"""What is said on a connection is written down, with times, for users who have such a folder."""

PATIENCE = 600.0
"""Seconds that the first look at a very large folder may take."""

_LINE = re.compile(rb"(\d+\.\d+) (.*)")


Lines = list[tuple[float, bytes]]
"""Lines with their times, seconds since 1970, as the server saw them."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said on one connection after the login, by both."""

    client: Lines
    server: Lines


class BenchServer(Dovecot):
    """A Dovecot whose users' connections can be listened to from its own side."""

    def _configure(self) -> None:
        super()._configure()
        self._certify()
        (self.root / "rawlog").mkdir(exist_ok=True)
        (self.root / "rawlog").chmod(0o755)
        with (self.root / "dovecot.conf").open("a") as conf:
            conf.write(RAWLOG.format(root=self.root))

    def _certify(self) -> None:
        """A certificate with a common name as well: mbsync and fetchmail look for it."""
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
        authority.cert_pem.write_to_path(str(self.root / "ca.pem"))
        (self.root / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(self.root / "key.pem"))

    def filled(self, messages: Iterable[bytes], *, listened: bool = False) -> MailAccount:
        """A new user with these messages in INBOX, all of them read once, so that Dovecot's index knows them.

        `listened`: what is said on its connections is written down from now on.
        """
        account = self.user()
        if account.fill("INBOX", messages):
            with account.imap() as client:
                client.sock.settimeout(PATIENCE)
                ok(client.select("INBOX", readonly=True))
                client.send(b"w1 UID FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)\r\n")
                while not client.readline().startswith(b"w1 "):
                    pass
                client.send(b"w2 UID FETCH 1:* BODY.PEEK[]\r\n")
                while not client.readline().startswith(b"w2 "):
                    pass
        if listened:
            self.listen(account)
        return account

    def listen(self, account: MailAccount) -> Path:
        """Write down what is said on this user's next connections; the folder."""
        folder = self.root / "rawlog" / account.user
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return folder

    def deafen(self, account: MailAccount) -> None:
        """Write down no more, and forget what was written."""
        shutil.rmtree(self.root / "rawlog" / account.user)

    def heard(self, account: MailAccount) -> list[Spoken]:
        """What was said on each of the user's connections since `listen`, the oldest connection first."""
        folder = self.root / "rawlog" / account.user
        spoken = [
            Spoken(*(_timed(path.with_suffix(side)) for side in (".in", ".out")))
            for path in folder.glob("*.in")
        ]
        return sorted(spoken, key=lambda one: one.client[:1])


def _timed(path: Path) -> Lines:
    if not path.exists():
        return []
    told = map(_LINE.fullmatch, path.read_bytes().splitlines())
    return [(float(found.group(1)), found.group(2)) for found in told if found]


@contextmanager
def server() -> Iterator[BenchServer]:
    """A server of this process alone, gone with everything it wrote at the end. Broken when none is installed."""
    if (
        shutil.which("dovecot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
        is None
    ):
        raise Broken("dovecot is not installed: install the package dovecot-imapd")
    running = BenchServer()
    try:
        yield running
    finally:
        running.close()


def appended(client: imaplib.IMAP4, data: bytes) -> None:
    """APPEND to INBOX on an open connection."""
    ok(client.append("INBOX", None, None, data))
