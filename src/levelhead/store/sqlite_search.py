"""Full-text search in the SQLite index: what a person types, made into an FTS5 query, and the best hits.

Words must all be there; `"several words"` stand together; `word*` is a beginning; `-word` must not be there.
"""

from __future__ import annotations

import re
import sqlite3

from levelhead.errors import UserError
from levelhead.store import sqlite_rows as rows
from levelhead.store.api import MessageFilter, MessageRow
from levelhead.store.sqlite_read import where

MOST_TERMS = 64
"""Terms of one query; SQLite's parser gives up somewhere beyond."""

RANKED = 10_000
"""Messages that are compared with each other: it takes about a microsecond each, and a word that more of them hold
tells them hardly apart."""

_TERM = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))(\*?)')


def to_fts(query: str) -> str:
    """The query in FTS5's language; raises UserError when it asks for nothing or a quotation mark is left open."""
    if query.count('"') % 2:
        raise UserError(f"a quotation mark is left open in the search {query!r}; close it, or leave it out")
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, quoted, bare, star in _TERM.findall(query.replace("\0", " ")):
        words = quoted or bare.rstrip("*")
        # Punctuation alone is no word for the tokenizer, and an empty phrase would match nothing.
        if not any(character.isalnum() for character in words):
            continue
        prefix = " *" if star or bare.endswith("*") else ""
        (unwanted if minus else wanted).append(f'"{words}"{prefix}')
    if not wanted:
        raise UserError(
            f"the search {query!r} names no word to look for; give one that the message must hold"
        )
    if len(wanted) + len(unwanted) > MOST_TERMS:
        raise UserError(f"the search has more than {MOST_TERMS} words; give fewer")
    text = " AND ".join(wanted)
    return f"({text}) NOT ({' OR '.join(unwanted)})" if unwanted else text


def search(
    connection: sqlite3.Connection, query: str, wanted: MessageFilter, limit: int
) -> list[tuple[MessageRow, str | None]]:
    """Messages with their openings, best first: a word in the subject counts most, then in people, then in the text.

    Of equals the newest comes first. Of more than `RANKED` messages that fit, the newest `RANKED` are compared and the
    older ones left out.
    """
    match = to_fts(query)
    condition, values = where(connection, wanted)
    joined = narrowed = ""
    if wanted.client is not None or wanted.thread is not None:
        # Found by an index and few: looked up first. The `+` keeps SQLite from asking for the words once for each.
        narrowed = f" AND +message_text.rowid IN (SELECT m.seq FROM message m WHERE {condition})"
    elif wanted != MessageFilter():
        # CROSS JOIN: the words come first.
        joined, narrowed = " CROSS JOIN message m ON m.seq = message_text.rowid", f" AND {condition}"
    # The best are chosen by their numbers alone, and only their rows are read whole.
    cursor = connection.execute(
        f"SELECT {rows.MESSAGE}, o.text FROM (SELECT number, weight FROM (SELECT message_text.rowid AS number,"
        " bm25(message_text, 4.0, 2.0, 1.0) AS weight"
        f" FROM message_text{joined} WHERE message_text MATCH ?{narrowed}"
        " ORDER BY message_text.rowid DESC LIMIT ?)"
        " ORDER BY weight, number DESC LIMIT ?) AS best"
        " JOIN message m ON m.seq = best.number LEFT JOIN opening o ON o.message = m.seq"
        " ORDER BY best.weight, best.number DESC",
        (match, *values, max(RANKED, limit), limit),
    )
    return [(rows.message(row[:-1]), row[-1]) for row in cursor.fetchall()]
