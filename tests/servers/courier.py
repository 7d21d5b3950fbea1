"""A real Courier IMAP on loopback, of this test session alone."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from servers.account import PASSWORD, Account, free_ports, quoted
from servers.jail import Jailed

POOL = 30
"""How many users a session can have."""

FOLDERS = ("Sent", "Drafts", "Archive")

CAPABILITY = (
    "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE AUTH=PLAIN"
)

AUTHDAEMONRC = """\
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=2
authdaemonvar=/run/courier/authdaemon
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
LOGGEROPTS=""
"""

COMMAND = """\
mkdir -p /run/courier/authdaemon
authdaemond start
set -a
IMAP_CAPABILITY="{capability}"
IMAP_CAPABILITY_TLS="{capability}"
IMAP_KEYWORDS=1
IMAP_IDLE_TIMEOUT={idle}
IMAP_ENHANCEDIDLE=0
IMAP_MAILBOX_SANITY_CHECK=1
IMAP_USELOCKS=1
IMAP_TRASHFOLDERNAME=Trash
IMAP_MOVE_EXPUNGE_TO_TRASH=0
IMAP_TLS=1
IMAP_STARTTLS=NO
TLS_CERTFILE={root}/both.pem
TLS_VERIFYPEER=NONE
exec couriertcpd -address=127.0.0.1 -maxprocs=80 -maxperip=80 -nodnslookup -noidentlookup {port} \
  /usr/bin/couriertls -server -tcpd -user=courier /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
"""


class Courier(Jailed):
    """A running Courier: folders below `INBOX.`, no SPECIAL-USE, no CONDSTORE, no UIDNEXT, a slow IDLE.

    `idle` is how many seconds pass before an IDLE looks for news (60 as it comes from the package).
    """

    name = "courier"

    def __init__(self, *, idle: int = 60) -> None:
        super().__init__()
        (self.port,) = free_ports(1)
        self.idle = idle
        self._used = 0
        self.users("courier:8302:8302")
        settings = self.root / "etc/courier"
        settings.mkdir()
        (settings / "authdaemonrc").write_text(AUTHDAEMONRC)
        password = base64.b64encode(hashlib.sha256(PASSWORD.encode()).digest()).decode()
        uid, gid = self.mail_ids()
        users = [
            f"person{n}\tuid={uid}|gid={gid}|home={self.root}/home/person{n}|imappw={{SHA256}}{password}\n"
            for n in range(1, POOL + 1)
        ]
        (settings / "userdb").write_text("".join(users))
        (settings / "userdb").chmod(0o600)
        (self.root / "both.pem").write_bytes(
            (self.root / "cert.pem").read_bytes() + (self.root / "key.pem").read_bytes()
        )
        os.chown(self.root / "both.pem", 8302, 8302)
        refused = self.once("makeuserdb", more=self.mounts())
        assert not refused, refused
        self.start()

    def mounts(self) -> str:
        return f"mount --bind {self.root}/etc/courier /etc/courier"

    def command(self) -> str:
        return COMMAND.format(capability=CAPABILITY, idle=self.idle, root=self.root, port=self.port)

    def mail_ids(self) -> tuple[int, int]:
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid

    def user(self, *, opened: bool = True) -> CourierAccount:
        """A fresh user with empty folders, each `opened` once for writing, as a mail program does.

        Without that Courier gives a folder another UIDVALIDITY at each EXAMINE.
        """
        self._used += 1
        assert self._used <= POOL, f"the test session used up its {POOL} users"
        account = CourierAccount(server=self, user=f"person{self._used}")
        for folder in ("INBOX", *FOLDERS):
            directory = account.maildir(folder)
            for part in ("tmp", "new", "cur"):
                (directory / part).mkdir(parents=True)
            if folder != "INBOX":
                (directory / "maildirfolder").touch()
        for path in [account.home, *account.home.rglob("*")]:
            os.chown(path, *self.mail_ids())
        if opened:
            with account.imap() as client:
                for folder in ("INBOX", *FOLDERS):
                    client.select(account.folder_name(folder))
        return account


@dataclass
class CourierAccount(Account):
    """One user of a running Courier."""

    server: Courier
    _written: int = 0

    @property
    def home(self) -> Path:
        return self.server.root / "home" / self.user

    def folder_name(self, role: str) -> str:
        return role if role == "INBOX" else f"INBOX.{role}"

    def maildir(self, folder: str) -> Path:
        base = self.home / "Maildir"
        return base if folder == "INBOX" else base / f".{folder.removeprefix('INBOX.')}"

    def fill(self, folder: str, messages: Iterable[bytes], date: datetime | None = None) -> int:
        """Put many messages into a folder by writing its Maildir, and open it as a mail program would; how many."""
        count = 0
        for count, data in enumerate(messages, 1):  # noqa: B007
            self.deliver(folder, data, date)
        with self.imap() as client:
            client.select(quoted(folder))
        return count

    def deliver(self, folder: str, data: bytes, date: datetime | None = None) -> None:
        """Put a message (with CRLF line ends) into a folder past the server, as a mail transport does."""
        stamp = (date or datetime.now(UTC)).timestamp()
        self._written += 1
        path = self.maildir(folder) / "new" / f"{int(stamp)}.M{self._written:09}P1.test"
        path.write_bytes(data.replace(b"\r\n", b"\n"))  # it keeps LF and tells CRLF
        os.chown(path, *self.server.mail_ids())
        os.utime(path, (stamp, stamp))
