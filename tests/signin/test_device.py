"""Signing in by a code on another device (RFC 8628)."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin import device
from levelhead.signin.answers import Tokens
from levelhead.signin.asking import Ask, asker
from levelhead.signin.device import Code, CodeExpired, Denied, code_of, granted
from levelhead.signin.providers import Registration
from servers.provider import DEVICE_GRANT, Provider


class Recorded(FrozenClock):
    """Notes how long it was waited for."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.waits: list[float] = []

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        return super().wait(stop, seconds)


@pytest.fixture
def ask() -> Ask:
    return asker(SystemClock())


@pytest.fixture
def patient(clock: FrozenClock) -> Recorded:
    return Recorded(clock.now())


def wait(code: Code, registration: Registration, ask: Ask, clock: FrozenClock) -> Tokens:
    tokens = granted(code, registration, ask, clock, threading.Event())
    assert tokens is not None
    return tokens


def test_a_code_is_typed_in_elsewhere_and_then_there_are_tokens(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.device = ["authorization_pending", "slow_down", "authorization_pending"]
    code = code_of(registration, ask, patient)
    assert (code.user_code, code.where) == ("WXYZ-1234", provider.url("enter"))
    tokens = wait(code, registration, ask, patient)
    assert tokens.access in provider.alive and tokens.refresh in provider.refresh
    assert patient.waits == [5, 5, 10, 10], "slow_down lengthens every pause that follows by five seconds"
    assert provider.device_asked == [{"client_id": registration.client_id, "scope": registration.scope}]
    assert {form["grant_type"] for form in provider.asked} == {DEVICE_GRANT}
    assert VAULT.hide(code.device_code) == "[secret]" and code.device_code not in repr(code)


@pytest.mark.parametrize("error", ["access_denied", "authorization_declined"])
def test_who_says_no_is_not_asked_again(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded, error: str
) -> None:
    provider.mood.device = [error]
    with pytest.raises(Denied, match=error):
        wait(code_of(registration, ask, patient), registration, ask, patient)
    assert len(provider.asked) == 1


def test_a_code_that_nobody_types_in_ends(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.device = ["authorization_pending"] * 1000
    with pytest.raises(CodeExpired):
        wait(code_of(registration, ask, patient), registration, ask, patient)
    assert sum(patient.waits) <= 900
    provider.mood.device = ["expired_token"]
    with pytest.raises(CodeExpired):
        wait(code_of(registration, ask, patient), registration, ask, patient)


def test_a_provider_that_is_down_for_a_while_is_asked_again_more_slowly(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.answers = [(503, "", {}), (200, "<html>", {})]
    assert wait(code_of(registration, ask, patient), registration, ask, patient).access in provider.alive
    assert patient.waits == [5, 10, 20]


def test_who_wants_to_end_ends(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    stop = threading.Event()
    stop.set()
    assert granted(code_of(registration, ask, patient), registration, ask, patient, stop) is None
    assert not provider.asked


def test_intervals_and_lives_that_make_no_sense_are_those_of_the_rfc(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.device_extra = {"interval": -3, "expires_in": "soon"}
    code = code_of(registration, ask, patient)
    assert (code.interval, code.ends_at) == (device.INTERVAL, 900.0)
    provider.mood.device_extra = {"interval": "7", "expires_in": "600"}
    code = code_of(registration, ask, patient)
    assert (code.interval, code.ends_at) == (7.0, 600.0), "some write numbers as texts"
    provider.mood.device_extra = {"interval": 1e6, "expires_in": 1e8}
    code = code_of(registration, ask, patient)
    assert (code.interval, code.ends_at) == (device.LONGEST_INTERVAL, device.LONGEST_LIFE)


@pytest.mark.parametrize("extra", [{"user_code": 5}, {"verification_uri": ""}, {"device_code": None}])
def test_what_is_no_code_is_not_shown_to_anybody(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded, extra: dict[str, object]
) -> None:
    provider.mood.device_extra = extra
    with pytest.raises(Unavailable, match="no code that one could type in"):
        code_of(registration, ask, patient)


def test_a_registration_that_may_not_use_codes_is_told_so(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.down = (400, {"error": "unauthorized_client", "error_description": "Not allowed."}, {})
    with pytest.raises(UserError, match="unauthorized_client: Not allowed"):
        code_of(registration, ask, patient)


def test_the_client_secret_goes_along_where_there_is_one(
    provider: Provider, registration: Registration, ask: Ask, patient: Recorded
) -> None:
    provider.mood.client_secret = "s3cret-of-the-client"
    registration = replace(registration, client_secret=lambda: "s3cret-of-the-client")
    assert wait(code_of(registration, ask, patient), registration, ask, patient).refresh
    (asked,) = provider.device_asked
    assert asked["client_secret"] == "s3cret-of-the-client", "for the code itself as well (RFC 8628, 3.1)"
