"""How long a watcher waits after trouble, and after a server's word that came to nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import tenacity

from levelhead.errors import (
    CommandRefused,
    ConnectionLost,
    FolderMissing,
    LoginRefused,
    MailboxError,
    ServerBusy,
    Throttled,
    TlsFailed,
    Unavailable,
)
from levelhead.mailbox.tools import Report

RECOVERABLE = (ConnectionLost, ServerBusy, CommandRefused, FolderMissing, Unavailable, OSError)
"""What can be better after a pause; LoginRefused and TlsFailed need a person first."""
FOR_A_PERSON = (LoginRefused, TlsFailed)
PERSON_PAUSE = 24 * 3600.0
"""Seconds that a mailbox stands still which needs a person first (a refused login, a certificate not trusted)."""
FIRST_PAUSE = {"busy": 60.0, "archive": 5.0}
"""Seconds of the first pause by kind of trouble; otherwise `QUICK`. Each is doubled, up to `LONGEST`, with jitter."""
QUICK = 1.0
LONGEST = 900.0
STEADY_AFTER = 60.0
"""Seconds; a session that lasted this long was a good one."""
IN_VAIN = 1.0
"""Seconds of the pause after the first word of a server that came to nothing; doubled with each that follows."""
QUIET_AFTER = 10.0
"""Seconds; a server that was silent this long before its word is not a chatty one."""


def kind_of(exc: Exception) -> str:
    """The kind of an outage, as `MailboxLost` names it; `archive` is trouble of our own."""
    for error, kind in (
        (LoginRefused, "login"),
        (TlsFailed, "tls"),
        (ServerBusy, "busy"),
        (FolderMissing, "folders"),
    ):
        if isinstance(exc, error):
            return kind
    return "connection" if isinstance(exc, MailboxError) else "archive"


def pause_before(trouble: BaseException | None, attempt: int) -> float:
    """Seconds to wait after that many failures (from 1): doubled with each, longer when the server asks for patience.

    Jitter of up to the first pause keeps mailboxes that one server has dropped from coming back all at once.
    """
    first = FIRST_PAUSE.get(kind_of(trouble), QUICK) if isinstance(trouble, Exception) else QUICK
    return min(LONGEST, first * 2.0 ** min(attempt - 1, 60)) + random.uniform(0, first)


def pause_of_session(trouble: Exception, short: int) -> float:
    """Seconds before the next session when one that was good has ended; `short` is how many in a row ended soon."""
    # It may have ended for no reason at all; only what is said of the account would be said again at once.
    return pause_before(trouble if isinstance(trouble, Throttled) else None, short + 1)


def pause_after(state: tenacity.RetryCallState) -> float:
    """The same for tenacity."""
    return pause_before(state.outcome.exception() if state.outcome else None, state.attempt_number)


def a_few_times(sleep: Callable[[float], None]) -> tenacity.Retrying:
    """Calls what it is given until no ConnectionLost comes of it, at most four times; raises the last one."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ConnectionLost),
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_random_exponential(multiplier=QUICK, max=10),
        sleep=sleep,
        reraise=True,
    )


def in_vain(before: int, silent: float | None, reports: Sequence[Report]) -> int:
    """How many words of the server in a row came to nothing, after one more pass that found `reports`.

    `silent` is how many seconds the server had said nothing before the word that began the pass; None when something
    else began it. Changed flags are news, but a flood of them is not: with those alone the count is 1 and stays there.
    """
    if silent is None or silent >= QUIET_AFTER:
        return 0
    if any(report.archived or report.excluded or report.vanished for report in reports):
        return 0
    return 1 if any(report.flagged for report in reports) else before + 1


def calm(count: int, *, most: float) -> float:
    """Seconds to leave a server alone after so many words in vain (0: none), at most `most`."""
    return min(most, IN_VAIN * 2.0 ** min(count - 1, 60)) if count else 0.0
