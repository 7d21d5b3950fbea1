"""What `verify --server` says: each watched folder held against its server, in numbers and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levelhead.cli.desk import Desk
from levelhead.cli.output import line_of
from levelhead.cli.times import short, told
from levelhead.errors import Unavailable, UserError

if TYPE_CHECKING:
    from levelhead.evidence.completeness import FolderCompared, MailboxCompared
    from levelhead.store.api import Store


_COMPLETE = "Complete: whatever is in the watched folders is archived or left out for a recorded reason."
_NOT_COMPLETE = "NOT SHOWN TO BE COMPLETE: see above."


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """All mailboxes compared, as `verify` adds them to its own report."""

    found: tuple[MailboxCompared, ...] = ()

    @property
    def ok(self) -> bool:
        return all(mailbox.ok for mailbox in self.found)

    @property
    def unexplained(self) -> list[str]:
        """Sentences about what is not accounted for."""
        from levelhead.evidence.completeness import sentences

        return list(sentences(self.found))

    def status(self, whole: bool) -> int:
        """The exit status, when the archive itself is `whole` or not: a no is a no, even when a server is down."""
        if not whole or self.unexplained:
            return 1
        return 0 if self.ok else Unavailable.exit_status

    def added_to(self, value: dict[str, Any], text: str) -> tuple[dict[str, Any], str]:
        """What `verify` says, with what was found on the servers."""
        added = {
            "ok": value["ok"] and self.ok,
            "unexplained": [*value["unexplained"], *self.unexplained],
            "server": [_folder(mailbox, folder) for mailbox in self.found for folder in mailbox.folders],
            "not_watched": [
                {"mailbox": mailbox.mailbox, "folder": folder, "why": why}
                for mailbox in self.found
                for folder, why in mailbox.others
            ],
            "unreachable": [
                {"mailbox": mailbox.mailbox, "why": mailbox.error} for mailbox in self.found if mailbox.error
            ],
        }
        return value | added, "\n".join([text, *self.lines()])

    def lines(self) -> Iterator[str]:
        """The same for a reader."""
        for mailbox in self.found:
            for folder in mailbox.folders:
                if not folder.why:
                    yield line_of(f"Server: {mailbox.mailbox} {folder.folder}: {_numbers(folder)}")
            for name, why in mailbox.others:
                yield line_of(f"Not watched: {mailbox.mailbox} {name}: {why}")
            if mailbox.error:
                yield line_of(f"UNREACHABLE: mailbox {mailbox.mailbox}: {mailbox.error}")
        yield from (line_of(f"UNEXPLAINED: {sentence}") for sentence in self.unexplained)
        if self.found:
            yield _COMPLETE if self.ok else _NOT_COMPLETE


def compared(desk: Desk, store: Store | None) -> Servers:
    """Every configured mailbox compared now; nothing without an index, of which `verify` tells by itself.

    UserError when no mailbox is configured.
    """
    from levelhead.cli.state import NO_MAILBOX
    from levelhead.daemon.completeness import compare_all

    if not desk.settings.mailboxes:
        raise UserError(NO_MAILBOX)
    if store is None:
        return Servers()
    return Servers(found=tuple(compare_all(desk.settings, store, desk.clock)))


def _folder(mailbox: MailboxCompared, folder: FolderCompared) -> dict[str, Any]:
    return {
        "mailbox": mailbox.mailbox,
        "folder": folder.folder,
        "ok": folder.ok,
        "uidvalidity": folder.uidvalidity,
        "on_server": folder.tally.on_server,
        "archived": folder.tally.archived,
        "excluded": folder.excluded,
        "reasons": dict(sorted(folder.tally.reasons.items())),
        "unexplained": list(folder.tally.unexplained),
        "unnamed": folder.tally.unnamed,
        "gone": folder.tally.gone,
        "newer": folder.newer,
        "last_pass": told(folder.read_at) if folder.read_at else None,
        "why": folder.why,
    }


def _numbers(folder: FolderCompared) -> str:
    reasons: Sequence[str] = [f"{count} {reason}" for reason, count in sorted(folder.tally.reasons.items())]
    left_out = f" + {folder.excluded} left out ({', '.join(reasons)})" if reasons else " + 0 left out"
    unexplained = f" + {folder.unexplained} UNEXPLAINED" if folder.unexplained else ""
    text = f"{folder.tally.on_server} on the server = {folder.tally.archived} archived{left_out}{unexplained}"
    if folder.tally.gone:
        text += f"; {folder.tally.gone} archived and gone from the server"
    if folder.newer:
        since = f" (at {short(folder.read_at)})" if folder.read_at else ""
        text += f"; {folder.newer} newer than the last pass{since}"
    return text
