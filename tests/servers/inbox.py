"""One folder behind a script: a server that is right in everything but what a test bends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from servers.scripted import Talk

Found = re.Match[bytes]


@dataclass
class Inbox:
    """INBOX alone, with the messages `mail(uid)` for each of `uids`; `script` plays it."""

    uids: list[int]
    mail: Callable[[int], bytes]
    uidnext: int | None = 0
    """0: the right number; None: it is left out, as Courier does; another: that number, whatever is there."""
    modseq: int = 0
    """HIGHESTMODSEQ, counting up with each EXAMINE; 0 leaves it out."""
    idle: bytes = b""
    """What every IDLE is told at once."""
    announces: Callable[[int], int] = int
    """RFC822.SIZE of a message with so many bytes."""
    capabilities: str = "IMAP4rev1 IDLE UIDPLUS"
    asked: list[bytes] = field(default_factory=list)
    """The sets of UIDs whose bodies were asked for."""

    def script(self, talk: Talk) -> None:
        talk.login(self.capabilities)
        talk.serve(
            {
                rb"LIST ": b'* LIST () "/" INBOX\r\n',
                rb"(EXAMINE|SELECT) ": self.examine,
                rb"NOOP": b"",
                rb"UID SEARCH UID (\d+):(\d+|\*)$": self.search,
                rb"UID SEARCH UID (\S+)$": self.present,
                rb"UID FETCH (\S+) \(UID RFC822.SIZE INTERNALDATE FLAGS( BODY.PEEK\[HEADER\])?": self.heads,
                rb"UID FETCH (\S+) \(UID BODY.PEEK\[\](?:<(\d+)\.(\d+)>)?\)": self.bodies,
                rb"UID FETCH (\S+) \(UID FLAGS\)": b"",
            },
            idle=self.idle,
        )

    def examine(self, found: Found) -> bytes:
        lines = [f"* {len(self.uids)} EXISTS", "* OK [UIDVALIDITY 7] x"]
        if self.uidnext is not None:
            lines.append(f"* OK [UIDNEXT {self.uidnext or max(self.uids, default=0) + 1}] x")
        if self.modseq:
            self.modseq += 1
            lines.append(f"* OK [HIGHESTMODSEQ {self.modseq}] x")
        return "".join(f"{line}\r\n" for line in lines).encode()

    def search(self, found: Found) -> bytes:
        first, last = int(found[1]), 2**32 if found[2] == b"*" else int(found[2])
        uids = [uid for uid in self.uids if first <= uid <= last]
        # RFC 3501, 6.4.8: `*` is the highest number there, so that `9:*` finds it even below 9.
        return self.listed(uids or (self.uids[-1:] if found[2] == b"*" else []))

    def present(self, found: Found) -> bytes:
        return self.listed(list(self.among(found[1])))

    def listed(self, uids: list[int]) -> bytes:
        return f"* SEARCH {' '.join(map(str, uids))}\r\n".encode()

    def among(self, words: bytes) -> Iterator[int]:
        for part in words.split(b","):
            first, _, last = part.partition(b":")
            yield from (uid for uid in self.uids if int(first) <= uid <= int(last or first))

    def heads(self, found: Found) -> bytes:
        answers = []
        for uid in self.among(found[1]):
            data = self.mail(uid)
            header = data[: data.find(b"\r\n\r\n") + 4]
            size = self.announces(len(data))
            more = b" BODY[HEADER]<0> {%d}\r\n%s" % (len(header), header) if found[2] else b""
            answers.append(
                b'* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "01-Nov-2026 10:00:00 +0000" FLAGS ()%s)\r\n'
                % (uid, uid, size, more)
            )
        return b"".join(answers)

    def bodies(self, found: Found) -> bytes:
        self.asked.append(found[1])
        origin = b"<%s>" % found[2] if found[2] else b""
        start, most = int(found[2] or 0), int(found[3] or 2**32)
        answers = []
        for uid in self.among(found[1]):
            data = self.mail(uid)[start : start + most]
            answers.append(
                b"* %d FETCH (UID %d BODY[]%s {%d}\r\n%s)\r\n" % (uid, uid, origin, len(data), data)
            )
        return b"".join(answers)
