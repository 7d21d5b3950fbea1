"""An access token for whoever needs one: renewed in time, once, and never asked for in vain."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import SignInNeeded, Stopping, Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin import asking, keeping, session
from levelhead.signin.answers import Tokens
from levelhead.signin.asking import asker
from levelhead.signin.keeping import Kept, TokenFile
from levelhead.signin.providers import Registration
from levelhead.signin.session import HalfASignIn, SignIn, first_kept
from servers.provider import Provider

SignInOf = Callable[..., SignIn]
SignedIn = Callable[..., Kept]


def test_a_token_is_asked_for_once_and_goes_on_until_shortly_before_its_end(
    provider: Provider, clock: FrozenClock, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    sign_in = sign_in_of()
    first = sign_in.token()
    clock.advance(seconds=3600 - session.MARGIN - 1)
    assert sign_in.token() == first and len(provider.asked) == 1
    clock.advance(seconds=2)
    assert sign_in.token() != first and len(provider.asked) == 2
    assert {form["grant_type"] for form in provider.asked} == {"refresh_token"}


def test_the_new_refresh_token_is_on_disk_before_anybody_gets_the_access_token(
    provider: Provider, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    before = signed_in()
    sign_in_of().token()
    after = file.read()
    assert after is not None and after.refresh_token != before.refresh_token
    assert list(provider.refresh) == [after.refresh_token]
    assert (after.signed_in_at, after.number) == (before.signed_in_at, before.number + 1)
    # Another process, or this one after a restart, goes on from there.
    assert sign_in_of().token() in provider.alive


def test_a_refresh_token_that_stays_is_not_written_again(
    provider: Provider, clock: FrozenClock, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    provider.mood.rotates = False
    signed_in()
    stamp, sign_in = file.stamp(), sign_in_of()
    for _ in range(3):
        sign_in.token()
        clock.advance(hours=1)
    assert len(provider.asked) == 3 and file.stamp() == stamp and not file.beside.exists()


def test_threads_that_need_a_token_at_once_ask_once(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    sign_in, got = sign_in_of(), []
    provider.gate.clear()
    threads = [threading.Thread(target=lambda: got.append(sign_in.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert provider.waiting.acquire(timeout=10)
    provider.gate.set()
    for thread in threads:
        thread.join(10)
    assert len(got) == 8 and len(set(got)) == 1 and len(provider.asked) == 1


def test_two_processes_spend_a_refresh_token_once_each_and_never_the_same(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    """As two processes have it: nothing is shared but the file. A token that is spent twice is refused."""
    signed_in()
    clock, got = SystemClock(), []
    provider.gate.clear()
    sign_ins = [sign_in_of(clock=clock) for _ in range(2)]
    threads = [threading.Thread(target=lambda one=one: got.append(one.token())) for one in sign_ins]
    for thread in threads:
        thread.start()
    assert provider.waiting.acquire(timeout=10)
    provider.gate.set()
    for thread in threads:
        thread.join(10)
    spent = [form["refresh_token"] for form in provider.asked]
    assert len(got) == 2 and len(spent) == len(set(spent)) == 2


def test_a_server_that_refuses_a_good_token_gets_another(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    sign_in = sign_in_of()
    first = sign_in.token()
    second = sign_in.renew(first)
    assert second != first and sign_in.token() == second
    # The other mailbox of this sign-in comes with the same old token: the new one is there already.
    assert sign_in.renew(first) == second and len(provider.asked) == 2


def test_a_mailbox_whose_token_is_not_taken_does_not_take_it_from_the_others_while_nobody_gives_another(
    provider: Provider, clock: FrozenClock, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    sign_in = sign_in_of()
    first = sign_in.token()
    provider.mood.down = (503, b"", {})
    with pytest.raises(Unavailable):
        sign_in.renew(first)
    assert sign_in.token() == first
    signed_in()  # meanwhile a person signs in as somebody else, maybe
    with pytest.raises(Unavailable):
        sign_in.renew(first)
    clock.advance(hours=2)
    provider.mood.down = None
    assert sign_in.token() != first


# --- refused ------------------------------------------------------------------------------------


def test_nobody_signed_in_names_the_command(provider: Provider, sign_in_of: SignInOf) -> None:
    with pytest.raises(SignInNeeded, match="levelhead login office"):
        sign_in_of().token()
    assert not provider.asked


def test_a_revoked_consent_names_the_command_and_is_not_asked_about_again(
    provider: Provider, clock: FrozenClock, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    sign_in = sign_in_of()
    provider.revoke()
    for _ in range(3):
        with pytest.raises(SignInNeeded, match=r"revoked.*levelhead login office"):
            sign_in.token()
        clock.advance(hours=2)
    assert len(provider.asked) == 1
    lengths: list[int] = []
    for _ in range(3):
        with pytest.raises(SignInNeeded) as caught:
            sign_in.token()
        lengths.append(len(caught.traceback))
    assert len({*lengths}) == 1, "each refusal is one of its own, and holds no caller of another"
    signed_in()
    assert sign_in.token() in provider.alive, "a person has signed in again, and nothing was restarted"


def test_a_registration_that_is_refused_names_what_to_check(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    provider.mood.client_secret = "s3cret-of-the-client"
    sign_in = sign_in_of()
    for _ in range(2):
        with pytest.raises(UserError, match=r"invalid_client.*client_id") as refused:
            sign_in.token()
        assert not isinstance(refused.value, SignInNeeded)
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "made",
    [
        {"token_url": "https://login.example.com/token"},
        {"client_id": "another"},
        {"account": "you@example.test"},
        {"scope": "calendar"},
    ],
)
def test_a_sign_in_of_another_registration_is_not_sent_to_this_one(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf, made: dict[str, str]
) -> None:
    signed_in(**made)
    with pytest.raises(SignInNeeded, match="another registration"):
        sign_in_of().token()
    assert not provider.asked


# --- out of reach -------------------------------------------------------------------------------

DOWN = [
    (503, "gone fishing", {"Retry-After": "120"}),
    (429, {"error": "slow_down"}, {"Retry-After": "120"}),
    (400, {"error": "temporarily_unavailable"}, {"Retry-After": "120"}),
    (200, "<html>pay for the hotel's wireless</html>", {"Retry-After": "120"}),
    (200, {"access_token": "one\r\ntwo"}, {"Retry-After": "120"}),
    (200, {"access_token": ["x"]}, {"Retry-After": "120"}),
    (200, {"access_token": "x", "token_type": "mac"}, {"Retry-After": "120"}),
    (200, [1], {"Retry-After": "120"}),
    (404, "", {"Retry-After": "120"}),
    (400, {"error": {"code": 400, "message": "bad gateway"}}, {"Retry-After": "120"}),
    (403, {"error": ["forbidden"]}, {"Retry-After": "120"}),
]


@pytest.mark.parametrize("down", DOWN, ids=lambda one: f"{one[0]} {str(one[1])[:20]}")
def test_the_old_token_goes_on_while_the_provider_is_out_of_reach(
    provider: Provider,
    clock: FrozenClock,
    file: TokenFile,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    down: tuple[int, object, dict[str, str]],
) -> None:
    signed_in()
    sign_in = sign_in_of()
    first, kept = sign_in.token(), file.read()
    provider.mood.down = down
    clock.advance(seconds=3590)
    assert sign_in.token() == sign_in.token() == first
    assert len(provider.asked) == 2, "it asked for patience, so it is left alone"
    clock.advance(seconds=20)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        sign_in.token()
    assert len(provider.asked) == 2 and file.read() == kept
    provider.mood.down = None
    clock.advance(seconds=120)
    assert sign_in.token() in provider.alive


def test_a_provider_that_nobody_reaches_is_out_of_reach(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    provider.close()
    with pytest.raises(Unavailable, match="no answer from"):
        sign_in_of().token()


def test_a_redirect_is_not_followed_and_nothing_secret_goes_elsewhere(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    elsewhere = Provider()
    try:
        signed_in()
        provider.mood.down = (307, "", {"Location": elsewhere.url("token")})
        with pytest.raises(Unavailable, match="sends us elsewhere"):
            sign_in_of().token()
        assert not elsewhere.asked
    finally:
        elsewhere.close()


def test_an_answer_without_end_is_given_up(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    provider.mood.down = (200, b'{"access_token": "' + b"x" * 200_000, {})
    with pytest.raises(Unavailable, match="more than 100000 bytes"):
        sign_in_of().token()


def test_a_provider_that_says_nothing_is_given_up_after_a_while(
    provider: Provider, clock: FrozenClock, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    class Hasty(SystemClock):
        """Each look at it is ten seconds later."""

        seconds = 0.0

        def monotonic(self) -> float:
            self.seconds += 10.0
            return self.seconds

    signed_in()
    provider.gate.clear()
    with pytest.raises(Unavailable, match="did not answer whole within 20 s"):
        sign_in_of(ask=asker(Hasty())).token()


def test_a_question_that_was_given_up_before_it_was_sent_is_never_sent(
    provider: Provider,
    file: TokenFile,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server knows no deadline; the refresh token would be spent, and nobody would hear of the next."""
    before = signed_in()
    go_on, real = threading.Event(), socket.getaddrinfo

    def slow(*what: Any, **more: Any) -> Any:
        assert go_on.wait(10)
        return real(*what, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(Unavailable, match="did not answer"):
        sign_in_of(ask=asker(SystemClock(), deadline=0.05)).token()
    (thread,) = (one for one in threading.enumerate() if one.name == "http")
    go_on.set()
    thread.join(10)
    assert not thread.is_alive() and not provider.asked
    monkeypatch.setattr(socket, "getaddrinfo", real)
    assert before.refresh_token in provider.refresh and file.read() == before


def test_an_answer_that_came_just_as_we_gave_up_is_taken(
    provider: Provider, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    class Late(SystemClock):
        """The deadline is over as soon as the provider has said all of it."""

        looks = 0

        def monotonic(self) -> float:
            self.looks += 1
            if self.looks == 1:
                return 0.0
            provider.gate.set()
            for thread in threading.enumerate():
                if thread.name == "http":
                    thread.join(10)
            return 100.0

    signed_in()
    provider.gate.clear()
    assert sign_in_of(ask=asker(Late())).token() in provider.alive


def test_an_answer_that_is_under_way_when_the_daemon_ends_is_kept(
    provider: Provider, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    """The token that it was asked with is spent by then, and a restart would have none."""
    before = signed_in()
    provider.gate.clear()
    stop, ended = threading.Event(), threading.Event()

    def stopping() -> bool:
        if stop.is_set():
            ended.set()
        return stop.is_set()

    sign_in = sign_in_of(ask=asker(SystemClock(), stopping))
    thread = threading.Thread(target=sign_in.token)
    thread.start()
    assert provider.waiting.acquire(timeout=10)
    stop.set()
    assert ended.wait(10)
    provider.gate.set()
    thread.join(10)
    after = file.read()
    assert after is not None and after.number == before.number + 1
    assert after.refresh_token in provider.refresh


def test_the_end_of_the_daemon_waits_for_no_provider(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LAST_WORD", 0.2)
    signed_in()
    provider.gate.clear()
    stop = threading.Event()
    sign_in = sign_in_of(ask=asker(SystemClock(), stop.is_set))
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            sign_in.token()
        except Stopping as exc:
            raised.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    assert provider.waiting.acquire(timeout=10)
    stop.set()
    thread.join(5)
    assert raised and not thread.is_alive()


# --- the time -----------------------------------------------------------------------------------


class Wrong(FrozenClock):
    """A machine whose wall clock is set while what passes is measured evenly."""

    def set(self, **by: float) -> None:
        elapsed = self._monotonic
        self.advance(**by)
        self._monotonic = elapsed


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_wrong_or_set_ends_no_token_and_keeps_none(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf, clock: FrozenClock, days: float
) -> None:
    signed_in()
    wrong = Wrong(clock.now())
    sign_in = sign_in_of(clock=wrong)
    first = sign_in.token()
    wrong.set(days=days)
    assert sign_in.token() == first and len(provider.asked) == 1
    wrong.advance(hours=1)
    assert sign_in.token() != first


@pytest.mark.parametrize(
    ("life", "good_for"),
    [
        ("3600", 3299),
        (60, 29),
        (None, 3299),
        (0, 3299),
        (-5, 3299),
        (True, 3299),
        ("soon", 3299),
        (1e300, 3299),
    ],
)
def test_a_life_is_read_whatever_way_it_is_written(
    provider: Provider,
    clock: FrozenClock,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    life: object,
    good_for: float,
) -> None:
    signed_in()
    provider.mood.life = life
    sign_in = sign_in_of()
    first = sign_in.token()
    clock.advance(seconds=good_for)
    assert sign_in.token() == first
    clock.advance(seconds=2)
    assert sign_in.token() != first


def test_the_end_of_the_sign_in_is_known_where_it_is_told(
    provider: Provider, clock: FrozenClock, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    provider.mood.rotates, provider.mood.refresh_life = False, 604_800
    sign_in = sign_in_of()
    sign_in.token()
    kept = file.read()
    assert kept is not None and kept.ends_at is not None
    assert (kept.ends_at - clock.now()).days == 7 and sign_in.ends_at() == kept.ends_at


# --- the disk -----------------------------------------------------------------------------------


def full(*args: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_token_is_not_spent_while_there_is_no_room_for_the_next(
    provider: Provider,
    clock: FrozenClock,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed_in()
    monkeypatch.setattr(keeping.os, "pwrite", full)
    with pytest.raises(Unavailable, match="No space left"):
        sign_in_of().token()
    assert not provider.asked
    monkeypatch.undo()
    assert sign_in_of().token() in provider.alive


def test_a_token_that_the_disk_does_not_take_goes_on_in_memory_and_is_written_later(
    provider: Provider,
    clock: FrozenClock,
    file: TokenFile,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = signed_in()
    sign_in = sign_in_of()

    def fails(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    with structlog.testing.capture_logs() as logged:
        monkeypatch.setattr(Path, "replace", fails)
        first = sign_in.token()
        assert first in provider.alive and sign_in.unsaved
        assert sign_in.token() == first and len(provider.asked) == 1
        monkeypatch.undo()
    assert any(line["event"] == "sign_in.unsaved" for line in logged)
    assert sign_in.token() == first and not sign_in.unsaved
    kept = file.read()
    assert kept is not None and kept.refresh_token != old.refresh_token and len(provider.asked) == 1
    clock.advance(hours=1)
    assert sign_in.token() in provider.alive


class Ended(BaseException):
    """The process ends here."""


def test_a_sign_in_that_a_crash_left_whole_beside_and_not_in_place_is_taken_in(
    provider: Provider, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    file.path.rename(file.beside)
    assert sign_in_of().token() in provider.alive
    assert file.path.exists() and not file.beside.exists()


@pytest.mark.parametrize("step", ["pwrite", "fsync", "replace"])
def test_a_crash_between_the_answer_and_the_file_loses_nothing_that_was_durable(
    provider: Provider,
    file: TokenFile,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """The provider has given a new token. Before it is durable only the old one is left, which is whole; after, it is
    found, although it was never put in place."""
    old = signed_in()
    original = session.SignIn._take

    def answered(self: SignIn, *args: object) -> None:
        def end(*given: object, **named: object) -> object:
            raise Ended

        monkeypatch.setattr(*((Path, "replace", end) if step == "replace" else (keeping.os, step, end)))
        monkeypatch.setattr(Path, "unlink", end)
        original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(session.SignIn, "_take", answered)
    with pytest.raises(Ended):
        sign_in_of().token()
    monkeypatch.undo()
    assert file.read() == old, "the old one is in place, and whole"
    (new,) = provider.refresh
    if step == "pwrite":
        with pytest.raises(SignInNeeded):  # this provider takes a spent token from nobody
            sign_in_of().token()
    else:
        # fsync: what was written is there in this test, as after a crash of the process alone.
        assert sign_in_of().token() in provider.alive
        assert new in {form["refresh_token"] for form in provider.asked}


# --- what is secret -----------------------------------------------------------------------------


def test_a_token_that_is_given_again_and_again_stays_masked(
    clock: FrozenClock, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    turns = iter(range(1000))

    def ask(url: str, form: object) -> asking.Answer:
        refresh = f"r3fresh-{next(turns) % 2}-in-turn"
        return asking.Answer(
            host="h", status=200, data={"access_token": "s4me-token", "refresh_token": refresh}
        )

    sign_in = sign_in_of(ask=ask)
    for _ in range(session.REMEMBERED + 2):
        assert VAULT.hide(sign_in.token()) == "[secret]"
        clock.advance(hours=1)
    assert VAULT.hide("r3fresh-0-in-turn") == VAULT.hide("r3fresh-1-in-turn") == "[secret]"
    assert len(VAULT._passing["refresh", file.path]) == 3


def test_every_token_is_masked_and_those_long_ended_are_forgotten(
    provider: Provider,
    clock: FrozenClock,
    file: TokenFile,
    signed_in: SignedIn,
    sign_in_of: SignInOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "REMEMBERED", session.REMEMBERED)
    signed_in()
    sign_in, given = sign_in_of(), []
    for _ in range(session.REMEMBERED + 2):
        given.append(sign_in.token())
        clock.advance(hours=1)
    kept = file.read()
    assert kept is not None
    for secret in (*given[-session.REMEMBERED :], kept.refresh_token):
        assert VAULT.hide(f"x {secret} y") == "x [secret] y"
    first = provider.asked[0]["refresh_token"]
    assert VAULT.hide(given[0]) != "[secret]" and VAULT.hide(first) != "[secret]"
    assert kept.refresh_token not in repr(kept) and given[-1] not in repr(sign_in._access)


def test_tokens_of_answers_that_grant_nothing_are_masked_and_not_remembered_for_ever(
    clock: FrozenClock, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    kept = signed_in()
    turns = iter(range(1000))

    def ask(url: str, form: object) -> asking.Answer:
        data = {"access_token": f"acc3ss-{(turn := next(turns))}", "refresh_token": f"r3fresh-{turn}"}
        said = {"error": "temporarily_unavailable", "error_description": "not {access_token}".format(**data)}
        return asking.Answer(host="h", status=400, data=data | said)

    for _ in range(8):  # as after a reload
        with pytest.raises(Unavailable, match=r"not \[secret\]"):
            sign_in_of(ask=ask).token()
    assert VAULT.hide("acc3ss-0 r3fresh-0") == "acc3ss-0 r3fresh-0"
    assert VAULT.hide(f"acc3ss-7 r3fresh-7 {kept.refresh_token}") == "[secret] [secret] [secret]"


def test_tokens_of_sign_ins_before_a_reload_are_forgotten_too(
    provider: Provider, file: TokenFile, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    signed_in()
    given = [sign_in_of().token() for _ in range(keeping.REMEMBERED + 2)]
    spent = [form["refresh_token"] for form in provider.asked]
    for tokens, most in ((given, session.REMEMBERED), (spent, keeping.REMEMBERED - 1)):
        assert VAULT.hide(tokens[0]) == tokens[0] and VAULT.hide(tokens[-most - 1]) != "[secret]"
        assert {VAULT.hide(token) for token in tokens[-most:]} == {"[secret]"}


def test_what_a_provider_says_of_a_refusal_is_cut_to_a_line_without_secrets(
    provider: Provider, signed_in: SignedIn, sign_in_of: SignInOf
) -> None:
    kept = signed_in()
    said = f"AADSTS700082: {kept.refresh_token} has \x1b[31mexpired.\r\nTrace ID: 1" + "x" * 500
    provider.mood.answers = [(400, {"error": "invalid_grant", "error_description": said}, {})]
    with pytest.raises(SignInNeeded, match=r"AADSTS700082: \[secret\] has") as refused:
        sign_in_of().token()
    assert "\x1b" not in str(refused.value) and "Trace" not in str(refused.value)


def granted(**changes: object) -> Tokens:
    values = {"access": "a", "life": 3600.0, "refresh": "r", "refresh_life": None, "scope": "mail"}
    return Tokens(**(values | changes))  # type: ignore[arg-type]


def test_half_a_sign_in_is_not_kept(registration: Registration, clock: FrozenClock) -> None:
    with pytest.raises(HalfASignIn, match="no refresh token"):
        first_kept(registration, granted(refresh=None), clock.now())
    with pytest.raises(HalfASignIn, match="does not cover mail"):
        first_kept(registration, granted(scope="calendar openid"), clock.now())
    assert first_kept(registration, granted(scope=None), clock.now()).refresh_token == "r"
    assert first_kept(registration, granted(scope="openid MAIL"), clock.now()).ends_at is None
