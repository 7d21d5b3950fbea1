"""The trial: judges a message as the daemon would, and nothing follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levelhead.archive.parse import parse
from levelhead.archive.reader import Reader
from levelhead.clock import Clock
from levelhead.daemon.parts import panel_of, policies_of
from levelhead.daemon.reading import directory_of
from levelhead.hookspecs import Panel
from levelhead.model import Call, Client, Direction, Message, Thread, Verdict
from levelhead.outbox.said import asked_verdict
from levelhead.policy.types import HeatPolicy
from levelhead.raw import raw
from levelhead.screening.unknown import unknown_reason

if TYPE_CHECKING:
    from levelhead.config.settings import Settings

NOBODY = Client(name="")
NO_THREAD = Thread(key="", client="")

_HEADER = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The plugins and rules of one configuration, ready to judge."""

    panel: Panel
    heat: HeatPolicy
    may_lower: frozenset[str]
    clock: Clock
    reader: Reader

    def judge(
        self, message: Message, thread: Thread = NO_THREAD, client: Client = NOBODY
    ) -> tuple[Verdict, tuple[Call, ...]]:
        """How heated the message is, and the record of who was asked."""
        unknown = unknown_reason(message)
        return asked_verdict(
            self.panel, message, thread, client, unknown=unknown, heat=self.heat, may_lower=self.may_lower
        )

    def read(self, data: bytes, *, by_a_stranger: bool = False) -> Message:
        """The message that these bytes are, as if it had just come in from somebody unknown.

        What a stranger composed is read in a process of its own; what `as_mail` made can be read here.
        """
        parsed = (self.reader if by_a_stranger else parse)(raw(data))
        return Message(
            id=raw(data).digest,
            seq=0,
            client="",
            direction=Direction.IN,
            sender=parsed.sender,
            reply_to=parsed.reply_to,
            to=parsed.to,
            cc=parsed.cc,
            subject=parsed.subject,
            date=parsed.date,
            received_at=self.clock.now(),
            text=parsed.text,
            new_text=parsed.new_text,
            whole_judged=parsed.whole_judged,
            language=parsed.language,
            message_id=parsed.message_id,
            in_reply_to=parsed.in_reply_to,
            references=parsed.references,
            headers=parsed.headers,
            attachments=parsed.attachments,
            automatic=parsed.automatic,
            encrypted=parsed.encrypted,
            size=len(data),
            defects=parsed.defects,
        )


def as_mail(text: str) -> bytes:
    """A mail whose only content is this text."""
    return _HEADER + text.encode("utf-8", "replace")


@contextmanager
def trial(settings: Settings, clock: Clock) -> Iterator[Trial]:
    """A trial under this configuration; the processes of its reader and its plugins end with the block."""
    policies = policies_of(settings)
    panel = panel_of(settings, policies, clock, directory_of(settings).is_client)
    reader = Reader()
    try:
        yield Trial(
            panel=panel,
            heat=policies.heat,
            may_lower=frozenset(settings.plugins.may_lower),
            clock=clock,
            reader=reader,
        )
    finally:
        reader.close()
        panel.close()
