"""An archive with two clients, mail in many scripts, a signing key and a time-stamp authority; and packs made of it."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evidence.signed import record_of, rsa_key, signed
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.evidence.checkpoints import origin, sign_checkpoint
from levelhead.evidence.note import Signer
from levelhead.evidence.pack.export import Exported, export
from levelhead.evidence.pack.pdf import Pdf, write_pdf
from levelhead.evidence.pack.selection import Wanted
from levelhead.facts import (
    AlertRaised,
    AnchorStamped,
    AnchorWitnessed,
    CheckpointSigned,
    Fact,
    KeyPart,
    MailboxUnwatched,
    MessageAuthenticated,
    MessageJudged,
    MessageVanished,
    NoteTaken,
    SignaturePart,
)
from levelhead.model import Arrival, Place
from levelhead.raw import raw
from levelhead.store.api import Store
from levelhead.store.sqlite import open_store
from servers.requirements import require

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CLIENT, OTHER = "Harbour Ltd", "Zanzibar Shipping"
SCRIPTS = "Ελληνικά, кириллица, العربية, עברית, 中文和日本語, 한국어, 🙂 emoji"

PLAIN = "Content-Type: text/plain; charset=utf-8"
HOSTILE_NAMES = (
    "../../../etc/passwd",
    "offer.pdf",
    "offer.pdf",
    "договор.pdf",
    "CON",
    "a" * 300 + ".docx",
    "",
)


def mail(number: int, subject: str, body: str, *, sender: str = "Sam <sam@harbour.example>") -> bytes:
    """A mail in one part, to whoever it is not from."""
    to = "sam@harbour.example" if "robin" in sender else "Robin <robin@studio.example>"
    head = (
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nDate: Mon, {2 + number % 20:02} Mar 2026 10:00:00 +0100\n"
        f"Message-ID: <n{number}@harbour.example>\nMIME-Version: 1.0\n{PLAIN}\n"
    )
    return (head + "\n" + body + "\n").replace("\n", "\r\n").encode()


def with_attachments(number: int) -> bytes:
    """A mail with attachments whose names are meant to do harm."""
    parts = [f"--b\n{PLAIN}\n\nPlease find the papers attached.\n"]
    for position, name in enumerate(HOSTILE_NAMES):
        named = f'; filename="=?utf-8?B?{base64.b64encode(name.encode()).decode()}?="' if name else ""
        body = base64.b64encode(f"paper {position}\n".encode()).decode()
        parts.append(
            f"--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment{named}\n"
            f"Content-Transfer-Encoding: base64\n\n{body}\n"
        )
    plain = mail(number, "Papers", "").decode().replace("\r\n", "\n")
    head = plain.replace(PLAIN, 'Content-Type: multipart/mixed; boundary="b"').rstrip("\n")
    return (head + "\n\n" + "".join(parts) + "--b--\n").replace("\n", "\r\n").encode()


INJECTION = (
    '#panic("typst") #read("/etc/passwd") $x$ *bold* _it_ \\ @label <label> // gone\n'
    "<script>alert(1)</script><img src=http://evil.example/x.png> & &lt;\n"
    "   three spaces and a very long run " + "x" * 400 + "\n"
)

OURS = (
    mail(1, "Start of the work", "Hello Robin,\n\nlet us begin on Monday.\n\nSam"),
    signed(mail(2, "=?utf-8?B?" + base64.b64encode(SCRIPTS.encode()).decode() + "?=", SCRIPTS)),
    with_attachments(3),
    mail(4, "<b>#strong[Injected]</b>", INJECTION),
    mail(
        5,
        "Re: Start of the work",
        "Hello Sam, the files come on Friday.",
        sender="Robin <robin@studio.example>",
    ),
    mail(6, '=HYPERLINK("http://evil.example") þ ®', "þorn and ® and \x14 and lines"),
    signed(mail(7, "Signed and changed", "I never agreed to that.")).replace(b"never ", b""),
)
THEIRS = tuple(
    mail(20 + number, f"Kilimanjaro {number}", f"Ngorongoro {number}", sender="Ada <ada@zanzibar.example>")
    for number in range(3)
)
OF_OTHERS = ("Zanzibar", "zanzibar", "Kilimanjaro", "Ngorongoro", "Serengeti", "ada@")
"""Words that only the other client's mail and the facts about them hold."""


def ids(messages: tuple[bytes, ...] = OURS) -> list[str]:
    return [raw(one).digest for one in messages]


@dataclass(frozen=True)
class World:
    """The archive, and the sizes of its checkpoints, oldest first."""

    path: Path
    verifier: str

    @contextmanager
    def open(self, *, read_only: bool = True) -> Iterator[tuple[Store, Volumes]]:
        store = open_store(self.path / "index.sqlite", read_only=read_only)
        try:
            yield store, Volumes(self.path / "volumes")
        finally:
            store.close()

    def pack(self, out: Path, size: int | None = None, *, pdf: bool = False, **wanted: Any) -> Exported:
        """A pack of the client's mail, made from the facts and volumes; its PDF takes a second, and few ask for it."""
        with self.open() as (store, volumes):
            if size is None:
                size = next(fact.size for _, fact in store.facts_about(kind=CheckpointSigned.name))
            asked = Wanted(**({"client": CLIENT} | wanted))
            typeset = write_pdf if pdf else lambda *_: Pdf(why="nobody asked for one")
            return export(store, volumes, parse, asked, out, size=size, typeset=typeset)

    def archive(self, messages: Iterable[bytes], at: Place | None = None) -> None:
        """More mail of both clients, seen at a place or brought from files."""
        with self.open(read_only=False) as (store, volumes):
            clock = FrozenClock(START + timedelta(days=9))
            recorder = Recorder(store, volumes, clock, parse=parse, directory=directory())
            recorder.record([Arrival(raw=raw(data), place=at) for data in messages])

    def size(self) -> int:
        """How many entries its ledger has."""
        with self.open() as (store, _):
            return store.ledger_size()

    def record(self, *facts: Fact, at: datetime = START + timedelta(days=9)) -> None:
        with self.open(read_only=False) as (store, _), store.transaction(at) as tx:
            for fact in facts:
                tx.record(fact)


def directory() -> Directory:
    """Who the two clients are."""
    return Directory.make(
        me=("robin@studio.example",),
        listed=(
            ListedClient(name=CLIENT, addresses=("*@harbour.example",), language="", notes=""),
            ListedClient(name=OTHER, addresses=("*@zanzibar.example",), language="", notes=""),
        ),
        scope="listed",
        ignore=(),
        correspondents=frozenset(),
    )


def make_world(path: Path, authority: Authority | None) -> World:
    """Mail of both clients in turn, facts about both, a stamped checkpoint and a later one."""
    store = open_store(path / "index.sqlite")
    clock = FrozenClock(START)
    recorder = Recorder(store, Volumes(path / "volumes"), clock, parse=parse, directory=directory())
    order = [OURS[0], THEIRS[0], OURS[1], OURS[2], THEIRS[1], OURS[3], OURS[4], THEIRS[2], OURS[5], OURS[6]]
    for number, data in enumerate(order, start=1):
        box = "serengeti-box" if data in THEIRS else "office"
        place = Place(mailbox=box, folder="INBOX", uidvalidity=7, uid=number)
        recorder.record([Arrival(raw=raw(data), place=place, internal_date=clock.now())])
        clock.advance(hours=5)
        if number == 4:
            _stamp(store, clock, authority)
    signer = Signer(origin(store), bytes(range(32)))
    with store.transaction(clock.now()) as tx:
        for fact in _facts(clock.now()):
            tx.record(fact)
    clock.advance(hours=1)
    sign_checkpoint(store, signer, clock.now())
    store.close()
    return World(path=path, verifier=signer.verifier)


def _stamp(store: Store, clock: FrozenClock, authority: Authority | None) -> None:
    signed_now = sign_checkpoint(store, Signer(origin(store), bytes(range(32))), clock.now())
    if authority is None:
        return
    token = authority.stamp(signed_now.note.encode())
    with store.transaction(clock.now()) as tx:
        tx.record(
            AnchorStamped(
                size=signed_now.size,
                root=signed_now.root,
                authority="https://tsa.example/",
                token=base64.b64encode(token).decode(),
                stamped_at=clock.now(),
            )
        )


def _facts(now: datetime) -> Iterator[Fact]:
    for messages, who in ((OURS, "Robin"), (THEIRS, "Serengeti")):
        for one in ids(messages):
            yield _judged(one, f"{who} said so", now)
    yield authenticated(1, at=now)
    yield NoteTaken(client=CLIENT, text="Sam called about Friday", actor="robin")
    yield NoteTaken(client=OTHER, text="Ada called from Serengeti", actor="robin")
    for box, why in (("office", "no connection"), ("serengeti-box", "login refused")):
        yield MailboxUnwatched(mailbox=box, since=START, until=START + timedelta(hours=2), why=why)
    yield AlertRaised(
        key="0123456789abcdef",
        rule="hostile",
        client=CLIENT,
        thread="",
        message=ids()[3],
        severity="critical",
        title="Hostile message",
        body="",
        plugin="levels",
        raised_at=now,
        next_rung_at=None,
    )
    yield MessageVanished(mailbox="office", folder="INBOX", uidvalidity=7, uids=(1, 999), noticed_at=now)


def authenticated(which: int, *, at: datetime) -> MessageAuthenticated:
    """That one of OURS was found to be signed."""
    key = KeyPart(
        name="s1._domainkey.harbour.example",
        record=base64.b64encode(record_of(rsa_key())).decode(),
        answer="found",
        dnssec="unknown",
        fetched_at=at,
    )
    part = SignaturePart(domain="harbour.example", selector="s1", result="pass", why="", key=key.name)
    return MessageAuthenticated(
        id=ids()[which],
        checked_at=at,
        resolver="192.0.2.53",
        signatures=(part,),
        unchecked=0,
        chain="none",
        chain_why="",
        keys=(key,),
    )


def witnessed(world: World, *, channel: str = "notary") -> AnchorWitnessed:
    """That somebody outside was told the newest signed checkpoint through a channel."""
    with world.open() as (store, _):
        newest = next(fact for _, fact in store.facts_about(kind=CheckpointSigned.name))
    assert isinstance(newest, CheckpointSigned)
    told = START + timedelta(days=8)
    return AnchorWitnessed(size=newest.size, root=newest.root, channel=channel, told_at=told)


def _judged(id: str, why: str, now: datetime) -> MessageJudged:
    return MessageJudged(
        id=id,
        level="tense",
        millionths=400_000,
        because=(),
        labels=(),
        complete=True,
        decided_by="weigh",
        calls=(),
        no_draft=why,
        judged_at=now,
    )


# --- a time-stamp authority, made with OpenSSL ------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """Its folder: key, certificates and configuration."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def stamp(self, data: bytes) -> bytes:
        """Its answer for these bytes, DER."""
        (self.folder / "data").write_bytes(data)
        self._run("ts", "-query", "-data", "data", "-sha256", "-cert", "-no_nonce", "-out", "query")
        self._run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "query", "-out", "answer")
        return (self.folder / "answer").read_bytes()

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """A fresh one; skips the test where there is no openssl."""
        require("openssl", "openssl")
        new = cls(folder)
        (folder / "ts.cnf").write_text(
            "[tsa]\ndefault_tsa=t\n[t]\nserial=./serial\ncrypto_device=builtin\nsigner_cert=./ca.pem\n"
            "signer_key=./key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\n"
            "[req]\ndistinguished_name=d\nx509_extensions=x\nprompt=no\n[d]\nCN=Time\n"
            "[x]\nextendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:TRUE\n"
        )
        (folder / "serial").write_text("01\n")
        new._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-config", "ts.cnf", "-keyout", "key.pem", "-out", "ca.pem", "-days", "3650"),
        )
        return new


# --- checking, as whoever gets a pack does it ---------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What `verify.py` answered."""

    status: int
    lines: list[str]

    def of(self, word: str) -> list[str]:
        return [line.partition(": ")[2] for line in self.lines if line.startswith(f"{word}: ")]

    @property
    def bad(self) -> list[str]:
        return self.of("BAD")


def verify(pack: Path, *words: str, by: Path | None = None) -> Said:
    """Run the pack's own checker (or that of another pack) on a bare Python."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str((by or pack) / "verify.py"), *words, *([str(pack)] if by else [])],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert not done.stderr, done.stderr
    return Said(done.returncode, done.stdout.splitlines())


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def table_of(pack: Path, name: str) -> list[dict[str, str]]:
    """A table of a pack, row by row."""
    data = (pack / "tables" / name).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def files(pack: Path) -> dict[str, bytes]:
    """All files of a pack by their names."""
    return {p.relative_to(pack).as_posix(): p.read_bytes() for p in sorted(pack.rglob("*")) if p.is_file()}
