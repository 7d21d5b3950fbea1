"""Opening a connection: the wire, TLS (never given up for clear text), the login, and what the server can do."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import ssl
from collections.abc import Callable

from levelhead.clock import Clock
from levelhead.errors import (
    CommandRefused,
    ConnectionLost,
    LevelheadError,
    LoginRefused,
    MailboxError,
    NoSuchLogin,
    Stopping,
    TlsFailed,
    Unavailable,
)
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.codes import refusal
from levelhead.mailbox.connection import ImapConnection
from levelhead.mailbox.imap4 import Client
from levelhead.mailbox.wire import Wire


def connect(spec: MailboxSpec, clock: Clock, tick: Callable[[], bool]) -> ImapConnection:
    """A logged-in connection. `tick` is called at least once a second of waiting; True ends the wait.

    Raises ConnectionLost, ServerBusy, TlsFailed or LoginRefused.
    """
    context = _context(spec) if spec.tls != "none" else None
    # Before anybody is called: a command that asks a person for the secret may take its time.
    secret = _secret(spec, spec.secret)
    try:
        return _open(spec, clock, tick, context, secret)
    except LoginRefused as exc:
        if spec.renew is None or isinstance(exc, NoSuchLogin):
            raise
        refused, renew = exc, spec.renew
    # The token may have ended or been revoked before its time; a new session, since some servers end the refused one.
    another = _secret(spec, lambda: renew(secret))
    try:
        return _open(spec, clock, tick, context, another)
    except LoginRefused as exc:
        raise LoginRefused(
            f"{exc}; it refused a fresh token too, so see whether {spec.user} may be read by IMAP with this sign-in, "
            f"or sign in again: {spec.mend}"
        ) from refused


def offered(spec: MailboxSpec, clock: Clock, tick: Callable[[], bool]) -> frozenset[str]:
    """What a server says that it can do before anybody logs in; its `secret` is not asked for.

    Raises ConnectionLost, ServerBusy or TlsFailed.
    """
    connection = _reached(spec, clock, tick, _context(spec) if spec.tls != "none" else None)
    try:
        return frozenset(word.upper() for word in connection._imap.capabilities)
    finally:
        connection._wire.close()


def _open(
    spec: MailboxSpec,
    clock: Clock,
    tick: Callable[[], bool],
    context: ssl.SSLContext | None,
    secret: str,
) -> ImapConnection:
    connection = _reached(spec, clock, tick, context)
    try:
        _login(connection, spec, secret)
        _learn(connection)
    except BaseException:
        connection._wire.close()
        raise
    return connection


def _reached(
    spec: MailboxSpec, clock: Clock, tick: Callable[[], bool], context: ssl.SSLContext | None
) -> ImapConnection:
    """A connection that is encrypted as it is to be, and that nobody has logged in to yet."""
    wire = Wire(clock, tick)
    wire.received = spec.received
    connection = ImapConnection(spec, clock, wire)
    try:
        with connection.asking("connecting"):
            wire.connect(spec.host, spec.port)
            if context is not None and spec.tls == "implicit":
                wire.secure(context, spec.host)
        with connection.asking("the greeting"):
            connection._client = Client(spec.host, spec.port, wire)
        if context is not None and spec.tls == "starttls":
            _starttls(connection, context, spec.host)
    except BaseException:
        wire.close()
        raise
    return connection


def _context(spec: MailboxSpec) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(spec.ca_file) if spec.ca_file else None)
    except (OSError, ssl.SSLError) as exc:
        raise TlsFailed(f"the file of trusted certificates {spec.ca_file} cannot be used: {exc}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _secret(spec: MailboxSpec, asked: Callable[[], str]) -> str:
    try:
        return asked()
    except MailboxError:
        raise
    except (Unavailable, Stopping) as exc:
        raise ConnectionLost(f"the secret of mailbox {spec.name} cannot be had now: {exc}") from exc
    except LevelheadError as exc:
        raise LoginRefused(f"the secret of mailbox {spec.name} cannot be had: {exc}") from exc


def _starttls(connection: ImapConnection, context: ssl.SSLContext, host: str) -> None:
    imap = connection._imap
    if imap.state != "NONAUTH":
        raise TlsFailed(
            f"{host} let us in before TLS began (PREAUTH), so STARTTLS cannot protect the session"
        )
    if "STARTTLS" not in imap.capabilities:
        raise TlsFailed(f'{host} does not offer STARTTLS; use tls = "implicit" (port 993) if it has that')
    try:
        with connection.asking("STARTTLS"):
            connection.run("STARTTLS", imap._simple_command, "STARTTLS")
    except CommandRefused as exc:
        raise TlsFailed(f"{host} refused STARTTLS: {exc}") from exc
    with connection.asking("STARTTLS"):
        connection._wire.secure(context, host)
        # What was told in the clear could be anybody's word.
        imap.told("CAPABILITY")
        imap._get_capabilities()


def _login(connection: ImapConnection, spec: MailboxSpec, secret: str) -> None:
    imap = connection._imap
    if imap.state == "AUTH":
        return
    # Sent as base64, other characters than ASCII are no trouble.
    simple = (spec.user + secret).isascii() and (spec.user + secret).isprintable()
    offered = imap.capabilities
    connection._wire.unsaid = tuple({secret, _quoted(secret)[1:-1]} - {""})
    try:
        if spec.auth == "oauth2":
            _bearer(connection, spec, secret)
        elif (not simple or "LOGINDISABLED" in offered) and "AUTH=PLAIN" in offered:
            _authenticate(connection, "PLAIN", f"\0{spec.user}\0{secret}")
        elif not simple:
            raise LoginRefused(
                f"the secret of mailbox {spec.name} is not ASCII, and the server takes no AUTH=PLAIN"
            )
        elif "LOGINDISABLED" in offered:
            raise LoginRefused(f'the server takes no password on this connection (tls = "{spec.tls}")')
        else:
            with connection.asking("LOGIN"):
                connection.run("LOGIN", imap._simple_command, "LOGIN", _quoted(spec.user), _quoted(secret))
                imap.state = "AUTH"
    except MailboxError as exc:
        # The chain of causes would hold the command, and a server may echo it.
        raise type(exc)(str(exc)) from None


def _bearer(connection: ImapConnection, spec: MailboxSpec, token: str) -> None:
    """Log in with an access token: by OAUTHBEARER (RFC 7628) where it is offered, else by XOAUTH2.

    `user` is whose mailbox it is; whose the token is, the token says itself. Two that differ are a shared mailbox.
    """
    offered = connection._imap.capabilities
    if "AUTH=OAUTHBEARER" in offered:
        name = spec.user.replace("=", "=3D").replace(",", "=2C")
        words = f"n,a={name},\1host={spec.host}\1port={spec.port}\1auth=Bearer {token}\1\1"
        # To the reason for a failure the client answers with one separator (RFC 7628, 3.2.3).
        _authenticate(connection, "OAUTHBEARER", words, resigned=b"\1")
    elif "AUTH=XOAUTH2" in offered:
        _authenticate(connection, "XOAUTH2", f"user={spec.user}\1auth=Bearer {token}\1\1")
    else:
        raise NoSuchLogin(
            f"{spec.host} takes no sign-in by OAuth (neither AUTH=OAUTHBEARER nor AUTH=XOAUTH2 is offered): see "
            "whether this is the right server, and whether OAuth is switched on for IMAP there"
        )


def _authenticate(connection: ImapConnection, mechanism: str, words: str, resigned: bytes = b"") -> None:
    given: list[str] = []
    connection._wire.unsaid += (words, base64.b64encode(words.encode()).decode())

    def respond(challenge: bytes) -> bytes:
        # A second challenge is the server's reason for a failure; XOAUTH2 and PLAIN want an empty answer.
        given.append(mechanism)
        return words.encode() if len(given) == 1 else resigned

    with connection.asking("AUTHENTICATE"):
        try:
            connection._imap.authenticate(mechanism, respond)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as exc:
            raise refusal("AUTHENTICATE", "NO", connection._wire.plain(str(exc))) from None


def _learn(connection: ImapConnection) -> None:
    imap = connection._imap
    with connection.asking("CAPABILITY"):
        told = imap.told("CAPABILITY")
        words: bytes = told[-1] if told else connection.run("CAPABILITY", imap.capability)[-1]
        # The list before the login is shorter, and some servers give two: the last one counts.
        connection.capabilities = frozenset(words.decode("ascii", "replace").upper().split())
        assert connection._client is not None
        connection._client._cached_capabilities = tuple(words.upper().split())
    if {"ENABLE", "CONDSTORE"} <= connection.capabilities:
        with contextlib.suppress(CommandRefused), connection.asking("ENABLE"):
            connection.run("ENABLE", imap._simple_command, "ENABLE", "CONDSTORE")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
