"""Logging in with an access token: which mechanism, whose mailbox, and what follows when it is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import SystemClock
from levelhead.errors import (
    CommandRefused,
    ConnectionLost,
    LoginRefused,
    ServerBusy,
    SignInNeeded,
    Stopping,
    Unavailable,
)
from levelhead.mailbox.api import Wake
from levelhead.mailbox.codes import refusal
from levelhead.mailbox.imap4 import Imap4
from levelhead.signin.asking import asker
from levelhead.signin.keeping import Kept, TokenFile
from levelhead.signin.providers import KNOWN, Registration
from levelhead.signin.session import SignIn
from servers.provider import SCOPE, Provider

TOKEN = "c4nary.access-one"
ANOTHER = "c4nary.access-two"


def lets_in(mechanism: bytes, offered: str, heard: list[bytes]) -> Callable[[Any], None]:
    def script(talk: Any) -> None:
        talk.greet(f"IMAP4rev1 {offered}")
        talk.expect(rb"AUTHENTICATE " + mechanism)
        talk.say(b"+ \r\n")
        heard.append(base64.b64decode(talk.line()))
        talk.done(b"OK [CAPABILITY IMAP4rev1] in")
        talk.until_gone()

    return script


def turns_away(heard: list[bytes], words: bytes = b"NO [AUTHENTICATIONFAILED] no") -> Callable[[Any], None]:
    def script(talk: Any) -> None:
        talk.greet("IMAP4rev1 AUTH=OAUTHBEARER")
        talk.expect(rb"AUTHENTICATE OAUTHBEARER")
        talk.say(b"+ \r\n")
        heard.append(base64.b64decode(talk.line()))
        talk.say(b"+ " + base64.b64encode(b'{"status":"invalid_token"}') + b"\r\n")
        heard.append(base64.b64decode(talk.line()))
        talk.done(words)
        talk.until_gone()

    return script


def test_oauthbearer_is_preferred_where_it_is_offered(scripted, connected) -> None:
    heard: list[bytes] = []
    server = scripted(lets_in(b"OAUTHBEARER", "AUTH=XOAUTH2 AUTH=OAUTHBEARER", heard))
    connected(server, auth="oauth2", user="a,b=c@example.test", secret=lambda: TOKEN)
    said = f"n,a=a=2Cb=3Dc@example.test,\1host={server.host}\1port={server.port}\1auth=Bearer {TOKEN}\1\1"
    assert heard == [said.encode()]


def test_xoauth2_names_the_mailbox_which_may_be_a_shared_one(scripted, connected) -> None:
    heard: list[bytes] = []
    server = scripted(lets_in(b"XOAUTH2", "AUTH=PLAIN AUTH=XOAUTH2", heard))
    connected(server, auth="oauth2", user="office@example.test", secret=lambda: TOKEN)
    assert heard == [f"user=office@example.test\1auth=Bearer {TOKEN}\1\1".encode()]


def test_a_server_without_oauth_is_told_no_token(scripted, connected) -> None:
    server = scripted(lambda talk: (talk.greet("IMAP4rev1 AUTH=PLAIN"), talk.until_gone()))
    with pytest.raises(LoginRefused, match="takes no sign-in by OAuth") as caught:
        connected(
            server, auth="oauth2", secret=lambda: TOKEN, renew=lambda _: pytest.fail("renewed"), mend="MEND"
        )
    assert "MEND" not in str(caught.value), "to sign in again would not help"
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in server.lines)


def test_a_refused_token_is_renewed_once_in_a_session_of_its_own(scripted, connected) -> None:
    heard: list[bytes] = []
    server = scripted(turns_away(heard), lets_in(b"OAUTHBEARER", "AUTH=OAUTHBEARER", heard))
    refused: list[str] = []

    def renew(token: str) -> str:
        refused.append(token)
        return ANOTHER

    assert connected(server, auth="oauth2", secret=lambda: TOKEN, renew=renew).capabilities
    assert refused == [TOKEN]
    assert heard[1] == b"\1", "the reason for a failure is answered with one separator (RFC 7628, 3.2.3)"
    assert TOKEN.encode() in heard[0] and ANOTHER.encode() in heard[2]


def test_a_fresh_token_that_is_refused_too_names_the_command_and_no_token(scripted, connected) -> None:
    heard: list[bytes] = []

    def echoing(talk: Any) -> None:
        talk.greet("IMAP4rev1 AUTH=OAUTHBEARER")
        talk.expect(rb"AUTHENTICATE OAUTHBEARER")
        talk.say(b"+ \r\n")
        words = talk.line()
        heard.append(words)
        talk.done(b"NO [AUTHENTICATIONFAILED] " + words + b" " + base64.b64decode(words)[-22:-2])
        talk.until_gone()

    server = scripted(echoing, echoing)
    with pytest.raises(LoginRefused, match="levelhead login office") as caught:
        connected(
            server,
            auth="oauth2",
            secret=lambda: TOKEN,
            renew=lambda _: ANOTHER,
            mend="levelhead login office",
        )
    said, cause = str(caught.value), str(caught.value.__cause__)
    for words in heard:
        assert words.decode() not in said + cause
    assert "c4nary" not in said + cause and len(heard) == 2


@pytest.mark.parametrize("room", [0, 150, 195])
@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_server_that_takes_its_leave_with_our_words_makes_nobody_tell_them(
    scripted, connected, room: int, when: str
) -> None:
    """Not even half of them, where a long farewell is cut."""

    def echoing(talk: Any) -> None:
        talk.greet("IMAP4rev1 AUTH=OAUTHBEARER")
        talk.expect(rb"AUTHENTICATE OAUTHBEARER")
        talk.say(b"+ \r\n")
        words = talk.line()
        farewell = b"* BYE " + b"x" * room + b" " + TOKEN.encode() + b" " + words + b"\r\n"
        if when == "later":
            talk.done(b"OK in")
            talk.expect(rb"CAPABILITY")
        talk.say(farewell)
        talk.done(b"NO no")

    with pytest.raises(ServerBusy, match="ended the session") as caught:
        connected(scripted(echoing), auth="oauth2", secret=lambda: TOKEN)
    said = str(caught.value)
    assert "c4n" not in said and "bixh" not in said, "nor the beginning of its base64"


@pytest.mark.parametrize("nonsense", [False, True])
@pytest.mark.parametrize("when", ["before idle", "idle", "done", "a poll", "a refusal"])
def test_a_server_that_repeats_our_words_while_we_wait_makes_nobody_tell_them(
    scripted, connected, when: str, nonsense: bool
) -> None:
    def script(talk: Any) -> None:
        talk.greet("IMAP4rev1 IDLE AUTH=OAUTHBEARER")
        talk.expect(rb"AUTHENTICATE OAUTHBEARER")
        talk.say(b"+ \r\n")
        words = talk.line()
        talk.done(b"OK [CAPABILITY IMAP4rev1 IDLE] in")
        echo = (b"" if nonsense else b"* BYE ") + TOKEN.encode() + b" " + words + b"\r\n"
        if when == "a poll":
            talk.expect(rb"LIST")
            talk.say(b'* LIST () "/" INBOX\r\n')
            talk.done()
            talk.expect(rb"LIST")
        else:
            talk.expect(rb"IDLE")
        if when == "a refusal":
            talk.done(b"NO " + TOKEN.encode() + b" " + words)
            talk.until_gone()
        if when in {"idle", "done"}:
            talk.say(b"+ idling\r\n")
        if when == "done":
            assert talk.line() == b"DONE"
        talk.say(echo)
        talk.until_gone()

    connection = connected(scripted(script), auth="oauth2", secret=lambda: TOKEN)
    with pytest.raises((ServerBusy, ConnectionLost, CommandRefused)) as caught:
        if when == "a poll":
            connection.folders()
            connection.glance(["INBOX"])
        else:
            connection.idle(Wake(), 0.01 if when == "done" else 5.0)
    said = str(caught.value)
    assert "***" in said and "c4n" not in said and "bixh" not in said


@pytest.mark.parametrize(
    ("trouble", "becomes"),
    [
        (SignInNeeded("nobody is signed in: levelhead login office"), LoginRefused),
        (Unavailable("login.example.com did not answer"), ConnectionLost),
        (Stopping(), ConnectionLost),
    ],
)
def test_a_token_that_cannot_be_had_is_told_by_what_is_to_be_done(
    scripted, connected, trouble: Exception, becomes: type[Exception]
) -> None:
    def fails(*_: str) -> str:
        raise trouble

    with pytest.raises(becomes):
        connected(scripted(), auth="oauth2", secret=fails)
    with pytest.raises(becomes):
        connected(scripted(turns_away([])), auth="oauth2", secret=lambda: TOKEN, renew=fails)


def test_a_server_that_wants_patience_is_not_asked_again_with_another_token(scripted, connected) -> None:
    server = scripted(turns_away([], b"NO [UNAVAILABLE] try later"))
    with pytest.raises(ServerBusy):
        connected(server, auth="oauth2", secret=lambda: TOKEN, renew=lambda _: pytest.fail("renewed"))


def test_a_mailbox_that_is_signed_in_to_and_not_connected_is_waited_for() -> None:
    assert isinstance(refusal("EXAMINE", "BAD", "User is authenticated but not connected."), ServerBusy)


# --- a real server, which asks the provider --------------------------------------------------------


@pytest.fixture
def sign_in_of(provider: Provider, tmp_path: Path) -> Callable[[str], SignIn]:
    def make(account: str) -> SignIn:
        registration = Registration(
            provider=replace(KNOWN["custom"], token_url=provider.url("token")),
            client_id="levelhead-of-tests",
            scope=SCOPE,
            account=account,
            mailbox="post",
            mend="levelhead login post",
        )
        file = TokenFile(path=tmp_path / "sign-ins" / f"{account}.json")
        kept = Kept(
            account=account,
            client_id=registration.client_id,
            token_url=registration.provider.token_url,
            scope=SCOPE,
            refresh_token=provider.sign_in(account),
            signed_in_at=SystemClock().now(),
            ends_at=None,
            told_at=None,
        )
        with file.locked(SystemClock()), file.room() as room:
            room.keep(kept)
        clock = SystemClock()
        return SignIn(registration, file, clock, asker(clock))

    return make


def through(sign_in: SignIn) -> dict[str, Any]:
    return {
        "auth": "oauth2",
        "secret": sign_in.token,
        "renew": sign_in.renew,
        "mend": sign_in.registration.mend,
    }


@pytest.mark.server
@pytest.mark.parametrize("without", [None, "OAUTHBEARER"])
def test_a_real_server_lets_in_whom_the_provider_vouches_for(
    oauth_dovecot, provider: Provider, sign_in_of, connected, without, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = oauth_dovecot.user()
    used: list[str] = []
    authenticate = Imap4.authenticate
    monkeypatch.setattr(
        Imap4,
        "authenticate",
        lambda self, name, *more: (used.append(name), authenticate(self, name, *more))[1],
    )
    if without:
        told = Imap4._get_capabilities

        def less(self: Imap4) -> None:
            told(self)
            self.capabilities = tuple(one for one in self.capabilities if without not in one)

        monkeypatch.setattr(Imap4, "_get_capabilities", less)
    connection = connected(account, **through(sign_in_of(account.user)))
    assert {folder.name for folder in connection.folders()} >= {"INBOX", "Drafts"}
    assert used == ["XOAUTH2" if without else "OAUTHBEARER"]


@pytest.mark.server
def test_a_token_that_ended_before_its_time_is_renewed_and_the_mailbox_goes_on(
    oauth_dovecot, provider: Provider, sign_in_of, connected
) -> None:
    account = oauth_dovecot.user()
    sign_in = sign_in_of(account.user)
    connected(account, **through(sign_in))
    asked = len(provider.asked)
    provider.end_access()
    assert connected(account, **through(sign_in)).folders()
    assert len(provider.asked) == asked + 1


@pytest.mark.server
def test_a_revoked_consent_ends_in_one_refusal_that_names_the_command(
    oauth_dovecot, provider: Provider, sign_in_of, connected
) -> None:
    account = oauth_dovecot.user()
    sign_in = sign_in_of(account.user)
    connected(account, **through(sign_in))
    provider.revoke()
    asked = len(provider.asked)
    for _ in range(2):
        with pytest.raises(LoginRefused, match="levelhead login post"):
            connected(account, **through(sign_in))
    assert len(provider.asked) == asked + 1


@pytest.mark.server
def test_a_token_of_somebody_else_is_refused_by_a_real_server(
    oauth_dovecot, provider: Provider, sign_in_of, connected
) -> None:
    mine, other = oauth_dovecot.user(), oauth_dovecot.user()
    with pytest.raises(LoginRefused, match="fresh token too"):
        connected(other, **through(sign_in_of(mine.user)))
