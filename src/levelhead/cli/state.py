"""What `status` says: read from the archive, never from the daemon, so that it answers when the daemon is dead."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from levelhead.cli.anchored import anchors
from levelhead.cli.anchored import lines as anchor_lines
from levelhead.cli.output import line_of
from levelhead.cli.times import short, told
from levelhead.config.glance import NO_CHANNEL

if TYPE_CHECKING:
    from levelhead.config.glance import Glance
    from levelhead.facts import Fact
    from levelhead.store.api import AlertRow, FolderState, MailboxRow, Store

NO_MAILBOX = "no mailbox is watched; add a [[mailbox]] table (levelhead config explain mailbox)"
MAILBOX_RULES = ("mailbox-lost", "mailbox-refused", "sign-in-refused")
"""Rules of the alerts about a mailbox that is not watched."""
EMPTY_ROOT = hashlib.sha256(b"").hexdigest()
"""The head of a tree without leaves (RFC 9162, section 2.1.1)."""


def no_channel() -> str:
    """That nobody is ever called, and what to do about it."""
    problem, fix = NO_CHANNEL
    return f"NO ALERT CHANNEL: {problem.partition(': ')[2] or problem}; {fix}"


def report(seen: Glance, store: Store | None) -> dict[str, Any]:
    """The whole answer; without a store (no archive yet) everything is zero."""
    counts = store.counts() if store else None
    backlog = store.backlog() if store and counts and counts.backlog else {}
    rows = {row.name: row for row in store.mailboxes()} if store else {}
    folders = store.folders() if store else ()
    mailboxes = [
        _mailbox(name, rows.get(name), folders, backlog, _note(store, name)) | _coverage(store, name)
        for name in seen.mailboxes
    ]
    for mailbox in mailboxes:
        mailbox |= _waits(store, mailbox["name"])
        # Mail that waits for another day's bytes is not here, and not judged either.
        mailbox["backlog"] += mailbox["budget"]["waiting"] if mailbox["budget"] else 0
    failed = store.failed_jobs() if store else ()
    daemon = _daemon(seen)
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
        "anchors": anchors(seen, store),
        "backlog": counts.backlog if counts else 0,
        "archive": str(seen.archive),
        "failed": [{"kind": job.kind, "subject": job.subject, "why": why} for job, why in failed],
        "warnings": [
            *_warnings(seen, mailboxes, _mends(store, mailboxes), store is not None, len(failed)),
            *(_posing(store) if store else []),
            *(_signing_in(store, mailboxes) if store else []),
            *([] if daemon["running"] or store is None else [_nobody_watches(mailboxes)]),
        ],
    }


def _note(store: Store | None, mailbox: str) -> str:
    """What the daemon left to be told of a mailbox, or empty."""
    from levelhead.store.api import kept_note

    return (store.meta(kept_note(mailbox)) if store else "") or ""


def _daemon(seen: Glance) -> dict[str, Any]:
    """Whether a daemon runs on this archive, by the lock that the kernel frees with it."""
    from levelhead.archive.lock import LOCK, holder

    found = holder(seen.archive / LOCK)
    return {
        "running": found is not None,
        "pid": found.pid if found else None,
        "since": told(found.since) if found else None,
    }


def _nobody_watches(mailboxes: list[dict[str, Any]]) -> str:
    passes = [mailbox["last_pass"] for mailbox in mailboxes if mailbox["last_pass"]]
    since = f" since {_short(min(passes))}" if passes else ""
    return f"no daemon is running: nothing is watched{since}; levelhead run starts one"


def _mailbox(
    name: str,
    row: MailboxRow | None,
    folders: tuple[FolderState, ...],
    backlog: Mapping[str, int],
    note: str,
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
        "note": note,
    }


def _waits(store: Store | None, mailbox: str) -> dict[str, Any]:
    """What the byte budget of a mailbox leaves for another day, and until when its server is left alone."""
    from levelhead.store.api_waits import budget_key, pause_from, pause_key, spent_from

    spent = spent_from(store.meta(budget_key(mailbox))) if store else None
    pause = pause_from(store.meta(pause_key(mailbox))) if store else None
    return {
        "budget": {
            "day": spent.day.isoformat(),
            "spent": spent.spent,
            "limit": spent.limit,
            "waiting": spent.waiting,
            "until": told(spent.until) if spent.waiting else None,
        }
        if spent
        else None,
        "pause": {"until": told(pause.until), "kind": pause.kind, "why": pause.why} if pause else None,
    }


RECENT = 1_000
"""How many of the latest facts of a kind are looked through for the last one about a mailbox."""


def _coverage(store: Store | None, mailbox: str) -> dict[str, Any]:
    """The last comparison of a mailbox with its server, and the last time in which nobody watched it."""
    # From their own file, because the facts of the walk, which are many, need not be loaded for these two.
    from levelhead.facts.evidence import MailboxUnwatched, ServerCompared

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


def _signing_in(store: Store, mailboxes: list[dict[str, Any]]) -> list[str]:
    """Sign-ins that end soon, cannot be kept, or were refused while a session still goes on; with what mends them."""
    from levelhead.lifecycle import OPEN_ALERTS, AlertState

    names = [mailbox["name"] for mailbox in mailboxes if mailbox["state"] == "lost"]
    lost = {f"{rule}:{name}" for rule in MAILBOX_RULES for name in names}
    rows = store.alerts(states=(*OPEN_ALERTS, AlertState.ACKNOWLEDGED), client="")
    told = [
        row
        for row in rows
        if row.rule.startswith(("sign-in-", *(f"{rule}:" for rule in MAILBOX_RULES))) and row.rule not in lost
    ]
    return [f"{row.title}; {_command_in(row)}" for row in told]


def _command_in(row: AlertRow) -> str:
    """What mends it, from the last paragraph of an alert about a mailbox: of several the first signs in again."""
    commands = row.body.rpartition("\n\n")[2].splitlines()
    return commands[0] if row.rule.startswith("sign-in-") else " && ".join(commands)


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


def _mends(store: Store | None, mailboxes: list[dict[str, Any]]) -> dict[str, str]:
    """By mailbox: the commands that mend a login which was refused, where an alert names some."""
    if store is None or all(mailbox["state"] != "lost" for mailbox in mailboxes):
        return {}
    from levelhead.lifecycle import OPEN_ALERTS, AlertState

    rows = store.alerts(states=(*OPEN_ALERTS, AlertState.ACKNOWLEDGED), client="")
    told = ((*row.rule.partition(":"), row.body) for row in rows)
    return {
        name: " && ".join(body.rpartition("\n\n")[2].splitlines())
        for rule, _, name, body in told
        if rule == "mailbox-refused"
    }


def _warnings(
    seen: Glance, mailboxes: list[dict[str, Any]], mends: Mapping[str, str], archive: bool, failed: int
) -> list[str]:
    """What somebody should look at, the worst first."""
    warnings = [] if seen.channels else [no_channel()]
    if not seen.mailboxes:
        warnings.append(NO_MAILBOX)
    warnings += [
        f"mailbox {mailbox['name']} is not watched since {_short(mailbox['since'])}: {mailbox['error']}"
        + (f"; to mend it: {mends[mailbox['name']]}" if mailbox["name"] in mends else "")
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
            f"{'Daemon':<12}running since {_short(value['daemon']['since'])}, process {value['daemon']['pid']}"
        )
    for mailbox in value["mailboxes"]:
        folders = ", ".join(mailbox["folders"]) or "no folder read yet"
        lines.append(f"{'Mailbox':<12}{mailbox['name']}: {mailbox['state']}; {folders}; {_passed(mailbox)}")
        lines += [f"{'':<12}{line_of(said)}" for said in (*_waited_for(mailbox), *_covered(mailbox))]
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


def _waited_for(mailbox: Mapping[str, Any]) -> Iterator[str]:
    from levelhead.config.sizes import size_text

    pause, budget = mailbox["pause"], mailbox["budget"]
    if pause:
        what = (
            "the server asks for patience and is left alone"
            if pause["kind"] == "busy"
            else "it is not tried again"
        )
        yield f"{what} until {_short(pause['until'])}: {pause['why']}"
    if budget and budget["waiting"]:
        spent, limit = size_text(budget["spent"]), size_text(budget["limit"])
        yield (
            f"about {budget['waiting']} messages wait: the byte budget of {budget['day']} is spent ({spent} of "
            f"{limit}, a part is kept for new mail); it goes on at {_short(budget['until'])}"
        )


def _covered(mailbox: Mapping[str, Any]) -> Iterator[str]:
    if mailbox["note"]:
        yield mailbox["note"]
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
