"""The Drafts folder as the outbox sees it: the only folder that is ever selected for writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from levelhead.errors import BadBody, CommandRefused, FolderMissing
from levelhead.mailbox.api import Connection, SpoolWriter

FLAGS = (r"\Draft", r"\Seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDrafts:
    """The Drafts folder, open for writing, and its numbers at that moment."""

    folder: str
    uidvalidity: int
    uidnext: int


class ImapDrafts:
    """Places, finds and removes our own drafts; call `open` first, and again after anything else was done.

    When a server has no Drafts folder at all, `open` makes it, once.
    """

    def __init__(
        self,
        connection: Connection,
        folder: str | None,
        spool: Callable[[], SpoolWriter],
        *,
        prefix: str = "",
    ) -> None:
        self._connection = connection
        self._folder = folder or f"{prefix}Drafts"
        self._spool = spool

    def open(self) -> OpenDrafts:
        """SELECT Drafts; FolderMissing when it can be neither selected nor made."""
        try:
            status = self._connection.select(self._folder)
        except FolderMissing as missing:
            try:
                self._connection.create(self._folder)
            except CommandRefused as exc:
                raise FolderMissing(
                    f"there is no folder {self._folder!r} for drafts, and the server does not let us make it ({exc}); "
                    "name one with `drafts` in this [[mailbox]]"
                ) from missing
            status = self._connection.select(self._folder)
        return OpenDrafts(folder=self._folder, uidvalidity=status.uidvalidity, uidnext=status.uidnext)

    def find(self, message_id: str) -> tuple[int, ...]:
        """UIDs of the drafts with this Message-ID, ascending."""
        # Courier shows what this session has appended only after a NOOP.
        self._connection.noop()
        return self._connection.find_message_id(message_id)

    def append(self, data: bytes, at: datetime) -> int | None:
        """APPEND a draft (line ends CRLF) with INTERNALDATE `at`; its UID when the server tells it (RFC 4315)."""
        return self._connection.append(self._folder, data, FLAGS, at).uid

    def fetch(self, uid: int) -> bytes | None:
        """The bytes that stand there now, or None when the draft is gone; BadBody when they cannot be had whole."""
        self._connection.noop()
        heads = self._connection.heads((uid,), header=False)
        if not heads:
            return None
        for _, body in self._connection.bodies({uid: heads[0].size}, self._spool):
            if isinstance(body, BadBody):
                if not self._connection.present((uid,)):
                    return None
                raise body
            data = body.raw.read()
            body.raw.discard()
            return data
        return None

    def remove(self, uid: int) -> bool:
        """Expunge exactly this draft; False, with its flags untouched, when the server cannot (no UIDPLUS)."""
        return self._connection.expunge(uid)
