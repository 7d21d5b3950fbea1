"""What can go wrong, sorted by what to do about it: try again, tell somebody, or stop."""

from __future__ import annotations

from levelhead.values import dataclass


class LevelheadError(Exception):
    """The base of every error that levelhead raises on purpose."""

    exit_status = 1


class UserError(LevelheadError):
    """The caller's mistake, in one helpful sentence; shown without a traceback, exit 2."""

    exit_status = 2


class SignInNeeded(UserError):
    """Nobody is signed in, or the provider no longer takes the sign-in; a person runs the command that it names."""


class Unavailable(LevelheadError):
    """A resource is not to be had right now; trying again can help, exit 3."""

    exit_status = 3


class ProgrammerError(AssertionError):
    """A mistake in levelhead itself; never caught to go on, so that it is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a configuration, plugin or secret, and what to do about it."""

    where: str
    problem: str
    fix: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}, line {self.line}"
        return f"{place}: {self.problem}" + (f" ({self.fix})" if self.fix else "")


class ConfigError(UserError):
    """A configuration that cannot be used; holds all of its problems, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Stopping(LevelheadError):
    """levelhead is about to end or to reload: who asks a plugin or has mail read gets no answer and decides nothing."""

    def __init__(self) -> None:
        super().__init__(
            "levelhead is ending or reloading; it reads no more mail and asks no more plugins until it runs again"
        )


# --- the mailbox room -------------------------------------------------------------------------


class MailboxError(LevelheadError):
    """Something between us and an IMAP server; the base of the errors told apart below."""

    exit_status = 3


class ConnectionLost(MailboxError):
    """The connection ended, timed out or spoke nonsense; connect again with back-off."""


class Unreachable(ConnectionLost):
    """Nobody answers at this host and port at all."""


class ServerBusy(MailboxError):
    """The server asks for patience: [UNAVAILABLE], [LIMIT], [INUSE], throttling, BYE; back off longer."""


class Throttled(ServerBusy):
    """The account has asked, or fetched, more than its provider gives in some time; nothing of it is to be had now."""


class LoginRefused(MailboxError):
    """The server refused the credentials; stop this mailbox and tell a person, never retry in a loop."""


class NoSuchLogin(LoginRefused):
    """The server does not know this way to log in; no other secret, and no new sign-in, would change that."""


class TlsFailed(MailboxError):
    """No trustworthy TLS with this server; never fall back to clear text; tell a person."""


class FolderMissing(MailboxError):
    """The folder does not exist (any more) or cannot be selected; record it and go on with the others."""


class CommandRefused(MailboxError):
    """The server answered NO or BAD to a command, for a reason that is not one of the above."""


class UnsafeArgument(ProgrammerError):
    """An IMAP argument with CR, LF, NUL or 8-bit bytes reached the connection; nothing was sent."""


class BadBody(MailboxError):
    """The server's body for one message is missing, empty, doubled or shorter than it announced."""


# --- the archive and the store ----------------------------------------------------------------


class StoreLocked(Unavailable):
    """Another daemon holds the archive, or the database stayed locked past its time-out."""


class StoreDamaged(LevelheadError):
    """The index or a volume contradicts itself; nothing was changed."""


class NewerSchema(UserError):
    """The archive was written by a newer levelhead."""


class DiskFull(Unavailable):
    """No room to write a message durably; fetching stops until there is."""


class DiskFailed(Unavailable):
    """The disk refused to write or to make durable; what was being written does not count."""


class DiskReadOnly(Unavailable):
    """The disk cannot be written at all, so that a person is needed first; the daemon says so and ends."""
