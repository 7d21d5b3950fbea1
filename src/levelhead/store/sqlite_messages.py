"""What facts about archived messages change: the message's row, its thread, the words to search, its client's sums."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from levelhead import facts
from levelhead.clock import to_text
from levelhead.errors import ProgrammerError, UserError
from levelhead.lifecycle import WrongState
from levelhead.model import Address, Direction, Level, Parsed
from levelhead.store.api_rows import MORE
from levelhead.store.sqlite_read import SEQ, canonical, message
from levelhead.store.sqlite_rows import from_list, maybe_text, to_addresses, to_list
from levelhead.store.sqlite_schema import OPENING_LENGTH

MOST_MENTIONS = 200
"""Message-IDs of one message that threads are found by; a hostile one lists a hundred thousand."""

Words = tuple[int, str, str, str]
"""Of a message: its number, subject, people, and newly written text."""
"""A message's number, and the words of its subject, people and new text."""

_INSERT = (
    "INSERT INTO message (seq, id, volume, offset, length, size, client, direction, thread, sender_address,"
    " sender_name, recipients, copies, subject, date, received_at, language, message_id, mentions, body_digest,"
    " automatic, history, same_as, source, defects, attachments)"
    f" VALUES ({', '.join('?' * 26)})"
)


def archived(connection: sqlite3.Connection, fact: facts.MessageArchived, parsed: Parsed) -> None:
    """Take a message in: its row, its thread and those joined to it, its client's count; `index_words` comes last."""
    mentions = _mentions(parsed)
    thread = _join(connection, fact, mentions)
    sender = parsed.sender
    try:
        connection.execute(
            _INSERT,
            (
                fact.seq,
                fact.id,
                fact.volume,
                fact.offset,
                fact.length,
                fact.size,
                fact.client,
                fact.direction,
                thread,
                None if sender is None else _clean(sender.address),
                None if sender is None else _clean(sender.name),
                _clean(to_addresses(parsed.to)),
                _clean(to_addresses(parsed.cc)),
                _clean(parsed.subject),
                maybe_text(parsed.date),
                to_text(fact.received_at),
                _clean(parsed.language),
                _clean(parsed.message_id),
                to_list(mentions),
                parsed.body_digest,
                _clean(parsed.automatic),
                fact.history,
                fact.same_as,
                fact.source,
                _clean(to_list((*parsed.defects, *fact.doubts))),
                len(parsed.attachments),
            ),
        )
    except sqlite3.IntegrityError as exc:
        raise ProgrammerError(f"message {fact.id} or number {fact.seq} is archived already") from exc
    _count(connection, fact.client, 1)


def words_of(seq: int, parsed: Parsed) -> Words:
    """The words by which a message is found."""
    people: list[Address] = [*([parsed.sender] if parsed.sender else ()), *parsed.to, *parsed.cc, *parsed.bcc]
    return (
        seq,
        _clean(parsed.subject),
        _clean("\n".join(f"{one.name} {one.address}" for one in people)),
        _clean(parsed.new_text),
    )


def index_words(connection: sqlite3.Connection, found: list[Words]) -> None:
    """Make messages searchable. In one go: SQLite writes its word lists out at the next statement of another kind."""
    connection.executemany(
        "INSERT INTO opening (message, text) VALUES (?, ?)", [(one[0], _opening(one[3])) for one in found]
    )
    connection.executemany(
        "INSERT INTO message_text (rowid, subject, people, body) VALUES (?, ?, ?, ?)", found
    )


def _opening(text: str) -> str:
    # Cut first, with room for wide spaces, so that a text of megabytes is not taken apart to its end.
    some = " ".join(text[: 2 * OPENING_LENGTH].split())
    cut = len(text) > 2 * OPENING_LENGTH or len(some) > OPENING_LENGTH
    return some[: OPENING_LENGTH - 1] + MORE if cut else some


def message_judged(connection: sqlite3.Connection, fact: facts.MessageJudged, now: datetime) -> None:
    """A later verdict takes the place of an earlier one, in the client's sums as well."""
    _score(connection, fact.id, -1)
    changed = connection.execute(
        "UPDATE message SET level = ?, millionths = ?, labels = ? WHERE id = ?",
        (Level(fact.level).value, fact.millionths, to_list(fact.labels), fact.id),
    )
    if changed.rowcount != 1:
        raise ProgrammerError(f"message {fact.id} is judged and was never archived")
    _score(connection, fact.id, 1)
    connection.execute(
        f"INSERT INTO verdict (message, fact) VALUES ({SEQ}, ?) ON CONFLICT DO UPDATE SET fact = excluded.fact",
        (fact.id, fact.payload()),
    )


def message_marked(connection: sqlite3.Connection, fact: facts.MessageMarked, now: datetime) -> None:
    connection.execute(
        f"INSERT INTO mark (message, level, why, actor, marked_at) VALUES ({SEQ}, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " level = excluded.level, why = excluded.why, actor = excluded.actor, marked_at = excluded.marked_at",
        (fact.id, Level(fact.level).value, fact.why, fact.actor, to_text(now)),
    )


def mark_undone(connection: sqlite3.Connection, fact: facts.MarkUndone, now: datetime) -> None:
    if connection.execute(f"DELETE FROM mark WHERE message = {SEQ}", (fact.id,)).rowcount == 0:
        raise WrongState(f"message {fact.id[:12]} bears no mark that could be undone")


def relabelled(connection: sqlite3.Connection, fact: facts.MessageRelabelled, now: datetime) -> None:
    """Move a message to another client, direction or thread. Its old thread keeps the Message-IDs that it brought."""
    try:
        row = message(connection, fact.id)
    except UserError as exc:
        raise ProgrammerError(f"message {fact.id} is relabelled and was never archived") from exc
    _score(connection, fact.id, -1)
    _count(connection, row.client, -1)
    mentions = connection.execute("SELECT mentions FROM message WHERE id = ?", (fact.id,)).fetchone()[0]
    thread = _enter(connection, fact.thread, fact.client, row.seq, from_list(mentions))
    connection.execute(
        "UPDATE message SET client = ?, direction = ?, thread = ? WHERE id = ?",
        (fact.client, Direction(fact.direction).value, thread, fact.id),
    )
    # What was drafted and raised about it goes with it, or no answer would ever reach them.
    for table in ("draft", "alert"):
        connection.execute(
            f"UPDATE {table} SET client = ?, thread = ? WHERE message = ?", (fact.client, thread, fact.id)
        )
    _count(connection, fact.client, 1)
    _score(connection, fact.id, 1)


# --- threads -----------------------------------------------------------------------------------


def _join(connection: sqlite3.Connection, fact: facts.MessageArchived, mentions: tuple[str, ...]) -> str:
    """Enter the message's thread and make those that it joins aliases of it; returns the canonical key."""
    thread = _enter(connection, fact.thread, fact.client, fact.seq, mentions)
    for other in fact.thread_joins:
        old = canonical(connection, other)
        if old == thread:
            continue
        _enter(connection, old, fact.client, fact.seq, ())
        connection.execute("UPDATE thread SET canonical = ? WHERE canonical = ?", (thread, old))
        connection.execute(
            "UPDATE thread SET first_seq = (SELECT min(first_seq) FROM thread WHERE canonical = ?) WHERE key = ?",
            (thread, thread),
        )
        for table in ("message", "draft", "alert"):
            connection.execute(f"UPDATE {table} SET thread = ? WHERE thread = ?", (thread, old))
    return thread


def _enter(
    connection: sqlite3.Connection, thread: str, client: str, seq: int, mentions: tuple[str, ...]
) -> str:
    """Know a thread and the Message-IDs that lead to it; returns the key under which it goes today."""
    if not thread:
        return thread
    connection.execute(
        "INSERT INTO thread (key, client, canonical, first_seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (thread, client, thread, seq),
    )
    home = canonical(connection, thread)
    connection.executemany(
        "INSERT INTO mention (client, message_id, thread) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(client, one, home) for one in mentions],
    )
    return home


def _mentions(parsed: Parsed) -> tuple[str, ...]:
    """The message's own id, then what it answers, then its references from the nearest; each once, bounded."""
    wanted = [parsed.message_id, *parsed.in_reply_to, *parsed.references[:1], *reversed(parsed.references)]
    return tuple(dict.fromkeys(_clean(one) for one in wanted if one))[:MOST_MENTIONS]


# --- a client's sums ---------------------------------------------------------------------------


def _count(connection: sqlite3.Connection, client: str, by: int) -> None:
    connection.execute(
        "INSERT INTO client (name, messages) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET messages = messages + excluded.messages",
        (client, by),
    )


_COUNTS = "m.id = :id AND m.direction = 'in' AND m.millionths IS NOT NULL"
"""Whether that message is part of its client's sums: it has a score, and the client wrote it."""


def _score(connection: sqlite3.Connection, message: str, sign: int) -> None:
    """Add (1) or take away (-1) a message's score and labels, if they are part of its client's sums."""
    values = {"sign": sign, "id": message}
    connection.execute(
        "UPDATE client SET judged = judged + :sign, total = total + :sign * m.millionths,"
        " squares = squares + :sign * m.millionths * m.millionths"
        f" FROM message m WHERE {_COUNTS} AND client.name = m.client",
        values,
    )
    connection.execute(
        "INSERT INTO client_label (client, label, judged) SELECT DISTINCT m.client, label.value, :sign"
        f" FROM message m, json_each(m.labels) AS label WHERE {_COUNTS}"
        " ON CONFLICT DO UPDATE SET judged = judged + excluded.judged",
        values,
    )
    connection.execute(
        f"DELETE FROM client_label WHERE client = (SELECT m.client FROM message m WHERE {_COUNTS}) AND judged = 0",
        {"id": message},
    )


def _clean(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate, which a decoder may leave for a bad byte, becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
