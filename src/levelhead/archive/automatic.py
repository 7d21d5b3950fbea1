"""Whether a machine wrote a message, from its headers alone, and which kind of machine (RFC 3834, RFC 2919, RFC 3464).

`Auto-Submitted: no` is a person's word that a person wrote it. `Precedence: list` proves a list, not a machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from levelhead.archive.headers import Head

NO_REPLY = re.compile(
    r"(?:do[._-]?not[._-]?reply|no[._-]?reply|noreply|ne[._-]?pas[._-]?repondre|nicht[._-]?antworten)"
)
DAEMON = re.compile(r"(?:mailer[._-]?daemon|postmaster|mail[._-]?delivery[._-]?(?:system|subsystem))\Z")
AWAY = re.compile(
    r"\b(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:re(?:ply|sponse)|response)|autoreply"
    r"|on vacation|abwesenheit\w*|automatische antwort|nicht im b[uü]ro|r[eé]ponse automatique|absence du bureau"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|resposta autom[aá]tica|ausente do escrit[oó]rio"
    r"|fora do escrit[oó]rio|risposta automatica|fuori (?:sede|ufficio)|automatisch antwoord|afwezig\w*)\b",
    re.IGNORECASE,
)
LIST_FIELDS = ("list-id", "list-post", "list-unsubscribe")
REPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from", "x-mail-autoreply")
CALENDAR_METHODS = frozenset({"reply", "request", "cancel", "counter", "declinecounter", "refresh", "add"})


def automatic(head: Head, subject: str, sender: str, content_type: str, parameters: Mapping[str, str]) -> str:
    """`bounce`, `auto-reply`, `bulk`, `list`, `calendar`, `no-reply`, or empty for a person; the first that holds."""
    local = sender.rpartition("@")[0].lower() if "@" in sender else sender.lower()
    said = head.first("auto-submitted").split(";", 1)[0].split("(", 1)[0].strip().lower()
    precedence = head.first("precedence").strip().lower()
    if content_type == "multipart/report" or head.first("x-failed-recipients") or DAEMON.match(local):
        return "bounce"
    if content_type == "text/calendar" and parameters.get("method", "").lower() in CALENDAR_METHODS:
        return "calendar"
    if said and said != "no":
        return "auto-reply" if said.startswith("auto-replied") else "bulk"
    if head.first("return-path").replace(" ", "") == "<>":
        return "bounce"
    if said != "no" and _auto_reply(head, subject, precedence):
        return "auto-reply"
    if any(head.first(name) for name in LIST_FIELDS):
        return "list"
    if said != "no" and precedence in ("bulk", "junk"):
        return "bulk"
    return "no-reply" if NO_REPLY.match(local) else ""


def _auto_reply(head: Head, subject: str, precedence: str) -> bool:
    """A notice that its sender's program wrote without saying so by RFC 3834."""
    if any(head.first(name) and head.first(name).strip().lower() != "no" for name in REPLY_FIELDS):
        return True
    if precedence in ("auto_reply", "auto-reply"):
        return True
    suppressing = bool(head.first("x-auto-response-suppress"))
    weak = suppressing or precedence in ("bulk", "junk") or bool(head.first("x-loop"))
    return weak and bool(AWAY.search(subject))
