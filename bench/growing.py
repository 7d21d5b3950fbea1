"""Records messages into one archive and says what each costs as it grows; run as `python -m bench.growing CONFIG PLAN`.

PLAN is JSON: `sizes`, `step`, `synthetic`. There is no server: messages come from the corpus and go through the
recorder that the daemon uses, in batches as large as the daemon's. Each line of the answer is JSON: `messages`, and for
the `step` messages before that size the processor seconds `recorded` and `judged`, of this process and its workers.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import corpus
from bench.measure import cpu_of
from bench.meter import tree
from levelhead.archive.record import Recorder
from levelhead.clock import SystemClock
from levelhead.config.load import load
from levelhead.config.settings import Settings
from levelhead.daemon.history import judge_history
from levelhead.daemon.parts import Archive, open_archive, recorder_of
from levelhead.facts import FolderOpened
from levelhead.log import configure
from levelhead.model import Arrival, Place
from levelhead.raw import raw
from levelhead.store.api import Cursor

MAILBOX, FOLDER, UIDVALIDITY = "studio", "INBOX", 7
AT_ONCE = 100
"""Messages in a batch."""
WORDS = 40
"""Words of the text of a synthetic message."""


def cpu() -> float:
    """Processor seconds of this process and all that it has started."""
    return cpu_of(tree(os.getpid()))


class Growing:
    """An archive that grows."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.archive: Archive = open_archive(settings, read_only=False)
        self.recorder: Recorder = recorder_of(settings, self.archive, self.clock)
        self.recorder.adopt()
        self.made = 0
        """Messages taken from the corpus so far."""
        self.uid = 0
        with self.archive.store.transaction(self.clock.now()) as tx:
            tx.record(
                FolderOpened(
                    mailbox=MAILBOX,
                    folder=FOLDER,
                    uidvalidity=UIDVALIDITY,
                    uidnext=1 << 30,
                    opened_at=self.clock.now(),
                )
            )

    def record(self, count: int) -> float:
        """Take in so many new messages; the processor seconds of recording alone."""
        taken = 0.0
        end = self.made + count
        while self.made < end:
            arrivals = tuple(self._arrivals(min(AT_ONCE, end - self.made)))
            before = cpu()
            self.recorder.record(arrivals, Cursor(mailbox=MAILBOX, folder=FOLDER, last_uid=self.uid))
            taken += cpu() - before
        return taken

    def _arrivals(self, count: int) -> Iterator[Arrival]:
        for _ in range(count):
            data = corpus.mail(self.made)
            self.made += 1
            self.uid += 1
            place = Place(mailbox=MAILBOX, folder=FOLDER, uidvalidity=UIDVALIDITY, uid=self.uid)
            yield Arrival(raw=raw(data), place=place, history=True, internal_date=self.clock.now())

    def judge(self) -> float:
        """Judge what is owed; the processor seconds, loading the plugins among them."""
        before = cpu()
        judge_history(self.settings, self.archive, self.clock)
        return cpu() - before

    def measured(self, step: int) -> dict[str, float]:
        """What the next `step` messages cost."""
        # What came in between is judged by nobody; loading the plugins is told apart by a message of its own.
        self._forget()
        self.record(1)
        loading = self.judge()
        recorded = self.record(step)
        return {"recorded": recorded, "judged": self.judge() - loading}

    def _index(self) -> sqlite3.Connection:
        return sqlite3.connect(self.settings.archive.path / "index.sqlite")

    def _forget(self) -> None:
        index = self._index()
        with index:
            index.execute("DELETE FROM job")
        index.close()

    def crowd(self, count: int) -> None:
        """Put rows for so many more messages into the index: all that a message has there but ledger and verdict.

        They are copies of the rows that are there, under ids, Message-IDs and threads of their own.
        """
        index = self._index()
        index.execute("PRAGMA foreign_keys = OFF")
        # Rows that come in any order of their ids would go through a small cache many times over.
        index.execute("PRAGMA cache_size = -1000000")
        (last,) = index.execute("SELECT max(seq) FROM message").fetchone()
        columns = [row[1] for row in index.execute("PRAGMA table_info(message)")]
        own = {"seq": "n.seq", "id": "n.id", "message_id": "n.id", "thread": "n.id", "level": "'calm'"}
        with index:
            index.execute("CREATE TEMP TABLE n (seq INTEGER PRIMARY KEY, id TEXT, like_seq INTEGER)")
            index.execute(
                "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?)"
                " INSERT INTO n SELECT ? + i, lower(hex(randomblob(32))), 1 + i % ? FROM s",
                (count, last, last),
            )
            chosen = ", ".join(own.get(name, f"m.{name}") for name in columns)
            index.execute(
                f"INSERT INTO message ({', '.join(columns)}) SELECT {chosen}"
                " FROM n JOIN message m ON m.seq = n.like_seq ORDER BY n.seq"
            )
            index.execute(
                "INSERT INTO thread (key, client, canonical, first_seq)"
                " SELECT n.id, m.client, n.id, n.seq FROM n JOIN message m ON m.seq = n.like_seq"
            )
            index.execute(
                "INSERT INTO mention (client, message_id, thread)"
                " SELECT m.client, n.id, n.id FROM n JOIN message m ON m.seq = n.like_seq"
            )
            self._crowd_places(index)
            index.executemany(
                "INSERT INTO message_text (rowid, subject, people, body) VALUES (?, ?, ?, ?)",
                self._texts(last, count),
            )
        # Whoever comes next does not pay for moving them to their place.
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        index.close()

    def _crowd_places(self, index: sqlite3.Connection) -> None:
        columns = [row[1] for row in index.execute("PRAGMA table_info(sighting)")]
        own = {"uid": f"{self.uid} + n.rowid - (SELECT min(seq) FROM n) + 1", "message": "n.seq"}
        chosen = ", ".join(own.get(name, f"p.{name}") for name in columns)
        index.execute(
            f"INSERT INTO sighting ({', '.join(columns)}) SELECT {chosen}"
            " FROM n JOIN sighting p ON p.message = n.like_seq ORDER BY n.seq"
        )
        (self.uid,) = index.execute("SELECT max(uid) FROM sighting").fetchone()

    def _texts(self, last: int, count: int) -> Iterator[tuple[int, str, str, str]]:
        words = " ".join(corpus.sentences()).split()
        chance = random.Random(5)
        for number in range(1, count + 1):
            start = chance.randrange(len(words) - WORDS)
            text = " ".join(words[start : start + WORDS])
            yield last + number, text[:40], chance.choice(corpus.CLIENTS), text


def main() -> None:
    config, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
    configure("warning", "console")
    growing = Growing(load(config))
    step = plan["step"]
    # Nobody's first messages are measured: a detector that meets every word for the first time is slower.
    growing.record(step)
    growing.judge()
    for size in plan["sizes"]:
        growing.record(size - step - 1 - growing.made)
        print(json.dumps({"messages": size, **growing.measured(step)}), flush=True)
    if plan["synthetic"]:
        growing.crowd(plan["synthetic"])
        size = plan["sizes"][-1] + plan["synthetic"]
        print(json.dumps({"messages": size, "synthetic": True, **growing.measured(step)}), flush=True)
    growing.archive.close()


if __name__ == "__main__":
    main()
