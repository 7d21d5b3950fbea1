"""A server like Gmail: one message stands in each folder whose label it bears, under one X-GM-MSGID.

Made after Google's page about its extensions and what clients have seen of it: system labels are quoted with their
backslash doubled, the label of the folder itself is left out, user labels are sent as atoms where that can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imapclient.imap_utf7 import encode

from servers.scripted import Talk

Found = re.Match[bytes]

SYSTEM = {
    "INBOX": ("\\Inbox", ""),
    "[Gmail]/Sent Mail": ("\\Sent", "\\Sent"),
    "[Gmail]/Starred": ("\\Starred", "\\Flagged"),
    "[Gmail]/Drafts": ("\\Draft", "\\Drafts"),
    "[Gmail]/Spam": ("\\Junk", "\\Junk"),
    "[Gmail]/Trash": ("\\Trash", "\\Trash"),
}
ALL_MAIL = "[Gmail]/All Mail"
NOT_IN_ALL = {"\\Junk", "\\Trash"}


@dataclass
class Stored:
    """A message of the account. `id` is its X-GM-MSGID as it is sent, `labels` its labels as they are shown."""

    data: bytes
    id: bytes
    labels: set[str]
    flags: set[str] = field(default_factory=set)
    date: bytes = field(default_factory=lambda: f"{datetime.now(UTC):%d-%b-%Y %H:%M:%S +0000}".encode())
    """INTERNALDATE: it has just come."""


@dataclass
class Folder:
    uidvalidity: int = 7
    uidnext: int = 1
    uids: dict[int, Stored] = field(default_factory=dict)


@dataclass
class GmailLike:
    """One account; `script` plays it on any number of connections. `fetched` counts what was downloaded."""

    speaks: bool = True
    """Whether it announces and understands the extension."""
    obeys: bool = True
    """False: it announces the extension and refuses its items."""
    all_mail: bool = True
    """Whether All Mail is shown in IMAP."""
    user_labels: list[str] = field(default_factory=list)
    folders: dict[str, Folder] = field(default_factory=dict)
    word: Callable[[str], bytes] | None = None
    """How a label is sent, when not as Gmail does."""
    announces: Callable[[Stored], int] = lambda stored: len(stored.data)
    """RFC822.SIZE of a message."""
    on_examine: Callable[[str], None] = lambda name: None
    asked: list[bytes] = field(default_factory=list)
    """Every command of every connection, without its tag."""
    body_bytes: int = 0
    bodies: int = 0
    header_bytes: int = 0
    _next: int = 1278455344230334865

    # --- what is in it ------------------------------------------------------------------------

    def names(self) -> list[str]:
        return [*SYSTEM, *([ALL_MAIL] if self.all_mail else []), *self.user_labels]

    def deliver(self, data: bytes, *labels: str, id: bytes = b"", flags: set[str] | None = None) -> Stored:
        """A new message with these labels (`\\Inbox`, `Projects`); it stands in All Mail too."""
        self._next += 1
        stored = Stored(data, id or b"%d" % self._next, set(labels), flags or set())
        for label in labels:
            self.label(stored, label)
        if not set(labels) & NOT_IN_ALL:
            self._put(ALL_MAIL, stored)
        return stored

    def label(self, stored: Stored, label: str) -> None:
        """Give a message a label: it appears in that label's folder."""
        stored.labels.add(label)
        name = next((name for name, (own, _) in SYSTEM.items() if own == label), label)
        if name == label and label not in self.user_labels:
            self.user_labels.append(label)
        self._put(name, stored)

    def renumber(self, name: str) -> None:
        """A new UIDVALIDITY, and all messages of the folder under other UIDs."""
        old = self.folder(name)
        uids = {uid + 100: stored for uid, stored in old.uids.items()}
        self.folders[name] = Folder(old.uidvalidity + 1, old.uidnext + 100, uids)

    def folder(self, name: str) -> Folder:
        return self.folders.setdefault(name, Folder())

    def _put(self, name: str, stored: Stored) -> None:
        folder = self.folder(name)
        folder.uids[folder.uidnext] = stored
        folder.uidnext += 1

    # --- the server ---------------------------------------------------------------------------

    def script(self, talk: Talk) -> None:
        extension = " X-GM-EXT-1" if self.speaks else ""
        talk.login(f"IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA CHILDREN UIDPLUS ENABLE CONDSTORE{extension}")
        open_one: list[str] = []

        def noted(answer: Callable[[Found], bytes]) -> Callable[[Found], bytes]:
            def answering(found: Found) -> bytes:
                self.asked.append(found.string)
                return answer(found)

            return answering

        def examine(found: Found) -> bytes:
            name = _unquoted(found[2])
            self.on_examine(name)
            open_one[:] = [name]
            return self._examined(name)

        fetch = (
            rb"UID FETCH (\S+) \((UID RFC822\.SIZE INTERNALDATE FLAGS)( X-GM-MSGID X-GM-THRID X-GM-LABELS)?"
        )
        fetch += rb"( BODY\.PEEK\[HEADER\]<0\.\d+>)?\)$"
        if not (self.speaks and self.obeys):
            fetch = fetch.replace(rb"( X-GM-MSGID X-GM-THRID X-GM-LABELS)?", rb"(NOTHING)?")
        talk.serve(
            {
                rb"NAMESPACE$": noted(lambda found: b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
                rb'LIST "" "\*"': noted(lambda found: self._listed()),
                rb'(EXAMINE|SELECT) "?(.*?)"?$': noted(examine),
                rb'STATUS "?(.*?)"? \(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ\)$': noted(self._status),
                rb"NOOP": noted(lambda found: b""),
                rb"UID SEARCH UID (\S+)$": noted(lambda found: self._search(open_one[0], found)),
                fetch: noted(lambda found: self._heads(open_one[0], found)),
                rb"UID FETCH (\S+) \(UID BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?\)$": noted(
                    lambda found: self._bodies(open_one[0], found)
                ),
                rb"UID FETCH 1:\* \(UID FLAGS\)": noted(lambda found: b""),
            }
        )

    def _listed(self) -> bytes:
        lines = [b'* LIST (\\HasChildren \\Noselect) "/" "[Gmail]"\r\n']
        for name in self.names():
            use = "\\All" if name == ALL_MAIL else SYSTEM.get(name, ("", ""))[1]
            lines.append(f'* LIST (\\HasNoChildren {use}) "/" "{encode(name).decode()}"\r\n'.encode())
        return b"".join(lines)

    def _examined(self, name: str) -> bytes:
        folder = self.folder(name)
        return (
            f"* {len(folder.uids)} EXISTS\r\n* OK [UIDVALIDITY {folder.uidvalidity}] x\r\n"
            f"* OK [UIDNEXT {folder.uidnext}] x\r\n* OK [HIGHESTMODSEQ {folder.uidnext}] x\r\n"
        ).encode()

    def _status(self, found: Found) -> bytes:
        folder = self.folder(_unquoted(found[1]))
        return b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d HIGHESTMODSEQ %d)\r\n' % (
            found[1], len(folder.uids), folder.uidnext, folder.uidvalidity, folder.uidnext,
        )  # fmt: skip

    def _search(self, name: str, found: Found) -> bytes:
        return b"* SEARCH %s\r\n" % b" ".join(b"%d" % uid for uid in self._among(name, found[1]))

    def _among(self, name: str, words: bytes) -> list[int]:
        uids = sorted(self.folder(name).uids)
        chosen: set[int] = set()
        for part in words.split(b","):
            first, _, last = part.partition(b":")
            top = max(uids, default=0) if last == b"*" else int(last or first)
            chosen |= {uid for uid in uids if int(first) <= uid <= top}
        return sorted(chosen)

    def _heads(self, name: str, found: Found) -> bytes:
        answers = []
        for uid in self._among(name, found[1]):
            stored = self.folder(name).uids[uid]
            said = b"%d (UID %d" % (uid, uid)
            if found[3]:
                said += b" X-GM-MSGID %s X-GM-THRID %s X-GM-LABELS (%s)" % (
                    stored.id, stored.id, self._labels(name, stored),
                )  # fmt: skip
            said += b' RFC822.SIZE %d INTERNALDATE "%s" FLAGS (%s)' % (
                self.announces(stored), stored.date, " ".join(sorted(stored.flags)).encode(),
            )  # fmt: skip
            if found[4]:
                header = stored.data[: stored.data.find(b"\r\n\r\n") + 4]
                self.header_bytes += len(header)
                said += b" BODY[HEADER]<0> {%d}\r\n%s" % (len(header), header)
            answers.append(b"* " + said.replace(b" (", b" FETCH (", 1) + b")\r\n")
        return b"".join(answers)

    def _labels(self, name: str, stored: Stored) -> bytes:
        own = SYSTEM.get(name, (name, ""))[0]
        return b" ".join((self.word or _word)(label) for label in sorted(stored.labels) if label != own)

    def _bodies(self, name: str, found: Found) -> bytes:
        origin = b"<%s>" % found[2] if found[2] else b""
        start, most = int(found[2] or 0), int(found[3] or 2**32)
        answers = []
        for uid in self._among(name, found[1]):
            data = self.folder(name).uids[uid].data[start : start + most]
            self.bodies, self.body_bytes = self.bodies + 1, self.body_bytes + len(data)
            answers.append(
                b"* %d FETCH (UID %d BODY[]%s {%d}\r\n%s)\r\n" % (uid, uid, origin, len(data), data)
            )
        return b"".join(answers)


def _word(label: str) -> bytes:
    """As Gmail sends it: in quotes what has a space or a backslash, the rest as it is, even where that is no atom."""
    sent: bytes = encode(label)
    if label.startswith("\\") or re.search(rb'[ ()"\\]', sent):
        return b'"' + sent.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return sent


def _unquoted(name: bytes) -> str:
    from imapclient.imap_utf7 import decode

    text: str = decode(name.replace(b'\\"', b'"').replace(b"\\\\", b"\\"))
    return text
