"""What a provider's answer means: tokens, or the error that says what to do about it. Pure, but for the masking.

Everything secret in an answer is masked before anything else is done with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from levelhead.errors import LevelheadError, SignInNeeded, Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin.asking import Answer
from levelhead.signin.providers import Registration

USUAL_LIFE = 3600.0
"""Seconds that an access token is taken to last when nobody says (RFC 6749, 5.1, only recommends to say it)."""
LONGEST_LIFE = 86_400.0
"""Seconds; whoever promises more is asked again after a day all the same."""
PATIENCE = 60.0
"""Seconds until a provider that is down is asked again, when it does not say itself."""
LONGEST_PATIENCE = 3600.0

SECRETS = ("access_token", "refresh_token")
REMEMBERED = 4
"""Tokens of answers that stay masked, for each sign-in: those of the newest two. Who keeps one sees to its masking."""
DENIED = frozenset({"access_denied", "authorization_declined"})
"""Errors by which a person, or their administrator, says no; the second is Microsoft's."""
AGAIN = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
"""Errors after which a person signs in again; all but the first are Microsoft's, or OpenID Connect's."""
PATIENT = frozenset({"temporarily_unavailable", "server_error", "slow_down", "internal_failure"})
_TOKEN = re.compile(r"[\x20-\x7e]{1,16000}\Z")
"""The characters of a token (RFC 6749, appendix A.12); anything else would go astray in IMAP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A granted answer. Lives are in seconds; `refresh` is None when the old one goes on (RFC 6749, section 6)."""

    access: str = field(repr=False)
    life: float
    refresh: str | None = field(repr=False)
    refresh_life: float | None
    scope: str | None


class Later(Unavailable):
    """The provider is down, throttles, or speaks nonsense; ask again after `seconds`."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


def tokens_of(answer: Answer, registration: Registration) -> Tokens:
    """The tokens of an answer; raises SignInNeeded, UserError (the registration is wrong) or Later."""
    hide(answer.data, registration)
    if answer.status != 200:
        raise refusal(answer, registration)
    access, refresh = answer.data.get("access_token"), answer.data.get("refresh_token")
    kind = answer.data.get("token_type", "Bearer")
    if not isinstance(access, str) or not _is_token(access) or not (refresh is None or _is_token(refresh)):
        raise _nonsense(answer, "no access token that could be one")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _nonsense(answer, "a token of a kind that IMAP does not know")
    life = seconds_of(answer, "expires_in")
    ends = seconds_of(answer, "refresh_token_expires_in", "refresh_expires_in")
    scope = answer.data.get("scope")
    return Tokens(
        access=access,
        life=USUAL_LIFE if life is None else min(life, LONGEST_LIFE),
        refresh=refresh,
        refresh_life=ends,
        scope=scope if isinstance(scope, str) else None,
    )


def hide(data: Mapping[str, Any], registration: Registration) -> None:
    """Mask what is secret in an answer, even in one that grants nothing; some come each minute, for days."""
    for key in SECRETS:
        if isinstance(data.get(key), str):
            VAULT.turn(("an answer", registration.identity), data[key], REMEMBERED)


def refusal(answer: Answer, registration: Registration) -> LevelheadError:
    """The error for an answer that grants nothing (RFC 6749, 5.2)."""
    code = error_of(answer)
    said = f"{answer.host} said {described(answer)}"
    if answer.status >= 500 or answer.status == 429 or code in PATIENT:
        return Later(f"{said}; it is asked again later", patience(answer))
    if code in AGAIN:
        return SignInNeeded(
            f"the sign-in of {registration.account} is no longer valid: {said}; sign in again: {registration.mend}"
        )
    if code:
        return UserError(
            f"{said}; check `client_id`, `client_secret_file` and `scope` in [mailbox.oauth2] of mailbox "
            f"{registration.mailbox}, then: {registration.mend}"
        )
    return _nonsense(answer, f"status {answer.status} and no reason")


def error_of(answer: Answer) -> str:
    """The code of an error (RFC 6749, 5.2); empty for none, and for an object or a list, as gateways answer."""
    code = answer.data.get("error")
    return code if isinstance(code, str) else ""


def patience(answer: Answer) -> float:
    """Seconds until this provider is asked again."""
    told = answer.retry_after
    return PATIENCE if told is None else min(max(told, 1.0), LONGEST_PATIENCE)


def described(answer: Answer) -> str:
    """The provider's own words, cut to one line, without secrets."""
    code, words = error_of(answer), answer.data.get("error_description")
    if not code:
        return f"status {answer.status}"
    text = f"{code}: {words.splitlines()[0]}" if isinstance(words, str) and words.strip() else code
    text = "".join(one if one.isprintable() else " " for one in VAULT.hide(text))
    return text if len(text) <= 200 else text[:199] + "…"


def _nonsense(answer: Answer, what: str) -> Later:
    return Later(f"{answer.host} answered with {what}; it is asked again later", patience(answer))


def _is_token(value: object) -> bool:
    return isinstance(value, str) and _TOKEN.match(value) is not None


def seconds_of(answer: Answer, *keys: str) -> float | None:
    """The first of these lengths of time that is there; some write it as a text, and some write 0 for "no end"."""
    value = next((answer.data[key] for key in keys if answer.data.get(key) is not None), None)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e11 else None
