"""A real Dovecot on loopback, of this test session alone: own configuration, own folders, ended by its own pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from servers.account import PASSWORD, Account, end_with_us, free_ports, make_certificates, mutf7, quoted
from servers.requirements import require

CONF = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols = imap
listen = 127.0.0.1, 127.0.0.2
default_login_user = {login_user}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0 secs
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 1000
local 127.0.0.2 {{
  mail_max_userip_connections = 1
}}
imap_idle_notify_interval = 2 mins
mailbox_list_index = yes
service imap-login {{
  {chroot}
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  service_count = 100
  process_limit = 400
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
}}
service auth {{
  extra_groups =
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {root}/users
}}
namespace inbox {{
  inbox = yes
  separator = .
  mailbox Drafts {{
    special_use = \\Drafts
    auto = create
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Archive {{
    special_use = \\Archive
    auto = create
  }}
}}
namespace bare {{
  disabled = yes
  inbox = yes
  separator = .
}}
"""

KINDS = {
    "plain": "",
    "prefixed": "userdb_namespace/inbox/prefix=INBOX.",
    "localised": "userdb_namespace/inbox/disabled=yes userdb_namespace/bare/disabled=no",
}
"""Kinds of users: with SPECIAL-USE; the same below `INBOX.`; without any SPECIAL-USE and with German names."""

POOL = 600
"""How many users of each kind a session can have."""


class Dovecot:
    """A running Dovecot. `port` takes TLS at once, `starttls_port` takes STARTTLS; `ca_file` vouches for both."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.program = require("dovecot", "dovecot-imapd")
        self.root = Path(tempfile.mkdtemp(prefix="lhdc-", dir="/tmp"))
        self.root.chmod(0o755)
        (self.root / "home").mkdir()
        self.port, self.starttls_port = free_ports(2)
        self._users = dict.fromkeys(KINDS, 0)
        self._process: subprocess.Popen[bytes] | None = None
        make_certificates(self.root)
        self._configure()
        self.start()

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the server logged so far."""
        path = self.root / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start (again) on the same ports and wait until it answers."""
        self._process = subprocess.Popen(
            [self.program, "-F", "-c", str(self.root / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_us,
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"dovecot ended at once:\n{self.log()[-2000:]}")
            time.sleep(0.05)
        raise RuntimeError(f"dovecot does not answer:\n{self.log()[-2000:]}")

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it and every process of its session at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, signum: int) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if signum == signal.SIGKILL:
                os.killpg(self._process.pid, signum)
            else:
                self._process.send_signal(signum)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def close(self) -> None:
        """End it at once and remove everything it wrote."""
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    # --- its users ----------------------------------------------------------------------------

    def user(self, kind: str = "plain") -> MailAccount:
        """A fresh user with empty folders; kinds are in `KINDS`."""
        self._users[kind] += 1
        assert self._users[kind] <= POOL, f"the test session used up its {POOL} users of kind {kind}"
        name = f"{kind}{self._users[kind]}@example.test"
        home = self.root / "home" / name
        home.mkdir(mode=0o700)
        os.chown(home, *self._mail_ids())
        account = MailAccount(server=self, user=name, home=home, kind=kind)
        if kind == "localised":
            for folder in ("Entwürfe", "Gesendet", "Archiv"):
                account.create(folder)
        return account

    def _mail_ids(self) -> tuple[int, int]:
        if os.getuid() != 0:
            return os.getuid(), os.getgid()
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid

    def _configure(self) -> None:
        root = os.getuid() == 0
        me = pwd.getpwuid(os.getuid()).pw_name
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
        conf = CONF.format(
            root=self.root,
            login_user="dovenull" if root else me,
            internal_user="dovecot" if root else me,
            internal_group="dovecot" if root else group,
            chroot="" if root else "chroot =",
            plain_port=self.starttls_port,
            tls_port=self.port,
        )
        (self.root / "dovecot.conf").write_text(conf)
        self._write_users()

    def _write_users(self) -> None:
        # All at once: Dovecot notices a changed passwd-file only when its time stamp differs by a second.
        uid, gid = self._mail_ids()
        with (self.root / "users").open("w") as users:
            for kind, extra in KINDS.items():
                for number in range(1, POOL + 1):
                    name = f"{kind}{number}@example.test"
                    users.write(f"{name}:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{self.root}/home/{name}::{extra}\n")
        (self.root / "users").chmod(0o644)


@dataclass
class MailAccount(Account):
    """One user of a running Dovecot, and what a person with another mail program could do to it."""

    server: Dovecot
    home: Path = Path()
    kind: str = "plain"
    _written: int = 0

    @property
    def starttls_port(self) -> int:
        return self.server.starttls_port

    def folder_name(self, role: str) -> str:
        """This user's name of `INBOX`, `Drafts`, `Sent` or `Archive`."""
        german = {"Drafts": "Entwürfe", "Sent": "Gesendet", "Archive": "Archiv"}
        if role == "INBOX" or self.kind == "plain":
            return role
        return german[role] if self.kind == "localised" else f"INBOX.{role}"

    def fill(self, folder: str, messages: Iterable[bytes], date: datetime | None = None) -> int:
        """Put many messages (with CRLF line ends) into a folder within a second, by writing its Maildir; how many."""
        directory = self._maildir(folder)
        uid, gid = self.server._mail_ids()
        stamp = (date or datetime.now(UTC)).timestamp()
        if not (directory / "cur").is_dir():
            with self.imap() as client:
                client.select(quoted(folder), readonly=True)
        count = 0
        for data in messages:
            self._written += 1
            count += 1
            path = (
                directory / "cur" / f"{int(stamp)}.M{self._written:09}P1.test,S={len(data)},W={len(data)}:2,"
            )
            path.write_bytes(data)
            os.chown(path, uid, gid)
            os.utime(path, (stamp, stamp))
        return count

    def _maildir(self, folder: str) -> Path:
        base = self.home / "Maildir"
        if self.kind == "prefixed":
            folder = folder.removeprefix("INBOX.")
        return base if folder.upper() == "INBOX" else base / f".{mutf7(folder)}"
