"""T1: bytes first, then everything about a batch in one commit, and no crash in between loses or doubles anything."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.record import Recorder
from levelhead.archive.seen import received_at
from levelhead.archive.volumes import Volumes
from levelhead.errors import DiskFull, StoreLocked
from levelhead.facts import (
    CorrespondentFound,
    Fact,
    MessageArchived,
    MessageSighted,
    VolumeAdopted,
    VolumeRepaired,
)
from levelhead.model import SIZE_MISMATCH, Direction, Done
from levelhead.raw import raw
from levelhead.store.api import Cursor, MessageFilter

Archive = Any
ME, ANNA, BEN = "me@studio.example", "anna@acme.example", "ben@other.example"


def facts_of(archive: Archive, kind: type[Fact]) -> list[Any]:
    return [fact for _, fact in archive.store.facts_about(kind=kind.name)][::-1]


def rows(archive: Archive) -> list[Any]:
    return list(archive.store.messages(MessageFilter()))


def cursor(last_uid: int) -> Cursor:
    return Cursor(mailbox="work", folder="INBOX", last_uid=last_uid, highestmodseq=99)


def test_a_batch_commits_message_sighting_cursor_and_job_together(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    first, second = mail("one"), mail("two")
    sent = [arrival(first, 11, flags=("\\Seen",)), arrival(second, 12)]
    receipts = archive.recorder.record(sent, cursor(12))
    assert [(r.message_id, r.digest, r.seq, r.fresh) for r in receipts] == [
        (raw(first).digest, raw(first).digest, 1, True),
        (raw(second).digest, raw(second).digest, 2, True),
    ]
    assert [archive.library.raw(row.id).read() for row in rows(archive)] == [first, second]
    (sighting,) = archive.store.sightings(raw(first).digest)
    assert (sighting.place.uid, sighting.flags) == (11, ("\\Seen",))
    folder = archive.store.folder("work", "INBOX")
    assert (folder.last_uid, folder.highestmodseq) == (12, 99)
    jobs = archive.store.claim("work", archive.clock.now(), limit=10, lease_seconds=60)
    assert [(job.kind, job.key, job.subject) for job in jobs] == [
        ("screen", f"screen:{r.message_id}", r.message_id) for r in receipts
    ]
    assert archive.verify(deep=True).ok


def test_what_was_read_is_at_hand_before_anybody_can_be_asked_to_judge_it(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    seen: list[tuple[str, Any]] = []
    archive.recorder._keep = lambda id, parsed: seen.append((id, archive.store.next_due("work")))
    archive.recorder.record([arrival(mail())])
    assert seen == [(raw(mail()).digest, None)]


def test_known_bytes_only_add_a_sighting(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail(), 1)])
    before = archive.volumes.end()
    (receipt,) = archive.recorder.record([arrival(mail(), 2)], cursor(2))
    assert not receipt.fresh
    assert receipt.seq == 1
    assert archive.volumes.end() == before
    assert {s.place.uid for s in archive.store.sightings(receipt.message_id)} == {1, 2}
    assert len(facts_of(archive, MessageArchived)) == 1
    assert archive.store.folder("work", "INBOX").last_uid == 2


def test_the_same_bytes_twice_in_a_batch_are_one_message_with_two_sightings(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    receipts = archive.recorder.record([arrival(mail(), 1), arrival(mail("other"), 2), arrival(mail(), 3)])
    assert [(r.seq, r.fresh) for r in receipts] == [(1, True), (2, True), (1, False)]
    assert {s.place.uid for s in archive.store.sightings(receipts[0].message_id)} == {1, 3}
    assert len(list(archive.volumes.scan(1))) == 2


def test_an_empty_batch_still_moves_the_cursor(archive: Archive) -> None:
    assert archive.recorder.record([], cursor(40)) == ()
    assert archive.store.folder("work", "INBOX").last_uid == 40


def test_client_and_direction_come_from_the_directory(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail("in")), arrival(mail("out", sender=ME, to=ANNA))])
    assert [(row.client, row.direction) for row in rows(archive)] == [
        ("Acme", Direction.IN),
        ("Acme", Direction.OUT),
    ]


# --- who I write to ----------------------------------------------------------------------------


def test_whom_i_write_to_is_a_correspondent_at_once(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN)), arrival(mail("re", sender=BEN))])
    (found,) = facts_of(archive, CorrespondentFound)
    assert (found.address, found.message) == (BEN, rows(archive)[0].id)
    assert [row.client for row in rows(archive)] == [BEN, BEN]
    assert archive.recorder.directory.is_client(BEN)
    archive.recorder.record([arrival(mail("again", sender=ME, to=BEN))])
    assert len(facts_of(archive, CorrespondentFound)) == 1


def test_mail_in_my_name_teaches_nobody_until_it_is_seen_among_sent_mail(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    mine = mail("hi", sender=ME, to=BEN)
    archive.recorder.record([arrival(mine, 1)])
    assert not facts_of(archive, CorrespondentFound)
    (job,) = archive.store.claim("work", archive.clock.now(), limit=9, lease_seconds=0.0)
    with archive.store.transaction(archive.clock.now()) as tx:
        tx.settle(job, Done())
    archive.recorder.record([arrival(mine, 1, folder="Sent", sent=True), arrival(mail("re", sender=BEN), 2)])
    (found,) = facts_of(archive, CorrespondentFound)
    assert (found.address, found.message) == (BEN, job.subject)
    owed = archive.store.claim("work", archive.clock.now(), limit=9, lease_seconds=0.0)
    assert job.subject in [one.subject for one in owed], "it is an answer from now on"
    assert [row.in_sent for row in rows(archive)] == [True, False]
    archive.recorder.record([arrival(mine, 2, folder="Sent", sent=True)])
    assert len(facts_of(archive, CorrespondentFound)) == 1


def test_whom_a_known_message_of_mine_went_to_is_told_by_its_header_block_alone(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    mine = mail("hi", sender=ME, to=BEN)
    archive.recorder.record([arrival(mine, 1)])
    recorder = Recorder(
        archive.store,
        archive.volumes,
        archive.clock,
        parse=lambda _: pytest.fail("no parser needs to be asked"),
        directory=archive.recorder.directory,
    )
    recorder.record([arrival(mine, 1, folder="Sent", sent=True)])
    (found,) = facts_of(archive, CorrespondentFound)
    assert found.address == BEN


def test_a_vacation_notice_of_mine_makes_nobody_a_correspondent(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    notice = mail("away", sender=ME, to=BEN).replace(
        b"MIME-Version", b"Auto-Submitted: auto-replied\r\nMIME-Version"
    )
    archive.recorder.record([arrival(notice)])
    assert not facts_of(archive, CorrespondentFound)


def test_a_new_directory_keeps_the_correspondents_that_were_found(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    old = archive.recorder.directory
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN))])
    archive.recorder.use(old)
    assert archive.recorder.directory.is_client(BEN)


# --- threads and copies ------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 10])
def test_answers_join_their_thread_within_a_batch_and_across(
    archive: Archive, mail: Any, arrival: Any, batch: int
) -> None:
    chain = [
        mail("a", message_id="<a@x>"),
        mail("b", message_id="<b@x>", reply_to="<a@x>"),
        mail("c", message_id="<c@x>"),
        mail("d", message_id="<d@x>", references="<a@x> <b@x>"),
        mail("e", message_id="<e@x>", references="<c@x> <b@x>"),
        mail("f", message_id="<f@x>", reply_to="<c@x>"),
    ]
    for start in range(0, len(chain), batch):
        archive.recorder.record([arrival(data) for data in chain[start : start + batch]])
    assert len({row.thread for row in rows(archive)}) == 1
    joins = [fact.thread_joins for fact in facts_of(archive, MessageArchived)]
    assert [len(join) for join in joins] == [0, 0, 0, 0, 1, 0]
    first = archive.library.message(rows(archive)[-1].id)
    assert [past.subject for past in archive.library.thread(first).messages] == ["a", "b", "c", "d", "e"]
    assert archive.verify().ok


def test_a_thread_is_found_by_a_message_that_was_only_mentioned(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("b", message_id="<b@x>", reply_to="<lost@x>"))])
    archive.recorder.record([arrival(mail("c", message_id="<c@x>", reply_to="<lost@x>"))])
    assert len({row.thread for row in rows(archive)}) == 1


def test_two_clients_never_share_a_thread(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN, message_id="<a@x>"))])
    archive.recorder.record([arrival(mail("re", sender=ANNA, message_id="<b@x>", reply_to="<a@x>"))])
    assert len({row.thread for row in rows(archive)}) == 2


@pytest.mark.parametrize("batch", [1, 3])
def test_a_copy_that_travelled_another_way_names_the_first(
    archive: Archive, mail: Any, arrival: Any, batch: int
) -> None:
    copies = [mail("x", message_id="<a@x>", extra=extra) for extra in ("", "from one by other", "from two")]
    for start in range(0, 3, batch):
        archive.recorder.record([arrival(data) for data in copies[start : start + batch]])
    first = rows(archive)[0].id
    assert [row.same_as for row in rows(archive)] == ["", first, first]


def test_a_message_without_message_id_is_nobody_s_copy(archive: Archive, mail: Any, arrival: Any) -> None:
    def nameless(extra: str) -> bytes:
        return mail("x", message_id="<a@x>", extra=extra).replace(b"Message-ID: <a@x>\r\n", b"")

    archive.recorder.record([arrival(nameless("one")), arrival(nameless("two"))])
    assert [row.same_as for row in rows(archive)] == ["", ""]


# --- when it was received ------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SANE = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("internal", "written", "expected"),
    [
        (SANE, NOW, SANE),
        (None, SANE, SANE),
        (None, None, NOW),
        (None, datetime(1979, 12, 31, tzinfo=UTC), NOW),
        (None, NOW + timedelta(hours=23), NOW + timedelta(hours=23)),
        (None, NOW + timedelta(days=2), NOW),
    ],
)
def test_the_server_s_date_counts_then_the_sender_s_unless_absurd(
    internal: datetime | None, written: datetime | None, expected: datetime
) -> None:
    assert received_at(internal, written, NOW) == expected


# --- what fails --------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half(open_archive: Any, mail: Any, arrival: Any, tmp_path: Path) -> None:
    import errno

    def write(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    full = open_archive(volumes=Volumes(tmp_path / "archive" / "volumes", write=write))
    full.open_folder()
    with pytest.raises(DiskFull):
        full.recorder.record([arrival(mail(), 1)], cursor(1))
    assert full.store.folder("work", "INBOX").last_uid == 0
    assert not rows(full)
    again = open_archive()
    again.recorder.record([arrival(mail(), 1)], cursor(1))
    assert len(rows(again)) == 1
    assert again.verify(deep=True).ok


class Failing:
    """A store whose commits fail while `failing` is set."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failing = False

    def __getattr__(self, name: str) -> Any:
        if name == "transaction" and self.failing:
            raise StoreLocked("busy")
        return getattr(self._store, name)


def test_a_commit_that_failed_is_made_good_before_the_next_batch(
    open_archive: Any, mail: Any, arrival: Any
) -> None:
    plain = open_archive()
    plain.open_folder()
    store = Failing(plain.store)
    archive = open_archive(store=store)
    archive.recorder.record([arrival(mail("first"), 1)], cursor(1))
    store.failing = True
    for _ in range(3):
        with pytest.raises(StoreLocked):
            archive.recorder.record([arrival(mail("second"), 2)], cursor(2))
    store.failing = False
    receipts = archive.recorder.record([arrival(mail("second"), 2), arrival(mail("third"), 3)], cursor(3))
    assert [(r.seq, r.fresh) for r in receipts] == [(2, False), (3, True)]
    assert [member.seq for member in archive.volumes.scan(1)] == [1, 2, 3]
    assert [fact.id for fact in facts_of(archive, VolumeAdopted)] == [receipts[0].message_id]
    assert archive.verify(deep=True).ok


def test_a_mirror_that_fails_loses_no_message(open_archive: Any, mail: Any, arrival: Any) -> None:
    class Broken:
        def catch_up(self, store: Any) -> int:
            raise DiskFull("no room")

    archive = open_archive(mirror=Broken())
    assert archive.recorder.record([arrival(mail())])[0].fresh
    archive.mirror.catch_up(archive.store)
    assert archive.verify().ok


# --- the start after a crash -------------------------------------------------------------------


def test_whole_frames_that_the_index_does_not_know_are_adopted_once(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)], cursor(1))
    lost = [(2, raw(mail("two"))), (3, raw(mail("three", sender=ME, to=BEN)))]
    archive.volumes.append(lost)
    again = open_archive()
    settled = again.recorder.adopt()
    assert settled.adopted == tuple(handle.digest for _, handle in lost)
    assert [(row.seq, row.subject, row.history) for row in rows(again)] == [
        (1, "one", False),
        (2, "two", False),
        (3, "three", False),
    ]
    assert [(fact.id, fact.volume) for fact in facts_of(again, VolumeAdopted)] == [
        (h.digest, 1) for _, h in lost
    ]
    assert again.store.next_due("work") is not None
    assert not again.recorder.adopt().adopted
    (receipt,) = again.recorder.record([arrival(mail("two"), 2)], cursor(2))
    assert (receipt.seq, receipt.fresh) == (2, False)
    assert not again.recorder.directory.is_client(BEN), "a stranger may have written in my name"
    again.recorder.record([arrival(mail("three", sender=ME, to=BEN), 1, folder="Sent", sent=True)])
    assert again.recorder.directory.is_client(BEN)
    assert again.verify(deep=True).ok


def test_adopted_history_stays_history(open_archive: Any, archive: Archive, mail: Any, arrival: Any) -> None:
    from levelhead.archive.frames import Stamp

    moment = datetime(2019, 5, 6, 7, 8, 9, tzinfo=UTC)
    archive.volumes.append([(1, raw(mail()))], stamps=[Stamp(received_at=moment, history=True)])
    open_archive().recorder.adopt()
    (row,) = rows(archive)
    assert (row.history, row.received_at) == (True, moment)


def test_a_doubt_about_a_message_outlives_a_death_between_bytes_and_entry(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder._make_durable(
        [replace(arrival(mail("one"), 1), doubts=(SIZE_MISMATCH,)), arrival(mail("two"), 2)]
    )
    again = open_archive()
    again.recorder.adopt()
    assert [fact.doubts for fact in facts_of(again, MessageArchived)] == [(SIZE_MISMATCH,), ()]
    assert [row.defects for row in rows(again)] == [(SIZE_MISMATCH,), ()]
    assert again.verify(deep=True).ok


def test_an_incomplete_frame_is_cut_and_said_so(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)], cursor(1))
    end = archive.volumes.end()[1]
    archive.volumes.append([(2, raw(mail("two")))])
    with archive.volumes.path(1).open("r+b") as stream:
        stream.truncate(archive.volumes.end()[1] - 3)
    again = open_archive()
    settled = again.recorder.adopt()
    assert [cut.offset for cut in settled.cut] == [end]
    assert [(fact.volume, fact.at_offset) for fact in facts_of(again, VolumeRepaired)] == [(1, end)]
    assert again.volumes.end() == (1, end)
    assert again.verify(deep=True).ok


def test_what_another_process_left_behind_is_settled_before_the_next_append(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)])
    other = Volumes(archive.volumes.folder)
    other.append([(2, raw(mail("orphan")))])
    with archive.volumes.path(1).open("ab") as stream:
        stream.write(b"\x28\xb5\x2f\xfd\x24")
    archive.recorder.record([arrival(mail("two"), 2)])
    assert [row.subject for row in rows(archive)] == ["one", "orphan", "two"]
    assert archive.verify(deep=True).ok


def test_volumes_that_lost_bytes_are_reported_and_never_written_over(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one")), arrival(mail("two"))])
    with archive.volumes.path(1).open("r+b") as stream:
        stream.truncate(archive.volumes.end()[1] - 1)
    again = open_archive()
    assert "the volumes end at" in again.recorder.adopt().damaged[0]
    again.recorder.record([arrival(mail("three"))])
    assert [row.volume for row in rows(again)] == [1, 1, 2]
    assert again.library.raw(rows(again)[2].id).read() == mail("three")


def test_after_a_rebuild_the_whole_archive_is_looked_at_and_nothing_known_is_cut(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail(str(n))) for n in range(5)])
    with archive.store.transaction(archive.clock.now()) as tx:
        tx.set_meta("volumes.end", "1:0")
    data = bytearray(archive.volumes.path(1).read_bytes())
    frame = rows(archive)[4]
    data[frame.offset + 9] ^= 4
    archive.volumes.path(1).write_bytes(data)
    archive.store._links.mine().connection.execute("DELETE FROM meta WHERE key = 'volumes.end'")
    settled = open_archive().recorder.adopt()
    assert len(settled.damaged) == 1
    assert not settled.cut
    assert not settled.adopted
    assert archive.volumes.path(1).read_bytes() == bytes(data)


def test_a_lost_index_without_a_ledger_still_finds_every_message(
    open_archive: Any, archive: Archive, mail: Any, arrival: Any
) -> None:
    bodies = [mail(str(n)) for n in range(450)]
    archive.recorder.record([arrival(body) for body in bodies])
    archive.volumes.folder.rename(archive.path.with_name("volumes-only"))
    found = open_archive("fresh", volumes=Volumes(archive.path.with_name("volumes-only")))
    assert len(found.recorder.adopt().adopted) == 450
    assert [found.library.raw(row.id).read() for row in rows(found)] == bodies
    assert not found.recorder.adopt().adopted


def test_an_adoption_that_is_broken_off_goes_on_at_the_next_start(open_archive: Any, mail: Any) -> None:
    plain = open_archive()
    plain.volumes.append([(n + 1, raw(mail(str(n)))) for n in range(450)])
    store = Failing(plain.store)
    broken = open_archive(store=store)
    commit = plain.store.transaction

    def once(now: datetime) -> Any:
        store.failing = plain.store.last_seq() >= 200
        if store.failing:
            raise StoreLocked("busy")
        return commit(now)

    store.transaction = once
    with pytest.raises(StoreLocked):
        broken.recorder.adopt()
    assert plain.store.last_seq() == 200
    assert len(open_archive().recorder.adopt().adopted) == 250
    assert plain.store.last_seq() == 450


CRASH = """
import itertools, os, sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import FrozenClock
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.sqlite import open_store

path, left = Path(sys.argv[1]), 0

def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)

def write(handle, data):
    step()
    half = os.write(handle, data[: len(data) // 2 or 1])
    step()
    return half

def sync(handle):
    step()
    os.fsync(handle)
    step()

def stepping(raw):
    step()
    return parse(raw)

class Mirror:
    def catch_up(self, store):
        step()

def work():
    store = open_store(path)
    volumes = Volumes(path / "volumes", write=write, sync=sync)
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    directory = Directory.make(["me@x.example"])
    recorder = Recorder(store, volumes, clock, parse=stepping, directory=directory, mirror=Mirror())
    recorder.adopt()
    for batch in range(2):
        fresh = [raw(b"Subject: x\\r\\n\\r\\n" + os.urandom(300)) for n in range(2)]
        recorder.record([Arrival(raw=one) for one in fresh])
        for one in fresh:
            print(one.digest, flush=True)

for left in itertools.count():
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.waitstatus_to_exitcode(status) != -9:
        sys.exit(os.waitstatus_to_exitcode(status) or (left < 20))
"""


def test_a_kill_at_any_step_of_recording_loses_nothing_acknowledged(
    open_archive: Any, tmp_path: Path
) -> None:
    path = tmp_path / "archive"
    path.mkdir()
    done = subprocess.run([sys.executable, "-c", CRASH, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    acknowledged = re.findall(r"^[0-9a-f]{64}$", done.stdout, re.MULTILINE)
    archive = open_archive()
    archive.recorder.adopt()
    assert len(acknowledged) > 20
    assert set(acknowledged) <= {row.id for row in rows(archive)}
    report = archive.verify(deep=True)
    assert report.ok, report


# --- several at once ---------------------------------------------------------------------------


def test_mailbox_threads_share_one_recorder(archive: Archive, mail: Any, arrival: Any) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for n in range(0, 30, 5):
                archive.recorder.record([arrival(mail(f"{name} {m}")) for m in range(n, n + 5)])
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [row.seq for row in rows(archive)] == list(range(1, 91))
    assert archive.verify(deep=True).ok


ADDER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import FrozenClock
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.sqlite import open_store

path = Path(sys.argv[1])
clock = FrozenClock(datetime(2026, 11, 20, tzinfo=UTC))
recorder = Recorder(
    open_store(path), Volumes(path / "volumes"), clock,
    parse=parse, directory=Directory.make(["me@x.example"]), mirror=Mirror(path / "ledger"),
)
for batch in range(8):
    recorder.record([Arrival(raw=raw(b"Subject: %s %d\\r\\n\\r\\nshared" % (name, batch)))
                     for name in (sys.argv[2].encode(), b"both")])
"""


def test_two_processes_record_beside_each_other(archive: Archive, tmp_path: Path) -> None:
    adders = [subprocess.Popen([sys.executable, "-c", ADDER, archive.path, name]) for name in ("one", "two")]
    assert [adder.wait() for adder in adders] == [0, 0]
    assert [row.seq for row in rows(archive)] == list(range(1, 25))
    assert archive.verify(deep=True).ok


def test_a_sighting_bears_what_the_server_said(archive: Archive, mail: Any, arrival: Any) -> None:
    moment = datetime(2026, 11, 19, 8, tzinfo=UTC)
    sent = replace(arrival(mail(), 5, flags=("$Forwarded",)), internal_date=moment, history=True)
    archive.recorder.record([sent])
    (fact,) = facts_of(archive, MessageSighted)
    assert (fact.internal_date, fact.flags, fact.seen_at) == (moment, ("$Forwarded",), archive.clock.now())
    (row,) = rows(archive)
    assert (row.history, row.received_at) == (True, moment)
    assert [member.stamp.history for member in archive.volumes.scan(1)] == [True]
