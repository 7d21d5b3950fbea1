"""The library: archived messages read back from their bytes, as the rooms behind the archive want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from levelhead.archive.frames import Frame
from levelhead.archive.parse import is_unread, unread
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged, UserError
from levelhead.model import SIZE_MISMATCH, Client, Message, Parsed, Thread
from levelhead.raw import Raw
from levelhead.store.api import MessageRow, Store

PAST = 50
"""How many earlier messages a thread shows at most."""


class Library:
    """Reads what the recorder wrote. A message's words always come from its bytes, never from the index."""

    def __init__(
        self,
        store: Store,
        volumes: Volumes,
        parse: Callable[[Raw], Parsed],
        known: Callable[[str], Parsed | None] = lambda id: None,
    ) -> None:
        """`known` tells what was read of a message a moment ago, when it was recorded."""
        self._known = known
        self._store = store
        self._volumes = volumes
        self._parse = parse

    def message(self, id: str) -> Message:
        """The message of that id or unique prefix (8 characters or more).

        UserError when there is none, StoreDamaged, naming message, volume and offset, when its bytes are damaged.
        """
        row = self._store.message(id)
        return _message(row, self._known(row.id) or self.parsed(row))

    def raw(self, id: str) -> Raw:
        """The exact bytes; errors as `message`. A large one is a spool file that the caller discards."""
        return self._bytes(self._store.message(id))

    def raw_if_any(self, id: str) -> Raw | None:
        """The same, but None where the bytes are damaged, or were erased a moment ago."""
        try:
            return self.raw(id)
        except (StoreDamaged, UserError):
            return None

    def parsed(self, row: MessageRow) -> Parsed:
        """What the bytes of this message say; errors as `message`."""
        raw = self._bytes(row)
        try:
            return self._said(row, raw)
        finally:
            raw.discard()

    def text(self, id: str) -> str:
        """The message's readable text; errors as `message`."""
        return self.message(id).text

    def thread(self, message: Message) -> Thread:
        """The conversation before this message, oldest first."""
        past = self._store.past(message.thread_key, before_seq=message.seq, limit=PAST)
        return Thread(key=message.thread_key, client=message.client, messages=past)

    def client(self, name: str, listed: Mapping[str, Client]) -> Client:
        """The client of that name with what the archive knows; one who is not listed is a correspondent's address."""
        client = listed.get(name) or Client(name=name, addresses=(name,) if "@" in name else ())
        return replace(
            client,
            first_contact=self._store.first_contact(name),
            calibration=self._store.calibration(name),
        )

    def _said(self, row: MessageRow, raw: Raw) -> Parsed:
        """What the bytes say; what ended the parser once is not given to it again."""
        return unread(raw, row.defects) if is_unread(row.defects) else self._parse(raw)

    def _bytes(self, row: MessageRow) -> Raw:
        return self._volumes.read_checked(row.id, frame_of(row))


def frame_of(row: MessageRow) -> Frame:
    """Where a message's bytes lie."""
    return Frame(volume=row.volume, offset=row.offset, length=row.length)


def _message(row: MessageRow, parsed: Parsed) -> Message:
    return Message(
        id=row.id,
        seq=row.seq,
        client=row.client,
        direction=row.direction,
        sender=parsed.sender,
        reply_to=parsed.reply_to,
        to=parsed.to,
        cc=parsed.cc,
        subject=parsed.subject,
        date=parsed.date,
        received_at=row.received_at,
        text=parsed.text,
        new_text=parsed.new_text,
        whole_judged=parsed.whole_judged,
        language=parsed.language,
        thread_key=row.thread,
        message_id=parsed.message_id,
        in_reply_to=parsed.in_reply_to,
        references=parsed.references,
        headers=parsed.headers,
        attachments=parsed.attachments,
        automatic=parsed.automatic,
        encrypted=parsed.encrypted,
        history=row.history,
        size=row.size,
        # The row alone knows what the bytes do not show.
        defects=tuple(
            dict.fromkeys((*parsed.defects, *(one for one in row.defects if one == SIZE_MISMATCH)))
        ),
    )
