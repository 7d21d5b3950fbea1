"""Signing in by a code on another device (RFC 8628): for boxes without a browser, and Microsoft's usual way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from levelhead.clock import Clock
from levelhead.errors import Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin.answers import DENIED, Tokens, described, error_of, refusal, seconds_of, tokens_of
from levelhead.signin.asking import Ask
from levelhead.signin.providers import Registration

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL = 5.0
"""Seconds between two questions when nobody says (RFC 8628, 3.2), and by how much `slow_down` lengthens them."""
LONGEST_INTERVAL = 120.0
USUAL_LIFE = 900.0
"""Seconds that a code is waited for when nobody says."""
LONGEST_LIFE = 3600.0
"""Seconds that a code is waited for at most, whatever the provider promises."""


class CodeExpired(UserError):
    """Nobody typed the code in while it was good; another can be asked for."""


class Denied(UserError):
    """The person, or their administrator, said no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a person types in, and where; `ends_at` is in seconds of `Clock.elapsed`."""

    user_code: str
    where: str
    device_code: str = field(repr=False)
    interval: float
    ends_at: float


def code_of(registration: Registration, ask: Ask, clock: Clock) -> Code:
    """A fresh code; raises Unavailable, or UserError when the provider will not give this registration any."""
    asked_at = clock.elapsed()
    # A client that has a secret proves itself here too (RFC 8628, 3.1).
    answer = ask(registration.provider.device_url, registration.form(scope=registration.scope))
    device_code, user_code = answer.data.get("device_code"), answer.data.get("user_code")
    if isinstance(device_code, str):
        VAULT.add(device_code)
    if answer.status != 200:
        raise refusal(answer, registration)
    # Google wrote `verification_url` before the RFC was done.
    where = answer.data.get("verification_uri") or answer.data.get("verification_url")
    if not (_is_text(where) and _is_text(device_code) and _is_text(user_code)):
        raise Unavailable(f"{answer.host} answered with no code that one could type in")
    return Code(
        user_code=str(user_code),
        where=str(where),
        device_code=str(device_code),
        interval=min(seconds_of(answer, "interval") or INTERVAL, LONGEST_INTERVAL),
        ends_at=asked_at + min(seconds_of(answer, "expires_in") or USUAL_LIFE, LONGEST_LIFE),
    )


def granted(
    code: Code, registration: Registration, ask: Ask, clock: Clock, stop: threading.Event
) -> Tokens | None:
    """The tokens, once the person has typed the code in; None when `stop` is set first.

    Raises CodeExpired, Denied, or what `tokens_of` raises. A provider out of reach is asked again, ever more slowly.
    """
    interval = code.interval
    while clock.elapsed() + interval < code.ends_at:
        if clock.wait(stop, interval):
            return None
        try:
            form = registration.form(grant_type=GRANT, device_code=code.device_code)
            answer = ask(registration.provider.token_url, form)
            error = error_of(answer) if answer.status != 200 else ""
            if error == "authorization_pending":
                continue
            if error == "slow_down":
                interval = min(interval + INTERVAL, LONGEST_INTERVAL)
                continue
            if error in ("expired_token", "code_expired"):
                break
            if error in DENIED:
                raise Denied(f"the sign-in was denied: {described(answer)}")
            return tokens_of(answer, registration)
        except Unavailable:
            interval = min(interval * 2, LONGEST_INTERVAL)  # RFC 8628, 3.5
    raise CodeExpired("the code was not typed in while it was good")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 2000 and value.isprintable()
