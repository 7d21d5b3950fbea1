"""A look at each mailbox for `check --online`: signs in, reads, changes nothing, and says what was found."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from levelhead.archive.parse import parse_head
from levelhead.clients.directory import Directory
from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import mailbox_spec
from levelhead.daemon.reading import directory_of
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import (
    ConnectionLost,
    LevelheadError,
    LoginRefused,
    NoSuchLogin,
    Problem,
    TlsFailed,
    Unavailable,
    Unreachable,
)
from levelhead.mailbox.api import Connection, Head, MailboxSpec
from levelhead.mailbox.folders import HIDDEN, Chosen, Role, chosen_on
from levelhead.mailbox.opening import connect

LOOKED_AT = 50
"""How many of the latest sent messages are looked at for addresses that I write from."""

PATIENCE_SECONDS = 15.0
"""How long each command of the look may take: somebody sits and waits for the answer."""

AHEAD = timedelta(minutes=2)
"""How far a server's clock may be ahead of ours before that is a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one mailbox showed. `clock_offset` is how many seconds its newest message is ahead of our clock, 0 or more;
    None when there is no message: IMAP has no way to ask a server for its time."""

    mailbox: str
    capabilities: tuple[str, ...] = ()
    folders: tuple[tuple[str, str], ...] = ()
    """Pairs of role and name."""
    identities: tuple[str, ...] = ()
    """Addresses that recent sent mail was written from."""
    clock_offset: float | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What is worth knowing and no problem."""


def look(settings: Settings, clock: Clock) -> tuple[Seen, ...]:
    """Sign in to every configured mailbox, one after the other, and look around."""
    sign_ins = SignIns(settings, clock)
    return tuple(_look(settings, number, clock, sign_ins) for number in range(len(settings.mailboxes)))


def _look(settings: Settings, number: int, clock: Clock, sign_ins: SignIns) -> Seen:
    name = settings.mailboxes[number].name
    line = settings.line("mailbox", number)

    def problem(text: str, fix: str) -> Problem:
        return Problem(where=str(settings.path), line=line, problem=f"mailbox {name}: {text}", fix=fix)

    try:
        spec = replace(mailbox_spec(settings, name, sign_ins), timeout_seconds=PATIENCE_SECONDS)
    except LevelheadError as exc:
        return Seen(mailbox=name, problems=(problem(str(exc), _advice(exc)),))
    try:
        connection = connect(spec, clock, lambda: False)
    except LevelheadError as exc:
        return Seen(
            mailbox=name, problems=(problem(str(exc), _advice(exc, spec.mend) + _other_tls(exc, spec.tls)),)
        )
    try:
        try:
            seen = around(connection, spec)
        finally:
            connection.close()
    except LevelheadError as exc:
        return Seen(mailbox=name, problems=(problem(str(exc), _advice(exc)),))
    directory = directory_of(settings)
    offset = _offset(seen.heads, clock)
    return Seen(
        mailbox=name,
        capabilities=seen.capabilities,
        folders=seen.folders,
        identities=seen.identities,
        clock_offset=offset,
        problems=tuple(
            problem(text, fix)
            for text, fix in _doubts(seen.chosen, seen.identities, directory, offset, seen.capabilities)
        ),
        notes=(f"mailbox {name}: {HIDDEN}",) if seen.chosen.hidden else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What one who is logged in sees at a glance. `heads` are the latest messages of Sent and the inbox."""

    chosen: Chosen
    heads: tuple[tuple[Role, Head], ...]
    capabilities: tuple[str, ...]

    @property
    def folders(self) -> tuple[tuple[str, str], ...]:
        """Pairs of role and name: those that are read, and the one for drafts."""
        return _roles(self.chosen)

    @property
    def identities(self) -> tuple[str, ...]:
        """Addresses that the latest sent mail was written from."""
        return _identities(self.heads)


def around(connection: Connection, spec: MailboxSpec) -> Around:
    """Look around by headers only; nothing is changed. Raises MailboxError."""
    chosen = chosen_on(connection, spec, connection.prefix(), connection.folders())
    heads = tuple(_latest(connection, chosen))
    return Around(chosen=chosen, heads=heads, capabilities=tuple(sorted(connection.capabilities)))


def _latest(connection: Connection, chosen: Chosen) -> Iterator[tuple[Role, Head]]:
    """The latest messages of Sent and the inbox, headers only."""
    for folder in chosen.watched:
        if folder.role in (Role.SENT, Role.INBOX):
            status = connection.examine(folder.name)
            first = max(1, status.uidnext - LOOKED_AT)
            uids = connection.uids(first, None, at_most=LOOKED_AT) if status.exists else ()
            for head in connection.heads(uids[-LOOKED_AT:]):
                yield folder.role, head


def _identities(heads: tuple[tuple[Role, Head], ...]) -> tuple[str, ...]:
    senders = (parse_head(head.head).sender for role, head in heads if role is Role.SENT)
    return tuple(sorted({sender.address.lower() for sender in senders if sender is not None}))


def _offset(heads: tuple[tuple[Role, Head], ...], clock: Clock) -> float | None:
    dates = [head.internal_date for _, head in heads if head.internal_date is not None]
    return max(0.0, (max(dates) - clock.now()).total_seconds()) if dates else None


def _roles(chosen: Chosen) -> tuple[tuple[str, str], ...]:
    found = tuple((folder.role.value, folder.name) for folder in chosen.watched)
    return (*found, (Role.DRAFTS.value, chosen.drafts)) if chosen.drafts else found


def _doubts(
    chosen: Chosen,
    identities: tuple[str, ...],
    directory: Directory,
    offset: float | None,
    capabilities: tuple[str, ...],
) -> Iterator[tuple[str, str]]:
    roles = {folder.role for folder in chosen.watched}
    for name in chosen.missing:
        yield (
            f"there is no folder {name!r}",
            "correct `folders`, `sent` or `drafts`; names are as your mail program shows them",
        )
    if roles.isdisjoint((Role.SENT, Role.ALL)) and not chosen.missing:
        yield (
            "no folder for sent mail was found",
            "name it with `sent`, or no mail of yours counts as an answer",
        )
    if chosen.drafts is None:
        yield "no folder for drafts was found", "name it with `drafts`"
    for address in identities:
        if not directory.mine(address):
            yield (
                f"you also write from {address}",
                "add it to me.addresses, or that mail counts as somebody else's",
            )
    if offset is not None and offset > AHEAD.total_seconds():
        yield (
            f"its clock is at least {offset:.0f} s ahead of this machine's",
            "check the time of this machine",
        )
    if "UIDPLUS" not in capabilities:
        yield (
            "the server has no UIDPLUS, so an obsolete draft cannot be taken out of Drafts again",
            "nothing to do: such a draft is left, and `levelhead held --all` says so",
        )


def _other_tls(exc: LevelheadError, tls: str) -> str:
    """More advice when the two sides did not understand each other from the start: the other way to begin TLS."""
    distrusted = isinstance(exc.__cause__, ssl.SSLCertVerificationError)
    spoke_tls = isinstance(exc, TlsFailed) and isinstance(exc.__cause__, ssl.SSLError) and not distrusted
    # Without a secret to send nobody was called yet.
    elsewhere = isinstance(exc, Unreachable) or isinstance(exc.__cause__, Unavailable)
    fell_silent = isinstance(exc, ConnectionLost) and not elsewhere
    if not (spoke_tls or fell_silent):
        return ""
    return f'; this port may want tls = "{"starttls" if tls == "implicit" else "implicit"}"'


def _advice(exc: LevelheadError, mend: str = "") -> str:
    """What to do about it; `mend` is the command that signs in again, where a mailbox has one."""
    if isinstance(exc, NoSuchLogin):
        return "check host and port, or use a password in the place of [mailbox.oauth2]"
    if isinstance(exc, LoginRefused):
        if mend:
            return f"sign in again: {mend}"
        return "check user and password; some providers want an app password"
    if isinstance(exc, TlsFailed):
        return "check host, port and tls, or name the server's certificate with ca_file"
    return "check host and port, and whether the server can be reached from here"
