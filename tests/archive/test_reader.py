"""The reader: a message that ends, stalls or bloats its parser is archived all the same, and harms nothing else."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

import levelhead
import levelhead.archive.reader as module
from levelhead.archive.hearing import parse_and_hear
from levelhead.archive.library import Library
from levelhead.archive.parse import parse, parse_headers
from levelhead.archive.reader import LIMITS, Reader
from levelhead.archive.rebuild import rebuild
from levelhead.archive.record import Recorder
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.clock import SystemClock
from levelhead.errors import Stopping, Unavailable
from levelhead.model import Level, Message, Parsed
from levelhead.raw import SPOOL_ABOVE, Raw, raw
from levelhead.screening.unknown import unknown_reason
from levelhead.store.sqlite import open_store
from levelhead.store.sqlite_restore import fresh_index
from levelhead.workers import Gone, Process

MakeReader = Callable[..., Reader]
NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
QUICK = 0.4
"""Seconds of computing that a message of these tests gets."""


@pytest.fixture
def tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one letter for each time that a poisonous message was tried."""
    path = tmp_path / "tries"
    path.touch()
    # The other process has the levelhead of this one, wherever that is.
    places = (Path(__file__).parent, Path(levelhead.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
    monkeypatch.setenv("PYTHON_POISON_TRIES", str(path))
    return path


@pytest.fixture
def reader(tries: Path) -> Iterator[MakeReader]:
    """Makes readers whose parser is that of `poison.py`; they end with the test."""
    made: list[Reader] = []

    def make(**rest: Any) -> Reader:
        made.append(Reader(**{"whole": "poison:touchy", "cpu_seconds": QUICK, "seconds": 30.0} | rest))
        return made[-1]

    yield make
    for one in made:
        one.close()


def poisonous(how: str, mail: Callable[..., bytes]) -> bytes:
    return mail(f"A hostile one ({how})", body=f"POISON {how} and words of a stranger")


def test_what_the_other_process_reads_is_what_this_one_would(mail: Any) -> None:
    reader = Reader()
    messages = [
        raw(path.read_bytes()) for path in sorted((Path(__file__).parents[1] / "data/hostile").iterdir())
    ]
    messages.append(raw(mail(body="Where is it?\r\n" * 200_000)))
    try:
        assert [reader(one) for one in messages] == [parse(one) for one in messages]
        assert list(reader.many(messages)) == [parse(one) for one in messages]
    finally:
        reader.close()


def test_the_words_of_a_batch_are_heard_where_it_is_read(mail: Any) -> None:
    reader = Reader(first=module.HEARD)
    angry = raw(mail(body="You are an idiot, and your work is a disgrace."))
    try:
        reader.warm_up()
        (read,) = reader.many([angry])
        assert read.heard == parse_and_hear(angry).heard != ""
        assert reader(angry).heard == "", "who asks for one message alone wants to know what it says"
    finally:
        reader.close()


def test_who_warms_it_up_meanwhile_takes_nobodys_answer(mail: Any) -> None:
    reader = Reader(first=module.HEARD)
    mails = [raw(mail(f"Number {number}")) for number in range(40)]
    over = threading.Event()

    def warm() -> None:
        while not over.is_set():
            reader.warm_up()

    warming = threading.Thread(target=warm)
    warming.start()
    try:
        assert [read.subject for one in mails for read in reader.many([one])] == [
            f"Number {number}" for number in range(40)
        ]
    finally:
        over.set()
        warming.join()
        reader.close()


@pytest.mark.parametrize("how", ["raise", "crash", "hang", "nonsense"])
def test_a_message_that_cannot_be_heard_is_read_all_the_same(
    how: str, reader: MakeReader, tries: Path, mail: Any
) -> None:
    mails = [raw(mail("A calm one")), raw(poisonous(how, mail)), raw(mail("Another one"))]
    # Only who computes for ever is to run out of time: what the first message loads takes a while on a busy machine.
    enough = {} if how == "hang" else {"cpu_seconds": 30.0}
    read = reader(whole=module.WHOLE, first="poison:touchy", **enough)
    read.warm_up()  # a process that ended by itself meanwhile, on a busy machine, would not be asked to hear
    assert list(read.many(mails)) == [parse(one) for one in mails]
    read.warm_up()
    assert list(read.many(mails[1:2])) == [parse(mails[1])]
    assert len(tries.read_text()) == 2, "once with each batch"


def test_a_message_too_large_for_a_request_is_handed_over_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail: Any
) -> None:
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    large = raw(mail(body="x" * 79 + "\r\n" * (70_000_000 // 2)))
    spooled = tmp_path / "message"
    spooled.write_bytes(mail(body="y" * (SPOOL_ABOVE + 1)))
    reader = Reader()
    try:
        assert reader(large).subject == "Hello"
        on_disk = Raw(digest="0" * 64, size=spooled.stat().st_size, path=spooled)
        assert reader(on_disk).text.startswith("yyy")
    finally:
        reader.close()
    assert list(tmp_path.iterdir()) == [spooled]


def test_no_process_is_started_before_there_is_a_message_and_none_is_left(mail: Any) -> None:
    reader = Reader()
    assert reader.pid is None
    reader(raw(mail()))
    pid = reader.pid
    assert pid is not None and Path(f"/proc/{pid}").exists()
    reader.close()
    assert reader.pid is None and not Path(f"/proc/{pid}").exists()
    with pytest.raises(Stopping):
        reader(raw(mail()))


ENDINGS = {
    "crash": ("unread: it ended the worker process (SIGSEGV)", 2),
    "hang": ("unread: timed out", 1),
    "native": ("unread: timed out", 1),
    "hog": ("unread: out of memory", 1),
    "exit": ("unread: it ended the worker process (exit status 3)", 2),
    "raise": ("unread: it ended the worker process (exit status 1)", 2),
    "nonsense": ("unread: its process answered nonsense", 2),
}
"""How a parser ends, the defect, and how often the message is tried: whoever died may have been killed by another."""


@pytest.mark.parametrize("how", ENDINGS)
def test_a_message_that_ends_its_parser_is_read_by_its_headers_alone(
    how: str, reader: MakeReader, tries: Path, mail: Any
) -> None:
    defect, times = ENDINGS[how]
    read = reader(limits=replace(LIMITS, memory=400 << 20))
    data = poisonous(how, mail)
    found = read(raw(data))
    assert found.defects == (defect,)
    assert (found.text, found.new_text, found.attachments) == ("", "", ())
    whole = parse(raw(data))
    kept = ("sender", "to", "cc", "subject", "date", "message_id", "headers", "automatic", "body_digest")
    assert {name: getattr(found, name) for name in kept} == {name: getattr(whole, name) for name in kept}
    assert len(tries.read_text()) == times
    # Nobody tries it again, and everybody else's mail is read.
    assert read(raw(data)) == found
    assert read(raw(mail())) == parse(raw(mail()))
    assert len(tries.read_text()) == times


def test_a_parser_that_waits_without_computing_is_ended_too(
    reader: MakeReader, tries: Path, mail: Any
) -> None:
    read = reader(seconds=3.0)
    read(raw(mail()))  # starting the process is not what is limited here
    assert read(raw(poisonous("sleep", mail))).defects == ("unread: timed out",)
    assert len(tries.read_text()) == 1


@pytest.mark.parametrize("how", ["hang", "native"])
def test_computing_is_measured_by_the_kernel_and_not_by_our_patience(
    how: str, reader: MakeReader, monkeypatch: pytest.MonkeyPatch, mail: Any
) -> None:
    ends: list[str] = []

    class Watched(Process):
        """A process of which it is remembered how it ended."""

        def answer(self, seconds: float) -> bytes:
            try:
                return super().answer(seconds)
            except Gone as exc:
                ends.append(str(exc))
                raise

    monkeypatch.setattr(module, "Process", Watched)
    assert reader()(raw(poisonous(how, mail))).defects == ("unread: timed out",)
    assert ends == ["it ended the worker process (SIGPROF)"]


def test_a_process_has_an_end_that_nothing_in_it_can_shut_out(mail: Any) -> None:
    reader = Reader()
    reader(raw(mail()))
    assert reader.pid is not None
    soft, hard = resource.prlimit(reader.pid, resource.RLIMIT_CPU)
    reader.close()
    assert soft == hard <= 3_600


@pytest.mark.sweep
def test_a_message_that_shuts_out_all_signals_is_ended_by_the_limit_of_its_process(
    reader: MakeReader, tries: Path, mail: Any
) -> None:
    read = reader(limits=replace(LIMITS, cpu_seconds=1))
    found = read(raw(poisonous("deaf", mail)))
    assert found.defects == ("unread: it ended the worker process (SIGKILL)",)
    assert len(tries.read_text()) == 2


@pytest.mark.sweep
def test_a_process_that_has_used_up_its_computing_by_honest_work_costs_no_message(
    reader: MakeReader, tries: Path, mail: Any
) -> None:
    read = reader(limits=replace(LIMITS, cpu_seconds=1), cpu_seconds=30.0)
    messages = [raw(mail(f"Number {number}", body="POISON work")) for number in range(4)]
    assert list(read.many(messages)) == [parse(one) for one in messages]
    assert len(tries.read_text()) > 4, "one at least was begun twice"


def test_a_message_whose_headers_cannot_be_read_either_says_so(reader: MakeReader, mail: Any) -> None:
    read = reader(headers="poison:headers_crash")
    found = read(raw(poisonous("exit", mail)))
    assert found == Parsed(defects=("unread: it ended the worker process (exit status 3)", "headers-unread"))


def test_one_poisonous_message_of_a_batch_costs_only_itself(
    reader: MakeReader, tries: Path, mail: Any
) -> None:
    read = reader()
    messages = [raw(mail(f"Number {number}")) for number in range(50)]
    messages[20] = raw(poisonous("crash", mail))
    found = list(read.many(messages))
    assert found[20].defects == ("unread: it ended the worker process (SIGSEGV)",)
    assert found[:20] + found[21:] == [parse(one) for one in messages[:20] + messages[21:]]
    assert len(tries.read_text()) == 3  # once among the others, twice alone
    assert list(read.many(messages)) == found
    assert len(tries.read_text()) == 3


def test_a_process_that_somebody_else_killed_costs_no_message(reader: MakeReader, mail: Any) -> None:
    read = reader()
    read(raw(mail()))
    assert read.pid is not None
    os.kill(read.pid, 9)
    assert read(raw(mail("Another"))) == parse(raw(mail("Another")))


def test_threads_take_turns(reader: MakeReader, mail: Any) -> None:
    read = reader()
    found: dict[int, Parsed] = {}

    def ask(number: int) -> None:
        found[number] = read(raw(mail(f"Number {number}")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {number: one.subject for number, one in found.items()} == {n: f"Number {n}" for n in range(8)}


def _asked(read: Reader, message: Raw) -> tuple[threading.Thread, list[object]]:
    """A thread that asks for one message, and what it got."""
    got: list[object] = []

    def ask() -> None:
        try:
            got.append(read(message))
        except Stopping as exc:
            got.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, got


def _until(true: Callable[[], bool]) -> None:
    clock = SystemClock()
    end = clock.monotonic() + 30
    while not true():
        assert clock.monotonic() < end
        clock.wait(threading.Event(), 0.02)


def test_closing_ends_the_wait_for_a_message_and_says_nothing_of_it(
    reader: MakeReader, tries: Path, mail: Any
) -> None:
    read = reader(cpu_seconds=60.0, seconds=60.0)
    thread, got = _asked(read, raw(poisonous("hang", mail)))
    _until(lambda: bool(tries.read_text()))
    read.close()
    thread.join(10)
    assert isinstance(got[0], Stopping)
    assert "reads no more mail" in str(got[0])
    assert read.pid is None


def test_who_is_in_a_hurry_waits_for_no_message_for_long(reader: MakeReader, tries: Path, mail: Any) -> None:
    read = reader(cpu_seconds=60.0, seconds=60.0)
    thread, got = _asked(read, raw(poisonous("hang", mail)))
    _until(lambda: bool(tries.read_text()))
    read.hurried = lambda: True
    thread.join(10)
    assert isinstance(got[0], Stopping)
    assert read.pid is None


def test_a_process_that_does_not_start_is_no_message_s_fault(
    reader: MakeReader, monkeypatch: pytest.MonkeyPatch, mail: Any
) -> None:
    read = reader()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(Unavailable, match="its process does not start"):
        read(raw(mail()))
    monkeypatch.undo()
    assert Reader is not None and read._unread == {}


def test_a_failing_parser_tells_where_it_broke_and_no_word_of_the_mail(
    reader: MakeReader, mail: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        reader()(raw(poisonous("raise", mail)))
    said = capfd.readouterr().err
    assert "poison.py" in said and "OSError" in said
    assert "stranger" not in said
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["mail.unread"]
    assert "stranger" not in str(logs)


# --- in the archive ----------------------------------------------------------------------------


def _with(archive: Any, read: Reader) -> tuple[Recorder, Library]:
    recorder = Recorder(
        archive.store,
        archive.volumes,
        archive.clock,
        parse=read,
        parse_many=read.many,
        directory=archive.recorder.directory,
    )
    return recorder, Library(archive.store, archive.volumes, read)


def test_a_poisonous_message_is_archived_and_never_read_again(
    archive: Any, open_archive: Any, arrival: Any, reader: MakeReader, tries: Path, mail: Any
) -> None:
    recorder, library = _with(archive, reader())
    poison, other = poisonous("crash", mail), mail("An honest one")
    receipts = recorder.record([arrival(poison, 1), arrival(other, 2)])
    assert all(receipt.fresh for receipt in receipts)
    tried = len(tries.read_text())
    message = library.message(receipts[0].message_id)
    assert message.defects == ("unread: it ended the worker process (SIGSEGV)",)
    assert message.subject == "A hostile one (crash)" and message.client == "Acme" and message.text == ""
    assert library.raw(message.id).read() == poison
    assert library.message(receipts[1].message_id).text == "Where is it?"
    # A restart: another process, which remembers nothing but what the index says.
    again, library = _with(open_archive(), reader())
    assert again.adopt().adopted == ()
    assert library.message(message.id) == message
    # And one who only looks has no process of its own: it must not call the parser at all.
    looking = Library(archive.store, archive.volumes, _must_not)
    assert looking.message(message.id) == message
    assert len(tries.read_text()) == tried


def _must_not(_: Raw) -> Parsed:
    raise AssertionError("what ended a parser once was given to one in this process")


def test_a_poisonous_message_found_beyond_the_index_does_not_keep_a_daemon_from_starting(
    archive: Any, open_archive: Any, arrival: Any, reader: MakeReader, mail: Any
) -> None:
    poison = poisonous("hang", mail)
    recorder, _ = _with(archive, reader())
    recorder._make_durable([arrival(poison, 1), arrival(mail(), 2)])  # and then the machine went down
    recorder, library = _with(open_archive(), reader())
    settled = recorder.adopt()
    assert len(settled.adopted) == 2
    assert library.message(raw(poison).digest).defects == ("unread: timed out",)
    assert recorder.adopt().adopted == ()


def test_an_archive_with_a_poisonous_message_is_verified_with_the_same_reader(
    archive: Any, arrival: Any, reader: MakeReader, mail: Any
) -> None:
    read = reader()
    recorder, _ = _with(archive, read)
    recorder.record([arrival(poisonous("hang", mail), 1), arrival(mail(), 2)])
    report = verify(
        archive.store, archive.volumes, parse_many=one_by_one(reader()), open_store=open_store, deep=True
    )
    assert report.ok, report
    assert report.checked == 2


def test_the_verifier_says_when_an_unread_message_can_be_read_by_now_and_a_rebuild_reads_it(
    archive: Any, arrival: Any, reader: MakeReader, tmp_path: Path, mail: Any
) -> None:
    recorder, library = _with(archive, reader())
    [receipt] = recorder.record([arrival(poisonous("exit", mail), 1)])
    report = verify(archive.store, archive.volumes, parse_many=one_by_one(parse), open_store=open_store)
    assert not report.ok
    assert [one for one in report.damaged if "list of defects" in one and "levelhead rebuild" in one]
    with fresh_index(tmp_path / "new.sqlite") as store:
        entries = archive.store.entries()
        rebuild(
            entries,
            read_raw=lambda fact: library.raw(fact.id),
            parse_many=one_by_one(parse),
            store=store,
            now=NOW,
        )
        assert store.message(receipt.message_id).defects == ()
    again = open_store(tmp_path / "new.sqlite")
    assert verify(again, archive.volumes, parse_many=one_by_one(parse), open_store=open_store).ok
    again.close()


def test_an_unread_message_is_judged_unknown_and_never_guessed_at(
    archive: Any, arrival: Any, reader: MakeReader, mail: Any
) -> None:
    recorder, library = _with(archive, reader())
    [receipt] = recorder.record([arrival(mail("YOU IDIOT", body="POISON exit"), 1)])
    message: Message = library.message(receipt.message_id)
    assert unknown_reason(message) == "unread"
    assert Level.UNKNOWN.value == "unknown"


def test_the_headers_of_an_unread_message_are_those_of_a_read_one() -> None:
    folder = Path(__file__).parents[1] / "data" / "hostile"
    for path in sorted(folder.iterdir()):
        message = raw(path.read_bytes())
        whole, head = parse(message), parse_headers(message)
        assert (head.sender, head.to, head.subject, head.body_digest) == (
            whole.sender,
            whole.to,
            whole.subject,
            whole.body_digest,
        ), path.name
