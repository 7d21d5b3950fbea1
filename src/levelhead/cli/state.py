"""What `status` says: read from the archive, never from the daemon, so that it answers when the daemon is dead."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from levelhead.cli.anchored import anchors
from levelhead.cli.anchored import lines as anchor_lines
from levelhead.cli.output import line_of
from levelhead.cli.times import short, told

if TYPE_CHECKING:
    from levelhead.config.settings import Settings
    from levelhead.facts import Fact
    from levelhead.store.api import FolderState, MailboxRow, Store

NO_MAILBOX = "no mailbox is watched; add a [[mailbox]] table (levelhead config explain mailbox)"
EMPTY_ROOT = hashlib.sha256(b"").hexdigest()
"""The head of a tree without leaves (RFC 9162, section 2.1.1)."""


def no_channel() -> str:
    """That nobody is ever called, and what to do about it."""
    from levelhead.config.check import NO_CHANNEL

    problem, fix = NO_CHANNEL
    return f"NO ALERT CHANNEL: {problem.partition(': ')[2] or problem}; {fix}"


def report(settings: Settings, store: Store | None) -> dict[str, Any]:
    """The whole answer; without a store (no archive yet) everything is zero."""
    counts = store.counts() if store else None
    backlog = store.backlog() if store and counts and counts.backlog else {}
    rows = {row.name: row for row in store.mailboxes()} if store else {}
    folders = store.folders() if store else ()
    mailboxes = [
        _mailbox(mailbox.name, rows.get(mailbox.name), folders, backlog) | _coverage(store, mailbox.name)
        for mailbox in settings.mailboxes
    ]
    failed = store.failed_jobs() if store else ()
    daemon = _daemon(settings)
    return {
        "daemon": daemon,
        "mailboxes": mailboxes,
        "messages": counts.messages if counts else 0,
        "held": counts.held if counts else 0,
        "open_alerts": counts.open_alerts if counts else 0,
        "ledger": {
            "size": store.ledger_size() if store else 0,
            "root": store.ledger_root().hex() if store else EMPTY_ROOT,
        },
        "plugins": [{"name": row.name, "state": row.state, "why": row.why} for row in store.plugins()]
        if store
        else [],
        "anchors": anchors(settings, store),
        "backlog": counts.backlog if counts else 0,
        "archive": str(settings.archive.path),
        "failed": [{"kind": job.kind, "subject": job.subject, "why": why} for job, why in failed],
        "warnings": [
            *_warnings(settings, mailboxes, store is not None, len(failed)),
            *(_posing(store) if store else []),
            *([] if daemon["running"] or store is None else [_nobody_watches(mailboxes)]),
        ],
    }


def _daemon(settings: Settings) -> dict[str, Any]:
    """Whether a daemon runs on this archive, by the lock that the kernel frees with it."""
    from levelhead.archive.lock import LOCK, holder

    found = holder(settings.archive.path / LOCK)
    return {
        "running": found is not None,
        "pid": found.pid if found else None,
        "since": told(found.since) if found else None,
    }


def _nobody_watches(mailboxes: list[dict[str, Any]]) -> str:
    passes = [mailbox["last_pass"] for mailbox in mailboxes if mailbox["last_pass"]]
    since = f" since {min(passes)}" if passes else ""
    return f"no daemon is running: nothing is watched{since}; levelhead run starts one"


def _mailbox(
    name: str, row: MailboxRow | None, folders: tuple[FolderState, ...], backlog: Mapping[str, int]
) -> dict[str, Any]:
    own = [folder for folder in folders if folder.mailbox == name]
    passes = [folder.last_pass for folder in own if folder.last_pass is not None]
    lost = row is not None and row.state == "lost"
    return {
        "name": name,
        "state": row.state if row else "new",
        "folders": sorted({folder.folder for folder in own}),
        # As old as the folder that was completed longest ago: since then nothing is certain to be seen.
        "last_pass": told(min(passes)) if passes else None,
        "backlog": backlog.get(name, 0),
        "error": row.why if row and lost else "",
        "since": told(row.since) if row and lost else None,
    }


RECENT = 1_000
"""How many of the latest facts of a kind are looked through for the last one about a mailbox."""


def _coverage(store: Store | None, mailbox: str) -> dict[str, Any]:
    """The last comparison of a mailbox with its server, and the last time in which nobody watched it."""
    from levelhead.facts import MailboxUnwatched, ServerCompared

    compared = gap = None
    for fact in _latest(store, ServerCompared.name):
        if isinstance(fact, ServerCompared) and fact.mailbox == mailbox:
            missing = sum(part.on_server - part.archived - part.excluded for part in fact.folders)
            compared = {"at": told(fact.compared_at), "ok": fact.ok, "unexplained": missing}
            break
    for fact in _latest(store, MailboxUnwatched.name):
        if isinstance(fact, MailboxUnwatched) and fact.mailbox == mailbox:
            gap = {"since": told(fact.since), "until": told(fact.until), "why": fact.why}
            break
    return {"compared": compared, "last_gap": gap}


def _latest(store: Store | None, kind: str) -> Iterator[Fact]:
    return (fact for _, fact in store.facts_about(kind=kind, limit=RECENT)) if store else iter(())


def _posing(store: Store) -> list[str]:
    """The open alerts about people who pose as a client."""
    from levelhead.lifecycle import OPEN_ALERTS

    rows = store.alerts(states=OPEN_ALERTS, client="")
    if not rows:
        return []
    from levelhead.outbox.posing import POSING

    return [
        f"{row.title}; levelhead show {row.message[:12]}" for row in rows if row.rule.startswith(f"{POSING}:")
    ]


def _warnings(settings: Settings, mailboxes: list[dict[str, Any]], archive: bool, failed: int) -> list[str]:
    """What somebody should look at, the worst first."""
    warnings = [] if settings.channels else [no_channel()]
    if not settings.mailboxes:
        warnings.append(NO_MAILBOX)
    warnings += [
        f"mailbox {mailbox['name']} is not watched since {mailbox['since']}: {mailbox['error']}"
        for mailbox in mailboxes
        if mailbox["state"] == "lost"
    ]
    if not archive:
        warnings.append("there is no archive yet; levelhead run makes it")
    if failed:
        warnings.append(
            f"{failed} task(s) could not be done; levelhead status --json names them under failed"
        )
    return warnings


def page(value: Mapping[str, Any]) -> str:
    """The same for a reader, warnings first."""
    lines = [f"! {line_of(warning)}" for warning in value["warnings"]]
    if value["daemon"]["running"]:
        lines.append(
            f"{'Daemon':<12}running since {value['daemon']['since']}, process {value['daemon']['pid']}"
        )
    for mailbox in value["mailboxes"]:
        folders = ", ".join(mailbox["folders"]) or "no folder read yet"
        lines.append(f"{'Mailbox':<12}{mailbox['name']}: {mailbox['state']}; {folders}; {_passed(mailbox)}")
        lines += [f"{'':<12}{line_of(said)}" for said in _covered(mailbox)]
    lines += [
        f"{'Messages':<12}{value['messages']} ({value['backlog']} not judged yet)",
        f"{'Held':<12}{value['held']}",
        f"{'Open alerts':<12}{value['open_alerts']}",
        f"{'Ledger':<12}{value['ledger']['size']} entries, root {value['ledger']['root']}",
        f"{'Archive':<12}{value['archive']}",
        *anchor_lines(value["anchors"]),
    ]
    for plugin in value["plugins"]:
        why = f" ({plugin['why']})" if plugin["why"] else ""
        lines.append(f"{'Plugin':<12}" + line_of(f"{plugin['name']}: {plugin['state']}{why}"))
    return "\n".join(lines)


def _passed(mailbox: Mapping[str, Any]) -> str:
    return f"last pass {_short(mailbox['last_pass'])}"


def _covered(mailbox: Mapping[str, Any]) -> Iterator[str]:
    compared, gap = mailbox["compared"], mailbox["last_gap"]
    if compared:
        missing = (
            f"{compared['unexplained']} messages unexplained" if compared["unexplained"] else "not complete"
        )
        yield f"compared with its server {_short(compared['at'])}: {'complete' if compared['ok'] else missing}"
    if gap:
        yield f"last gap {_short(gap['since'])} to {_short(gap['until'])}: {gap['why']}"


def _short(text: str | None) -> str:
    from levelhead.clock import from_text

    return short(from_text(text) if text else None)
