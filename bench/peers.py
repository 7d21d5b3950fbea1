"""Other programs at the same work: each fetches the same mailbox over TLS into a fresh folder on the same disk.

Each has its own defaults but for what is named in `Peer.told`. A program that is not installed is said to be absent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Broken, Cost, run
from bench.server import PASSWORD, MailAccount

HERE = Path(__file__).parent
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Peer:
    """One other program, or one way to run it."""

    name: str
    package: str
    """The Debian package it comes from; empty for what this environment holds."""
    program: str
    fetch: Callable[[MailAccount, Path], Cost]
    """Fetch the INBOX of this account into this folder, which is there and empty (or was fetched into before)."""
    count: Callable[[Path], int] | None
    """How many messages lie in the folder; None where nothing is kept."""
    told: str = ""
    """What it was told beside server, account and folder, for a reader."""
    slow: bool = False
    """Whether it gets fewer messages."""

    @property
    def here(self) -> bool:
        """Whether it is installed."""
        return shutil.which(self.program) is not None

    @property
    def version(self) -> str:
        """The version of its package; `unknown` where Debian's tools do not tell."""
        return version_of(self.package)


def version_of(package: str) -> str:
    """The installed version of a Debian package."""
    try:
        command = ["dpkg-query", "-W", "-f=${Version}", package]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def files_in(*names: str) -> Callable[[Path], int]:
    """Counts the messages of a Maildir below the folder: what lies in its `new` and `cur`."""

    def count(folder: Path) -> int:
        return sum(
            1 for part in ("new", "cur") for path in folder.joinpath(*names, part).glob("*") if path.is_file()
        )

    return count


def fetched(peer: Peer, account: MailAccount, folder: Path, messages: int) -> Cost:
    """Let a peer fetch into a fresh folder; Broken when not all messages are there afterwards."""
    folder.mkdir(parents=True)
    cost = peer.fetch(account, folder)
    found = peer.count(folder) if peer.count else messages
    if found != messages:
        raise Broken(f"{peer.name} fetched {found} of {messages} messages")
    return cost


def _written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


# --- mbsync and notmuch ------------------------------------------------------------------------

MBSYNC = """\
{more}
IMAPAccount bench
Host localhost
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
CertificateFile {ca_file}

IMAPStore far
Account bench

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""


def mbsync(more: str = "") -> Callable[[MailAccount, Path], Cost]:
    """Runs mbsync with these lines at the head of its configuration."""

    def fetch(account: MailAccount, folder: Path) -> Cost:
        (folder / "mail").mkdir(exist_ok=True)
        config = _written(
            folder / "mbsyncrc",
            MBSYNC.format(
                more=more,
                port=account.port,
                user=account.user,
                password=PASSWORD,
                ca_file=account.ca_file,
                folder=folder,
            ),
        )
        return run(["mbsync", "-q", "-c", str(config), "bench"], cwd=folder, stderr=folder / "said")

    return fetch


def mbsync_notmuch(account: MailAccount, folder: Path) -> Cost:
    """mbsync, then `notmuch new` over what it fetched; the two one after the other count as one."""
    first = mbsync()(account, folder)
    config = _written(
        folder / "notmuchrc",
        f"[database]\npath={folder}/mail\n[user]\nname=Bench\nprimary_email=me@studio.example\n[new]\ntags=new\n",
    )
    env = {"NOTMUCH_CONFIG": str(config), "HOME": str(folder)}
    second = run(["notmuch", "new", "--quiet"], cwd=folder, env=env, stderr=folder / "said")
    return Cost(
        wall=first.wall + second.wall,
        cpu=first.cpu + second.cpu,
        own=max(first.own, second.own),
        all=max(first.all, second.all),
    )


# --- fetchmail, getmail, offlineimap -----------------------------------------------------------

FETCHMAIL = """\
poll localhost protocol IMAP port {port} no dns
  user "{user}" password "{password}" is {me} here
  ssl sslproto tls1.2+ sslcertck sslcertfile "{ca_file}"
  keep fetchall
  mda "{mda}"
"""

DELIVER = """\
#!/bin/sh
exec cat > "{folder}/mail/INBOX/new/$$.$(date +%s%N)"
"""
"""One message from standard input into one file, as a mail delivery agent does."""

GETMAIL = """\
[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {port}
username = {user}
password = {password}
mailboxes = ("INBOX",)
ca_certs = {ca_file}

[destination]
type = Maildir
path = {folder}/mail/INBOX/
{user_line}

[options]
read_all = true
delete = false
delivered_to = false
received = false
verbose = 0
"""

OFFLINEIMAP = """\
[general]
accounts = bench
metadata = {folder}/state
ui = quiet

[Account bench]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/mail

[Repository far]
type = IMAP
readonly = True
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {ca_file}
tls_level = tls_compat
folderfilter = lambda name: name == "INBOX"
"""


def _maildir(folder: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (folder / "mail" / "INBOX" / part).mkdir(parents=True, exist_ok=True)
    return folder / "mail" / "INBOX"


def _filled(form: str, account: MailAccount, folder: Path, **more: str) -> str:
    return form.format(
        port=account.port,
        user=account.user,
        password=PASSWORD,
        ca_file=account.ca_file,
        folder=folder,
        **more,
    )


def fetchmail(account: MailAccount, folder: Path) -> Cost:
    """fetchmail, which hands each message to a delivery agent."""
    _maildir(folder)
    mda = _written(folder / "deliver", DELIVER.format(folder=folder), 0o700)
    config = _written(folder / "fetchmailrc", _filled(FETCHMAIL, account, folder, me="root", mda=str(mda)))
    words = [
        "fetchmail",
        "--silent",
        "--nodetach",
        "--nosyslog",
        "-f",
        str(config),
        "-i",
        str(folder / "ids"),
    ]
    env = {"HOME": str(folder), "FETCHMAILHOME": str(folder)}
    return run(words, cwd=folder, env=env, stdout=folder / "out", stderr=folder / "said")


def getmail(account: MailAccount, folder: Path) -> Cost:
    """getmail6 into a Maildir; started by root it delivers as somebody else, or not at all."""
    maildir, line = _maildir(folder), ""
    if os.getuid() == 0:
        line = f"user = {NOBODY}"
        for place in (folder / "mail", maildir, *maildir.iterdir()):
            shutil.chown(place, NOBODY)
    _written(folder / "getmailrc", _filled(GETMAIL, account, folder, user_line=line))
    words = ["getmail", f"--getmaildir={folder}", "--rcfile=getmailrc", "--quiet"]
    return run(words, cwd=folder, stdout=folder / "out", stderr=folder / "said")


def offlineimap(account: MailAccount, folder: Path) -> Cost:
    """offlineimap3 into a Maildir."""
    (folder / "mail").mkdir(exist_ok=True)
    config = _written(folder / "offlineimaprc", _filled(OFFLINEIMAP, account, folder))
    words = ["offlineimap", "-o", "-c", str(config)]
    env = {"HOME": str(folder)}
    return run(words, cwd=folder, env=env, stdout=folder / "out", stderr=folder / "said")


# --- the floor ---------------------------------------------------------------------------------


def drain(way: str) -> Callable[[MailAccount, Path], Cost]:
    """Fetches everything and keeps nothing (`bench/drains.py`)."""

    def fetch(account: MailAccount, folder: Path) -> Cost:
        words = [sys.executable, str(HERE / "drains.py"), way, account.host, str(account.port)]
        words += [str(account.ca_file), account.user, PASSWORD]
        cost = run(words, cwd=folder, stdout=folder / "out", stderr=folder / "said")
        (folder / "count").write_text((folder / "out").read_text().split()[0])
        return cost

    return fetch


def _counted(folder: Path) -> int:
    return int((folder / "count").read_text())


DRAINS: Sequence[Peer] = (
    Peer("a raw socket, nothing kept", "", sys.executable, drain("socket"), _counted),
    Peer("imaplib, nothing kept", "", sys.executable, drain("imaplib"), _counted),
    Peer("imapclient, nothing kept", "", sys.executable, drain("imapclient"), _counted, "debugging off"),
)

MBSYNC_DEFAULT = Peer("mbsync", "isync", "mbsync", mbsync(), files_in("mail", "INBOX"), "its defaults")
MBSYNC_LOOSE = Peer(
    "mbsync, fsync off", "isync", "mbsync", mbsync("FSync no"), files_in("mail", "INBOX"), "`FSync no`"
)
NOTMUCH = Peer(
    "mbsync, then notmuch", "notmuch", "notmuch", mbsync_notmuch, files_in("mail", "INBOX"), "its defaults"
)
SLOW: Sequence[Peer] = (
    Peer(
        "fetchmail",
        "fetchmail",
        "fetchmail",
        fetchmail,
        files_in("mail", "INBOX"),
        "`keep fetchall`, an `mda` of two lines of shell that writes a file",
        True,
    ),
    Peer(
        "getmail6",
        "getmail6",
        "getmail",
        getmail,
        files_in("mail", "INBOX"),
        "`read_all`, to a Maildir",
        True,
    ),
    Peer(
        "offlineimap3",
        "offlineimap3",
        "offlineimap",
        offlineimap,
        files_in("mail", "INBOX"),
        "`-o`, `ui = quiet`, `readonly`, to a Maildir",
        True,
    ),
)
PEERS: Sequence[Peer] = (MBSYNC_DEFAULT, MBSYNC_LOOSE, NOTMUCH, *SLOW)
