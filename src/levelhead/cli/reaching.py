"""The half of `init` that ends with an open door: whose address it is, which server, what it takes, and a login."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from levelhead.cli import answers
from levelhead.cli.questions import Questions
from levelhead.clock import Clock
from levelhead.config.authority import is_loopback
from levelhead.config.secrets import read_file
from levelhead.daemon import beginning
from levelhead.discovery.api import NoSuchDomain, Server
from levelhead.discovery.find import BY_DOMAIN, servers
from levelhead.discovery.providers import by_place
from levelhead.errors import (
    ConnectionLost,
    LoginRefused,
    MailboxError,
    NoSuchLogin,
    TlsFailed,
    Unavailable,
    UserError,
)
from levelhead.mailbox.api import MailboxSpec
from levelhead.masking import remember_login

if TYPE_CHECKING:
    from levelhead.daemon.beginning import Shown
    from levelhead.mailbox.api import Tls

ATTEMPTS = 3
"""Refused logins; a provider that was asked more often might lock the account."""
OTHERS = "write [mailbox.oauth2] by hand (levelhead config explain mailbox.oauth2)"
"""How another provider's OAuth is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options that this half takes, as they were written; None for what was not given."""

    address: str | None = None
    host: str | None = None
    port: str | None = None
    security: str | None = None
    ca_file: str | None = None
    user: str | None = None
    password_file: Path | None = None
    password: str | None = None
    """What came on stdin."""
    oauth: bool = False
    client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A server that answers and is trusted; `tls` may be `none` for this machine itself."""

    server: Server
    tls: Tls
    ca_file: Path | None
    offers: frozenset[str]

    @property
    def takes_passwords(self) -> bool:
        """Whether the server says nothing against them here (RFC 3501, section 7.2.1)."""
        return "LOGINDISABLED" not in self.offers or "AUTH=PLAIN" in self.offers

    def spec(self, user: str, secret: Callable[[], str]) -> MailboxSpec:
        """How to log in to it."""
        return MailboxSpec(
            name="init",
            host=self.server.host,
            port=self.server.port,
            tls=self.tls,
            ca_file=self.ca_file,
            user=user,
            secret=secret,
            timeout_seconds=beginning.PATIENCE_SECONDS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LetIn:
    """A login that was accepted. `password` is empty where it lies in a file that was named."""

    user: str
    password: str
    shown: Shown


class Reaching:
    """Asks for what is needed to reach one mailbox, and tries it out."""

    def __init__(self, questions: Questions, given: Given, clock: Clock) -> None:
        self._questions = questions
        self._given = given
        self._clock = clock
        self._told: list[str] = []
        self._silent = False
        """Whether the one server that the table has for the address did not answer."""

    @property
    def password_file(self) -> Path | None:
        """The file that holds the password already, where one was named."""
        return self._given.password_file

    @property
    def client_id(self) -> str | None:
        """The id of a registration for OAuth, where one was given."""
        return self._given.client_id

    def user(self, reached: Reached) -> str:
        """Whom to log in as, as long as nobody was refused."""
        given = self._given.user or reached.server.user
        return self._questions.ask("", answers.filled, option="--user", given=given)

    # --- the server -------------------------------------------------------------------------------

    def reach(self) -> tuple[str, Reached]:
        """The person's address, and a server that answers; UserError or MailboxError when there is none."""
        asked, given = self._questions, self._given
        if given.host is None and (given.port or given.security):
            raise UserError("--port and --security belong to --host; without it they are found")
        while True:
            address = asked.ask(
                "Your e-mail address", answers.address, option="--address", given=given.address
            )
            if given.host is not None:
                return address, self._named(address, given.host)
            try:
                return address, self._found(address) or self._by_hand(address)
            except NoSuchDomain as exc:
                if given.address is not None or not asked.may_ask:
                    raise
                asked.say(f"{exc}.")

    def _found(self, address: str) -> Reached | None:
        """The first server that answers, and that the person wants; None when nothing (more) was found."""
        self._told.clear()
        for server in self._servers(address):
            self._hint(server)
            reached = self._called(server)
            if reached is not None and self._wanted(reached.server):
                return reached
        return None

    def _servers(self, address: str) -> Iterator[Server]:
        askers = beginning.askers(self._clock)
        self._questions.say(f"Looking for the server of {address} ...")
        return servers(address, dns=askers.dns, fetch=askers.fetch, tell=self._note)

    def _hint(self, server: Server) -> None:
        """What the person must do first, told before the server is called: without it nobody may answer."""
        if server.provider and server.provider.hint:
            self._questions.say(f"{server.provider.hint}.")

    def _note(self, clause: str) -> None:
        self._told.append(clause)
        self._questions.say(f"  {clause}")

    def _called(self, server: Server) -> Reached | None:
        """What the server offers; None when it cannot be reached or trusted."""
        try:
            return self._trusted(server, server.security)
        except MailboxError as exc:
            self._note(f"{_told_place(server)}: {_clause(exc)}")
            by_table = server.found.startswith(BY_DOMAIN)
            self._silent = by_table and isinstance(exc, ConnectionLost) and not is_loopback(server.host)
            return None

    def _trusted(self, server: Server, tls: Tls) -> Reached:
        """The same; where its certificate is not trusted the person may name a file of those to trust."""
        asked = self._questions
        ca_file = asked.ask("", answers.certificates, option="--ca-file", given=self._given.ca_file or "")
        while True:
            reached = Reached(server=server, tls=tls, ca_file=ca_file, offers=frozenset())
            spec = replace(reached.spec("", str), timeout_seconds=beginning.CALLED_SECONDS)
            try:
                return replace(reached, offers=beginning.offered(spec, self._clock))
            except TlsFailed as exc:
                if not isinstance(exc.__cause__, ssl.SSLCertVerificationError):
                    raise
                if not asked.may_ask:
                    raise TlsFailed(f"{exc}; if it is yours, name its certificate with --ca-file") from exc
                asked.say(f"{_told_place(server)}: {_clause(exc)}.")
                ca_file = asked.ask(
                    "If it is yours: the file of its certificate (PEM), or nothing to leave this server",
                    answers.certificates,
                    option="--ca-file",
                )
                if ca_file is None:
                    raise

    def _wanted(self, server: Server) -> bool:
        asked = self._questions
        asked.say(f"Found {server.found}: {_place(server)}, {_told_way(server.security)}.")
        if server.vouched:
            return asked.agreed("Use it?", default=True)
        asked.say(
            f"Only the DNS names {server.host}, which does not belong to the address's domain, and nobody signs that; "
            "your password would go there."
        )
        if not asked.may_ask:
            self._note(f"to use it all the same give --host {server.host}")
        return asked.agreed("Is this a server of your provider?", default=False)

    def _by_hand(self, address: str) -> Reached:
        if self._silent and not self._questions.may_ask:
            raise Unavailable(
                f"no server answered for {address}: see whether this machine reaches the network, or give --host"
            )
        if not self._questions.may_ask:
            why = f": {self._told[-1]}" if self._told else ""
            raise Unavailable(f"no server for {address} was found that can be used; give --host{why}")
        self._questions.say(
            "No server was found that can be used. The help pages of your provider name it (IMAP)."
        )
        return self._named(address, None)

    def _named(self, address: str, given: str | None) -> Reached:
        """The server that the person names; asked again until one answers."""
        asked = self._questions
        while True:
            host = asked.ask("The IMAP server", answers.host, option="--host", given=given)
            way = asked.ask(
                "How it is encrypted: implicit (TLS at once) or starttls",
                answers.way,
                option="--security",
                given=self._given.security or (None if given is None else "implicit"),
                default="implicit",
            )
            usual = str(answers.WAYS[way])
            port = asked.ask(
                "Its port",
                answers.port,
                option="--port",
                given=self._given.port or (None if given is None else usual),
                default=usual,
            )
            if way == "none" and not is_loopback(host):
                raise UserError(f"--security none would send your password to {host} readable")
            server = replace(
                _by_hand(address, host, port), security="starttls" if way == "starttls" else "implicit"
            )
            self._hint(server)
            try:
                return self._trusted(server, way)  # type: ignore[arg-type]  # one of `answers.WAYS`
            except MailboxError as exc:
                if given is not None:
                    raise
                asked.say(f"{_place(server)}: {_clause(exc)}.")

    # --- the login --------------------------------------------------------------------------------

    def by_oauth(self, reached: Reached) -> bool:
        """Whether the mailbox is to be signed in to with OAuth; UserError where neither way is open."""
        server, given = reached.server, self._given
        oauth = server.provider.oauth if server.provider else ""
        passwords = server.passwords and reached.takes_passwords
        named = given.oauth or given.client_id is not None
        brought = given.password_file is not None or given.password is not None
        if named and not oauth:
            raise UserError(f"init knows OAuth of Google and Microsoft only; for {server.host} {OTHERS}")
        if not passwords and not oauth:
            raise UserError(
                f"{server.host} takes no password on this connection; if it takes OAuth, {OTHERS}"
            )
        if brought and (named or not passwords):
            why = "a password is for signing in without it" if named else "it takes no password"
            raise UserError(f"{server.host} is signed in to by OAuth: {why}, so give --client-id alone")
        if named or not passwords:
            return True
        if not oauth or brought:
            return False
        return self._questions.ask(
            "With a password, or by OAuth?", _oauth_or_not, option="--oauth", default="password"
        )

    def log_in(self, reached: Reached) -> LetIn:
        """Try the login out; asked again when it is refused, three times at most. UserError when it stays refused."""
        asked, given = self._questions, self._given
        user = self.user(reached)
        for left in reversed(range(ATTEMPTS)):
            password, fixed = self._password(user)
            remember_login(user, password)
            try:
                # The closure is called at once, before the next password is asked for.
                shown = beginning.look_in(reached.spec(user, lambda known=password: known), self._clock)  # type: ignore[misc]
                return LetIn(user=user, password="" if given.password_file else password, shown=shown)
            except NoSuchLogin as exc:
                raise UserError(f"{exc}; nothing was written") from exc
            except LoginRefused as exc:
                if fixed or not left:
                    often = "" if fixed else f" {ATTEMPTS} times; to try more often might lock the account"
                    raise UserError(
                        f"the login as {user} was refused{often}, so nothing was written: {exc}"
                    ) from exc
                asked.say(
                    f"The login as {user} was refused: {_clause(exc)}. Some providers want an app password."
                )
                user = asked.ask("The user", answers.filled, option="--user", default=user)
        raise AssertionError("the last attempt returns or raises")

    def _password(self, user: str) -> tuple[str, bool]:
        """The password, and whether it would be the same once more."""
        given = self._given
        if given.password_file is not None:
            return read_file(given.password_file, "the password"), True
        if given.password is not None:
            return given.password, True
        option = "--password-file or --password-stdin"
        return self._questions.secret(
            f"Password for {user} (not shown)", answers.secret, option=option
        ), False


def _by_hand(address: str, host: str, port: int) -> Server:
    provider = by_place(host, port)
    local = provider is not None and provider.user == "local"
    return Server(
        host=host,
        port=port,
        security="implicit",
        user=address.rpartition("@")[0] if local else address,
        found="",
        provider=provider,
        passwords=provider.passwords if provider else True,
    )


def _oauth_or_not(text: str) -> bool:
    if text.lower() not in ("password", "oauth"):
        raise ValueError("please answer password or oauth")
    return text.lower() == "oauth"


def _place(server: Server) -> str:
    return f"{server.host} port {server.port}"


def _told_place(server: Server) -> str:
    return f"{_place(server)}, found {server.found}" if server.found else _place(server)


def _clause(exc: Exception) -> str:
    """An error within a sentence of ours; a server's own words may bring their end along."""
    return str(exc).rstrip(".")


def _told_way(security: str) -> str:
    return "TLS at once" if security == "implicit" else "TLS by STARTTLS"
