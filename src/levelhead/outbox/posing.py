"""Somebody who poses as a client: one alert for each client at a time, however many such messages there are."""

from __future__ import annotations

from levelhead.model import Message, Severity
from levelhead.outbox.health import Health
from levelhead.policy.plan import Surroundings
from levelhead.store.api import Tx

POSING = "posing"
"""The rule of the alert; its subject is the client's name."""


def warn(tx: Tx, health: Health, message: Message, around: Surroundings) -> str:
    """Raise or count the alert about this message, which `around` says poses as a client; its key."""
    sender = message.sender.address if message.sender else "nobody"
    body = [
        f"A message came from {sender}: {around.doubt}.",
        f"It is not taken for a message of {around.poses_as}, and no reply to it is drafted.",
        f"Look at it before you answer: levelhead show {message.id[:8]}",
        f"If the address is theirs, name it in the `addresses` of the [[client]] {around.poses_as}.",
    ]
    title = f"Somebody poses as {around.poses_as}"
    return health.count_health(
        tx, POSING, around.poses_as, Severity.WARNING, title, "\n".join(body), message=message.id
    )
