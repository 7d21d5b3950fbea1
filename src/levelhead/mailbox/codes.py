"""What a server's refusal means: one table from response code or wording to the error that says what to do. Pure."""

from __future__ import annotations

import re

from levelhead.errors import CommandRefused, FolderMissing, LoginRefused, MailboxError, ServerBusy, Throttled

CODES: dict[str, type[MailboxError]] = {
    "AUTHENTICATIONFAILED": LoginRefused,
    "AUTHORIZATIONFAILED": LoginRefused,
    "EXPIRED": LoginRefused,
    "PRIVACYREQUIRED": LoginRefused,
    "CONTACTADMIN": LoginRefused,
    "UNAVAILABLE": ServerBusy,
    "LIMIT": ServerBusy,
    "INUSE": ServerBusy,
    "SERVERBUG": ServerBusy,
    "OVERQUOTA": Throttled,
    "THROTTLED": Throttled,
    "CORRUPTION": ServerBusy,
    "NONEXISTENT": FolderMissing,
    "TRYCREATE": FolderMissing,
    "NOPERM": FolderMissing,
}
"""Response codes of RFC 5530 and a few that servers made up; a code that is not here says nothing about what to do."""

PATIENCE = re.compile(
    r"try (again|later)|later|temporar|unavailable|throttl|rate.?limit|too many|overload|\bbusy\b"
    r"|maximum number|exceeded|internal error|server error|timed? ?out|shutting down"
    r"|authenticated but not connected",
    re.IGNORECASE,
)
"""Wordings of servers that give no code (Courier, Cyrus, older Exchange, Gmail) when they only want patience."""

THROTTLED = re.compile(
    r"throttl|rate.?limit|bandwidth|too many (requests|commands)"
    r"|authenticated but not connected",
    re.IGNORECASE,
)
"""Those of them that are said of a whole account."""

_CODE = re.compile(r"\[([A-Za-z][A-Za-z0-9-]*)")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|(?<!\w)\'[^\']*(?:\'(?!\w)|\Z)')
"""Names that an answer quotes, a last one cut short among them; no apostrophe within a word."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def refusal(command: str, status: str, text: str) -> MailboxError:
    """The error for a tagged NO or BAD to `command`; the server's own words are in it, cut and without controls."""
    words = plain(text)
    sentence = f"the server answered {status} to {command}: {words}"
    said = _unquoted(words)
    for code in _CODE.findall(said):
        if code.upper() in CODES:
            return _fitting(code.upper(), command)(sentence)
    if PATIENCE.search(said):
        return _patient(said)(sentence)
    if command in {"LOGIN", "AUTHENTICATE"}:
        # Cyrus and Courier give no code when the password is wrong.
        return LoginRefused(sentence)
    if command in {"SELECT", "EXAMINE"} and status == "NO":
        return FolderMissing(sentence)
    return CommandRefused(sentence)


def busy(sentence: str) -> ServerBusy:
    """The error for words that ask for patience; Throttled for those that are about the account."""
    return _patient(sentence)(sentence)


def _patient(words: str) -> type[ServerBusy]:
    codes = {code.upper() for code in _CODE.findall(words)}
    throttled = THROTTLED.search(words) or any(CODES.get(code) is Throttled for code in codes)
    return Throttled if throttled else ServerBusy


def _unquoted(words: str) -> str:
    """The server's own words without the names that it quotes: a folder may be named after anything.

    An answer that is nothing but a quotation is left as it is.
    """
    own = _QUOTED.sub(" ", words)
    return own if own.strip() else words


def _fitting(code: str, command: str) -> type[MailboxError]:
    kind = CODES[code]
    if command in {"APPEND", "CREATE"} and code == "OVERQUOTA":
        # The mailbox is full, but it can be read as well as ever: only this draft has to wait.
        return CommandRefused
    if kind is FolderMissing and command not in {"SELECT", "EXAMINE", "APPEND", "STATUS"}:
        return CommandRefused
    if kind is LoginRefused and command not in {"LOGIN", "AUTHENTICATE"}:
        # A session that loses its right in the middle (an expired token) logs in again and is told there.
        return ServerBusy
    return kind


def plain(text: str | bytes, limit: int = 200) -> str:
    """A server's words fit for one line of a log."""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    words = _CONTROLS.sub(" ", text).strip()
    return words if len(words) <= limit else words[: limit - 1] + "…"
