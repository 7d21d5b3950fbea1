"""What is owed, as rows of the SQLite index. A claim is a lease: nobody else takes the job before it runs out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from levelhead import clock
from levelhead.clock import to_text
from levelhead.model import Again, Done, Job, Never, Outcome
from levelhead.store import sqlite_rows as rows
from levelhead.store.sqlite_read import many
from levelhead.store.sqlite_rows import moment

_DUE = (
    "SELECT id FROM ("
    " SELECT * FROM (SELECT id, due_at FROM job WHERE lane = :lane AND due_at <= :now"
    "  AND failed = 0 AND leased_until IS NULL ORDER BY due_at, id LIMIT :limit)"
    " UNION ALL"
    " SELECT id, due_at FROM job WHERE lane = :lane AND leased_until <= :now AND failed = 0 AND due_at <= :now)"
    " ORDER BY due_at, id LIMIT :limit"
)


def add(
    connection: sqlite3.Connection, lane: str, kind: str, key: str, subject: str, due_at: datetime
) -> None:
    """A lease in force is kept: whoever holds it settles the job before it is anybody's turn again."""
    connection.execute(
        "INSERT INTO job (lane, kind, key, subject, due_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " lane = excluded.lane, kind = excluded.kind, subject = excluded.subject, due_at = excluded.due_at,"
        " attempt = 0, failed = 0, why = ''",
        (lane, kind, key, subject, to_text(due_at)),
    )


def drop(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("DELETE FROM job WHERE key = ?", (key,))


def drop_about(connection: sqlite3.Connection, subjects: Iterable[str]) -> None:
    """A leased one too: whoever pays it has nothing to settle afterwards."""
    connection.execute("DELETE FROM job WHERE subject IN (SELECT value FROM json_each(?))", (many(subjects),))


def move(connection: sqlite3.Connection, by: timedelta) -> None:
    """A claimed job stays due as it was: whoever pays it settles it as it was claimed, and its draft or alert knows."""
    for column, which in (("due_at", "leased_until IS NULL"), ("leased_until", "leased_until IS NOT NULL")):
        waiting = connection.execute(f"SELECT {column}, id FROM job WHERE failed = 0 AND {which}").fetchall()
        connection.executemany(
            f"UPDATE job SET {column} = ? WHERE id = ?",
            [(to_text(clock.from_text(moment) + by), number) for moment, number in waiting],
        )


def settle(connection: sqlite3.Connection, job: Job, outcome: Outcome) -> None:
    """Apply the outcome, unless the job was owed anew since it was claimed: then only the lease ends."""
    same, which = "id = ? AND due_at = ? AND attempt = ?", (job.id, to_text(job.due_at), job.attempt)
    match outcome:
        case Done():
            settled = connection.execute(f"DELETE FROM job WHERE {same}", which)
        case Again(at=at, why=why):
            settled = connection.execute(
                f"UPDATE job SET due_at = ?, attempt = attempt + 1, leased_until = NULL, why = ? WHERE {same}",
                (to_text(at), why, *which),
            )
        case Never(why=why):
            settled = connection.execute(
                f"UPDATE job SET failed = 1, leased_until = NULL, why = ? WHERE {same}", (why, *which)
            )
    if settled.rowcount == 0:
        connection.execute("UPDATE job SET leased_until = NULL WHERE id = ?", (job.id,))


def any_due(connection: sqlite3.Connection, lane: str, now: datetime) -> bool:
    """Whether a claim would find something; asked first, because it takes no lock."""
    return connection.execute(_DUE, {"lane": lane, "now": to_text(now), "limit": 1}).fetchone() is not None


def claim(
    connection: sqlite3.Connection, lane: str, now: datetime, limit: int, lease_seconds: float
) -> tuple[Job, ...]:
    until = now + timedelta(seconds=lease_seconds)
    due = connection.execute(_DUE, {"lane": lane, "now": to_text(now), "limit": limit}).fetchall()
    ids = [one for (one,) in due]
    marks = ", ".join("?" * len(ids))
    taken = connection.execute(
        f"UPDATE job SET leased_until = ? WHERE id IN ({marks}) RETURNING {rows.JOB}", (to_text(until), *ids)
    ).fetchall()
    return tuple(sorted((rows.job(row) for row in taken), key=lambda job: (job.due_at, job.id)))


def next_due(connection: sqlite3.Connection, lane: str) -> datetime | None:
    free, leased = connection.execute(
        "SELECT (SELECT min(due_at) FROM job WHERE lane = :lane AND failed = 0 AND leased_until IS NULL),"
        " (SELECT min(max(due_at, leased_until)) FROM job"
        "  WHERE lane = :lane AND failed = 0 AND leased_until IS NOT NULL)",
        {"lane": lane},
    ).fetchone()
    return moment(min((one for one in (free, leased) if one is not None), default=None))


def failed(connection: sqlite3.Connection) -> tuple[tuple[Job, str], ...]:
    cursor = connection.execute(f"SELECT {rows.JOB}, why FROM job WHERE failed = 1 ORDER BY id")
    return tuple((rows.job(row), row[7]) for row in cursor.fetchall())
