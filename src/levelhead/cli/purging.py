"""The command purge: erases the mail whose time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from levelhead.cli.desk import Desk, command
from levelhead.cli.erasing import YesOption, carry_out, handed_out, messages, out_of_reach, size
from levelhead.cli.output import complain
from levelhead.cli.people import actor
from levelhead.cli.times import told
from levelhead.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime

    from levelhead.evidence.erase import Wish
    from levelhead.policy.retention import Rules
    from levelhead.store.api import MessageRow, Store


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "purge")(purge)


def purge(desk: Desk, yes: YesOption = False) -> int:
    """Erase the mail whose time is over, by `[retention]`. Without --yes it shows what would go."""
    from levelhead.evidence.cases import open_cases
    from levelhead.policy.retention import Rules, needed_by

    settings = desk.settings.retention
    rules = Rules(clients=settings.clients, folders=settings.folders)
    if not rules.any:
        raise UserError(
            "nothing says how long mail is kept: set [retention] clients or folders in the configuration"
        )
    with desk.archive() as archive:
        due = _due(archive.store, rules, desk.clock.now())
        cases = open_cases(archive.store)
        needed = {row.id: needed_by(cases, row.client, row.received_at) for row in due}
        kept = {id: by for id, by in needed.items() if by}
        busy = _busy(archive.store, due) - kept.keys()
        idle = [row for row in due if row.id not in kept and row.id not in busy]
        beyond = handed_out(archive.store, "")
        for name in sorted(rules.clients.keys() - set(archive.store.clients())):
            complain(f"[retention] clients names {name!r}, of whom there is no mail")
    held = sorted({case.name for by in kept.values() for case in by})
    value = {
        "done": yes,
        "messages": len(idle),
        "bytes": sum(row.length for row in idle),
        "clients": [
            {"client": name, "messages": count, "until": told(last)} for name, count, last in _by_client(idle)
        ],
        "kept_by_cases": {"messages": len(kept), "cases": held},
        "in_use": len(busy),
        "beyond": beyond,
    }
    if yes and idle:
        carry_out(desk, _purged(idle))
    desk.out.one(value, "\n".join((*_purge_lines(value, yes=yes), *(out_of_reach(beyond) if idle else ()))))
    return 0


def _due(store: Store, rules: Rules, now: datetime) -> list[MessageRow]:
    from levelhead.store.api import MessageFilter

    found = []
    for row in store.messages(MessageFilter()):
        folders = {sighting.place.folder for sighting in store.sightings(row.id)} if rules.folders else set()
        if rules.due(row.client, folders, row.received_at, now):
            found.append(row)
    return found


def _busy(store: Store, due: Sequence[MessageRow]) -> set[str]:
    """Of these messages the ones that a held draft or an open alert is about."""
    from levelhead.lifecycle import LIVE_DRAFTS, OPEN_ALERTS

    about = {draft.message for draft in store.drafts(states=LIVE_DRAFTS)}
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
    kept = value["kept_by_cases"]
    if kept["messages"]:
        lines.append(
            f"Kept all the same: {messages(kept['messages'])}, by the case {', '.join(kept['cases'])}."
        )
    if value["in_use"]:
        lines.append(f"Kept until nothing is open about them: {messages(value['in_use'])}.")
    if value["messages"] and not yes:
        lines.append("Nothing was erased; say --yes to do it. It cannot be taken back.")
    return lines
