"""Which messages cannot be judged, and why: no text, encrypted, or a language that no detector knows. Pure."""

from __future__ import annotations

from levelhead.heat.heard import NOTHING_KNOWN, Known
from levelhead.model import UNREAD, Message


def unknown_reason(message: Message, known: Known = NOTHING_KNOWN) -> str:
    """Why this message cannot be judged, or empty when it can. The reason is a few words, fit for a label.

    `unread`: no parser survived it. `encrypted`: its text is not to be read. For the others see `heat.unjudged`.
    `known`: what is known of its words already.
    """
    if any(defect.partition(":")[0] == UNREAD for defect in message.defects):
        return "unread"
    if message.encrypted:
        return "encrypted"
    return known.of(message).unjudged
