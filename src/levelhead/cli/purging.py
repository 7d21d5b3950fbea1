"""The command purge: erases the mail whose time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from levelhead.cli.cases import case_view
from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.erasing import (
    YesOption,
    carry_out,
    handed_out,
    holding_nobody,
    messages,
    out_of_reach,
    size,
)
from levelhead.cli.output import complain
from levelhead.cli.people import actor
from levelhead.cli.times import told
from levelhead.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime

    from levelhead.daemon.parts import Archive
    from levelhead.evidence.erase import Wish
    from levelhead.policy.retention import Case, Rules
    from levelhead.store.api import MessageRow, Sighting, Store


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "purge")(purge)


def purge(desk: Desk, yes: YesOption = False) -> int:
    """Erase the mail whose time is over, by `[retention]`. Without --yes it shows what would go."""
    from levelhead.evidence.cases import needed_of, open_cases
    from levelhead.evidence.erase import Held

    with desk.archive() as archive:
        rules = _rules(desk, archive)
        due = _due(archive.store, rules, desk.clock.now())
        kept = needed_of(archive.store, open_cases(archive.store), due)
        holding_nobody(archive)
        busy = _busy(archive.store, due) - kept.keys()
        idle = [row for row in due if row.id not in kept and row.id not in busy]
        beyond = handed_out(archive.store, "")
    cases = list({case.name: case for by in kept.values() for case in by}.values())
    value = {
        "done": yes,
        "messages": len(idle),
        "bytes": sum(row.length for row in idle),
        "clients": [
            {"client": name, "messages": count, "until": told(last)} for name, count, last in _by_client(idle)
        ],
        "kept_by_cases": {"messages": len(kept), "cases": [case_view(case) for case in cases]},
        "in_use": len(busy),
        "beyond": beyond,
    }
    if yes and cases:
        _record_kept(desk, cases, len(kept))
    if yes and idle:
        try:
            carry_out(desk, _purged(idle))
        except Held as exc:  # a case was opened right now
            if not desk.as_json:
                raise
            desk.out.one({"done": False, "refused_by": [case_view(case) for case in exc.cases]}, "")
            return exc.exit_status
    lines = [*_purge_lines(value, yes=yes), *_kept_lines(len(kept), cases, len(busy))]
    if idle and not yes:
        lines.append("Nothing was erased; say --yes to do it. It cannot be taken back.")
    desk.out.one(value, "\n".join((*lines, *(out_of_reach(beyond) if idle else ()))))
    return 0


def _rules(desk: Desk, archive: Archive) -> Rules:
    """The operator's rules, by the names that clients have; complains of names that nobody has."""
    from levelhead.policy.retention import Rules

    settings = desk.settings.retention
    if not (settings.clients or settings.folders):
        raise UserError(
            "nothing says how long mail is kept: set [retention] clients or folders in the configuration"
        )
    listed = (client.name for client in archive.directory.clients())
    known = {name.casefold(): name for name in (*listed, *archive.store.clients())}
    for name in settings.clients:
        if name.casefold() not in known:
            complain(f"[retention] clients names {name!r}, and no client is called that")
    folders = {row.folder for row in archive.store.folders()}
    for name in settings.folders:
        if name not in folders:
            complain(f"[retention] folders names {name!r}, and no mailbox has shown a folder of that name")
    clients = {known.get(name.casefold(), name): length for name, length in settings.clients.items()}
    return Rules(clients=clients, folders=settings.folders)


def _record_kept(desk: Desk, cases: Sequence[Case], count: int) -> None:
    """Write down that messages whose time is over are kept, and why."""
    from levelhead.evidence.cases import told as why_not
    from levelhead.facts import ErasureRefused

    clients = {case.client for case in cases}
    fact = ErasureRefused(
        client=clients.pop() if len(clients) == 1 else "",
        cases=tuple(case.name for case in cases),
        why=f"{messages(count)} whose time is over {'is' if count == 1 else 'are'} kept: {why_not(cases)}",
        actor=actor(),
    )
    with desk.archive(read_only=False) as archive:
        with archive.store.transaction(desk.clock.now()) as tx:
            tx.record(fact)
        mirrored(archive, desk.clock.now())


def _due(store: Store, rules: Rules, now: datetime) -> list[MessageRow]:
    from levelhead.store.api import MessageFilter

    found = []
    for row in store.messages(MessageFilter()):
        folders = _folders(store.sightings(row.id)) if rules.folders else set()
        if rules.due(row.client, folders, row.received_at, now):
            found.append(row)
    return found


def _folders(sightings: Sequence[Sighting]) -> set[str]:
    """The folders in which a message stands, or when it is gone from all, those in which it stood last."""
    standing = {one.place.folder for one in sightings if one.vanished_at is None}
    last = max((one.vanished_at for one in sightings if one.vanished_at is not None), default=None)
    return standing or {one.place.folder for one in sightings if one.vanished_at == last}


def _busy(store: Store, due: Sequence[MessageRow]) -> set[str]:
    """Of these messages the ones that a held draft or an open alert is about."""
    from levelhead.lifecycle import OPEN_ALERTS, DraftState

    waiting = (DraftState.HELD, DraftState.PLACING, DraftState.REMOVING)
    about = {draft.message for draft in store.drafts(states=waiting)}
    about |= {alert.message for alert in store.alerts(states=OPEN_ALERTS)}
    return about & {row.id for row in due}


def _by_client(rows: Sequence[MessageRow]) -> list[tuple[str, int, datetime]]:
    names = sorted({row.client for row in rows})
    of = {name: [row.received_at for row in rows if row.client == name] for name in names}
    return [(name, len(times), max(times)) for name, times in of.items()]


def _purged(rows: Sequence[MessageRow]) -> Wish:
    from levelhead.evidence.erase import Wish

    clients = {row.client for row in rows}
    client = clients.pop() if len(clients) == 1 else ""
    return Wish(
        rows=tuple(rows), client=client, whole=False, why="their time is over: [retention]", actor=actor()
    )


def _purge_lines(value: Mapping[str, Any], *, yes: bool) -> list[str]:
    did = "Erased" if yes else "Would erase"
    lines = [
        f"{did} {messages(value['messages'])} whose time is over, {size(value['bytes'])} in the volumes."
    ]
    lines += [
        f"  {one['client'] or '(nobody)'}: {messages(one['messages'])} up to {one['until'][:10]}"
        for one in value["clients"]
    ]
    return lines


def _kept_lines(kept: int, cases: Sequence[Case], in_use: int) -> list[str]:
    from levelhead.evidence.cases import told as why_not

    lines = [f"Kept all the same: {messages(kept)}. {why_not(cases)}."] if kept else []
    if in_use:
        lines.append(f"Kept until nothing is open about them: {messages(in_use)}.")
    return lines
