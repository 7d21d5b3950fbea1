"""Cases that need a client's record, read back from the ledger: while one is open, nothing that it needs is erased."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from levelhead.errors import UserError
from levelhead.facts import CaseEnded, CaseHeld, MessageArchived, MessageRelabelled
from levelhead.policy.retention import Case
from levelhead.store.api import MessageRow, Store


def open_cases(store: Store) -> tuple[Case, ...]:
    """The cases that have not ended, the oldest first."""
    ended = {
        entry.seq: fact.case
        for entry, fact in store.facts_about(kind=CaseEnded.name)
        if isinstance(fact, CaseEnded)
    }
    found = []
    for entry, fact in store.facts_about(kind=CaseHeld.name):
        if not isinstance(fact, CaseHeld):
            continue
        if any(seq > entry.seq and case == fact.case for seq, case in ended.items()):
            continue
        found.append(
            Case(
                name=fact.case,
                client=fact.client,
                since=fact.since,
                until=fact.until,
                why=fact.why,
                held_at=fact.held_at,
            )
        )
    return tuple(reversed(found))


def hold(
    store: Store,
    name: str,
    client: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    why: str,
    actor: str,
    now: datetime,
) -> Case:
    """Keep what a case needs from being purged or erased. UserError when a case of that name is open already."""
    if since is not None and until is not None and since >= until:
        raise UserError("--since is not before --until, so that no time is left between them")
    with store.transaction(now) as tx:
        for case in open_cases(store):
            if case.name == name:
                raise UserError(
                    f"the case {name!r} is open since {case.held_at:%Y-%m-%d} and holds {case.client};"
                    " give this one another name, or end that one"
                )
        fact = CaseHeld(
            case=name, client=client, since=since, until=until, why=why, actor=actor, held_at=tx.now
        )
        tx.record(fact)
    return Case(name=name, client=client, since=since, until=until, why=why, held_at=fact.held_at)


def end(store: Store, name: str, *, why: str, actor: str, now: datetime) -> Case:
    """End a case. UserError when none of that name is open."""
    with store.transaction(now) as tx:
        case = case_named(store, name)
        tx.record(CaseEnded(case=name, why=why, actor=actor))
    return case


def case_named(store: Store, name: str) -> Case:
    """The open case of that name. UserError, with the names there are, when none of it is open."""
    cases = open_cases(store)
    case = next((case for case in cases if case.name == name), None)
    if case is None:
        known = ", ".join(repr(case.name) for case in cases) or "none"
        raise UserError(f"no case {name!r} is open; open cases: {known}")
    return case


def needed_of(
    store: Store, cases: Collection[Case], rows: Iterable[MessageRow]
) -> Mapping[str, tuple[Case, ...]]:
    """For each of these messages that a case needs, which ones do.

    A message counts for every client that it was ever filed under: a case outlives that its client is renamed.
    """
    wanted = list(rows)
    if not cases or not wanted:
        return {}
    ever: dict[str, set[str]] = {row.id: {row.client} for row in wanted}
    for kind in (MessageArchived, MessageRelabelled):
        for _, fact in store.facts_about(kind=kind.name):
            if isinstance(fact, MessageArchived | MessageRelabelled) and fact.id in ever:
                ever[fact.id].add(fact.client)
    found = {}
    for row in wanted:
        if by := tuple(
            case for case in cases if any(case.needs(name, row.received_at) for name in ever[row.id])
        ):
            found[row.id] = by
    return found


def told(cases: Iterable[Case]) -> str:
    """Why something is not erased: each case with its name, its date and what was said when it was held."""
    return "; ".join(
        f"{case.client} is held by the case {case.name!r} since {case.held_at:%Y-%m-%d} ({case.why})"
        for case in cases
    )
