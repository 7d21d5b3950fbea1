"""The built-in `levels` plugin: calls for help when a message is heated or hostile, without a word of the client's."""

from __future__ import annotations

from levelhead import Alert, Client, Level, Message, Severity, Verdict, hookimpl

KEY = "heat"
"""The rule: one alert of it is open for a client and thread at a time."""

_SEVERITY = {Level.HEATED: Severity.WARNING, Level.HOSTILE: Severity.CRITICAL}


@hookimpl
def escalate(message: Message, client: Client, verdict: Verdict) -> Alert | None:
    """A warning for a heated message, a critical alert for a hostile one; says who, how much and what to do next."""
    severity = _SEVERITY.get(verdict.level)
    if severity is None:
        return None
    who = _line(client.name)
    what = ", ".join(verdict.labels[:4]) or "no single reason"
    body = [
        f"{who} wrote a message that is judged {verdict.level.value}.",
        f"Noticed: {what}.",
        "You need not read it now, and your reply is held for a cool-down.",
        f"Why it is judged so, with the words: levelhead explain {message.id[:8]}",
    ]
    if not verdict.complete:
        body.insert(2, "Not every plugin was heard, so it may be worse.")
    return Alert(KEY, severity, f"{verdict.level.value.capitalize()} message from {who}", "\n".join(body))


def _line(text: str) -> str:
    """A name as one line, so that it can stand in a title."""
    return " ".join(text.split())[:80] or "somebody"
