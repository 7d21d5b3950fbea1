"""The tables of the SQLite index, the number of their form, and the steps from an older form to this one.

Times are RFC 3339 texts of one width, so that they sort as they stand. Scores are millionths. Lists are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping

OPENING_LENGTH = 10_000
"""Characters of a message's text that are kept for snippets; of a hundred mails one or two are longer."""

SCHEMA = 7
"""The form that this program writes, kept in `meta` under `schema`."""

CLIENT_LABEL = """CREATE TABLE client_label (client TEXT NOT NULL, label TEXT NOT NULL, judged INTEGER NOT NULL,
        PRIMARY KEY (client, label)) STRICT, WITHOUT ROWID"""
"""Of how many judged messages of a client each label was; only what is not 0."""

TOMBSTONE = "CREATE TABLE tombstone (mac TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
"""What erased messages are known again by (`store.tombstones`)."""

ERASURE = """CREATE TABLE erasure (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL,
        last_seq INTEGER NOT NULL DEFAULT 0) STRICT"""
"""One row, once anything was to be erased: the tombstones' key, and the highest number that a message had by then."""

ORIGIN = """CREATE TABLE origin (message INTEGER NOT NULL REFERENCES message (seq), source TEXT NOT NULL,
        internal_date TEXT, flags TEXT NOT NULL, brought_at TEXT NOT NULL,
        PRIMARY KEY (message, source)) STRICT, WITHOUT ROWID"""
"""The files that `add` found a message in."""

OPENING = (
    "CREATE TABLE opening (message INTEGER PRIMARY KEY REFERENCES message (seq), text TEXT NOT NULL) STRICT"
)
"""How a message's newly written text begins, for snippets. Messages from before form 6 have none until the index is
made again."""

SIGHTING_SERVER_ID = (
    "CREATE INDEX sighting_server_id ON sighting (mailbox, server_id, message) WHERE server_id IS NOT NULL"
)

MIGRATIONS: Mapping[int, tuple[str, ...]] = {
    1: (
        CLIENT_LABEL,
        "INSERT INTO client_label (client, label, judged) SELECT m.client, label.value, count(DISTINCT m.seq)"
        " FROM message m, json_each(m.labels) AS label WHERE m.direction = 'in' AND m.millionths IS NOT NULL"
        " GROUP BY m.client, label.value",
    ),
    2: (
        "ALTER TABLE message ADD COLUMN in_sent INTEGER",
        "ALTER TABLE message ADD COLUMN attachments INTEGER",
    ),
    3: (TOMBSTONE, ERASURE),
    4: (ORIGIN,),
    5: (OPENING,),
    6: (
        "ALTER TABLE sighting ADD COLUMN server_id TEXT",
        "ALTER TABLE sighting ADD COLUMN labels TEXT",
        "ALTER TABLE sighting ADD COLUMN by_id INTEGER",
        SIGHTING_SERVER_ID,
    ),
}
"""From form N (the key) to form N + 1: statements, run in one transaction after a backup."""

# `attachments`: how many; NULL for mail from before form 3, until the index is made again.
# `server_id`, `labels`, `by_id`: NULL where the server has none of Gmail's extensions (`MessageSighted.gmail`).
# `in_sent`: NULL until a mailbox showed the message, 1 once a folder for sent mail did, else 0.
TABLES: tuple[str, ...] = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # --- the ledger: what is hashed, and apart from it what can be erased
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, leaf BLOB NOT NULL) STRICT",
    "CREATE INDEX entry_type ON entry (type)",
    "CREATE TABLE payload (seq INTEGER PRIMARY KEY, salt BLOB, payload BLOB) STRICT",
    "CREATE TABLE frontier (id INTEGER PRIMARY KEY CHECK (id = 1), state BLOB NOT NULL) STRICT",
    # --- messages
    """CREATE TABLE message (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
        volume INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, size INTEGER NOT NULL,
        client TEXT NOT NULL, direction TEXT NOT NULL, thread TEXT NOT NULL,
        sender_address TEXT, sender_name TEXT, recipients TEXT NOT NULL, copies TEXT NOT NULL,
        subject TEXT NOT NULL, date TEXT, received_at TEXT NOT NULL, language TEXT NOT NULL,
        message_id TEXT NOT NULL, mentions TEXT NOT NULL, body_digest TEXT NOT NULL, automatic TEXT NOT NULL,
        history INTEGER NOT NULL, same_as TEXT NOT NULL, source TEXT NOT NULL, defects TEXT NOT NULL,
        level TEXT, millionths INTEGER, labels TEXT NOT NULL DEFAULT '[]',
        in_sent INTEGER, attachments INTEGER) STRICT""",
    "CREATE INDEX message_client ON message (client, received_at)",
    "CREATE INDEX message_thread ON message (thread)",
    "CREATE INDEX message_copy ON message (message_id, body_digest) WHERE message_id <> ''",
    "CREATE INDEX message_unjudged ON message (seq) WHERE level IS NULL",
    """CREATE TABLE client (name TEXT PRIMARY KEY, messages INTEGER NOT NULL DEFAULT 0,
        judged INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, squares INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID""",
    CLIENT_LABEL,
    "CREATE TABLE verdict (message INTEGER PRIMARY KEY REFERENCES message (seq), fact BLOB NOT NULL) STRICT",
    """CREATE TABLE mark (message INTEGER PRIMARY KEY REFERENCES message (seq), level TEXT NOT NULL, why TEXT NOT NULL,
        actor TEXT NOT NULL, marked_at TEXT NOT NULL) STRICT""",
    "CREATE TABLE correspondent (address TEXT PRIMARY KEY, message TEXT NOT NULL, found_at TEXT NOT NULL) STRICT",
    # `canonical` is the thread that this one was joined to, or itself; never a thread that was joined further.
    """CREATE TABLE thread (key TEXT PRIMARY KEY, client TEXT NOT NULL, canonical TEXT NOT NULL,
        first_seq INTEGER NOT NULL) STRICT""",
    "CREATE INDEX thread_canonical ON thread (canonical)",
    """CREATE TABLE mention (client TEXT NOT NULL, message_id TEXT NOT NULL, thread TEXT NOT NULL,
        PRIMARY KEY (client, message_id, thread)) STRICT, WITHOUT ROWID""",
    # Contentless without `contentless_delete`, which SQLite before 3.43 could not open; a text that is known can be
    # taken out by FTS5's 'delete' command all the same.
    """CREATE VIRTUAL TABLE message_text USING fts5 (subject, people, body, content='',
        tokenize="unicode61 remove_diacritics 2")""",
    OPENING,
    # --- where messages are seen
    """CREATE TABLE folder (mailbox TEXT NOT NULL, folder TEXT NOT NULL, uidvalidity INTEGER NOT NULL,
        first_uidnext INTEGER NOT NULL, last_uid INTEGER NOT NULL DEFAULT 0,
        highestmodseq INTEGER NOT NULL DEFAULT 0, last_pass TEXT, PRIMARY KEY (mailbox, folder)) STRICT""",
    """CREATE TABLE sighting (mailbox TEXT NOT NULL, folder TEXT NOT NULL, uidvalidity INTEGER NOT NULL,
        uid INTEGER NOT NULL, message INTEGER NOT NULL REFERENCES message (seq), internal_date TEXT,
        flags TEXT NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, vanished_at TEXT,
        server_id TEXT, labels TEXT, by_id INTEGER,
        PRIMARY KEY (mailbox, folder, uidvalidity, uid)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX sighting_message ON sighting (message)",
    SIGHTING_SERVER_ID,
    ORIGIN,
    """CREATE TABLE exclusion (mailbox TEXT NOT NULL, folder TEXT NOT NULL, uidvalidity INTEGER NOT NULL,
        uid INTEGER NOT NULL, internal_date TEXT, reason TEXT NOT NULL, addresses TEXT NOT NULL,
        seen_at TEXT NOT NULL, vanished_at TEXT,
        PRIMARY KEY (mailbox, folder, uidvalidity, uid)) STRICT, WITHOUT ROWID""",
    # --- what was erased
    TOMBSTONE,
    ERASURE,
    # --- drafts and alerts
    """CREATE TABLE draft (key TEXT PRIMARY KEY, state TEXT NOT NULL, message TEXT NOT NULL, client TEXT NOT NULL,
        thread TEXT NOT NULL, mailbox TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, level TEXT NOT NULL,
        why TEXT NOT NULL, plugin TEXT NOT NULL, created_at TEXT NOT NULL, release_at TEXT NOT NULL,
        folder TEXT NOT NULL DEFAULT '', uidvalidity INTEGER NOT NULL DEFAULT 0, uid INTEGER NOT NULL DEFAULT 0,
        uidnext_before INTEGER NOT NULL DEFAULT 0, message_id TEXT NOT NULL DEFAULT '',
        digest TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX draft_state ON draft (state)",
    "CREATE INDEX draft_thread ON draft (thread)",
    """CREATE TABLE alert (key TEXT PRIMARY KEY, state TEXT NOT NULL, rule TEXT NOT NULL, client TEXT NOT NULL,
        thread TEXT NOT NULL, message TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
        raised_at TEXT NOT NULL, rung INTEGER NOT NULL DEFAULT 0, next_rung_at TEXT,
        count INTEGER NOT NULL DEFAULT 1) STRICT""",
    "CREATE INDEX alert_state ON alert (state)",
    "CREATE INDEX alert_thread ON alert (thread)",
    """CREATE TABLE notice (id INTEGER PRIMARY KEY, alert TEXT NOT NULL REFERENCES alert (key), rung INTEGER NOT NULL,
        channel TEXT NOT NULL, detail TEXT NOT NULL, notified_at TEXT NOT NULL) STRICT""",
    "CREATE INDEX notice_alert ON notice (alert)",
    # --- the daemon
    """CREATE TABLE mailbox (name TEXT PRIMARY KEY, state TEXT NOT NULL, kind TEXT NOT NULL DEFAULT '',
        why TEXT NOT NULL DEFAULT '', since TEXT) STRICT""",
    "CREATE TABLE plugin (name TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '') STRICT",
    # --- what is owed
    """CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, kind TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, due_at TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
        leased_until TEXT, failed INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX job_free ON job (lane, due_at) WHERE failed = 0 AND leased_until IS NULL",
    "CREATE INDEX job_leased ON job (lane, leased_until) WHERE leased_until IS NOT NULL",
    "CREATE INDEX job_failed ON job (id) WHERE failed = 1",
)
