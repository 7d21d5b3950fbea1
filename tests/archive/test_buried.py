"""What was erased and comes again: it is not written, not read, not judged, and where it stands is left out."""

from __future__ import annotations

import fcntl
import io
from pathlib import Path
from typing import Any

import pytest
import structlog

from forgotten import erase
from levelhead.archive.bring import Brought, bring
from levelhead.archive.parse import parse
from levelhead.archive.record import END, Recorder
from levelhead.archive.spool import Spool
from levelhead.clients.directory import Directory
from levelhead.facts import Fact, MessageExcluded, MessageSighted, VolumeAdopted
from levelhead.model import ERASED
from levelhead.raw import raw
from levelhead.store.api import Cursor, MessageFilter

Archive = Any
ME, BEN = "me@studio.example", "ben@other.example"


@pytest.fixture
def forget(archive: Archive) -> Any:
    """Erases messages by their bytes; `finished=False` as a death before their bytes are blank leaves it."""

    def make(*data: bytes, finished: bool = True, **more: str) -> None:
        ids = [raw(one).digest for one in data]
        mirror = archive.mirror if finished else None
        erase(
            archive.store,
            archive.path,
            *ids,
            clock=archive.clock,
            volumes=archive.volumes,
            parse=parse,
            mirror=mirror,
            **more,
        )

    return make


def facts_of(archive: Archive, kind: type[Fact]) -> list[Any]:
    return [fact for _, fact in archive.store.facts_about(kind=kind.name)][::-1]


def ids(archive: Archive) -> list[str]:
    return [row.id for row in archive.store.messages(MessageFilter())]


def in_volumes(archive: Archive) -> list[str]:
    return [member.digest for number in archive.volumes.numbers() for member in archive.volumes.scan(number)]


def cursor(last_uid: int) -> Cursor:
    return Cursor(mailbox="work", folder="INBOX", last_uid=last_uid)


def owed(archive: Archive) -> set[str]:
    return {
        job.subject for job in archive.store.claim("work", archive.clock.now(), limit=99, lease_seconds=0.0)
    }


def test_what_was_erased_is_not_archived_again_and_its_place_is_left_out(
    archive: Archive, forget: Any, mail: Any, arrival: Any
) -> None:
    one, two, three = mail("one"), mail("two"), mail("three")
    archive.recorder.record([arrival(one, 1), arrival(two, 2)], cursor(2))
    forget(one)
    receipts = archive.recorder.record([arrival(one, 5), arrival(three, 6), arrival(two, 7)], cursor(7))
    assert [(r.seq, r.fresh, r.erased) for r in receipts] == [
        (0, False, True),
        (3, True, False),
        (2, False, False),
    ]
    gone = raw(one).digest
    assert receipts[0].message_id == gone
    assert ids(archive) == in_volumes(archive) == [raw(two).digest, raw(three).digest]
    assert gone not in owed(archive)
    last = facts_of(archive, MessageExcluded)[-1]
    assert (last.mailbox, last.folder, last.uidvalidity, last.uid) == ("work", "INBOX", 7, 5)
    assert (last.reason, last.addresses) == (ERASED, ())
    assert archive.store.folder("work", "INBOX").last_uid == 7
    assert archive.store.known_uids("work", "INBOX", 7, 1, 9).excluded == {1: ERASED, 5: ERASED}
    assert archive.verify(deep=True).ok


def test_a_batch_of_nothing_but_erased_mail_is_neither_read_nor_written(
    archive: Archive, forget: Any, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1), arrival(mail("two"), 2)])
    forget(mail("one"), mail("two"))
    end = archive.volumes.end()

    def unread(raw: object) -> Any:
        raise AssertionError("an erased message is parsed")

    recorder = Recorder(
        archive.store, archive.volumes, archive.clock, parse=unread, directory=archive.recorder.directory
    )
    twice = [arrival(mail("one"), 3), arrival(mail("one"), 4), arrival(mail("two"))]
    assert all(receipt.erased for receipt in recorder.record(twice, cursor(4)))
    assert archive.volumes.end() == end and ids(archive) == []
    assert {fact.uid for fact in facts_of(archive, MessageExcluded)} == {1, 2, 3, 4}
    assert not facts_of(archive, MessageSighted)
    size = archive.store.ledger_size()
    recorder.record([arrival(mail("two"))])
    assert archive.store.ledger_size() == size, "what stands nowhere leaves no trace at all"


def test_an_erased_message_gives_back_no_number_to_another(
    archive: Archive, forget: Any, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one")), arrival(mail("two"))])
    forget(mail("two"))
    (receipt,) = archive.recorder.record([arrival(mail("three"))])
    assert receipt.seq == 3


def test_a_copy_with_other_received_lines_is_another_message(
    archive: Archive, forget: Any, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one", message_id="<a@x>"))])
    forget(mail("one", message_id="<a@x>"))
    copy = mail("one", message_id="<a@x>", extra="from mx2.example")
    (receipt,) = archive.recorder.record([arrival(copy)])
    assert receipt.fresh and [row.same_as for row in archive.store.messages(MessageFilter())] == [""]


def test_what_is_archived_is_not_asked_for_among_tombstones(
    archive: Archive, mail: Any, arrival: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)])
    asked: list[list[str]] = []
    real = type(archive.store).erased

    def noted(store: Any, wanted: list[str]) -> frozenset[str]:
        asked.append(wanted)
        return real(store, wanted)

    monkeypatch.setattr(type(archive.store), "erased", noted)
    archive.recorder.record([arrival(mail("one"), 2)])
    archive.recorder.record([arrival(mail("one"), 3), arrival(mail("two"), 4)])
    assert asked == [[raw(mail("two")).digest]]


def test_nobody_can_erase_between_what_is_known_and_what_is_noted(
    archive: Archive, mail: Any, arrival: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)])
    real, held = type(archive.store).known, []

    def known(store: Any, wanted: list[str]) -> Any:
        with (archive.path / "volumes" / ".lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(wanted)
        return real(store, wanted)

    monkeypatch.setattr(type(archive.store), "known", known)
    archive.recorder.record([arrival(mail("one"), 2)])
    assert held == [[raw(mail("one")).digest]]


# --- after a crash -----------------------------------------------------------------------------


@pytest.mark.parametrize("finished", [True, False], ids=["blank", "not-blank-yet"])
@pytest.mark.parametrize("last", [True, False], ids=["at-the-end", "in-between"])
def test_bytes_of_an_erased_message_are_not_taken_in_by_an_index_that_was_lost(
    archive: Archive, open_archive: Any, forget: Any, mail: Any, arrival: Any, finished: bool, last: bool
) -> None:
    archive.recorder.record([arrival(mail("one"), 1), arrival(mail("two"), 2)])
    forget(mail("two" if last else "one"), finished=finished)
    with archive.store.transaction(archive.clock.now()) as tx:
        tx.set_meta(END, "1:0")  # as little is known of the volumes as by an index that was made again
    kept = raw(mail("one" if last else "two")).digest
    again = open_archive()
    with structlog.testing.capture_logs() as logged:
        settled = again.recorder.adopt()
    assert (settled.adopted, settled.cut, settled.damaged) == ((), (), ())
    assert not logged, "nothing was lost, so nobody is warned"
    assert ids(again) == [kept] and not facts_of(again, VolumeAdopted)
    with structlog.testing.capture_logs() as logged:
        assert open_archive().recorder.adopt() == type(settled)()
    assert not logged, "it is settled once and not at every start"


def test_a_frame_that_a_crash_left_behind_an_erasure_is_still_taken_in(
    archive: Archive, open_archive: Any, forget: Any, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("one"), 1)])
    forget(mail("one"), finished=False)
    archive.volumes.append([(2, raw(mail("two")))])
    assert open_archive().recorder.adopt().adopted == (raw(mail("two")).digest,)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_correspondent_who_was_forgotten_is_one_again_once_i_write_again(
    archive: Archive, open_archive: Any, forget: Any, mail: Any, arrival: Any, restarted: bool
) -> None:
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN))])
    forget(mail("hi", sender=ME, to=BEN), client=BEN)
    assert archive.store.correspondents() == frozenset()
    running = open_archive() if restarted else archive
    running.recorder.record([arrival(mail("other"))])
    assert not running.recorder.directory.is_client(BEN)
    running.recorder.record([arrival(mail("again", sender=ME, to=BEN))])
    assert running.recorder.directory.is_client(BEN) and archive.store.correspondents() == {BEN}


def test_an_erasure_forgets_no_correspondent_that_it_did_not_take(
    archive: Archive, forget: Any, mail: Any, arrival: Any
) -> None:
    archive.recorder.use(Directory.make([ME], correspondents=["given@other.example"]))
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN)), arrival(mail("one"))])
    forget(mail("one"))
    archive.recorder.record([arrival(mail("two"))])
    assert archive.recorder.directory.known == {BEN, "given@other.example"}


# --- `add` -------------------------------------------------------------------------------------

ENVELOPE = b"From anna@acme.example Fri Nov 20 16:00:00 2026\n"


@pytest.fixture
def add(archive: Archive) -> Any:
    def run(*paths: object) -> Brought:
        return bring(
            [str(path) for path in paths],
            archive.recorder,
            stdin=io.BytesIO(),
            spool=Spool(archive.path / "spool"),
            clock=archive.clock,
        )

    return run


def test_add_says_what_was_erased_and_when_and_why(
    archive: Archive, forget: Any, add: Any, mail: Any, tmp_path: Path
) -> None:
    (tmp_path / "one.eml").write_bytes(mail("one"))
    (tmp_path / "two.eml").write_bytes(mail("two"))
    add(tmp_path / "one.eml")
    forget(mail("one"))
    archive.clock.advance(days=3)
    assert add(tmp_path) == Brought(
        added=1,
        known=0,
        failed=(),
        left_out=1,
        erased=(
            (
                str(tmp_path / "one.eml"),
                "1 message was erased on 2026-11-20 (she asked for it); levelhead does not archive it again",
            ),
        ),
    )


def test_add_counts_what_was_erased_for_each_source_and_erasure(
    archive: Archive, forget: Any, add: Any, mail: Any, tmp_path: Path
) -> None:
    letters = [mail(subject).replace(b"\r\n", b"\n") for subject in "abcd"]
    (tmp_path / "old.mbox").write_bytes(b"".join(ENVELOPE + one + b"\n" for one in letters))
    (tmp_path / "a.eml").write_bytes(letters[0])
    told: list[int] = []
    add(tmp_path / "old.mbox")
    forget(*letters[:2])
    archive.clock.advance(days=3)
    forget(letters[2], why="retention")
    outcome = bring(
        [str(tmp_path / "old.mbox"), str(tmp_path / "a.eml")],
        archive.recorder,
        stdin=io.BytesIO(),
        spool=Spool(archive.path / "spool"),
        clock=archive.clock,
        progress=told.append,
    )
    assert (outcome.added, outcome.known, told) == (0, 1, [5])
    assert (outcome.failed, outcome.left_out) == ((), 4)
    why = {Path(path).name: sentence for path, sentence in outcome.erased}
    assert why == {
        "old.mbox": "2 messages were erased on 2026-11-20 (she asked for it); levelhead does not archive them again; "
        "1 message was erased on 2026-11-23 (retention); levelhead does not archive it again",
        "a.eml": "1 message was erased on 2026-11-20 (she asked for it); levelhead does not archive it again",
    }
