"""Each watched folder held against its server: EXAMINE and SEARCH only, one window of UIDs after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import mailbox_spec
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import CommandRefused, FolderMissing, MailboxError, ServerBusy, Unavailable
from levelhead.evidence.completeness import (
    FolderCompared,
    MailboxCompared,
    Tally,
    doubtful,
    looked_again,
    tally,
)
from levelhead.mailbox.api import Connection, FolderInfo, FolderStatus, MailboxSpec
from levelhead.mailbox.folders import UNWANTED, Chosen, Role, chosen_on
from levelhead.mailbox.opening import connect
from levelhead.mailbox.plan import gaps_from, kept_under
from levelhead.mailbox.ranges import WINDOW, windows
from levelhead.store.api import FolderState, Store

PATIENCE_SECONDS = 30.0
"""How long each command may take when somebody sits and waits; a window of 50,000 UIDs took a server 0.1 s."""


class Renumbered(Exception):
    """A folder got another UIDVALIDITY while it was being compared."""


def compare_all(settings: Settings, store: Store, clock: Clock) -> Iterator[MailboxCompared]:
    """Sign in to every configured mailbox, one after the other, and compare; one out of reach has an `error`."""
    sign_ins = SignIns(settings, clock)
    for mailbox in settings.mailboxes:
        try:
            spec = replace(mailbox_spec(settings, mailbox.name, sign_ins), timeout_seconds=PATIENCE_SECONDS)
            connection = connect(spec, clock, lambda: False)
            try:
                yield finished(comparison(connection, store, spec).steps())
            finally:
                connection.close()
        except (MailboxError, Unavailable) as exc:
            yield MailboxCompared(mailbox=mailbox.name, error=str(exc))


def finished(steps: Generator[None, None, MailboxCompared]) -> MailboxCompared:
    """Go all the way at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: MailboxCompared = end.value
            return found


def comparison(connection: Connection, store: Store, spec: MailboxSpec) -> Comparison:
    """A comparison of the mailbox that this connection is signed in to, with the folders as they are now."""
    listed, prefix = connection.folders(), connection.prefix()
    chosen = chosen_on(connection, spec, prefix, listed)
    missing = tuple(name for name in chosen.missing if name != spec.drafts)  # which is never read as mail
    return Comparison(connection, store, spec.name, chosen, listed, missing)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One mailbox's comparison over a connection on which other things may happen between two steps."""

    connection: Connection
    store: Store
    mailbox: str
    chosen: Chosen
    listed: tuple[FolderInfo, ...]
    missing: tuple[str, ...] = ()
    """Folders that are to be watched and are not on the server."""

    def steps(self) -> Generator[None, None, MailboxCompared]:
        """Does a little at each step, one window of UIDs; returns the whole.

        Raises MailboxError when the server is lost or busy; a folder that alone cannot be read is told as such.
        """
        folders = [FolderCompared(folder=name, why="it is not on the server") for name in self.missing]
        busy: ServerBusy | None = None
        for watched in self.chosen.watched:
            try:
                folders.append((yield from self._folder(watched.name)))
                continue
            except (FolderMissing, CommandRefused) as exc:
                why = f"it cannot be read: {exc}"
            except ServerBusy as exc:
                # One damaged folder must not keep the others from being compared; a busy server refuses them all.
                why, busy = f"it cannot be read now: {exc}", exc
            except Renumbered:
                why = "the server numbered it anew while it was compared; compare once more"
            folders.append(FolderCompared(folder=watched.name, why=why))
        if busy is not None and all(folder.why for folder in folders):
            raise busy
        return MailboxCompared(mailbox=self.mailbox, folders=tuple(folders), others=tuple(self._others()))

    def _folder(self, name: str) -> Generator[None, None, FolderCompared]:
        # Before the server is asked: whatever comes later is newer than this, and no part of the comparison.
        state = self.store.folder(self.mailbox, name)
        status = self.connection.examine(name)
        found = FolderCompared(
            folder=name, uidvalidity=status.uidvalidity, read_at=state.last_pass if state else None
        )
        if state is None:
            why = f"it was never read; {status.exists} messages are in it" if status.exists else ""
            return replace(found, newer=status.exists, why=why)
        if state.uidvalidity != status.uidvalidity:
            why = (
                f"the server has numbered it anew (UIDVALIDITY {status.uidvalidity}, the archive knows "
                f"{state.uidvalidity}); the next pass of levelhead run looks at all of it again, then compare once more"
            )
            return replace(found, why=why)
        compared = Tally()
        # Not by what is on the server alone: of a folder that was emptied the archive may know a million.
        most = max(status.exists, min(state.last_uid, 20 * WINDOW))
        for first, last in windows(1, state.last_uid, most):
            compared += self._window(state, first, last)
            yield
        newer = yield from self._newer(state, status, compared.on_server)
        unread = state.last_pass is None or state.first_uidnext > state.last_uid + 1
        why = (
            f"its first reading is not complete: {newer} messages are still to come"
            if newer and unread
            else ""
        )
        tried = gaps_from(self.store.meta(kept_under("gaps", self.mailbox, name, status.uidvalidity)))
        incomplete = tuple(uid for uid in compared.unexplained if uid in tried)
        return replace(found, tally=compared, newer=newer, incomplete=incomplete, why=why)

    def _window(self, state: FolderState, first: int, last: int) -> Tally:
        there = self._there(state, first, last)
        here = (state.mailbox, state.folder, state.uidvalidity, first, last)
        known = self.store.known_uids(*here)
        doubts = doubtful(there, known)
        if not doubts:
            return tally(there, known)
        # Something may have been deleted, and noted as vanished, between the two answers.
        self.connection.noop()
        still = self.connection.present(sorted(doubts))
        return looked_again(there, known, still, self.store.known_uids(*here))

    def _there(self, state: FolderState, first: int, last: int | None) -> frozenset[int]:
        status = self.connection.examine(state.folder)
        if status.uidvalidity != state.uidvalidity:
            raise Renumbered
        return frozenset(self.connection.uids(first, last, at_most=status.exists))

    def _newer(self, state: FolderState, status: FolderStatus, read: int) -> Generator[None, None, int]:
        """How many messages came after the folder was read last."""
        if status.exists <= read:
            return 0
        newer, after = 0, state.last_uid + 1
        # A server that tells no UIDNEXT (Courier) is asked once.
        spans = windows(after, status.uidnext - 1, status.exists) if status.uidnext else [(after, None)]
        for first, last in spans:
            newer += len(self._there(state, first, last))
            yield
        return newer

    def _others(self) -> Iterator[tuple[str, str]]:
        """Every other folder, and why it is not watched."""
        names = {watched.name for watched in self.chosen.watched}
        for info in sorted(self.listed, key=lambda info: info.name):
            if info.name not in names:
                yield info.name, _not_watched(info, self.chosen)
        here = {info.name for info in self.listed} | set(self.missing)
        for folder in self.store.folders(self.mailbox):
            if folder.folder not in here:
                yield folder.folder, "it is not on the server any more; what was archived from it stays"


def _not_watched(info: FolderInfo, chosen: Chosen) -> str:
    if info.name == chosen.drafts:
        return "drafts are placed there, and never read as mail"
    if not info.selectable:
        return "it cannot be opened and holds no messages"
    if not info.attributes & UNWANTED and any(folder.role is Role.ALL for folder in chosen.watched):
        return "what it shows is read in All Mail"
    again = "it shows the messages of other folders again, and is " if "\\all" in info.attributes else ""
    return f"{again}not selected by `folders`"
