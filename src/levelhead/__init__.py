"""levelhead: what a plugin author imports.

from levelhead import hookimpl, Finding

@hookimpl
def detect(message):
    if message.new_text.isupper():
        return Finding("shouting", 0.5, why="the whole message is in capitals")
"""

from __future__ import annotations

from levelhead.hookspecs import Channel, Notice, hookimpl
from levelhead.model import (
    Alert,
    Client,
    Delivered,
    Draft,
    Finding,
    Hold,
    Level,
    Message,
    Screening,
    Severity,
    Thread,
    Verdict,
)

__version__ = "0.1.0"

__all__ = [
    "Alert",
    "Channel",
    "Client",
    "Delivered",
    "Draft",
    "Finding",
    "Hold",
    "Level",
    "Message",
    "Notice",
    "Screening",
    "Severity",
    "Thread",
    "Verdict",
    "hookimpl",
]
