"""Verify: whatever byte, row, line or message was changed, removed, added or moved is named in one sentence."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive import verify as verify_module
from levelhead.archive.compare import Finding, Kind
from levelhead.archive.frames import Damage
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.readback import Batch, Reading
from levelhead.archive.record import Recorder
from levelhead.archive.spool import Spool
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import FrozenClock
from levelhead.facts import (
    AlertRaised,
    CorrespondentFound,
    DraftHeld,
    MailboxWatched,
    MessageArchived,
    MessageBrought,
    MessageExcluded,
    MessageJudged,
    MessageMarked,
    MessageRelabelled,
    NoteTaken,
    PluginLoaded,
    PointPart,
)
from levelhead.model import Parsed
from levelhead.raw import Raw, raw
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store
from levelhead.tree import Frontier, leaf_hash, root_of

Archive = Any
MOMENT = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture
def lived(archive: Archive, mail: Any, arrival: Any) -> Archive:
    """An archive in which a bit of everything has happened."""
    archive.recorder.record(
        [
            arrival(mail("one", message_id="<1@x>"), 1, flags=("\\Seen",)),
            arrival(mail("two", message_id="<2@x>", reply_to="<1@x>"), 2),
            arrival(
                mail("three", sender="me@studio.example", to="ben@other.example"), 3, folder="Sent", sent=True
            ),
        ]
    )
    first, second, third = archive.store.messages(MessageFilter())
    point = PointPart(plugin="tone", label="shouting", millionths=700_000, why="loud", quotes=("NOW",))
    happened = (
        MessageJudged(
            id=first.id,
            level="heated",
            millionths=700_000,
            because=(point,),
            labels=("shouting",),
            complete=True,
            decided_by="weigh",
            calls=(),
            no_draft="",
            judged_at=MOMENT,
        ),
        MessageMarked(id=first.id, level="calm", why="a joke", actor="me"),
        DraftHeld(
            key="d1",
            message=first.id,
            client="Acme",
            thread=first.thread,
            mailbox="work",
            subject="Re: one",
            body="Thank you.",
            level="heated",
            why="heated",
            plugin="cooldown",
            created_at=MOMENT,
            release_at=MOMENT,
        ),
        AlertRaised(
            key="a1",
            rule="level",
            client="Acme",
            thread=first.thread,
            message=first.id,
            severity="warning",
            title="Acme is heated",
            body="",
            plugin="escalation",
            raised_at=MOMENT,
            next_rung_at=MOMENT,
        ),
        MessageExcluded(
            mailbox="work",
            folder="INBOX",
            uidvalidity=7,
            uid=9,
            internal_date=MOMENT,
            reason="scope",
            addresses=("x@y.example",),
            seen_at=MOMENT,
        ),
        MailboxWatched(mailbox="work", blind_since=None, watched_at=MOMENT),
        PluginLoaded(plugin="tone", origin="built-in", digest="00"),
        CorrespondentFound(address="zoe@else.example", message=third.id, found_at=MOMENT),
        MessageRelabelled(id=second.id, client="Acme", direction="other", thread=second.thread),
        NoteTaken(client="Acme", text="called", actor="me"),
        MessageBrought(id=second.id, source="old.mbox", internal_date=None, flags=(), brought_at=MOMENT),
    )
    with archive.store.transaction(MOMENT) as tx:
        for fact in happened:
            tx.record(fact)
    archive.mirror.catch_up(archive.store)
    return archive


def sql(archive: Archive, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Change the index behind everybody's back."""
    connection = sqlite3.connect(archive.path / "index.sqlite", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(statement, values)
    connection.close()


def everything(report: Any) -> str:
    return "\n".join((*report.damaged, *report.missing, *report.unexplained))


def test_a_clean_archive_is_whole(lived: Archive) -> None:
    report = lived.verify(deep=True)
    assert everything(report) == ""
    assert report.ok
    assert report.checked == 3
    assert report.size == lived.store.ledger_size()
    assert report.root == lived.store.ledger_root().hex()


def test_an_empty_archive_is_whole(open_archive: Any) -> None:
    report = open_archive().verify(deep=True)
    assert report.ok
    assert (report.size, report.root, report.checked) == (0, hashlib.sha256(b"").hexdigest(), 0)


def test_verify_changes_no_byte_of_the_archive(lived: Archive, tmp_path: Path) -> None:
    def state() -> dict[str, bytes]:
        files = [path for path in lived.path.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
        return {str(path): path.read_bytes() for path in files}

    before = state()
    lived.verify(deep=True)
    assert state() == before


def test_a_read_only_copy_can_be_verified(lived: Archive, tmp_path: Path) -> None:
    lived.store.close()
    copy = tmp_path / "copy"
    shutil.copytree(lived.path, copy)
    store = open_store(copy, read_only=True)
    report = verify(
        store, Volumes(copy / "volumes"), lived.mirror, parse_many=one_by_one(parse), open_store=open_store
    )
    store.close()
    assert report.ok


def test_progress_is_told(lived: Archive) -> None:
    told: list[tuple[int, int]] = []
    verify(
        lived.store,
        lived.volumes,
        parse_many=one_by_one(parse),
        open_store=open_store,
        progress=lambda *at: told.append(at),
    )
    assert [done / of for done, of in told] == sorted(done / of for done, of in told)
    assert told[-1][0] == told[-1][1]
    # What follows the playing of the entries takes time as well: it is not done before it is done.
    assert 0 < told[0][0] < told[0][1]


# --- every kind of thing that can be changed -------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        # the ledger
        ("UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), ':1,', ':0,') AS BLOB) WHERE seq = 1",
         "leaf of entry 1"),
        ("UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '2026-11-20T17', '2026-11-20T18') AS BLOB)"
         " WHERE seq = 1", "root is not the root"),
        ("UPDATE payload SET payload = CAST(replace(CAST(payload AS TEXT), 'Acme', 'Bcme') AS BLOB) WHERE seq = 1",
         "payload of entry 1 is not what its leaf commits to"),
        ("UPDATE payload SET salt = randomblob(32) WHERE seq = 2", "payload of entry 2 is not what"),
        ("UPDATE payload SET salt = NULL WHERE seq = 2", "entry 2 has lost one half"),
        ("UPDATE payload SET salt = NULL, payload = NULL WHERE seq = 2", "payload of entry 2"),
        ("DELETE FROM payload WHERE seq = 3", "payload of entry 3"),
        ("DELETE FROM entry WHERE seq = 3", "entry 3 of the ledger is missing"),
        ("DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)", "leaves"),
        ("INSERT INTO entry (seq, type, leaf) SELECT max(seq) + 1, type, leaf FROM entry", "its tree has"),
        ("UPDATE frontier SET state = X'0000000000000000'", "leaves"),
        # messages
        ("UPDATE message SET subject = 'Hello!' WHERE seq = 1", "another subject"),
        ("UPDATE message SET client = 'Bcme' WHERE seq = 1", "another client"),
        ("UPDATE message SET direction = 'out' WHERE seq = 1", "another direction"),
        ("UPDATE message SET direction = 'sideways' WHERE seq = 1", "cannot read its row"),
        ("UPDATE message SET thread = 'aaaa' WHERE seq = 1", "another thread"),
        ("UPDATE message SET sender_address = 'x@y.example' WHERE seq = 1", "another sender"),
        ("UPDATE message SET recipients = '[]' WHERE seq = 1", "another recipients"),
        ("UPDATE message SET date = '2026-11-20T16:00:00.000001Z' WHERE seq = 1", "another date"),
        ("UPDATE message SET received_at = '2026-11-20T16:00:00.000001Z' WHERE seq = 1", "another time of receipt"),
        ("UPDATE message SET message_id = '<9@x>' WHERE seq = 1", "another Message-ID"),
        ("UPDATE message SET offset = offset + 1 WHERE seq = 1", "another offset"),
        ("UPDATE message SET size = size + 1 WHERE seq = 1", "another size"),
        ("UPDATE message SET history = 1 WHERE seq = 1", "another mark as history"),
        ("UPDATE message SET in_sent = 1 WHERE seq = 2", "another mark as sent"),
        ("UPDATE message SET level = 'calm' WHERE seq = 1", "another level"),
        ("UPDATE message SET millionths = 1 WHERE seq = 1", "another score"),
        ("UPDATE message SET labels = '[]' WHERE seq = 1", "another labels"),
        ("UPDATE message SET id = 'ab' || substr(id, 3) WHERE seq = 2", "in the ledger and not in the index"),
        ("DELETE FROM message WHERE seq = 2", "in the ledger and not in the index"),
        ("INSERT INTO message SELECT 99, 'abcdef' || substr(id, 7), volume, offset, length, size, client, direction,"
         " thread, sender_address, sender_name, recipients, copies, subject, date, received_at, language, message_id,"
         " mentions, body_digest, automatic, history, same_as, source, defects, level, millionths, labels, in_sent,"
         " attachments FROM message WHERE seq = 1", "the index has message abcdef"),
        ("UPDATE verdict SET fact = CAST(replace(CAST(fact AS TEXT), 'NOW', 'LOW') AS BLOB)", "verdict of message"),
        ("DELETE FROM verdict", "verdict of message"),
        ("UPDATE mark SET level = 'hostile'", "mark of message"),
        ("DELETE FROM mark", "mark of message"),
        # where they were seen
        ("UPDATE sighting SET uid = 77 WHERE uid = 1", "sightings of message"),
        ("UPDATE sighting SET flags = '[]' WHERE uid = 1", "sightings of message"),
        ("DELETE FROM sighting WHERE uid = 1", "sightings of message"),
        ("UPDATE sighting SET vanished_at = first_seen WHERE uid = 1", "sightings of message"),
        ("UPDATE origin SET source = 'new.mbox'", "which no entry of the ledger tells of"),
        ("UPDATE origin SET flags = '[\"x\"]'", "old.mbox in the index has another flags"),
        ("DELETE FROM origin", "old.mbox is in the ledger and not in the index"),
        ("DELETE FROM exclusion", "folder INBOX of work"),
        ("UPDATE folder SET first_uidnext = 5", "folder INBOX of work"),
        # the rest
        ("UPDATE draft SET body = 'Thanks.'", "draft d1"),
        ("UPDATE draft SET release_at = '2026-11-20T16:00:00.000000Z'", "draft d1"),
        ("DELETE FROM draft", "draft d1 is in the ledger and not in the index"),
        ("UPDATE alert SET state = 'acknowledged'", "alert a1"),
        ("DELETE FROM alert", "alert a1 is in the ledger and not in the index"),
        ("INSERT INTO correspondent VALUES ('eve@x.example', '', '2026-11-20T16:00:00.000000Z')",
         "correspondent eve@x.example, which no entry"),
        ("DELETE FROM correspondent", "in the ledger and not in the index"),
        ("UPDATE client SET total = total + 1 WHERE judged > 0", "client Acme"),
        ("DELETE FROM mailbox", "mailbox work"),
        ("UPDATE plugin SET state = 'refused'", "plugin tone"),
    ],
)  # fmt: skip
def test_a_change_of_the_index_behind_our_back_is_named(
    lived: Archive, statement: str, sentence: str
) -> None:
    sql(lived, statement)
    report = lived.verify()
    assert not report.ok
    assert sentence in everything(report), everything(report)


def test_two_entries_that_changed_places_are_named(lived: Archive) -> None:
    sql(
        lived,
        "UPDATE entry SET seq = -1 WHERE seq = 1",
        "UPDATE entry SET seq = 1 WHERE seq = 2",
        "UPDATE entry SET seq = 2 WHERE seq = -1",
    )
    assert "the leaf in place 1 says that it is entry 2" in everything(lived.verify())


def test_a_ledger_made_again_with_other_words_differs_from_its_mirror(lived: Archive) -> None:
    """Leaf, payload and tree all agree with each other; only the mirror, or an anchor, can know."""
    entry = next(lived.store.entries(17))
    leaf, payload = json.loads(entry.leaf), entry.payload.replace(b"called", b"shouted")
    leaf["commit"] = hashlib.sha256(entry.salt + payload).hexdigest()
    leaves = [one.leaf for one in lived.store.entries()]
    leaves[17] = json.dumps(leaf, separators=(",", ":")).encode()
    tree = Frontier()
    for one in leaves:
        tree.append(leaf_hash(one))
    sql(lived, "UPDATE entry SET leaf = ? WHERE seq = 17", values=(leaves[17],))
    sql(lived, "UPDATE payload SET payload = ? WHERE seq = 17", values=(payload,))
    sql(lived, "UPDATE frontier SET state = ?", values=(tree.to_bytes(),))
    report = lived.verify()
    assert everything(report) == "entry 17 is not the same in the mirror and in the index"
    assert report.root == root_of(leaves).hex()


@pytest.mark.parametrize("name", ["000001.jsonl", "000001.payload.jsonl"])
def test_a_flipped_byte_anywhere_in_the_mirror_is_named(lived: Archive, name: str) -> None:
    path = lived.path / "ledger" / name
    clean = path.read_bytes()
    for position in range(0, len(clean), max(1, len(clean) // 25)):
        bad = bytearray(clean)
        bad[position] ^= 1
        path.write_bytes(bad)
        report = lived.verify()
        assert not report.ok, position
        assert any(word in everything(report) for word in ("mirror", "ledger")), everything(report)


@pytest.mark.parametrize("line", [0, 4, -1])
def test_a_line_taken_out_of_the_mirror_is_named(lived: Archive, line: int) -> None:
    for name in ("000001.jsonl", "000001.payload.jsonl"):
        path = lived.path / "ledger" / name
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[line]
        path.write_bytes(b"".join(lines))
    assert "mirror" in everything(lived.verify())


def test_a_mirror_that_lost_its_end_is_named_and_one_that_is_a_moment_late_is_not(lived: Archive) -> None:
    lived.mirror.keep_up(lived.store, lived.clock.now())
    size = lived.store.ledger_size()
    with lived.store.transaction(lived.clock.now()) as tx:
        tx.record(NoteTaken(client="Acme", text="written a moment ago", actor="me"))
    assert lived.verify().ok, "a crash, or a daemon at work, leaves the files a moment behind"
    for name in ("000001.jsonl", "000001.payload.jsonl"):
        path = lived.path / "ledger" / name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert f"the mirror ends after {size - 1} of {size + 1} entries" in everything(lived.verify())


def test_an_index_older_than_its_mirror_is_named(lived: Archive) -> None:
    for table in ("entry", "payload"):
        sql(lived, f"DELETE FROM {table} WHERE seq >= 8")
    assert "the mirror has entry 8, and the index's ledger has not" in everything(lived.verify())


# --- the volumes -------------------------------------------------------------------------------


def test_a_flipped_byte_anywhere_in_a_volume_names_its_message(lived: Archive) -> None:
    path = lived.volumes.path(1)
    clean = path.read_bytes()
    rows = list(lived.store.messages(MessageFilter()))
    for position in range(0, len(clean), 37):
        bad = bytearray(clean)
        bad[position] ^= 1 << (position % 8)
        path.write_bytes(bad)
        hit = [row for row in rows if row.offset <= position < row.offset + row.length]
        what = [f"the message {row.id[:12]} in volume 000001 at offset {row.offset}" for row in hit]
        # What belongs to no message is the volume's head.
        named = what or [f"volume 000001 has {rows[0].offset} bytes at offset 0 that no message accounts for"]
        assert named[0] in everything(lived.verify())


def test_a_damaged_message_is_one_finding_and_the_others_are_read_all_the_same(lived: Archive) -> None:
    row = next(lived.store.messages(MessageFilter()))
    bad = bytearray(lived.volumes.path(1).read_bytes())
    bad[row.offset + row.length - 2] ^= 1
    lived.volumes.path(1).write_bytes(bad)
    report = lived.verify()
    assert len(report.damaged) == 1, report.damaged
    assert not report.missing
    assert not report.unexplained
    assert report.checked == 3


def test_a_volume_that_is_gone_is_missing(lived: Archive) -> None:
    lived.volumes.path(1).unlink()
    report = lived.verify()
    assert len([sentence for sentence in report.missing if "the volume's file is missing" in sentence]) == 3


def test_a_volume_that_lost_its_end_is_named(lived: Archive) -> None:
    with lived.volumes.path(1).open("r+b") as stream:
        stream.truncate(lived.volumes.end()[1] - 1)
    report = lived.verify()
    assert "the file ends within the frame" in everything(report)


def test_a_message_that_nobody_recorded_is_unexplained(lived: Archive, mail: Any) -> None:
    start = lived.volumes.end()[1]
    lived.volumes.append([(4, raw(mail("forged")))])
    report = lived.verify()
    assert f"bytes at offset {start} that no message accounts for" in report.unexplained[0]
    assert f"the whole message {raw(mail('forged')).digest[:12]}" in everything(lived.verify(deep=True))


def test_garbage_behind_the_last_message_and_foreign_files_are_unexplained(lived: Archive) -> None:
    with lived.volumes.path(1).open("ab") as stream:
        stream.write(os.urandom(100))
    (lived.volumes.folder / "notes.txt").write_text("hello")
    report = lived.verify(deep=True)
    assert "has 100 bytes at offset" in everything(report)
    assert "notes.txt" in everything(report)
    assert any(isinstance(item, Damage) for item in lived.volumes.walk(1))


def test_two_messages_whose_frames_changed_places_are_both_named(lived: Archive) -> None:
    first, second, _ = lived.store.messages(MessageFilter())
    data = lived.volumes.path(1).read_bytes()
    one, other = data[first.offset : second.offset], data[second.offset : second.offset + second.length]
    lived.volumes.path(1).write_bytes(other + one + data[len(one) + len(other) :])
    report = lived.verify()
    assert first.id[:12] in everything(report)
    assert second.id[:12] in everything(report)


# --- beside a running daemon ---------------------------------------------------------------------


def test_an_archive_that_is_written_meanwhile_is_whole(archive: Archive, mail: Any, arrival: Any) -> None:
    stop = threading.Event()
    archive.mirror.keep_up(archive.store, archive.clock.now())  # as whoever writes does before anything else

    def write(go: Callable[[], bool]) -> None:
        number = 0
        while not go():
            number += 2
            archive.recorder.record([arrival(mail(str(number)), number), arrival(mail(str(number + 1)))])

    writer = threading.Thread(target=write, args=(stop.is_set,))
    writer.start()
    try:
        reports = [archive.verify(deep=True) for _ in range(8)]
    finally:
        stop.set()
        writer.join()
    assert [everything(report) for report in reports] == [""] * 8


def test_entries_that_are_mirrored_once_the_files_were_read_are_not_missed(archive: Archive) -> None:
    archive.mirror.keep_up(archive.store, archive.clock.now())
    archive.open_folder("work", "Sent")

    class Late(Mirror):
        def walk(self, *args: Any) -> Any:
            yield from super().walk(*args)
            archive.mirror.keep_up(archive.store, archive.clock.now())

    late = replace(archive, mirror=Late(archive.path / "ledger"))
    assert everything(late.verify()) == ""


# --- rows that nobody asks for one by one ----------------------------------------------------------

MARKED = "UPDATE mark SET"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE entry SET type = 'x' WHERE seq = 1", "entry 1 is filed under 'x'"),
        ("UPDATE message SET source = 'elsewhere.eml' WHERE seq = 1", "another source"),
        ("UPDATE message SET mentions = '[]' WHERE seq = 2", "list of mentioned Message-IDs"),
        ("UPDATE message SET body_digest = 'ab' WHERE seq = 1", "digest of the text"),
        ("UPDATE message SET language = 'xx' WHERE seq = 1", "levelhead rebuild brings it up to date"),
        ("UPDATE message SET automatic = 'list' WHERE seq = 1", "levelhead rebuild brings it up to date"),
        ("UPDATE message SET defects = '[1]' WHERE seq = 1", "list of defects"),
        (f"{MARKED} why = 'I was forced'", "in the index has another why"),
        (f"{MARKED} actor = 'boss'", "in the index has another actor"),
        (f"{MARKED} marked_at = '2026-11-20T17:00:00.000001Z'", "in the index has another marked_at"),
        ("UPDATE thread SET client = 'Other'", "in the index has another client"),
        ("INSERT INTO thread VALUES ('zz', 'Acme', 'zz', 1)", "the index has thread zz"),
        ("DELETE FROM mention WHERE message_id = '<2@x>'", "mention Acme <2@x>"),
        ("UPDATE client SET messages = messages + 1 WHERE name = 'Acme'", "another messages"),
        ("UPDATE correspondent SET found_at = '2026-11-20T17:00:00.000001Z'", "another found_at"),
        ("UPDATE exclusion SET seen_at = '2026-11-20T17:00:00.000001Z'", "another seen_at"),
        ("UPDATE opening SET text = 'You promised me the moon.' WHERE message = 1",
         "the opening of message number 1 in the index differs"),
        ("INSERT INTO opening VALUES (99, 'You promised me the moon.')",
         "the index has opening of message number 99"),
        ("DELETE FROM message_text_data", "word"),
        ("INSERT INTO message_text (rowid, subject, people, body) VALUES (1, 'planted', '', 'words')",
         "list of words to search of message"),
        ("INSERT INTO message_text (rowid, subject, people, body) VALUES (99, 'planted', '', 'words')",
         "the index has word number 99"),
        ("CREATE TABLE evil (x)", "the index has part table evil"),
        ("CREATE TRIGGER evil AFTER INSERT ON message BEGIN SELECT 1; END", "the index has part trigger evil"),
        ("DROP INDEX message_client", "part index message_client is in the ledger and not"),
        ("UPDATE meta SET value = 'many' WHERE key = 'mirrored'", "cannot be compared with the mirror"),
    ],
)  # fmt: skip
def test_a_change_of_a_row_that_no_list_shows_is_named(lived: Archive, statement: str, sentence: str) -> None:
    lived.mirror.keep_up(lived.store, lived.clock.now())
    assert lived.verify().ok
    sql(lived, statement)
    report = lived.verify()
    assert not report.ok
    assert sentence in everything(report), everything(report)


OLDER = "DELETE FROM meta WHERE key = 'read-by'"
REREAD = "is not what this version reads in the bytes: another one read them; levelhead rebuild brings it up to date"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE message SET language = 'xx' WHERE seq = 1", "language of 1 message in"),
        ("UPDATE message SET automatic = 'list'", "sign of a machine of {all} messages in"),
        ("UPDATE message SET mentions = '[]' WHERE seq = 2", "list of mentioned Message-IDs of 1 message in"),
        ("UPDATE opening SET text = 'shorter' WHERE message = 1", "opening of 1 message in"),
        ("INSERT INTO message_text (rowid, subject, people, body) VALUES (1, 'planted', '', 'words')",
         "list of words to search of 1 message in"),
    ],
)  # fmt: skip
def test_what_an_earlier_program_read_otherwise_is_out_of_date_and_no_damage(
    lived: Archive, statement: str, what: str
) -> None:
    sql(lived, statement)
    assert not lived.verify().ok
    sql(lived, OLDER)
    report = lived.verify()
    count = sum(1 for _ in lived.store.messages(MessageFilter()))
    assert report.outdated == (f"the {what.format(all=count)} the index {REREAD}",)
    assert report.ok and everything(report) == ""


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE message SET subject = 'another' WHERE seq = 1", "another subject"),
        ("UPDATE message SET source = 'elsewhere.eml' WHERE seq = 1", "another source"),
        ("UPDATE client SET messages = messages + 1 WHERE name = 'Acme'", "another messages"),
        ("INSERT INTO thread VALUES ('zz', 'Acme', 'zz', 1)", "the index has thread zz"),
        ("UPDATE correspondent SET found_at = '2026-11-20T17:00:00.000001Z'", "another found_at"),
    ],
)
def test_an_older_reading_excuses_nothing_else(lived: Archive, statement: str, sentence: str) -> None:
    sql(lived, OLDER, statement)
    report = lived.verify()
    assert not report.ok and sentence in everything(report)


def test_an_index_that_was_only_read_by_an_earlier_program_is_whole_without_a_word(lived: Archive) -> None:
    sql(lived, OLDER)
    assert lived.verify().ok and not lived.verify().outdated


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM message_text_idx", "the index has lost word "),
        ("DELETE FROM message_text_config", "cannot read its word rows"),
    ],
)
def test_words_that_a_search_does_not_find_any_more_are_named(
    archive: Archive, open_archive: Any, mail: Any, arrival: Any, statement: str, sentence: str
) -> None:
    archive.recorder.record([arrival(mail("one", body=" ".join(f"word{number}" for number in range(5000))))])
    assert archive.verify().ok
    sql(archive, statement)
    assert sentence in everything(open_archive().verify())


def test_words_taken_out_of_the_search_are_missed(lived: Archive) -> None:
    sql(
        lived,
        "INSERT INTO message_text (message_text, rowid, subject, people, body) VALUES"
        " ('delete', 1, 'one', '\\nanna@acme.example\\n me@studio.example', 'Where is it?')",
    )
    assert "words to search of message" in everything(lived.verify())


def test_of_a_message_that_cannot_be_read_nothing_else_is_said(lived: Archive) -> None:
    row = next(lived.store.messages(MessageFilter()))
    bad = bytearray(lived.volumes.path(1).read_bytes())
    bad[row.offset + row.length - 2] ^= 1
    lived.volumes.path(1).write_bytes(bad)
    sql(lived, "UPDATE message SET language = 'xx' WHERE seq = 2")
    assert len(lived.verify().damaged) == 2


# --- what else may stand in the ledger's files -------------------------------------------------------


def lines_of(archive: Archive, name: str) -> list[bytes]:
    return (archive.path / "ledger" / name).read_bytes().splitlines(keepends=True)


def put(archive: Archive, name: str, lines: list[bytes]) -> None:
    (archive.path / "ledger" / name).write_bytes(b"".join(lines))


def upper_salt(line: bytes) -> bytes:
    return line.replace(salt := json.loads(line)["salt"].encode(), salt.upper())


@pytest.mark.parametrize(
    "change",
    [
        upper_salt,
        lambda line: line[:-1] + b"\r\n",
        lambda line: line[:-1] + b" \n",
        lambda line: line[:-2] + b',"z":1}\n',
        lambda line: line.replace(b'","', b'", "', 1),
    ],
)
def test_a_payload_line_of_other_bytes_is_named_though_it_says_the_same(
    lived: Archive, change: Callable[[bytes], bytes]
) -> None:
    name = "000001.payload.jsonl"
    lines = lines_of(lived, name)
    put(lived, name, [*lines[:4], change(lines[4]), *lines[5:]])
    assert f"the file {name} of the ledger the line of entry 4 is not in the bytes" in everything(
        lived.verify()
    )
    put(lived, name, [change(line) for line in lines])
    report = lived.verify()
    assert f"{len(lines)} lines, the first that of entry 0, are not in the bytes" in everything(report)
    assert len(report.unexplained) == 1


@pytest.mark.parametrize("name", ["000001.jsonl", "000001.payload.jsonl"])
@pytest.mark.parametrize("more", [b"\n", b"\n\n", b"{", b"\0" * 100, b'{"seq":99}\n', "again", "half"])
def test_what_stands_behind_the_last_entry_is_named(lived: Archive, name: str, more: bytes | str) -> None:
    lines = lines_of(lived, name)
    added = {"again": lines[-1], "half": lines[-1][:20]}.get(more, more) if isinstance(more, str) else more
    put(lived, name, [*lines, added])
    assert f"the file {name} of the ledger has {len(added)} bytes behind entry 18" in everything(
        lived.verify()
    )


@pytest.mark.parametrize("cut", [1, 30, None])
@pytest.mark.parametrize("leaves", [0, 1])
def test_half_an_entry_that_a_crash_left_is_no_damage(lived: Archive, cut: int | None, leaves: int) -> None:
    """The payloads are written before the leaves, and what was whole once is noted: two entries were not yet."""
    whole, payloads = lines_of(lived, "000001.jsonl"), lines_of(lived, "000001.payload.jsonl")
    lived.mirror.keep_up(lived.store, lived.clock.now())
    sql(lived, f"UPDATE meta SET value = '{len(whole) - 2}' WHERE key = 'mirrored'")
    put(lived, "000001.payload.jsonl", [*payloads[:-1], payloads[-1][:cut]] if leaves else payloads)
    put(lived, "000001.jsonl", [*whole[:-2], *([whole[-2]] if leaves else [whole[-2][:cut]])])
    report = lived.verify()
    assert report.ok, everything(report)
    put(lived, "000001.jsonl", [*whole[:-2], b"{" + whole[-2][3:9]])
    assert "bytes behind entry" in everything(lived.verify())


@pytest.mark.parametrize("name", ["000001.jsonl", "000001.payload.jsonl"])
def test_a_blank_line_within_the_ledgers_files_is_named(lived: Archive, name: str) -> None:
    lines = lines_of(lived, name)
    put(lived, name, [*lines[:4], b"\n", *lines[4:]])
    assert "the mirror cannot be read after entry 3" in everything(lived.verify())


@pytest.mark.parametrize("name", ["x", "evil.jsonl", "1.jsonl", "000000.jsonl"])
def test_a_strange_file_beside_the_ledgers_is_named(lived: Archive, name: str) -> None:
    (lived.path / "ledger" / name).write_text("hello\n")
    assert f"the file {name} in the folder of the ledger is not one of ours" in everything(lived.verify())


@pytest.mark.parametrize("name", ["000002.jsonl", "000002.payload.jsonl"])
def test_a_file_of_the_ledger_past_the_last_is_named(lived: Archive, name: str) -> None:
    (lived.path / "ledger" / name).touch()
    assert "000002" in everything(lived.verify())


def test_a_half_line_counts_only_once_its_writer_is_done(lived: Archive) -> None:
    """The writer holds the lock while its line is half there, and frees it when the line is whole."""
    name = "000001.jsonl"
    lines = lines_of(lived, name)
    put(lived, name, [*lines[:-1], lines[-1][:20]])
    waited: list[float] = []
    handle = os.open(lived.path / "ledger" / "lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    class Writer(FrozenClock):
        def wait(self, stop: threading.Event, seconds: float) -> bool:
            waited.append(seconds)
            put(lived, name, lines)
            os.close(handle)
            return False

    mirror = Mirror(lived.path / "ledger", clock=Writer(MOMENT))
    report = verify(lived.store, lived.volumes, mirror, parse_many=one_by_one(parse), open_store=open_store)
    assert (everything(report), len(waited)) == ("", 1)


# --- volumes that are none -------------------------------------------------------------------------


def test_a_volume_without_a_message_is_unexplained(lived: Archive) -> None:
    lived.volumes.path(2).touch()
    assert lived.verify().unexplained == ("volume 000002 holds no message",)


def test_a_volume_begun_by_a_crash_is_gone_after_the_next_start(lived: Archive) -> None:
    lived.volumes.path(2).touch()
    lived.volumes.repair(lived.volumes.end(), keep=(1, lived.volumes.path(1).stat().st_size))
    assert lived.volumes.numbers() == (1,)
    assert lived.verify().ok


def test_a_volume_that_is_a_folder_is_named_for_each_message_and_the_others_are_checked(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)])
    small = Volumes(archive.volumes.folder, roll_bytes=1)
    Recorder(
        archive.store, small, archive.clock, parse=parse, directory=Directory.make(["me@studio.example"]),
        mirror=archive.mirror,
    ).record([arrival(mail("two"), 2)])  # fmt: skip
    assert archive.verify().ok
    assert archive.volumes.numbers() == (1, 2)
    archive.volumes.path(1).unlink()
    archive.volumes.path(1).mkdir()
    report = archive.verify(deep=True)
    assert "in volume 000001 at offset" in report.damaged[0]
    assert "cannot be read: Is a directory" in report.damaged[0]
    assert report.checked == 2
    assert not any("volume 000002" in sentence for sentence in report.damaged)


# --- without an index --------------------------------------------------------------------------------


def test_without_an_index_the_messages_are_checked_against_the_ledgers_files(lived: Archive) -> None:
    gone = Finding(Kind.MISSING, "the index is missing")
    report = verify(
        None, lived.volumes, lived.mirror, without=gone, parse_many=one_by_one(parse), open_store=open_store
    )
    assert everything(report) == "the index is missing"
    assert (report.ok, report.checked, report.size) == (False, 3, lived.store.ledger_size())
    assert report.root == lived.store.ledger_root().hex()


def test_where_the_indexs_ledger_cannot_be_read_the_files_are(lived: Archive) -> None:
    sql(lived, "DROP TABLE payload")
    row = next(lived.store.messages(MessageFilter()))
    bad = bytearray(lived.volumes.path(1).read_bytes())
    bad[row.offset + row.length - 2] ^= 1
    lived.volumes.path(1).write_bytes(bad)
    report = lived.verify()
    assert "the ledger cannot be read after entry -1" in everything(report)
    assert f"the message {row.id[:12]} in volume" in everything(report)
    assert report.checked == 3


def test_what_is_played_together_is_bounded_by_what_its_messages_say(
    archive: Archive, mail: Any, arrival: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [arrival(mail("word " * 400, message_id=f"<{n}@x>"), n) for n in range(1, 13)]
    archive.recorder.record(letters)
    sizes: list[int] = []
    read_back = Reading.read_back

    def counted(self: Reading, batch: Any, *rest: Any) -> Any:
        sizes.append(sum(getattr(fact, "size", 0) for _, fact in batch))
        return read_back(self, batch, *rest)

    monkeypatch.setattr(Reading, "read_back", counted)
    assert archive.verify().ok
    assert max(sizes) == sum(sizes) > 24_000
    sizes.clear()
    monkeypatch.setattr(verify_module, "CHARACTERS", 7_000)
    report = archive.verify()
    assert report.ok and report.checked == 12
    # It is noticed with the message that is too much, and no message is longer than 2,500 bytes.
    assert sum(sizes) > 24_000 and max(sizes) < 7_000 + 2_500
    # An attachment of many megabytes is no text.
    sizes.clear()
    monkeypatch.setattr(verify_module, "_LONGEST_TEXT", 10)
    assert archive.verify().ok and max(sizes) == sum(sizes)


def test_a_large_message_is_parsed_from_a_file_that_is_gone_afterwards(
    lived: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_module, "HELD", 100)
    files: list[Path] = []

    def parse_many(messages: Sequence[Raw]) -> Iterator[Parsed]:
        files.extend(one.path for one in messages if one.path is not None)
        assert all(file.exists() for file in files)
        return map(parse, messages)

    sql(lived, "UPDATE message SET subject = 'Hello!' WHERE seq = 1")
    report = verify(lived.store, lived.volumes, lived.mirror, parse_many=parse_many, open_store=open_store)
    assert "another subject" in everything(report) and report.checked == 3
    assert len(files) >= 3 and not any(file.exists() or lived.path in file.parents for file in files)


def test_nothing_is_read_any_more_once_somebody_has_enough(
    archive: Archive, mail: Any, arrival: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.recorder.record([arrival(mail(f"number {n}"), n) for n in range(1, 9)])
    archived = [(entry, fact) for entry, fact in archive.store.facts_about(kind=MessageArchived.name)]
    reading = Reading(archive.volumes, Spool(tmp_path / "spool"), one_by_one(parse))
    check, stop, checked = archive.volumes.check, threading.Event(), []

    def one_is_enough(*what: Any) -> None:
        checked.append(what)
        stop.set()
        check(*what)

    monkeypatch.setattr(archive.volumes, "check", one_is_enough)
    assert reading.read_back(archived, stop).read == [] and len(checked) == 1
    halves = [Batch(facts=archived[:4]), Batch(facts=archived[4:])]
    with pytest.raises(KeyboardInterrupt), closing(reading.ahead(halves)) as ahead:
        next(ahead)
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading-back")]
