"""`add`: mail from files comes in byte for byte, as history, and what cannot come in is named with its reason."""

from __future__ import annotations

import io
import mailbox
import os
import socket
import tarfile
import threading
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.bring import Brought, bring
from levelhead.archive.mailfiles import Found, maildir_flags, messages
from levelhead.archive.packed import members
from levelhead.archive.spool import Spool
from levelhead.clients.directory import Directory
from levelhead.errors import DiskFull
from levelhead.raw import raw
from levelhead.store.api import MessageFilter

Archive = Any
FIVE = datetime(2026, 11, 20, 17, tzinfo=UTC)
ENVELOPE = b"From anna@acme.example Fri Nov 20 16:00:00 2026\n"


@pytest.fixture
def add(archive: Archive) -> Any:
    def run(*paths: object, stdin: bytes = b"") -> Brought:
        return bring(
            [str(path) for path in paths],
            archive.recorder,
            stdin=io.BytesIO(stdin),
            spool=Spool(archive.path / "spool"),
            clock=archive.clock,
        )

    return run


def rows(archive: Archive) -> list[Any]:
    return list(archive.store.messages(MessageFilter()))


def bodies(archive: Archive) -> list[bytes]:
    return [archive.library.raw(row.id).read() for row in rows(archive)]


def split(tmp_path: Path, data: bytes) -> list[bytes]:
    path = tmp_path / "some.mbox"
    path.write_bytes(data)
    return [found.raw.read() for found in messages(path, Spool(tmp_path / "s")) if isinstance(found, Found)]


def test_a_message_file_is_archived_as_it_is_and_as_history(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    data = mail("unix line ends").replace(b"\r\n", b"\n")
    path = tmp_path / "note.eml"
    path.write_bytes(data)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert add(path) == Brought(added=1, known=0, failed=())
    (row,) = rows(archive)
    assert bodies(archive) == [data]
    assert row.history
    assert row.received_at == datetime(2026, 11, 20, 16, tzinfo=UTC)
    (fact,) = [fact for _, fact in archive.store.facts_about(kind="message.archived")]
    assert fact.source == str(path)
    assert archive.store.sightings(row.id) == ()
    assert add(path) == Brought(added=0, known=1, failed=())
    assert archive.verify(deep=True).ok


def origins(archive: Archive, id: str) -> list[tuple[str, tuple[str, ...]]]:
    """Where a message was brought from, with its flags there."""
    return [(one.source, one.flags) for one in archive.store.origins(id)]


def test_each_file_that_holds_a_known_message_is_on_record_once(
    archive: Archive, add: Any, mail: Any, arrival: Any, tmp_path: Path
) -> None:
    data = mail("one")
    archive.recorder.record([arrival(data, 5)])
    (row,) = rows(archive)
    for name in ("a.eml", "b.eml"):
        (tmp_path / name).write_bytes(data)
    box = tmp_path / "twice.mbox"
    box.write_bytes((ENVELOPE + data + b"\n") * 2)
    for path in ("a.eml", "a.eml", "b.eml"):
        assert add(tmp_path / path) == Brought(added=0, known=1, failed=())
        archive.clock.advance(minutes=1)
    assert add(box) == Brought(added=0, known=2, failed=())
    size = archive.store.ledger_size()
    assert add(tmp_path) == Brought(added=0, known=4, failed=())
    assert archive.store.ledger_size() == size, "what is on record is not written again"
    brought = [fact for _, fact in archive.store.facts_about(kind="message.brought")][::-1]
    assert [(fact.id, fact.source) for fact in brought] == [
        (row.id, str(path)) for path in (tmp_path / "a.eml", tmp_path / "b.eml", box)
    ]
    assert [fact.brought_at for fact in brought] == [FIVE + timedelta(minutes=n) for n in (0, 2, 3)]
    assert origins(archive, row.id) == [(fact.source, ()) for fact in brought]
    assert len(archive.store.sightings(row.id)) == 1
    assert archive.verify(deep=True).ok


def test_what_cannot_come_in_is_named_and_the_rest_goes_on(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty.eml").write_bytes(b"")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(500))
    (tmp_path / "void").mkdir()
    (tmp_path / "good.eml").write_bytes(mail())
    paths = [tmp_path / name for name in ("empty.eml", "photo.jpg", "void", "missing.eml", "good.eml")]
    outcome = add(*paths)
    assert (outcome.added, outcome.known) == (1, 0)
    why = {Path(path).name: sentence for path, sentence in outcome.failed}
    assert why["empty.eml"] == "is empty"
    assert "does not look like a message" in why["photo.jpg"]
    assert "holds no Maildir" in why["void"]
    assert why["missing.eml"] == "cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="run as an ordinary user; root may read everything")
def test_a_file_that_may_not_be_read_is_named(add: Any, mail: Any, tmp_path: Path) -> None:
    path = tmp_path / "secret.eml"
    path.write_bytes(mail())
    path.chmod(0)
    assert add(path).failed == ((str(path), "cannot be read: Permission denied"),)


def test_folders_are_read_to_the_bottom(archive: Archive, add: Any, mail: Any, tmp_path: Path) -> None:
    deep = tmp_path / "mail" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "one.eml").write_bytes(mail("one"))
    (deep.parent / "TWO.EML").write_bytes(mail("two"))
    (deep.parent / "notes.txt").write_text("no mail")
    (deep / "up").symlink_to(tmp_path / "mail")
    (deep / "old.mbox").write_bytes(ENVELOPE + mail("three") + b"\n")
    assert add(tmp_path / "mail") == Brought(added=3, known=0, failed=())
    assert {row.subject for row in rows(archive)} == {"one", "two", "three"}


def test_a_message_without_any_header_comes_in_when_its_name_says_mail(
    archive: Archive, add: Any, tmp_path: Path
) -> None:
    (tmp_path / "odd.eml").write_bytes(b"\xff\xfe nothing like a header")
    assert add(tmp_path / "odd.eml") == Brought(added=1, known=0, failed=())
    assert rows(archive)[0].client == ""


@pytest.mark.parametrize("more", [b"", b"\n" + ENVELOPE + b"Subject: two\n\ntwo\n"])
def test_a_file_called_eml_is_one_message_byte_for_byte(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, more: bytes
) -> None:
    data = ENVELOPE + mail("one", body=">From the start").replace(b"\r\n", b"\n") + more
    (tmp_path / "odd.EML").write_bytes(data)
    assert add(tmp_path / "odd.EML") == Brought(added=1, known=0, failed=())
    assert bodies(archive) == [data]


def test_what_is_no_file_is_passed_over_in_folders(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    for part in ("cur", "new"):
        (tmp_path / "Maildir" / part).mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe.eml")
    os.mkfifo(tmp_path / "Maildir" / "cur" / "1.x:2,")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.mbox"))
    (tmp_path / "one.eml").write_bytes(mail())
    (tmp_path / "lost.eml").symlink_to(tmp_path / "gone")
    held = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in tmp_path.rglob("*") if path.is_fifo()]
    outcome = add(tmp_path)
    for one in held:
        os.close(one)
    assert outcome.added == 1
    assert outcome.failed == ((str(tmp_path / "lost.eml"), "cannot be read: No such file or directory"),)


@pytest.mark.parametrize("name", ["old", "old.mbox", "one.eml"])
def test_a_pipe_that_is_named_is_read_to_its_end(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    data = b"".join(ENVELOPE + mail(subject) + b"\n" for subject in ("one", "two"))
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    outcome = add(path)
    writer.join()
    one = name.endswith(".eml")
    assert outcome == Brought(added=1 if one else 2, known=0, failed=())
    (fact, *_) = [fact for _, fact in archive.store.facts_about(kind="message.archived")]
    assert fact.source == str(path)


def test_a_stream_that_gives_nothing_goes_by_its_own_name(add: Any, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"",))
    writer.start()
    assert add(path).failed == ((str(path), "is empty"),)
    writer.join()


# --- Maildir -----------------------------------------------------------------------------------


def test_a_maildir_keeps_flags_and_time(archive: Archive, add: Any, mail: Any, tmp_path: Path) -> None:
    folder = tmp_path / "Maildir"
    for part in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (folder / part).mkdir(parents=True)
    old = folder / "cur" / "1.x:2,FRS"
    old.write_bytes(mail("old"))
    os.utime(old, (1_500_000_000, 1_500_000_000))
    (folder / "new" / "2.x").write_bytes(mail("new"))
    os.utime(folder / "new" / "2.x", (9_000_000_000, 9_000_000_000))
    (folder / "tmp" / "3.x").write_bytes(mail("half"))
    (folder / "cur" / "4.x:2,").write_bytes(b"")
    (folder / ".Sent" / "cur" / "5.x:2,S").write_bytes(
        mail("sent", sender="me@studio.example", to="a@acme.example")
    )
    outcome = add(folder)
    assert (outcome.added, outcome.failed) == (3, ((str(folder / "cur" / "4.x:2,"), "is empty"),))
    received = {row.subject: row.received_at for row in rows(archive)}
    found = {row.subject: row.id for row in rows(archive)}
    assert origins(archive, found["old"]) == [(str(folder), ("\\Flagged", "\\Answered", "\\Seen"))]
    assert origins(archive, found["new"]) == [(str(folder), ())]
    assert origins(archive, found["sent"]) == [(str(folder / ".Sent"), ("\\Seen",))]
    (origin,) = archive.store.origins(found["old"])
    assert origin.internal_date == datetime.fromtimestamp(1_500_000_000, UTC)
    assert received["old"] == datetime.fromtimestamp(1_500_000_000, UTC)
    assert received["new"] == datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert "half" not in received


def test_maildir_flags_are_those_of_imap() -> None:
    assert maildir_flags("1.x:2,DFPRSTz") == (
        "\\Draft",
        "\\Flagged",
        "$Forwarded",
        "\\Answered",
        "\\Seen",
        "\\Deleted",
    )
    assert maildir_flags("1.x") == ()


# --- mbox --------------------------------------------------------------------------------------


def test_an_mbox_gives_the_messages_that_were_put_in(tmp_path: Path, mail: Any) -> None:
    bodies = [
        "plain",
        ">From quoted",
        "From the start\nFrom again\n>>From deep",
        "\n\nblank lines\n\n",
        "x" * 200_000,
    ]
    originals = [mail(str(n), body=body).replace(b"\r\n", b"\n") for n, body in enumerate(bodies)]
    box = mailbox.mbox(tmp_path / "box")
    written = b"".join(ENVELOPE + escape(one) + b"\n" for one in originals)
    box.close()
    assert split(tmp_path, written) == originals
    assert split(tmp_path, written.replace(b"\n", b"\r\n")) == [
        one.replace(b"\n", b"\r\n") for one in originals
    ]


def escape(data: bytes) -> bytes:
    """As mboxrd does: one more `>` before each line of `>`s and `From `."""
    import re

    return re.sub(rb"(?m)^(>*From )", rb">\1", data)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100, 1000])
def test_where_a_block_ends_makes_no_difference(
    tmp_path: Path, mail: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("levelhead.archive.mailfiles.BLOCK", size)
    bodies = [
        "plain",
        ">From quoted\n\n\nFrom x\n",
        "\n\n",
        "a" * 300 + "From not at a line's start\n\nFrom here\n",
    ]
    originals = [mail(str(n), body=body).replace(b"\r\n", b"\n") for n, body in enumerate(bodies)]
    unix = b"".join(ENVELOPE + escape(one) + b"\n" for one in originals)
    assert split(tmp_path, unix) == originals


@pytest.mark.parametrize(
    "envelope",
    [
        b"From anna@acme.example Fri Nov 20 16:00:00 2026\n",
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011\n",
        b"From 1234567890123456789@xxx Tue Mar 05 12:34:56 +0000 2019\n",
        b"From - Tue Mar 05 12:34:56 2019\n",
        b"From \n",
        b"From -\n",
    ],
)
def test_envelope_lines_of_all_the_usual_programs_part_messages(
    tmp_path: Path, mail: Any, envelope: bytes
) -> None:
    one, two = mail("one").replace(b"\r\n", b"\n"), mail("two").replace(b"\r\n", b"\n")
    assert split(tmp_path, envelope + one + b"\n" + envelope + two + b"\n") == [one, two]


@pytest.mark.parametrize(
    "sentence", [b"From here on it is different.\n", b"From 12:30 on: nobody.\n", b"From the desk\n"]
)
def test_a_sentence_that_nobody_escaped_parts_nothing(tmp_path: Path, mail: Any, sentence: bytes) -> None:
    one = mail("one").replace(b"\r\n", b"\n") + b"\n" + sentence + b"And so on.\n"
    assert split(tmp_path, ENVELOPE + one + b"\n") == [one]


def test_messages_without_a_blank_line_between_them_are_parted(tmp_path: Path, mail: Any) -> None:
    one, two = mail("one").replace(b"\r\n", b"\n"), mail("two").replace(b"\r\n", b"\n")
    assert split(tmp_path, ENVELOPE + one + ENVELOPE + two) == [one, two]


def test_the_last_message_is_whole_without_a_last_line_end(tmp_path: Path, mail: Any) -> None:
    one = mail("one").replace(b"\r\n", b"\n").rstrip(b"\n")
    assert split(tmp_path, ENVELOPE + one) == [one]


def test_an_mbox_of_envelopes_alone_gives_nothing(tmp_path: Path) -> None:
    assert split(tmp_path, ENVELOPE) == []


def test_a_large_mbox_is_streamed_with_flat_memory(tmp_path: Path, mail: Any) -> None:
    path = tmp_path / "large.mbox"
    filler = "All work and no play makes Jack a dull boy.\n" * 30_000
    with path.open("wb") as stream:
        for number in range(12):
            stream.write(ENVELOPE + mail(str(number), body=filler).replace(b"\r\n", b"\n") + b"\n")
    spool = Spool(tmp_path / "s")
    tracemalloc.start()
    for found in messages(path, spool):
        assert isinstance(found, Found)
        found.raw.discard()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 15_000_000
    assert most < 6_000_000
    assert list(spool.folder.iterdir()) == []


def test_more_than_a_batch_comes_in(archive: Archive, add: Any, mail: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.mbox"
    path.write_bytes(b"".join(ENVELOPE + mail(str(n)) + b"\n" for n in range(450)))
    assert add(path).added == 450
    assert archive.verify().ok


# --- stdin, scope, a full disk -------------------------------------------------------------------


def test_standard_input_may_be_a_message_or_an_mbox(archive: Archive, add: Any, mail: Any) -> None:
    assert add("-", stdin=mail("one")).added == 1
    assert add("-", stdin=ENVELOPE + mail("one") + b"\n" + ENVELOPE + mail("two") + b"\n") == Brought(
        added=1, known=1, failed=()
    )
    assert add("-", stdin=b"") == Brought(added=0, known=0, failed=(("-", "is empty"),))


def test_what_somebody_names_by_hand_is_archived_whatever_the_scope(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    path = tmp_path / "offer.eml"
    path.write_bytes(mail("offer", sender="eve@x.example"))
    assert add(path) == Brought(added=1, known=0, failed=())
    (row,) = rows(archive)
    assert (row.client, row.direction.value) == ("eve@x.example", "in")


def test_a_path_that_is_no_utf8_is_named_all_the_same(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.eml"))
    path.write_bytes(mail())
    assert add(path).added == 1
    assert archive.verify().ok


def test_a_full_disk_is_told_and_leaves_no_spool_file(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.eml").write_bytes(mail(body="x" * 2_000_000))

    def full(*_: object, **__: object) -> None:
        raise DiskFull("no room")

    monkeypatch.setattr(archive.volumes, "append", full)
    with pytest.raises(DiskFull):
        add(tmp_path / "large.eml")
    assert list((archive.path / "spool").iterdir()) == []
    monkeypatch.undo()
    assert add(tmp_path / "large.eml").added == 1
    assert raw((tmp_path / "large.eml").read_bytes()).digest == rows(archive)[0].id


SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "torture"


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="the folder shared/data/torture with hostile mail is not here"
)
def test_hostile_mail_is_archived_byte_for_byte_or_named(archive: Archive, add: Any) -> None:
    archive.recorder.use(Directory.make(["me@studio.example"], scope="everyone"))
    files = sorted(SHARED.rglob("*.eml"))[::6]
    outcome = add(*files)
    assert {why for _, why in outcome.failed} <= {"is empty"}
    mail = [path.read_bytes() for path in files]
    expected = {raw(data).digest for data in mail}
    assert {row.id for row in rows(archive)} >= expected - {raw(b"").digest}
    assert archive.verify(deep=True).ok


# --- packed files -------------------------------------------------------------------------------


def takeout(path: Path, files: dict[str, bytes]) -> Path:
    """A packed file as an export of a mail account is."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in files.items():
                packed.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("ending", [".zip", ".tgz", ".tar"])
def test_a_takeout_archive_brings_its_mail_and_nothing_else(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, ending: str
) -> None:
    box = ENVELOPE + mail("one") + b"\n" + ENVELOPE + mail("two")
    path = takeout(
        tmp_path / f"takeout{ending}",
        {
            "Takeout/Mail/All mail.mbox": box,
            "Takeout/archive_browser.html": b"<p>no mail</p>",
            "Takeout/Mail/single.EML": mail("three"),
        },
    )
    assert add(path) == Brought(added=3, known=0, failed=())
    assert bodies(archive) == [mail("one"), mail("two"), mail("three")]
    assert add(tmp_path) == Brought(added=0, known=3, failed=())


@pytest.mark.parametrize("ending", [".zip", ".tgz"])
def test_a_name_in_a_packed_file_decides_nowhere_where_something_is_written(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, ending: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = takeout(inside / f"takeout{ending}", {"../outside.eml": mail("one"), "/outside.eml": mail("two")})
    assert add(path).added == 2
    assert not list(tmp_path.glob("outside*")) and not Path("/outside.eml").exists()
    assert {row.source for row in sources_of(archive)} == {f"{path}/../outside.eml", f"{path}//outside.eml"}


def sources_of(archive: Archive) -> list[Any]:
    return [fact for _, fact in archive.store.facts_about(kind="message.archived")]


def test_a_damaged_packed_file_keeps_what_came_before_and_is_named(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    path = takeout(tmp_path / "t.zip", {"a.eml": mail("one"), "b.eml": mail("two" * 2000)})
    data = bytearray(path.read_bytes())
    at = data.find(b"b.eml") + 40
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    made = add(path)
    assert made.added == 1
    ((name, why),) = made.failed
    assert name == str(path) and "is damaged" in why


def test_a_packed_file_cut_short_is_named(archive: Archive, add: Any, mail: Any, tmp_path: Path) -> None:
    path = takeout(tmp_path / "t.tgz", {"a.eml": os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:30_000])
    made = add(path)
    assert made.added == 0
    assert "is damaged" in made.failed[0][1]


def test_a_packed_file_without_mail_is_named(archive: Archive, add: Any, tmp_path: Path) -> None:
    path = takeout(tmp_path / "t.zip", {"Takeout/calendar.ics": b"x"})
    assert add(path).failed == ((str(path), "holds no file whose name ends in .eml or .mbox"),)


def test_a_packed_file_with_a_password_is_named(
    archive: Archive, add: Any, mail: Any, tmp_path: Path
) -> None:
    path = takeout(tmp_path / "t.zip", {"a.eml": mail("one")})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag of encryption, in the file's own head and in the directory
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    made = add(path)
    assert made.added == 0
    assert "protected by a password" in made.failed[0][1]


def test_nothing_that_was_unpacked_is_left_behind(
    archive: Archive, add: Any, mail: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    path = takeout(tmp_path / "t.zip", {f"{n}.eml": mail(str(n)) for n in range(3)})
    count = lambda: len(list((tmp_path / "temporary").rglob("packed-*")))  # noqa: E731
    taken = members(path, tmp_path / "temporary")
    for _ in taken:
        seen.append(count())
    assert (seen, count()) == ([1, 1, 1], 0)
    assert add(path).added == 3
    assert not list((tmp_path / "temporary").iterdir())


def test_whoever_waits_is_told_how_far_it_is(archive: Archive, mail: Any, tmp_path: Path) -> None:
    box = tmp_path / "all.mbox"
    box.write_bytes(b"\n".join(ENVELOPE + mail(str(n)) for n in range(450)))
    told: list[int] = []
    bring(
        [str(box)],
        archive.recorder,
        stdin=io.BytesIO(),
        spool=Spool(archive.path / "spool"),
        clock=archive.clock,
        progress=told.append,
    )
    assert told == [200, 400, 450]
