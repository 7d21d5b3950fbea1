"""A logged-in IMAP connection of one thread: imapclient behind our own small protocol, with our errors only."""

from __future__ import annotations

import contextlib
import imaplib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from imapclient.exceptions import ProtocolError
from imapclient.imap_utf7 import decode, encode

from levelhead.clock import Clock
from levelhead.errors import BadBody, CommandRefused, ConnectionLost, FolderMissing, MailboxError, ServerBusy
from levelhead.mailbox import answers, bodies, gmail, guard, idle
from levelhead.mailbox.api import (
    HEAD_LIMIT,
    Appended,
    Body,
    FolderInfo,
    FolderStatus,
    Glance,
    Head,
    IdleEnd,
    MailboxSpec,
    SpoolWriter,
    Wake,
)
from levelhead.mailbox.codes import busy, refusal
from levelhead.mailbox.deadline import Deadline
from levelhead.mailbox.glance import Glances
from levelhead.mailbox.imap4 import Client, Imap4
from levelhead.mailbox.ranges import sets
from levelhead.mailbox.wire import Wire

log = structlog.get_logger()

SLACK = 1_000_000
"""Bytes that any answer may have beside what was asked for: news of other messages, remarks."""

# What a parser raises when a server speaks nonsense. AssertionError is not among them: it is ours.
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError, ArithmeticError)


_QUOTED = re.compile(r": b['\"]")


class ImapConnection:
    """The real `Connection`; made by `levelhead.mailbox.opening.connect`."""

    def __init__(self, spec: MailboxSpec, clock: Clock, wire: Wire) -> None:
        self._spec = spec
        self._clock = clock
        self._wire = wire
        self._client: Client | None = None
        self._exists = 0
        self._forgetful = False
        self._knows_gmail = True
        self._glances = Glances(wire)
        self._open_folder = ""
        self._standing: tuple[str, FolderStatus] | None = None
        self.capabilities: frozenset[str] = frozenset()

    # --- the frame around every command -------------------------------------------------------

    @contextlib.contextmanager
    def asking(self, what: str, *, expect: int = 0, seconds: float | None = None) -> Iterator[None]:
        """Give a command its deadline and turn what imaplib, imapclient and parsers raise into our errors."""
        # Among its answers the server may tell of a change in the open folder, once and never again.
        self._standing = None
        self._wire.begin(
            Deadline(
                self._clock,
                what=what,
                seconds=self._spec.timeout_seconds if seconds is None else seconds,
                rate=self._spec.bytes_per_second,
                most=expect + SLACK,
            )
        )
        try:
            yield
        except ConnectionLost:
            self._wire.close()
            raise
        except MailboxError:
            raise
        except imaplib.IMAP4.abort as exc:
            self._wire.close()
            raise self._ended(exc) from exc
        except imaplib.IMAP4.error as exc:
            raise self._error(what, exc) from exc
        except NONSENSE as exc:
            self._wire.close()
            raise ConnectionLost(f"the answer to {what} cannot be read: {type(exc).__name__}") from exc

    def _ended(self, exc: Exception) -> MailboxError:
        said = self._imap.told("BYE") if self._client is not None else None
        if said:
            return busy(f"the server ended the session: {self._wire.plain(said[-1])}")
        # imaplib quotes what it did not expect: after a literal of another size than announced that is somebody's mail.
        return ConnectionLost(f"the session broke: {self._wire.plain(_QUOTED.split(str(exc))[0])}")

    def _error(self, what: str, exc: Exception) -> MailboxError:
        if isinstance(exc, ProtocolError):
            self._wire.close()
            return ConnectionLost(f"the answer to {what} cannot be read: {type(exc).__name__}")
        text = self._wire.plain(str(exc))
        # imaplib tells the server's words as Python would print a list of them.
        if found := re.search(r"command error: BAD (?:\[b['\"])?(.*?)(?:['\"]\])?$", text):
            return refusal(what.split()[0], "BAD", found.group(1))
        self._wire.close()
        if "BYE" in text:
            return busy(f"the server turned us away: {text}")
        return ConnectionLost(f"the answer to {what} cannot be read: {text}")

    def run(self, what: str, command: Callable[..., Any], *args: Any) -> list[Any]:
        """Send one command within `asking` and return the data of its OK; NO and BAD raise what they mean."""
        status, data = command(*args)
        if status != "OK":
            text = data[0] if data and isinstance(data[0], bytes) else b""
            raise refusal(what, str(status), self._wire.plain(text))
        return list(data)

    @property
    def _imap(self) -> Imap4:
        if self._client is None:
            raise ConnectionLost("the connection is closed")
        imap: Imap4 = self._client._imap
        return imap

    # --- folders ------------------------------------------------------------------------------

    def prefix(self) -> str:
        if "NAMESPACE" not in self.capabilities or self._client is None:
            return ""
        try:
            with self.asking("NAMESPACE"):
                personal = self._client.namespace().personal
        except CommandRefused:
            return ""
        return _text(personal[0][0]) if personal else ""

    def folders(self) -> tuple[FolderInfo, ...]:
        found, asked = self._list()
        roles = {"\\drafts", "\\sent", "\\archive", "\\all"}
        if "SPECIAL-USE" in self.capabilities and not any(info.attributes & roles for info in found):
            with contextlib.suppress(CommandRefused):
                # Some servers answer nothing to this form; what a glance is held against is the answer that is used.
                by_use, asked_so = self._list("RETURN", "(SPECIAL-USE)")
                found, asked = (by_use, asked_so) if by_use else (found, asked)
        self._glances.listed(*asked)
        return found

    def _list(self, *options: str) -> tuple[tuple[FolderInfo, ...], tuple[bytes, list[Any]]]:
        """The folders, and how they were asked for with what imaplib has kept of the answer."""
        with self.asking("LIST", expect=4_000_000):
            self.run("LIST", self._imap._simple_command, "LIST", '""', '"*"', *options)
            assert self._client is not None
            told = self._imap.untagged_responses.pop("LIST", [])
            asked = " ".join(("LIST", '""', '"*"', *options)).encode("ascii"), told
            listed = self._client._proc_folder_list(told)
            return tuple(info for item in listed if (info := _folder(self._wire, *item)) is not None), asked

    def examine(self, folder: str) -> FolderStatus:
        if not self._forgetful:
            status = self._open(folder, readonly=True)
            if status.uidnext:
                return status
        # Courier forgets the UIDs that it gave at an EXAMINE, and then gives them to other messages.
        with contextlib.suppress(CommandRefused):
            status = self._open(folder, readonly=False)
            self._forgetful = True
            return status
        return self._open(folder, readonly=True)

    def select(self, folder: str) -> FolderStatus:
        return self._open(folder, readonly=False)

    def _open(self, folder: str, *, readonly: bool) -> FolderStatus:
        what = "EXAMINE" if readonly else "SELECT"
        self._open_folder = ""
        with self.asking(what):
            try:
                self.run(what, self._imap.select, _name(folder), readonly)
            except imaplib.IMAP4.readonly as exc:
                raise CommandRefused(f"the folder {folder} is read-only") from exc
            told = self._imap.untagged_responses
            status = FolderStatus(
                uidvalidity=_number(told, "UIDVALIDITY"),
                uidnext=_number(told, "UIDNEXT"),
                exists=_number(told, "EXISTS"),
                highestmodseq=_number(told, "HIGHESTMODSEQ"),
            )
        if not status.uidvalidity:
            raise CommandRefused(f"the server keeps no UIDs for the folder {folder} (no UIDVALIDITY)")
        self._exists = status.exists
        self._open_folder = folder
        if readonly and status.uidnext:
            self._standing = folder, status
        if not status.uidnext and not readonly:
            # Courier tells it only there, and a placed draft is known again by it.
            status = replace(status, uidnext=self._uidnext(folder))
        return status

    def _uidnext(self, folder: str) -> int:
        try:
            with self.asking("STATUS"):
                words = self.run("STATUS", self._imap.status, _name(folder), "(UIDNEXT)")
        except (CommandRefused, FolderMissing):
            return 0
        found = re.search(rb"UIDNEXT (\d+)\)\s*$", words[-1] or b"", re.IGNORECASE)
        return int(found.group(1)) if found else 0

    def standing(self, folder: str) -> FolderStatus | None:
        return self._standing[1] if self._standing is not None and self._standing[0] == folder else None

    def glance(self, folders: Sequence[str]) -> Glance | None:
        if self._forgetful or not self._glances.possible:
            return None
        standing = self._standing
        modseq = not self.capabilities.isdisjoint(("CONDSTORE", "QRESYNC"))
        try:
            with self.asking("STATUS", expect=4_000_000):
                seen, stands = self._glances.look(folders, self._open_folder, standing, modseq=modseq)
        except ServerBusy:
            self._wire.close()  # a BYE
            raise
        self._standing = standing if stands else None
        return seen

    def create(self, folder: str) -> None:
        with self.asking("CREATE"):
            self.run("CREATE", self._imap.create, _name(folder))

    def noop(self) -> None:
        with self.asking("NOOP", expect=4_000_000):
            self.run("NOOP", self._imap.noop)

    # --- looking ------------------------------------------------------------------------------

    def uids(self, first: int, last: int | None, *, at_most: int) -> tuple[int, ...]:
        span = f"{first}:{'*' if last is None else last}"
        # `9:*` also finds the last message when all are below 9.
        return tuple(sorted(uid for uid in self._search(at_most, "UID", span) if uid >= first))

    def present(self, uids: Sequence[int]) -> frozenset[int]:
        found: set[int] = set()
        for part in sets(uids):
            found.update(self._search(len(uids), "UID", part))
        return frozenset(found) & frozenset(uids)

    def find_message_id(self, message_id: str) -> tuple[int, ...]:
        safe = guard.message_id(message_id)
        return tuple(sorted(self._search(10_000, "HEADER", "Message-ID", f'"{safe}"')))

    def _search(self, at_most: int, *criteria: str) -> set[int]:
        with self.asking("SEARCH", expect=at_most * 11):
            data = self.run("SEARCH", self._imap.uid, "SEARCH", *criteria)
            # Anything in parentheses is a MODSEQ (RFC 7162).
            return {int(word) for item in data if item for word in item.partition(b"(")[0].split()}

    def heads(self, uids: Sequence[int], *, header: bool = True) -> tuple[Head, ...]:
        found = self._found(uids, header=header)
        return tuple(
            Head(
                uid=uid,
                size=answer.size,
                internal_date=answer.date,
                flags=answer.flags or (),
                head=next((piece.data for piece in answer.headers if piece.data), b""),
                gmail=answer.gmail(),
            )
            for uid in sorted(set(uids))
            if (answer := found.get(uid)) is not None and answer.size is not None
        )

    def _found(self, uids: Sequence[int], *, header: bool) -> dict[int, answers.Answer]:
        labels = self._knows_gmail and gmail.CAPABILITY in self.capabilities
        try:
            return self._heads(uids, header=header, labels=labels)
        except CommandRefused:
            if not labels:
                raise
        # It may only say that it knows them: then it is asked as any other server, until the next connection.
        found = self._heads(uids, header=header, labels=False)
        self._knows_gmail = False
        log.warning("mailbox.gmail_items_refused", folder=self._open_folder)
        return found

    def _heads(self, uids: Sequence[int], *, header: bool, labels: bool) -> dict[int, answers.Answer]:
        items = "(UID RFC822.SIZE INTERNALDATE FLAGS" + (gmail.ITEMS if labels else "")
        items += f" BODY.PEEK[HEADER]<0.{HEAD_LIMIT}>)" if header else ")"
        most = 1_000 + (gmail.ROOM if labels else 0) + (HEAD_LIMIT if header else 0)
        found: dict[int, answers.Answer] = {}
        for part in sets(uids):
            found.update(self.fetch(part, items, len(uids) * most))
        return found

    def bodies(
        self, sizes: Mapping[int, int], spool: Callable[[], SpoolWriter]
    ) -> Iterator[tuple[int, Body | BadBody]]:
        yield from bodies.whole(self.fetch, sizes, spool)

    def flags_since(self, modseq: int) -> Mapping[int, tuple[str, ...]]:
        if "CONDSTORE" not in self.capabilities and "QRESYNC" not in self.capabilities:
            return {}
        found = self.fetch("1:*", "(UID FLAGS)", self._exists * 1_000, f"(CHANGEDSINCE {int(modseq)})")
        return {uid: answer.flags for uid, answer in found.items() if answer.flags is not None}

    def fetch(self, uids: str, items: str, expect: int, *modifiers: str) -> dict[int, answers.Answer]:
        """UID FETCH; `expect` is how many bytes its answer may have."""
        with self.asking("FETCH", expect=expect):
            told = self.run("FETCH", self._imap.uid, "FETCH", uids, items, *modifiers)
            return answers.read(told, labels=gmail.ITEMS in items)

    # --- writing, in Drafts only --------------------------------------------------------------

    def append(self, folder: str, data: bytes, flags: Sequence[str], at: datetime) -> Appended:
        with self.asking("APPEND"):
            stamp = imaplib.Time2Internaldate(at)
            self.run("APPEND", self._imap.append, _name(folder), " ".join(flags), stamp, data)
            told = self._imap.told("APPENDUID")
        found = re.fullmatch(rb"(\d+) (\d+)", told[-1]) if told else None
        if not found:
            return Appended(uidvalidity=None, uid=None)
        return Appended(uidvalidity=int(found.group(1)), uid=int(found.group(2)))

    def expunge(self, uid: int) -> bool:
        if "UIDPLUS" not in self.capabilities:
            return False
        with self.asking("STORE"):
            self.run("STORE", self._imap.uid, "STORE", str(int(uid)), "+FLAGS.SILENT", r"(\Deleted)")
        with self.asking("EXPUNGE", expect=1_000_000):
            self.run("EXPUNGE", self._imap.uid, "EXPUNGE", str(int(uid)))
        return True

    # --- waiting and ending -------------------------------------------------------------------

    def idle(self, wake: Wake, seconds: float) -> IdleEnd:
        if "IDLE" not in self.capabilities:
            raise CommandRefused("the server does not offer IDLE")
        try:
            return self._idle(wake, seconds)
        except ServerBusy:
            self._wire.close()  # a BYE
            raise

    def _idle(self, wake: Wake, seconds: float) -> IdleEnd:
        standing = self._standing
        with self.asking("IDLE"):
            tag = self._imap.begin("IDLE")
            try:
                changed = idle.started(self._wire, tag)
            finally:
                self._imap.settle(tag)
        with self.asking("IDLE", expect=10_000_000, seconds=seconds + self._spec.timeout_seconds):
            end = IdleEnd.CHANGED if changed else idle.news(self._wire, wake, self._clock, seconds)
        if end is IdleEnd.SLEPT:
            return end  # whatever is on the other side of this connection is hours old
        with self.asking("DONE", expect=10_000_000):
            changed = idle.finished(self._wire, tag)
        if changed or end is IdleEnd.CHANGED:
            return IdleEnd.CHANGED
        self._standing = standing
        return end

    def close(self) -> None:
        self._wire.detach()
        if self._client is not None and self._wire.sock is not None:
            with contextlib.suppress(MailboxError), self.asking("LOGOUT", seconds=1.0):
                self._imap.logout()
        self._wire.close()


def _folder(wire: Wire, flags: Any, separator: Any, name: Any) -> FolderInfo | None:
    raw_name = name if isinstance(name, bytes) else str(name).encode()
    try:
        decoded = decode(raw_name)
        if encode(decoded) != raw_name:
            raise ValueError
    except (ValueError, IndexError):
        log.warning("mailbox.folder_unreadable", name=wire.plain(raw_name))
        return None
    return FolderInfo(
        name=decoded,
        separator=_text(separator) if separator else "",
        attributes=frozenset(_text(flag).lower() for flag in flags),
    )


def _name(folder: str) -> str:
    """A folder's name as it is sent: modified UTF-7 (RFC 3501, 5.1.3), quoted."""
    encoded: str = encode(folder).decode("ascii")
    escaped = encoded.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _number(told: Mapping[str, list[Any]], key: str) -> int:
    value = told.get(key, [None])[-1]
    return int(value) if value and bytes(value).isdigit() else 0
