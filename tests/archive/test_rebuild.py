from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levelhead import facts
from levelhead.archive.mirror import Mirror
from levelhead.archive.rebuild import UNREADABLE, Rebuilt, rebuild, restore_jobs
from levelhead.archive.together import one_by_one
from levelhead.errors import StoreDamaged, UserError
from levelhead.lifecycle import WrongState
from levelhead.model import Address, Parsed
from levelhead.raw import Raw, raw
from levelhead.store.api import EVIDENCE, WORK, Entry, MessageFilter, Store, mailbox_lane
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.sqlite_restore import fresh_index
from levelhead.tree import root_of

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


# --- a small archive: messages are `message N`, and what they say follows from N ----------------


def bytes_of(number: int) -> bytes:
    return f"message {number}".encode()


def id_of(number: int) -> str:
    return hashlib.sha256(bytes_of(number)).hexdigest()


def read_raw(fact: facts.MessageArchived) -> Raw:
    return raw(bytes_of(fact.seq))


def parse(raw: Raw) -> Parsed:
    number = int(raw.read().split()[1])
    return Parsed(
        sender=Address(address=f"anna{number % 3}@acme.example", name="Anna"),
        to=(Address(address="me@studio.example"),),
        subject=f"Invoice {number}",
        date=NOON + timedelta(hours=number),
        message_id=f"<{number}@acme.example>",
        references=(f"<{number // 2}@acme.example>",),
        new_text=f"words {number} and {number % 4}",
        body_digest=f"{number % 5}",
        defects=("no date",) if number % 2 else (),
    )


def archived(number: int, client: str = "Acme", thread: str = "t", joins: tuple[str, ...] = ()) -> Any:
    return facts.MessageArchived(
        id=id_of(number),
        seq=number,
        volume=1,
        offset=number * 100,
        length=90,
        size=len(bytes_of(number)),
        client=client,
        direction="in" if number % 4 else "out",
        thread=thread,
        thread_joins=joins,
        received_at=NOON + timedelta(minutes=number),
        history=number % 3 == 0,
        same_as="",
        source="",
    )


def again(entries: Any, target: Path, **changes: Any) -> Rebuilt:
    """Rebuild into `target` from entries."""
    options: dict[str, Any] = {"read_raw": read_raw, "parse_many": one_by_one(parse), "now": NOON} | changes
    with fresh_index(target) as store:
        return rebuild(entries, store=store, **options)


NOT_FACTS = {"job", "meta", "sqlite_sequence"}
NOT_RESTORED = {"highestmodseq", "last_pass"}
"""Columns of a folder that only the server, or a whole pass, can tell again."""


def dump(index: Path) -> dict[str, list[Any]]:
    """All tables of an index that follow from facts, and every word that can be searched for."""
    connection = sqlite3.connect(index)
    connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, message_text, instance)")
    names = [
        name for (name,) in connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    ]
    found: dict[str, list[Any]] = {"words": sorted(connection.execute("SELECT * FROM temp.words").fetchall())}
    for name in names:
        if name not in NOT_FACTS and not name.startswith("message_text"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            chosen = ", ".join(one for one in columns if one not in NOT_RESTORED)
            found[name] = sorted(connection.execute(f"SELECT {chosen} FROM {name}").fetchall(), key=repr)
    connection.close()
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(tmp_path / "index.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "again" / "index.sqlite"


# --- whatever happened, the rebuilt index is the same --------------------------------------------


class Life:
    """Makes facts in any order; what cannot happen is refused by the store and leaves no trace."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.seq = 0
        self.uidvalidity = 0
        self.now = NOON

    def live(self, step: tuple[str, int, int]) -> None:
        act, one, other = step
        self.now += timedelta(minutes=7)
        try:
            with self.store.transaction(self.now) as tx:
                getattr(self, act)(tx, one, other)
        except WrongState:
            return

    def archive(self, tx: Any, one: int, other: int) -> None:
        self.seq += 1
        client = "Acme" if one % 3 else "Bolt"
        joins = (f"{client}-{other}",) if other > 2 else ()
        tx.archive(
            archived(self.seq, client, f"{client}-{one % 3}", joins), parse(read_raw(archived(self.seq)))
        )

    def open_folder(self, tx: Any, one: int, other: int) -> None:
        self.uidvalidity += 1
        tx.record(
            facts.FolderOpened(
                mailbox="work", folder="INBOX", uidvalidity=self.uidvalidity, uidnext=one, opened_at=self.now
            )
        )

    def sight(self, tx: Any, one: int, other: int) -> None:
        if not (self.seq and self.uidvalidity):
            return
        tx.record(
            facts.MessageSighted(
                id=id_of(one % self.seq + 1),
                mailbox="work",
                folder="INBOX",
                uidvalidity=self.uidvalidity,
                uid=other + 1,
                internal_date=None,
                flags=("\\Seen",) * (one % 2),
                seen_at=self.now,
            )
        )
        tx.advance("work", "INBOX", last_uid=other + 1, highestmodseq=one)

    def bring(self, tx: Any, one: int, other: int) -> None:
        if self.seq:
            tx.record(
                facts.MessageBrought(
                    id=id_of(one % self.seq + 1),
                    source=f"old/{other % 3}.mbox",
                    internal_date=self.now if other % 2 else None,
                    flags=("\\Seen",) * (one % 2),
                    brought_at=self.now,
                )
            )

    def exclude(self, tx: Any, one: int, other: int) -> None:
        if not self.uidvalidity:
            return
        tx.record(
            facts.MessageExcluded(
                mailbox="work",
                folder="INBOX",
                uidvalidity=self.uidvalidity,
                uid=other + 1,
                internal_date=self.now,
                reason="scope",
                addresses=(f"{one}@else.example",),
                seen_at=self.now,
            )
        )
        tx.advance("work", "INBOX", last_uid=other + 1)

    def vanish(self, tx: Any, one: int, other: int) -> None:
        tx.record(
            facts.MessageVanished(
                mailbox="work",
                folder="INBOX",
                uidvalidity=self.uidvalidity,
                uids=(one + 1, other + 1),
                noticed_at=self.now,
            )
        )

    def judge(self, tx: Any, one: int, other: int) -> None:
        if self.seq:
            millionths = None if other == 0 else other * 100_000
            tx.record(
                facts.MessageJudged(
                    id=id_of(one % self.seq + 1),
                    level="unknown" if millionths is None else "tense",
                    millionths=millionths,
                    because=(),
                    labels=("shouting",) * (one % 2),
                    complete=True,
                    decided_by="weigh",
                    calls=(),
                    no_draft="",
                    judged_at=self.now,
                )
            )

    def mark(self, tx: Any, one: int, other: int) -> None:
        if self.seq:
            id = id_of(one % self.seq + 1)
            tx.record(
                facts.MessageMarked(id=id, level="calm", why="", actor="me")
                if other % 2
                else facts.MarkUndone(id=id, actor="me")
            )

    def relabel(self, tx: Any, one: int, other: int) -> None:
        if self.seq:
            client = "Bolt" if other % 2 else "Cole"
            tx.record(
                facts.MessageRelabelled(
                    id=id_of(one % self.seq + 1),
                    client=client,
                    direction="in",
                    thread=f"{client}-{other % 3}",
                )
            )

    def draft(self, tx: Any, one: int, other: int) -> None:
        key = f"draft-{one % 2}"
        tx.record(
            (
                facts.DraftHeld(
                    key=key, message="m", client="Acme", thread="Acme-1", mailbox="work", subject="Re", body="Dear",
                    level="tense", why="", plugin="p", created_at=self.now, release_at=self.now,
                ),
                facts.DraftExtended(key=key, release_at=self.now, actor="me")
                if one % 3
                else facts.DraftRescheduled(key=key, release_at=self.now, by_seconds=-60),
                facts.DraftPlacing(
                    key=key, folder="Drafts", uidvalidity=1, uidnext=2, message_id="<d@x>", digest="d"
                ),
                facts.DraftPlaced(key=key, folder="Drafts", uidvalidity=1, uid=2, stripped=(), placed_at=self.now),
                facts.DraftSuperseded(key=key, by="m", why=""),
                facts.DraftCancelled(key=key, actor="me"),
                facts.DraftRemoved(key=key),
                facts.DraftHandled(key=key, why=""),
            )[other]
        )  # fmt: skip

    def alert(self, tx: Any, one: int, other: int) -> None:
        key = f"alert-{one % 2}"
        tx.record(
            (
                facts.AlertRaised(
                    key=key, rule="heat", client="Acme", thread="Acme-2", message="m", severity="info", title="t",
                    body="", plugin="p", raised_at=self.now, next_rung_at=self.now,
                ),
                facts.AlertCounted(key=key, message="m", severity="critical", counted_at=self.now),
                facts.AlertClimbed(key=key, rung=one, next_rung_at=None),
                facts.AlertSnoozed(key=key, until=self.now, actor="me")
                if one % 3
                else facts.AlertRescheduled(key=key, next_rung_at=self.now, by_seconds=60),
                facts.AlertAcknowledged(key=key, actor="me"),
                facts.MailboxLost(mailbox="work", kind="login", why="refused", since=self.now),
                facts.PluginSetAside(plugin="tone", why="slow"),
                facts.CorrespondentFound(address=f"{one}@x.example", message="m", found_at=self.now),
            )[other]
        )  # fmt: skip


ACTS = (
    "archive", "open_folder", "sight", "bring", "exclude", "vanish", "judge", "mark", "relabel", "draft", "alert",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 7), st.integers(0, 7)), max_size=40)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happened_the_rebuilt_index_equals_the_lost_one(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(folder / "index.sqlite")
        life = Life(store)
        for step in steps:
            life.live(step)
        Mirror(folder / "ledger").catch_up(store)
        rebuilt = again(Mirror(folder / "ledger").read(), folder / "again.sqlite")
        assert rebuilt.root == store.ledger_root()
        assert rebuilt.facts == store.ledger_size()
        store.close()
        before, after = dump(folder / "index.sqlite"), dump(folder / "again.sqlite")
        for table in before:
            assert after[table] == before[table], table


# --- what is kept, and what is refused -----------------------------------------------------------


@pytest.fixture
def lived(store: SqliteStore) -> SqliteStore:
    """A store with three messages, a verdict, a draft and an alert."""
    life = Life(store)
    for step in (
        ("archive", 1, 0), ("archive", 1, 0), ("archive", 2, 0), ("judge", 0, 4), ("draft", 0, 0), ("alert", 0, 0),
    ):  # fmt: skip
        life.live(step)
    return store


def test_the_same_leaves_and_the_same_root_come_back(lived: SqliteStore, target: Path) -> None:
    entries = list(lived.entries())
    rebuilt = again(entries, target)
    assert (rebuilt.messages, rebuilt.facts, rebuilt.root) == (3, 6, lived.ledger_root())
    store = open_store(target)
    assert list(store.entries()) == entries
    assert store.ledger_root() == root_of(entry.leaf for entry in entries)
    assert [hit.message.seq for hit in store.search("words -2", MessageFilter())] == [3, 1]
    with store.transaction(NOON) as tx:
        tx.record(facts.IndexRebuilt(messages=3, facts=6))
    assert store.ledger_size() == 7
    store.close()


@pytest.mark.parametrize("together", [1, 25, 1_000])
def test_messages_that_are_parsed_together_make_the_same_index(
    lived: SqliteStore, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    bundles: list[int] = []

    def read(fact: facts.MessageArchived) -> Raw:
        if fact.seq == 2:
            raise StoreDamaged("a flipped bit")
        path = tmp_path / f"spooled-{fact.seq}"
        path.write_bytes(bytes_of(fact.seq))
        return Raw(digest=fact.id, size=fact.size, path=path)

    def parse_many(messages: Sequence[Raw]) -> Iterator[Parsed]:
        bundles.append(len(messages))
        return map(parse, messages)

    entries = list(lived.entries())
    alone = again(entries, target, read_raw=read)
    monkeypatch.setattr("levelhead.archive.together.TOGETHER", together)
    other = target.with_name("other.sqlite")
    assert again(entries, other, read_raw=read, parse_many=parse_many) == alone
    assert dump(other) == dump(target)
    assert sum(bundles) == 2 and max(bundles) == (1 if together == 1 else 2)
    assert not list(tmp_path.glob("spooled-*"))


def test_no_file_is_left_when_a_ledger_breaks_off(lived: SqliteStore, target: Path, tmp_path: Path) -> None:
    def read(fact: facts.MessageArchived) -> Raw:
        path = tmp_path / f"spooled-{fact.seq}"
        path.write_bytes(bytes_of(fact.seq))
        return Raw(digest=fact.id, size=fact.size, path=path)

    *first, last = lived.entries()
    with pytest.raises(StoreDamaged):
        again([*first, replace(last, payload=b"{}")], target, read_raw=read)
    assert not list(tmp_path.glob("spooled-*"))


def test_a_message_with_damaged_bytes_keeps_its_row_and_is_named(lived: SqliteStore, target: Path) -> None:
    def read(fact: facts.MessageArchived) -> Raw:
        if fact.seq == 2:
            raise StoreDamaged("a flipped bit")
        return read_raw(fact)

    rebuilt = again(lived.entries(), target, read_raw=read)
    assert rebuilt.unreadable == (id_of(2),)
    assert rebuilt.root == lived.ledger_root()
    store = open_store(target, read_only=True)
    assert store.message(id_of(2)).defects == (UNREADABLE,)
    assert store.message(id_of(3)).subject == "Invoice 3"
    store.close()


def test_spooled_bytes_are_thrown_away_when_they_were_read(
    lived: SqliteStore, target: Path, tmp_path: Path
) -> None:
    def spooled(fact: facts.MessageArchived) -> Raw:
        path = tmp_path / f"spool-{fact.seq}"
        path.write_bytes(bytes_of(fact.seq))
        return Raw(digest=fact.id, size=fact.size, path=path)

    again(lived.entries(), target, read_raw=spooled)
    assert list(tmp_path.glob("spool-*")) == []


def changed(field: str) -> Callable[[Entry], Entry]:
    if field == "payload":
        return lambda entry: replace(entry, payload=(entry.payload or b"").replace(b"Acme", b"Acne"))
    if field == "leaf":
        return lambda entry: replace(entry, leaf=entry.leaf.replace(b"2026", b"2025") + b" ")
    return lambda entry: replace(entry, salt=bytes(32))


@pytest.mark.parametrize("field", ["payload", "leaf", "salt"])
def test_a_changed_entry_is_refused_by_name_and_leaves_nothing(
    lived: SqliteStore, target: Path, field: str
) -> None:
    entries = [changed(field)(entry) if entry.seq == 1 else entry for entry in lived.entries()]
    with pytest.raises(StoreDamaged, match="entry 1 "):
        again(entries, target)
    assert list(target.parent.iterdir()) == []


def test_a_gap_is_refused_by_name(lived: SqliteStore, target: Path) -> None:
    entries = list(lived.entries())
    with pytest.raises(StoreDamaged, match="entry 3 comes where entry 2 is expected"):
        again(entries[:2] + entries[3:], target)


def test_a_fact_that_does_not_follow_is_refused_by_name(
    store: SqliteStore, lived: SqliteStore, target: Path
) -> None:
    Life(lived).live(("draft", 0, 5))
    entries = [
        replace(entry, payload=None, salt=None) if entry.seq == 4 else entry for entry in store.entries()
    ]
    with pytest.raises(
        StoreDamaged, match="entry 6 does not follow from those before it: the draft is not there"
    ):
        again(entries, target)


def test_an_erased_payload_is_passed_over_and_its_leaf_kept(lived: SqliteStore, target: Path) -> None:
    entries = [
        replace(entry, payload=None, salt=None) if entry.seq == 5 else entry for entry in lived.entries()
    ]
    rebuilt = again(entries, target)
    assert rebuilt.passed_over == (5,)
    assert rebuilt.root == lived.ledger_root()
    store = open_store(target, read_only=True)
    assert store.alerts() == ()
    store.close()


def test_an_index_is_never_overwritten(lived: SqliteStore) -> None:
    before = dump(lived.path)
    with pytest.raises(UserError, match="move it away first"):
        again(lived.entries(), lived.path)
    assert dump(lived.path) == before


def test_an_old_index_is_kept_beside_the_new_one(lived: SqliteStore, target: Path) -> None:
    entries, root = list(lived.entries()), lived.ledger_root()
    old = target.with_name("index.old.sqlite")
    target.parent.mkdir()
    for path in (target, old):
        other = open_store(path)
        with other.transaction(NOON) as tx:
            tx.record(facts.NoteTaken(client="Acme", text=path.name, actor="me"))
        other.close()
    with fresh_index(target, keep_old=old) as store:
        rebuild(entries, read_raw=read_raw, parse_many=one_by_one(parse), store=store, now=NOON)
    assert sorted(path.name for path in target.parent.iterdir()) == ["index.old.sqlite", "index.sqlite"]
    made, kept = open_store(target), open_store(old)
    assert (made.ledger_root(), kept.ledger_size()) == (root, 1)
    (fact,) = (fact for _, fact in kept.facts_about())
    assert fact == facts.NoteTaken(client="Acme", text="index.sqlite", actor="me")
    made.close()
    kept.close()


def test_a_log_left_by_a_lost_index_is_not_replayed_into_the_new_one(
    lived: SqliteStore, target: Path
) -> None:
    entries = list(lived.entries())
    target.parent.mkdir()
    wal = target.with_name("index.sqlite-wal")
    wal.write_bytes(lived.path.with_name("index.sqlite-wal").read_bytes())
    left = wal.read_bytes()
    assert left
    again(entries[:3], target)
    assert target.with_name("index.sqlite.lost-wal").read_bytes() == left
    made = open_store(target)
    assert made.ledger_size() == 3
    made.close()


# --- what is owed --------------------------------------------------------------------------------


def owed(store: Store, lane: str) -> list[tuple[str, str, str, datetime]]:
    jobs = store.claim(lane, NOON + timedelta(days=99), limit=99, lease_seconds=1)
    return sorted((job.kind, job.key, job.subject, job.due_at) for job in jobs)


def test_jobs_follow_from_the_states_of_messages_drafts_and_alerts(store: SqliteStore) -> None:
    def held(key: str) -> facts.DraftHeld:
        return facts.DraftHeld(
            key=key, message=id_of(1), client="Acme", thread="t", mailbox="work", subject="Re", body="Dear",
            level="tense", why="", plugin="p", created_at=NOON, release_at=NOON + timedelta(hours=4),
        )  # fmt: skip

    def raised(key: str, hours: int | None) -> facts.AlertRaised:
        next_rung_at = None if hours is None else NOON + timedelta(hours=hours)
        return facts.AlertRaised(
            key=key, rule="heat", client="Acme", thread="t", message=id_of(1), severity="info", title="t", body="",
            plugin="p", raised_at=NOON, next_rung_at=next_rung_at,
        )  # fmt: skip

    def placing(key: str) -> facts.DraftPlacing:
        return facts.DraftPlacing(
            key=key, folder="D", uidvalidity=1, uidnext=2, message_id="<d@x>", digest="d"
        )

    with store.transaction(NOON) as tx:
        tx.archive(archived(1), parse(read_raw(archived(1))))
        for key in ("held", "placing", "removing", "cancelled"):
            tx.record(held(key))
        for key in ("placing", "removing"):
            tx.record(placing(key))
        for key in ("removing", "cancelled"):
            tx.record(facts.DraftCancelled(key=key, actor="me"))
        for key, hours in (("open", 1), ("snoozed", 1), ("had", 1), ("at its end", None)):
            tx.record(raised(key, hours))
        tx.record(facts.AlertSnoozed(key="snoozed", until=NOON + timedelta(hours=8), actor="me"))
        tx.record(facts.AlertAcknowledged(key="had", actor="me"))
    later = NOON + timedelta(hours=2)
    assert restore_jobs(store, later) == 7
    assert owed(store, mailbox_lane("work")) == [
        ("place", "place:held", "held", NOON + timedelta(hours=4)),
        ("place", "place:placing", "placing", NOON + timedelta(hours=4)),
        ("remove", "remove:removing", "removing", later),
    ]
    assert owed(store, WORK) == [
        ("climb", "climb:open", "open", NOON + timedelta(hours=1)),
        ("climb", "climb:snoozed", "snoozed", NOON + timedelta(hours=8)),
        ("screen", f"screen:{id_of(1)}", id_of(1), later),
    ]
    assert owed(store, EVIDENCE) == [("authenticate", f"authenticate:{id_of(1)}", id_of(1), later)]


def test_signatures_that_were_checked_or_are_of_yesterday_are_not_owed_again(store: SqliteStore) -> None:
    checked = facts.MessageAuthenticated(
        id=id_of(1), checked_at=NOON, resolver="192.0.2.53:53", signatures=(), unchecked=0, chain="none",
        chain_why="", keys=(),
    )  # fmt: skip
    with store.transaction(NOON) as tx:
        for number in (1, 2):
            tx.archive(archived(number), parse(read_raw(archived(number))))
        tx.record(checked)
    restore_jobs(store, NOON + timedelta(hours=2))
    assert [subject for _, _, subject, _ in owed(store, EVIDENCE)] == [id_of(2)]
    with store.transaction(NOON) as tx:
        tx.drop_job(f"authenticate:{id_of(2)}")
    restore_jobs(store, NOON + timedelta(days=2))
    assert owed(store, EVIDENCE) == []


def test_a_restored_cursor_stands_at_the_highest_uid_that_was_handled(
    store: SqliteStore, target: Path
) -> None:
    def opened(folder: str, uidvalidity: int) -> facts.FolderOpened:
        return facts.FolderOpened(
            mailbox="work", folder=folder, uidvalidity=uidvalidity, uidnext=1, opened_at=NOON
        )

    def excluded(folder: str, uid: int) -> facts.MessageExcluded:
        return facts.MessageExcluded(
            mailbox="work", folder=folder, uidvalidity=2, uid=uid, internal_date=None, reason="scope",
            addresses=(), seen_at=NOON,
        )  # fmt: skip

    def sighted(folder: str, uid: int, uidvalidity: int = 2) -> facts.MessageSighted:
        return facts.MessageSighted(
            id=id_of(1), mailbox="work", folder=folder, uidvalidity=uidvalidity, uid=uid, internal_date=None,
            flags=(), seen_at=NOON,
        )  # fmt: skip

    with store.transaction(NOON) as tx:
        tx.archive(archived(1), parse(read_raw(archived(1))))
        tx.record(opened("INBOX", 1))
        tx.record(sighted("INBOX", 99, uidvalidity=1))
        for folder in ("INBOX", "Sent", "Empty"):
            tx.record(opened(folder, 2))
        for fact in (
            sighted("INBOX", 4),
            excluded("INBOX", 9),
            excluded("INBOX", 2),
            excluded("Sent", 3),
            sighted("Sent", 5),
        ):
            tx.record(fact)
    again(store.entries(), target)
    made = open_store(target, read_only=True)
    assert {one.folder: one.last_uid for one in made.folders()} == {"INBOX": 9, "Sent": 5, "Empty": 0}
    assert made.folders()[0].last_pass is None
    made.close()
