"""Verify: whatever byte, row, line or message was changed, removed, added or moved is named in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.frames import Damage
from levelhead.archive.parse import parse
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.facts import (
    AlertRaised,
    CorrespondentFound,
    DraftHeld,
    MailboxWatched,
    MessageExcluded,
    MessageJudged,
    MessageMarked,
    MessageRelabelled,
    NoteTaken,
    PluginLoaded,
    PointPart,
)
from levelhead.raw import raw
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
            arrival(mail("three", sender="me@studio.example", to="ben@other.example"), 3),
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
    report = verify(store, Volumes(copy / "volumes"), lived.mirror, parse=parse, open_store=open_store)
    store.close()
    assert report.ok


def test_progress_is_told(lived: Archive) -> None:
    told: list[tuple[int, int]] = []
    verify(
        lived.store, lived.volumes, parse=parse, open_store=open_store, progress=lambda *at: told.append(at)
    )
    assert told[-1] == (lived.store.ledger_size(),) * 2


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
        ("UPDATE message SET level = 'calm' WHERE seq = 1", "another level"),
        ("UPDATE message SET millionths = 1 WHERE seq = 1", "another score"),
        ("UPDATE message SET labels = '[]' WHERE seq = 1", "another labels"),
        ("UPDATE message SET id = 'ab' || substr(id, 3) WHERE seq = 2", "in the ledger and not in the index"),
        ("DELETE FROM message WHERE seq = 2", "in the ledger and not in the index"),
        ("INSERT INTO message SELECT 99, 'abcdef' || substr(id, 7), volume, offset, length, size, client, direction,"
         " thread, sender_address, sender_name, recipients, copies, subject, date, received_at, language, message_id,"
         " mentions, body_digest, automatic, history, same_as, source, defects, level, millionths, labels"
         " FROM message WHERE seq = 1", "the index has message abcdef"),
        ("UPDATE verdict SET fact = CAST(replace(CAST(fact AS TEXT), 'NOW', 'LOW') AS BLOB)", "verdict of message"),
        ("DELETE FROM verdict", "verdict of message"),
        ("UPDATE mark SET level = 'hostile'", "mark of message"),
        ("DELETE FROM mark", "mark of message"),
        # where they were seen
        ("UPDATE sighting SET uid = 77 WHERE uid = 1", "sightings of message"),
        ("UPDATE sighting SET flags = '[]' WHERE uid = 1", "sightings of message"),
        ("DELETE FROM sighting WHERE uid = 1", "sightings of message"),
        ("UPDATE sighting SET vanished_at = first_seen WHERE uid = 1", "sightings of message"),
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
