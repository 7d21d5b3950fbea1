"""The bytes of a draft: an ordinary reply, threaded, with nothing in it that the client's mail could smuggle in.

Header names are fixed here and values lose every control character before they are set, because an encoded word in
a Subject can decode to a line break and a `Bcc:` after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email import headerregistry, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime

from levelhead.clients.patterns import normal
from levelhead.clock import utc
from levelhead.errors import ProgrammerError
from levelhead.model import Address, Message
from levelhead.outbox.owed import clean
from levelhead.store.api import DraftRow

MARK = "X-Levelhead-Draft"
"""The header that names the draft's key, so that our own drafts are known wherever they are seen."""

NAMES = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    MARK,
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
"""Every header that a draft can have."""

REFERENCES = 30
"""How many ancestors a draft names at most: the first of the conversation and the latest ones (RFC 5322, 3.6.4)."""

# Folding at 78 would break long message ids into encoded words, which no client threads by.
_POLICY = policy.SMTP.clone(max_line_length=998)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>\Z")
_ADDRESS = re.compile(
    r"[!#-'*+/-9=?A-Z^-~-]+(?:\.[!#-'*+/-9=?A-Z^-~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A draft ready to be APPENDed: CRLF lines, ASCII only, and the Message-ID it is found by."""

    message_id: str
    data: bytes


class Composer:
    """Composes the drafts of one configuration.

    `is_me` knows my addresses; `fallback(mailbox)` is the address to write from when the client wrote to none of
    them (a list, a Bcc); `name` is shown beside it. `same_client(one, other)` says whether two addresses are known to
    be one client's: a Reply-To counts only where the sender's client is known to read there.
    """

    def __init__(
        self,
        load: Callable[[str], Message],
        *,
        is_me: Callable[[str], bool],
        fallback: Callable[[str], str],
        same_client: Callable[[str, str], bool] = lambda one, other: False,
        name: str = "",
    ) -> None:
        self._load = load
        self._same_client = same_client
        self._is_me = is_me
        self._fallback = fallback
        self._name = name

    def __call__(self, draft: DraftRow, at: datetime) -> Composed:
        """The bytes of this draft, dated `at`; raises what `load` raises when the answered message cannot be read."""
        parent = self._load(draft.message)
        mine = next((one.address for one in (*parent.to, *parent.cc) if self._is_me(one.address)), None)
        sender = Address(address=mine or self._fallback(draft.mailbox), name=self._name)
        return compose(draft, parent, sender=sender, to=self._recipients(parent), at=at)

    def _recipients(self, parent: Message) -> tuple[Address, ...]:
        """Where the client wants replies, if it is the client's; never myself, unless there is nobody else."""
        wanted = reply_addresses(parent, self._same_client)
        others = tuple(one for one in wanted if not self._is_me(one.address))
        if others or not parent.sender or self._is_me(parent.sender.address):
            return others or wanted
        return (parent.sender,)


def reply_addresses(parent: Message, same_client: Callable[[str, str], bool]) -> tuple[Address, ...]:
    """The Reply-To as far as it names the sender or the sender's client, else the sender; who names nobody gets none.

    Anybody can write any Reply-To under a client's name, and nobody looks at the To of a drafted reply twice.
    """
    sender = parent.sender
    if sender is None:
        return ()
    theirs = tuple(
        one
        for one in parent.reply_to
        if normal(one.address) == normal(sender.address) or same_client(sender.address, one.address)
    )
    return theirs or (sender,)


def asks_elsewhere(
    parent: Message, same_client: Callable[[str, str], bool], is_me: Callable[[str], bool]
) -> str:
    """The first address that the Reply-To names and a draft is not addressed to, or empty; mine is no news."""
    theirs = {one.address for one in reply_addresses(parent, same_client)}
    return next(
        (one.address for one in parent.reply_to if one.address not in theirs and not is_me(one.address)), ""
    )


def compose(
    draft: DraftRow, parent: Message, *, sender: Address, to: Iterable[Address], at: datetime
) -> Composed:
    """The bytes of a reply to `parent`: From, To, Subject, Date, threading headers, our mark, and plain text."""
    message = EmailMessage(policy=_POLICY)
    message_id = draft_message_id(draft.key, sender.address)
    # An address that cannot be written in ASCII is left for the person to fill in.
    for name, people in (("From", (sender,)), ("To", tuple(to))):
        written = [_address(one) for one in people if _ADDRESS.match(one.address)]
        if written:
            message[name] = written
    message["Subject"] = one_line(draft.subject) or _reply_subject(parent.subject)
    message["Date"] = format_datetime(utc(at))
    message["Message-ID"] = message_id
    if _MESSAGE_ID.match(parent.message_id):
        message["In-Reply-To"] = parent.message_id
    references = _references(parent)
    if references:
        message["References"] = " ".join(references)
    message[MARK] = one_line(draft.key)
    message.set_content(_body(draft.body), charset="utf-8", cte="quoted-printable")
    _check(message)
    return Composed(message_id=message_id, data=message.as_bytes())


def draft_message_id(key: str, sender: str) -> str:
    """The Message-ID of a draft: the same whenever it is composed, so that it can be looked for."""
    domain = sender.rpartition("@")[2].lower()
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", domain):
        domain = "levelhead.invalid"
    return f"<levelhead.{one_line(key)}@{domain}>"


def one_line(text: str) -> str:
    """The text on one line: control characters and line breaks become spaces."""
    return " ".join(_CONTROLS.sub(" ", clean(text)).split())


def stripped(ours: bytes, theirs: bytes) -> tuple[str, ...]:
    """Threading headers that we wrote and the server did not keep."""
    before, after = _headers(ours), _headers(theirs)
    return tuple(
        name
        for name in ("In-Reply-To", "References", "Message-ID")
        if before[name] and before[name] != after[name]
    )


def same_draft(ours: bytes, theirs: bytes) -> bool:
    """Whether what the server holds still says what we wrote: people, subject, mark and text.

    The date and headers that a server added or dropped do not matter.
    """
    before, after = _headers(ours), _headers(theirs)
    said = all(before[name] == after[name] for name in ("From", "To", "Subject", MARK))
    return said and _text(ours) == _text(theirs)


def _headers(data: bytes) -> dict[str, str]:
    """The raw values of our headers, white space folded away; `compat32` keeps what it cannot read."""
    message = BytesParser(policy=policy.compat32).parsebytes(data, headersonly=True)
    return {name: " ".join(str(message.get(name, "")).split()) for name in NAMES}


def _text(data: bytes) -> list[bytes]:
    _, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    return [line.rstrip() for line in body.strip().split(b"\n")]


def _address(one: Address) -> headerregistry.Address:
    return headerregistry.Address(display_name=one_line(one.name), addr_spec=one.address)


def _reply_subject(subject: str) -> str:
    plain = one_line(subject)
    return plain if plain.lower().startswith("re:") else f"Re: {plain}".strip()


def _references(parent: Message) -> tuple[str, ...]:
    """The parent's ancestors and the parent itself, each once (RFC 5322, 3.6.4)."""
    known = parent.references or parent.in_reply_to[:1]
    chain = [one for one in dict.fromkeys((*known, parent.message_id)) if _MESSAGE_ID.match(one)]
    return tuple(chain if len(chain) <= REFERENCES else [chain[0], *chain[-REFERENCES + 1 :]])


def _body(text: str) -> str:
    """The text with ordinary line ends and no control characters but tabs."""
    lines = clean(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return (
        "\n".join(_CONTROLS.sub(" ", line.replace("\t", "    ")).rstrip() for line in lines).strip("\n")
        + "\n"
    )


def _check(message: EmailMessage) -> None:
    """What is written is read back: a header that nobody here set must not exist."""
    try:
        found = BytesParser(policy=policy.compat32).parsebytes(message.as_bytes(), headersonly=True)
    except (MessageError, UnicodeError) as exc:
        raise ProgrammerError(f"a draft cannot be written: {exc}") from exc
    unknown = set(found.keys()) - set(NAMES)
    if unknown or len(found.keys()) != len(set(found.keys())) or found.defects:
        raise ProgrammerError(f"a draft has headers that nobody set: {sorted(unknown) or found.keys()}")
