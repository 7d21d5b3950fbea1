"""One question to a provider: a form by POST, and its answer in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from levelhead.clock import Clock
from levelhead.exchange import DEADLINE, post

LAST_WORD = 3.0
"""Seconds that a question under way is still given when the daemon ends: its answer may be the only token there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider said. `data` is empty when it was no JSON object; `retry_after` is in seconds, None if untold."""

    host: str
    status: int
    data: Mapping[str, Any] = field(repr=False)
    retry_after: float | None = None


class Ask(Protocol):
    """Sends a form to an address; Unavailable, in one sentence, when no whole answer comes back."""

    def __call__(self, url: str, form: Mapping[str, str]) -> Answer: ...


def asker(clock: Clock, stopping: Callable[[], bool] = lambda: False, *, deadline: float = DEADLINE) -> Ask:
    """An `Ask` over the network; it raises Stopping soon after `stopping()` has begun to say so."""

    def ask(url: str, form: Mapping[str, str]) -> Answer:
        posted = post(
            url,
            urlencode(form).encode("ascii"),
            sends="application/x-www-form-urlencoded",
            accepts="application/json",
            clock=clock,
            stopping=stopping,
            deadline=deadline,
            last_word=LAST_WORD,
        )
        return Answer(
            host=posted.host,
            status=posted.status,
            data=_object(posted.body),
            retry_after=_seconds(posted.retry_after),
        )

    return ask


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _seconds(text: str | None) -> float | None:
    """Retry-After (RFC 9110, 10.2.3) in seconds; its form with a date needs the server's clock and tells us nothing."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else None
