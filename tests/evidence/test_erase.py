"""Erasures on an archive of two clients with verdicts, signatures, an alert, notes, checkpoints and a time stamp."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.packs import CLIENT, OTHER, OURS, START, World, ids, mail, table_of, verify
from levelhead.archive.erased import erased, numbers
from levelhead.archive.frames import Frame
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import Report
from levelhead.archive.verify import verify as verify_archive
from levelhead.archive.volumes import Volumes
from levelhead.clock import FrozenClock
from levelhead.errors import StoreDamaged, StoreLocked, UserError
from levelhead.evidence.cases import hold
from levelhead.evidence.checkpoints import check_checkpoints
from levelhead.evidence.erase import Held, Room, Scope, Wish, erase, finish, scope, with_copies
from levelhead.evidence.traces import traces_of
from levelhead.facts import (
    AlertAcknowledged,
    AlertCounted,
    AlertRaised,
    CorrespondentFound,
    DraftHeld,
    DraftPlacing,
    ErasureRefused,
    FramePart,
    MessageArchived,
    MessageBrought,
    MessageExcluded,
    MessageFlagged,
    MessageMarked,
    MessagesErased,
    NoteTaken,
)
from levelhead.model import Level, Place
from levelhead.raw import raw
from levelhead.store.api import MessageFilter, Store
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.tombstones import tombstone
from levelhead.tree import Tree, leaf_hash

NOW = START + timedelta(days=20)
KEY = "ab" * 32


@dataclass
class Yard:
    """An archive, opened, and what an erasure works on."""

    world: World
    store: SqliteStore
    room: Room

    def wish(self, *messages: bytes, whole: bool = False, client: str = CLIENT) -> Wish:
        rows = tuple(self.store.message(raw(one).digest) for one in messages)
        if whole:
            rows = tuple(self.store.messages(MessageFilter(client=client)))
        return Wish(rows=rows, client=client, whole=whole, why="asked for", actor="robin")

    def erase(self, wish: Wish, room: Room | None = None, **more: Any) -> Scope:
        return erase(room or self.room, wish, owner=lambda _: "", key=lambda: KEY, **more)

    def verified(self) -> Report:
        return verify_archive(
            self.store,
            self.room.volumes,
            self.room.mirror,
            parse_many=one_by_one(parse),
            open_store=open_store,
            checkpoints=lambda signed, tree: check_checkpoints(signed, tree, verifier=self.world.verifier),
            deep=True,
        )

    def all_bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.world.path.rglob("*")) if path.is_file())


@pytest.fixture
def yard(own_world: World) -> Iterator[Yard]:
    store = open_store(own_world.path / "index.sqlite")

    @contextmanager
    def fresh() -> Iterator[SqliteStore]:
        path = own_world.path / "index.erasing.sqlite"
        made = open_store(path)
        try:
            yield made
        finally:
            made.close()
            for one in own_world.path.glob("index.erasing.sqlite*"):
                one.unlink()

    clock = FrozenClock(NOW)
    room = Room(
        store=store,
        volumes=Volumes(own_world.path / "volumes"),
        mirror=Mirror(own_world.path / "ledger"),
        parse=parse,
        fresh=fresh,
        leftovers=lambda: (),
        clock=clock,
    )
    room.mirror.keep_up(store, clock.now())
    yield Yard(own_world, store, room)
    store.close()


def facts_of(store: Store, kind: Any) -> list[Any]:
    return [fact for _, fact in store.facts_about(kind=kind.name)]


# --- what is found ------------------------------------------------------------------------------


def test_every_entry_that_speaks_of_a_message_is_found_and_no_other(yard: Yard) -> None:
    id = ids()[1]
    with yard.store.transaction(NOW) as tx:
        for one in (id, ids()[2]):
            brought = MessageBrought(id=one, source="old.mbox", internal_date=None, flags=(), brought_at=NOW)
            tx.record(brought)
    found = traces_of(yard.store, frozenset({id}))
    told = {entry.seq for entry in yard.store.entries() if entry.payload and id.encode() in entry.payload}
    assert found.entries == told
    kinds = {fact.name for entry, fact in yard.store.facts_about() if entry.seq in found.entries}
    seen = {"message.archived", "message.sighted", "message.brought"}
    assert kinds >= seen | {"message.judged", "message.authenticated"}
    assert len(found.frames) == 1


def test_flags_are_of_the_message_that_stood_at_the_place_then(yard: Yard) -> None:
    row = yard.store.message(ids()[0])
    (seen,) = yard.store.sightings(row.id)
    flagged = MessageFlagged(
        mailbox=seen.place.mailbox,
        folder=seen.place.folder,
        uidvalidity=seen.place.uidvalidity,
        uid=seen.place.uid,
        flags=("\\Seen",),
        noticed_at=NOW,
    )
    with yard.store.transaction(NOW) as tx:
        tx.record(flagged)
        tx.record(replace(flagged, uid=seen.place.uid + 1))
    last = yard.store.ledger_size() - 2
    found = traces_of(yard.store, frozenset({row.id}))
    assert last in found.entries and last + 1 not in found.entries


def test_that_it_was_left_out_before_it_was_archived_is_a_trace(yard: Yard) -> None:
    left_out = MessageExcluded(
        mailbox="office",
        folder="INBOX",
        uidvalidity=7,
        uid=90,
        internal_date=NOW,
        reason="scope",
        addresses=("sam@harbour.example",),
        seen_at=NOW,
    )
    news = mail(90, "News", "It was out of scope first.")
    with yard.store.transaction(NOW) as tx:
        tx.record(left_out)
        tx.record(replace(left_out, uid=91))
    before = yard.store.ledger_size() - 2
    yard.world.archive([news], at=Place(mailbox="office", folder="INBOX", uidvalidity=7, uid=90))
    found = traces_of(yard.store, frozenset({raw(news).digest}))
    assert before in found.entries and before + 1 not in found.entries
    yard.erase(yard.wish(news))
    assert yard.verified().ok
    places = {one.place.uid: one.reason for one in yard.store.excluded("office", "INBOX", 7)}
    assert places == {90: "erased", 91: "scope"}


def test_drafts_and_alerts_of_a_message_are_traces_with_all_that_became_of_them(yard: Yard) -> None:
    held(yard, ids()[3])
    found = traces_of(yard.store, frozenset({ids()[3]}))
    assert found.drafts == {"draftkey00000001"} and found.alerts == {"0123456789abcdef"}
    assert yard.store.ledger_size() - 1 in found.entries


def test_notes_are_traces_of_a_whole_record_alone(yard: Yard) -> None:
    one = frozenset({ids()[0]})
    assert traces_of(yard.store, one).notes == 0
    assert traces_of(yard.store, one, CLIENT).notes == 1


def test_a_message_that_the_ledger_does_not_tell_of_stops_everything(yard: Yard) -> None:
    with pytest.raises(StoreDamaged, match="does not tell of message ffffffffffff"):
        traces_of(yard.store, frozenset({"f" * 64}))


def test_copies_that_travelled_another_way_go_along(yard: Yard) -> None:
    copy = b"Received: by another.example; Mon, 2 Mar 2026 10:00:01 +0100\r\n" + OURS[0]
    yard.world.archive([copy])
    rows = with_copies(yard.store, [yard.store.message(ids()[0])])
    assert {row.id for row in rows} == {ids()[0], raw(copy).digest}
    again = with_copies(yard.store, [yard.store.message(raw(copy).digest)])
    assert {row.id for row in again} == {ids()[0], raw(copy).digest}


# --- what happens -------------------------------------------------------------------------------


def test_after_an_erasure_the_archive_verifies_and_the_old_checkpoints_hold(yard: Yard) -> None:
    size, root = yard.store.ledger_size(), yard.store.ledger_root()
    gone = yard.erase(yard.wish(OURS[1], OURS[3]))
    assert (gone.messages, gone.alerts) == (2, 1)
    report = yard.verified()
    assert (report.ok, report.damaged, report.missing, report.unexplained) == (True, (), (), ())
    assert report.size > size
    tree = Tree(leaf_hash(entry.leaf) for entry in yard.store.entries())
    assert tree.root(size) == root


def test_what_a_scope_promises_is_what_goes(yard: Yard) -> None:
    wish = yard.wish(OURS[3], OURS[4])
    assert scope(yard.store, wish) == yard.erase(wish)


def test_the_erasure_tells_how_many_why_and_by_whom_and_nothing_of_what(yard: Yard) -> None:
    yard.erase(yard.wish(OURS[3]))
    (fact,) = facts_of(yard.store, MessagesErased)
    assert (fact.client, fact.messages, fact.why, fact.actor) == (CLIENT, 1, "asked for", "robin")
    assert fact.tombstones == (tombstone(KEY, ids()[3]),)
    assert ids()[3].encode() not in fact.payload()
    assert set(numbers(fact.entries)) == {
        entry.seq for entry in yard.store.entries() if entry.payload is None
    }


def test_a_tombstone_is_the_hmac_of_an_id_by_a_key() -> None:
    id = hashlib.sha256(b"a mail").hexdigest()
    assert tombstone(KEY, id) == hmac.new(bytes.fromhex(KEY), bytes.fromhex(id), "sha256").hexdigest()


def test_the_key_is_made_once(yard: Yard) -> None:
    keys = iter((KEY, "cd" * 32))
    for message in OURS[:2]:
        erase(yard.room, yard.wish(message), owner=lambda _: "", key=lambda: next(keys))
    assert yard.store.erased([*ids()]) == {ids()[0], ids()[1]}
    assert next(keys) == "cd" * 32


def test_no_byte_of_it_is_left_in_the_archives_folder(yard: Yard) -> None:
    assert b"Sam called about Friday" in yard.all_bytes()
    yard.erase(yard.wish(whole=True))
    left = yard.all_bytes()
    for words in (
        b"Sam called about Friday",
        b"Hostile message",
        b"sam@harbour",
        b"let us begin",
        b"HYPERLINK",
    ):
        assert words not in left, words
    assert b"Ada called from Serengeti" in left
    assert yard.verified().ok


def test_the_other_clients_record_is_as_it_was(yard: Yard) -> None:
    def theirs() -> list[object]:
        rows = list(yard.store.messages(MessageFilter(client=OTHER)))
        return [(row, yard.store.sightings(row.id), yard.store.judged(row.id)) for row in rows]

    before = theirs()
    yard.erase(yard.wish(whole=True))
    assert theirs() == before
    assert [hit.message.client for hit in yard.store.search("Ngorongoro", MessageFilter())] == [OTHER] * 3
    assert not list(yard.store.search("begin", MessageFilter()))


def test_correspondents_that_only_it_taught_go_with_a_whole_record_alone(yard: Yard) -> None:
    with yard.store.transaction(NOW) as tx:
        for address in ("sam@harbour.example", "ada@zanzibar.example"):
            tx.record(CorrespondentFound(address=address, message=ids()[4], found_at=NOW))
    yard.erase(yard.wish(OURS[4]))
    assert yard.store.correspondents() >= {"sam@harbour.example", "ada@zanzibar.example"}
    assert all(fact.message == "" for fact in facts_of(yard.store, CorrespondentFound))


def test_a_whole_record_forgets_whom_the_client_is(yard: Yard) -> None:
    with yard.store.transaction(NOW) as tx:
        for address in ("sam@harbour.example", "ada@zanzibar.example"):
            tx.record(CorrespondentFound(address=address, message=ids()[4], found_at=NOW))
    whose: Mapping[str, str] = {"sam@harbour.example": CLIENT, "ada@zanzibar.example": OTHER}
    erase(yard.room, yard.wish(whole=True), owner=lambda address: whose.get(address, ""), key=lambda: KEY)
    assert "sam@harbour.example" not in yard.store.correspondents()
    assert "ada@zanzibar.example" in yard.store.correspondents()


# --- what happens meanwhile ---------------------------------------------------------------------


def meanwhile(act: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Does something once, while the index without the messages is being played."""
    left = [act]

    def tell(what: str, done: int, of: int) -> None:
        if what == "index" and left:
            left.pop()()

    return tell


def test_what_is_recorded_about_it_meanwhile_goes_too(yard: Yard) -> None:
    def mark() -> None:
        with yard.store.transaction(NOW) as tx:
            tx.record(MessageMarked(id=ids()[3], level=Level.CALM.value, why="zebrafinch", actor="robin"))

    yard.erase(yard.wish(OURS[3]), tell=meanwhile(mark))
    assert b"zebrafinch" not in yard.all_bytes()
    assert yard.verified().ok


def test_what_comes_in_meanwhile_stays(yard: Yard) -> None:
    news = mail(90, "News", "While the other one was erased.")
    yard.erase(yard.wish(OURS[3]), tell=meanwhile(lambda: yard.world.archive([news])))
    assert yard.store.message(raw(news).digest).subject == "News"
    assert [hit.message.subject for hit in yard.store.search("erased", MessageFilter())] == ["News"]
    assert yard.verified().ok


def raised(
    message: str, *, key: str = "feedfacefeedface", rule: str = "heat", client: str = CLIENT
) -> AlertRaised:
    return AlertRaised(
        key=key,
        rule=rule,
        client=client,
        thread="",
        message=message,
        severity="critical",
        title="zebrafinch",
        body="",
        plugin="levels",
        raised_at=NOW,
        next_rung_at=None,
    )


def test_the_alert_of_mail_that_comes_in_while_a_whole_record_goes_stays(yard: Yard) -> None:
    news = mail(90, "News", "While the other ones were erased.")

    def arrive() -> None:
        yard.world.archive([news])
        with yard.store.transaction(NOW) as tx:
            tx.record(raised(raw(news).digest))
            tx.record(NoteTaken(client=CLIENT, text="wombat", actor="robin"))

    yard.erase(yard.wish(whole=True), tell=meanwhile(arrive))
    assert yard.store.alert("feedfacefeedface").message == raw(news).digest
    assert b"wombat" in yard.all_bytes()
    assert yard.verified().ok


def test_an_open_alert_that_counted_a_message_which_stays_is_seen_to_first(yard: Yard) -> None:
    with yard.store.transaction(NOW) as tx:
        tx.record(raised(ids()[3]))
        tx.record(AlertCounted(key="feedfacefeedface", message=ids()[5], severity="critical", counted_at=NOW))
    with pytest.raises(
        UserError, match=f"is about the message {ids()[5][:12]} as well.*ack feedfacefeedface"
    ):
        yard.erase(yard.wish(OURS[3]))
    with yard.store.transaction(NOW) as tx:
        tx.record(AlertAcknowledged(key="feedfacefeedface", actor="robin"))
    yard.erase(yard.wish(OURS[3]))
    assert b"zebrafinch" not in yard.all_bytes()


def test_alerts_about_levelhead_itself_go_with_the_message_or_the_draft_that_they_are_about(
    yard: Yard,
) -> None:
    held(yard, ids()[3])
    with yard.store.transaction(NOW) as tx:
        for number, subject in enumerate((ids()[3], "draftkey00000001", "office")):
            tx.record(raised("", key=f"{number:016}", rule=f"given-up:{subject}", client=""))
    yard.erase(yard.wish(OURS[3]))
    assert {row.rule for row in yard.store.alerts(client="")} == {"given-up:office"}
    assert yard.verified().ok


def test_a_case_that_is_opened_meanwhile_is_heard(yard: Yard) -> None:
    def open_case() -> None:
        hold(yard.store, "claim", CLIENT, why="a claim", actor="robin", now=NOW)

    with pytest.raises(
        Held, match=r"Harbour Ltd is held by the case 'claim' since 2026-03-22.*casehold end claim"
    ):
        yard.erase(yard.wish(OURS[3]), tell=meanwhile(open_case))
    assert [fact.cases for fact in facts_of(yard.store, ErasureRefused)] == [("claim",)]
    assert yard.store.message(ids()[3])
    assert not erased(yard.store).all
    assert yard.verified().ok


def held(yard: Yard, message: str) -> None:
    with yard.store.transaction(NOW) as tx:
        tx.record(
            DraftHeld(
                key="draftkey00000001",
                message=message,
                client=CLIENT,
                thread="",
                mailbox="office",
                subject="Re: it",
                body="zebrafinch",
                level="tense",
                why="tense",
                plugin="templates",
                created_at=NOW,
                release_at=NOW + timedelta(hours=1),
            )
        )
        tx.add_job("mailbox:office", "place", "place:draftkey00000001", "draftkey00000001", NOW)


def test_a_held_draft_goes_and_is_placed_by_nobody(yard: Yard) -> None:
    held(yard, ids()[3])
    yard.erase(yard.wish(OURS[3]))
    assert not yard.store.drafts()
    assert yard.store.next_due("mailbox:office") is None
    assert b"zebrafinch" not in yard.all_bytes()


def test_a_draft_that_is_being_placed_right_now_is_waited_for(yard: Yard) -> None:
    held(yard, ids()[3])
    with yard.store.transaction(NOW) as tx:
        tx.record(
            DraftPlacing(
                key="draftkey00000001",
                folder="Drafts",
                uidvalidity=1,
                uidnext=5,
                message_id="<x@y>",
                digest="0" * 64,
            )
        )
    with pytest.raises(StoreLocked, match="draftkey00000001 is being placed"):
        yard.erase(yard.wish(OURS[3]))
    assert yard.store.message(ids()[3])


def test_two_erasures_of_the_same_are_one(yard: Yard) -> None:
    wish = yard.wish(OURS[3])
    yard.erase(wish)
    with pytest.raises(StoreLocked, match="were erased a moment ago"):
        yard.erase(wish)
    assert len(facts_of(yard.store, MessagesErased)) == 1


def test_where_a_remaining_message_cannot_be_read_nothing_is_erased(yard: Yard) -> None:
    row = yard.store.message(ids()[0])
    path = yard.room.volumes.path(row.volume)
    data = bytearray(path.read_bytes())
    data[row.offset + row.length // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreDamaged, match=f"{row.id[:12]}, which stays, cannot be read; nothing was erased"):
        yard.erase(yard.wish(OURS[3]))
    assert yard.store.message(ids()[3]) and not erased(yard.store).all


def test_a_damaged_message_can_be_erased_itself(yard: Yard) -> None:
    row = yard.store.message(ids()[3])
    path = yard.room.volumes.path(row.volume)
    data = bytearray(path.read_bytes())
    data[row.offset + row.length // 2] ^= 1
    path.write_bytes(data)
    yard.erase(yard.wish(OURS[3]))
    assert yard.verified().ok


# --- broken off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["compact", "mirror", "volumes"])
def test_an_erasure_that_is_broken_off_is_named_and_finished(
    yard: Yard, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    target = {"compact": SqliteStore, "mirror": Mirror, "volumes": Volumes}[step]
    name = {"compact": "compact", "mirror": "erase", "volumes": "blank"}[step]
    with monkeypatch.context() as patched:
        patched.setattr(target, name, broken)
        with pytest.raises(OSError, match="Input/output"):
            yard.erase(yard.wish(OURS[3]))
    assert erased(yard.store).open
    report = yard.verified()
    assert not report.ok
    assert any(
        "levelhead erase --finish" in one for one in (*report.unexplained, *report.damaged, *report.missing)
    )
    assert finish(yard.room) == 1
    assert not erased(yard.store).open
    assert b"Hostile message" not in yard.all_bytes()
    assert yard.verified().ok
    assert finish(yard.room) == 0


def test_while_somebody_reads_the_index_the_rest_waits(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteStore, "compact", lambda self: False)
    with pytest.raises(StoreLocked, match="levelhead erase --finish"):
        yard.erase(yard.wish(OURS[3]))
    monkeypatch.undo()
    assert finish(yard.room) == 1
    assert yard.verified().ok


def test_a_volume_that_came_back_from_a_copy_is_named_and_blanked_again(yard: Yard) -> None:
    path = yard.room.volumes.path(1)
    before = path.read_bytes()
    yard.erase(yard.wish(OURS[3]))
    path.write_bytes(before)
    report = yard.verified()
    assert not report.ok
    assert any(
        "levelhead erase --finish" in one for one in (*report.damaged, *report.unexplained, *report.missing)
    )
    assert finish(yard.room) == 0 and path.read_bytes() == before
    assert finish(yard.room, again=True) == 0
    assert yard.verified().ok


def test_a_fact_that_names_the_place_of_a_living_message_destroys_nothing(yard: Yard) -> None:
    yard.erase(yard.wish(OURS[3]))
    row = yard.store.message(ids()[0])
    (fact,) = facts_of(yard.store, MessagesErased)
    harm = FramePart(volume=row.volume, offset=row.offset, length=row.length)
    with yard.store.transaction(NOW) as tx:
        tx.record(replace(fact, entries=(), frames=(harm,), tombstones=()))
    assert finish(yard.room) == 1
    frame = Frame(volume=row.volume, offset=row.offset, length=row.length)
    assert yard.room.volumes.read(frame).digest == row.id


# --- packs --------------------------------------------------------------------------------------


def test_a_pack_made_afterwards_tells_of_the_erasure_and_checks_out(yard: Yard, tmp_path: Path) -> None:
    yard.erase(yard.wish(OURS[3]))
    yard.world.pack(tmp_path / "pack", size=yard.store.ledger_size())
    said = verify(tmp_path / "pack")
    assert said.status == 0, said.lines
    rows = table_of(tmp_path / "pack", "custody.csv")
    (row,) = [row for row in rows if row["kind"] == "messages.erased"]
    assert row["what"] == "erased by robin: 1 messages (asked for)"
    assert ids()[3] not in {row["id_sha256"] for row in table_of(tmp_path / "pack", "messages.csv")}


def test_a_pack_of_an_older_checkpoint_is_another_once_something_of_it_was_erased(
    yard: Yard, tmp_path: Path
) -> None:
    """The only thing that changes it: what was erased cannot be handed out again. Its entry is not in it either."""
    size = yard.store.ledger_size()
    yard.world.pack(tmp_path / "before", size=size)
    yard.world.record(NoteTaken(client=CLIENT, text="later", actor="robin"))
    yard.world.pack(tmp_path / "later", size=size)
    manifests = [tmp_path / name / "manifest.sha256" for name in ("before", "later", "after")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()
    yard.erase(yard.wish(OURS[3]))
    yard.world.pack(tmp_path / "after", size=size)
    assert manifests[0].read_bytes() != manifests[2].read_bytes()
    before, after = (
        [row["id_sha256"] for row in table_of(tmp_path / name, "messages.csv")]
        for name in ("before", "after")
    )
    assert after == [id for id in before if id != ids()[3]]
    roots = {(tmp_path / name / "ledger/checkpoint.txt").read_bytes() for name in ("before", "after")}
    assert len(roots) == 1
    for name in ("before", "after"):
        assert verify(tmp_path / name).status == 0


def test_a_pack_of_the_other_client_says_nothing_of_it(yard: Yard, tmp_path: Path) -> None:
    yard.erase(yard.wish(OURS[3]))
    yard.world.pack(tmp_path / "pack", size=yard.store.ledger_size(), client=OTHER)
    assert "messages.erased" not in {row["kind"] for row in table_of(tmp_path / "pack", "custody.csv")}


def test_an_erased_message_is_not_archived_again_by_whoever_brings_it(yard: Yard) -> None:
    yard.erase(yard.wish(OURS[3]))
    size = yard.room.volumes.end()
    yard.world.archive([OURS[3]])
    assert yard.room.volumes.end() == size
    assert not yard.store.known([ids()[3]])
    assert {fact.id for fact in facts_of(yard.store, MessageArchived)} == {
        row.id for row in yard.store.messages(MessageFilter())
    }
    assert yard.verified().ok
