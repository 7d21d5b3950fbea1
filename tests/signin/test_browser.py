"""Signing in with a browser (RFC 8252): only what our own visit brings back counts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin import browser
from levelhead.signin.asking import asker
from levelhead.signin.browser import Back, Visit
from levelhead.signin.device import CodeExpired, Denied
from levelhead.signin.providers import KNOWN, Registration
from servers.provider import Provider


@pytest.fixture
def visit(registration: Registration) -> Iterator[Visit]:
    visit = Visit(registration, SystemClock())
    yield visit
    visit.close()


class Stay(HTTPRedirectHandler):
    """A browser that does not go where it is sent."""

    def redirect_request(self, *_: object) -> None:
        return None


def sent_to(url: str) -> str:
    """Where the provider sends a browser that goes to this address."""
    try:
        build_opener(Stay).open(Request(url), timeout=5)
    except OSError as exc:
        return exc.headers["Location"]  # type: ignore[attr-defined]
    raise AssertionError("it was sent nowhere")


def in_background(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_a_browser_comes_back_with_a_code_that_gives_tokens(provider: Provider, visit: Visit) -> None:
    pages: list[bytes] = []
    going = in_background(lambda: pages.append(urlopen(visit.url, timeout=10).read()))
    back = visit.wait(threading.Event())
    going.join(10)
    assert back is not None and b"You can close this window" in pages[0]
    tokens = visit.tokens(back, asker(SystemClock()))
    assert tokens.access in provider.alive and tokens.refresh in provider.refresh
    (form,) = provider.asked
    assert form["redirect_uri"] == visit.returns_to and form["grant_type"] == "authorization_code"
    for secret in (back.code, form["code_verifier"]):
        assert VAULT.hide(secret) == "[secret]"
        assert secret not in repr(back) + pages[0].decode()


def test_the_page_is_asked_for_with_pkce_and_a_state_of_its_own(
    registration: Registration, visit: Visit
) -> None:
    asked = {key: one for key, (one,) in parse_qs(urlsplit(visit.url).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"].startswith("http://127.0.0.1:") and len(asked["code_challenge"]) == 43
    assert (asked["login_hint"], asked["scope"]) == (registration.account, registration.scope)
    other = Visit(registration, SystemClock())
    try:
        again = {key: one for key, (one,) in parse_qs(urlsplit(other.url).query).items()}
        assert again["state"] != asked["state"] and again["code_challenge"] != asked["code_challenge"]
    finally:
        other.close()


def test_each_provider_is_asked_in_its_own_way(registration: Registration) -> None:
    for name, expected, host in [
        ("google", {"access_type": ["offline"], "prompt": ["consent"]}, "127.0.0.1"),
        ("microsoft", {}, "localhost"),
    ]:
        visit = Visit(replace(registration, provider=KNOWN[name]), SystemClock())
        try:
            asked = parse_qs(urlsplit(visit.url).query)
            assert {key: asked.get(key) for key in expected} == expected
            assert urlsplit(asked["redirect_uri"][0]).hostname == host
        finally:
            visit.close()


def test_a_code_that_was_stolen_is_worth_nothing_without_the_verifier(
    provider: Provider, registration: Registration, visit: Visit
) -> None:
    back = visit._of_address(sent_to(visit.url))
    thief = Visit(registration, SystemClock())
    try:
        thief.returns_to = visit.returns_to
        assert back is not None
        with pytest.raises(UserError, match="PKCE"):
            thief.tokens(back, asker(SystemClock()))
    finally:
        thief.close()


def request(visit: Visit, line: str) -> bytes:
    port = urlsplit(visit.returns_to).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(4096), b""))


STRANGERS = [
    "GET /favicon.ico HTTP/1.1",
    "GET /?code=made-up HTTP/1.1",
    "GET /?code=made-up&state=guessed HTTP/1.1",
    "GET /?code=made-up&state={state}&state={state} HTTP/1.1",
    "GET /?code=made-up&code=twice&state={state} HTTP/1.1",
    "GET /?error=access_denied&state=guessed HTTP/1.1",
    "GET /?code=a&error=b&state={state} HTTP/1.1",
    "POST /?code=made-up&state={state} HTTP/1.1",
    "GET /?code=made-up&state={state}",
    "nonsense",
    "",
    "GET /?" + "x=1&" * 4000 + " HTTP/1.1",
]


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda line: line[:40])
def test_what_our_visit_did_not_bring_is_turned_away_and_the_wait_goes_on(
    provider: Provider, visit: Visit, stranger: str
) -> None:
    said: list[bytes] = []

    def come() -> None:
        said.append(request(visit, stranger.format(state=visit._state)))
        urlopen(visit.url, timeout=10).read()

    coming = in_background(come)
    back = visit.wait(threading.Event())
    coming.join(10)
    assert back is not None and back.code in provider.issued
    assert said[0].startswith(b"HTTP/1.1 404") and b"made-up" not in said[0]


def test_a_browser_with_many_cookies_sees_the_page(visit: Visit) -> None:
    pages: list[bytes] = []
    cookies = "\r\n".join(f"Cookie: c{number}={'x' * 900}" for number in range(10))
    line = f"GET /?code=made-up&state={visit._state} HTTP/1.1\r\n{cookies}"
    going = in_background(lambda: pages.append(request(visit, line)))
    back = visit.wait(threading.Event())
    going.join(10)
    assert back is not None and b"You can close this window" in pages[0]


def test_one_who_connects_and_says_nothing_does_not_keep_the_browser_out(
    provider: Provider, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "READING", 0.05)
    port = urlsplit(visit.returns_to).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), 5):
        coming = in_background(lambda: urlopen(visit.url, timeout=10).read())
        assert visit.wait(threading.Event()) is not None
        coming.join(10)


def test_a_person_who_says_no_ends_it(provider: Provider, visit: Visit) -> None:
    provider.mood.consents = False
    coming = in_background(lambda: urlopen(visit.url, timeout=10).read())
    with pytest.raises(Denied, match="access_denied: The person said no"):
        visit.wait(threading.Event())
    coming.join(10)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("invalid_scope", UserError, "check `client_id`"),
        ("temporarily_unavailable", Unavailable, "temporarily_unavailable"),
    ],
)
def test_a_provider_that_will_not_is_no_person_who_says_no(
    visit: Visit, error: str, kind: type[Exception], words: str
) -> None:
    said = quote(f"not \x1b[31m{visit._verifier}\r\n" + "x" * 500)
    address = f"{visit.returns_to}/?state={visit._state}&error={error}&error_description={said}"
    with pytest.raises(kind, match=words) as refused:
        visit.wait(threading.Event(), lambda: address)
    assert not isinstance(refused.value, Denied)
    assert f"127.0.0.1 said {error}: not  [31m[secret]" in str(refused.value) and "xx" not in str(
        refused.value
    )


def test_an_address_that_is_pasted_in_does_as_well(provider: Provider, visit: Visit) -> None:
    lines = iter(
        [None, "what is this", "http://[", "http://127.0.0.1:1/?code=x&state=other", sent_to(visit.url)]
    )
    back = visit.wait(threading.Event(), lambda: next(lines))
    assert back is not None and visit.tokens(back, asker(SystemClock())).refresh in provider.refresh


WRONG = [
    "what is this",
    "http://[",
    "http://127.0.0.1:1/?code=c4nary&state=other",
    "http://127.0.0.1:1/?code=c4nary",
]


def test_a_wrong_address_is_answered_at_once_and_nothing_of_it_is_repeated(
    provider: Provider, visit: Visit
) -> None:
    lines = iter([WRONG[0], "\n", *WRONG[1:], None, sent_to(visit.url)])
    told: list[str] = []
    assert visit.wait(threading.Event(), lambda: next(lines), told.append) is not None
    assert len(told) == len(WRONG) and len(set(told)) == 1
    assert visit.returns_to in told[0] and "c4nary" not in told[0]


def test_a_code_that_was_used_or_is_too_old_has_a_sentence_of_its_own(
    provider: Provider, visit: Visit
) -> None:
    back = visit._of_address(sent_to(visit.url))
    assert back is not None
    visit.tokens(back, asker(SystemClock()))
    with pytest.raises(
        CodeExpired, match=r"the code was used already, or is too old .*invalid_grant"
    ) as told:
        visit.tokens(back, asker(SystemClock()))
    assert "no longer valid" not in str(told.value) and back.code not in str(told.value)


def test_nobody_is_waited_for_without_end(registration: Registration, clock: FrozenClock) -> None:
    visit = Visit(registration, clock)
    try:
        with pytest.raises(CodeExpired, match="10 minutes"):
            visit.wait(threading.Event(), lambda: clock.advance(minutes=3))
        stop = threading.Event()
        stop.set()
        assert visit.wait(stop) is None
    finally:
        visit.close()


def test_the_port_is_this_machines_own(visit: Visit) -> None:
    assert visit._listener.getsockname()[0] == "127.0.0.1"
    assert Back(code="c0de").code not in repr(Back(code="c0de"))
