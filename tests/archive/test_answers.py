"""An answer of mine belongs to whom it answers, also when it went where the client asked for answers."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead.archive.relabel import relabel
from levelhead.clients.directory import Directory, ListedClient
from levelhead.errors import StoreDamaged
from levelhead.model import Direction
from levelhead.store.api import MessageFilter

Archive = Any
ME, ANNA, HOME, BEN = "me@studio.example", "anna@acme.example", "Anna@Home.example", "ben@other.example"


def asks(data: bytes, *addresses: str) -> bytes:
    """The message with a Reply-To."""
    return data.replace(b"MIME-Version", f"Reply-To: {', '.join(addresses)}\r\nMIME-Version".encode())


def labels(archive: Archive) -> list[tuple[str, str]]:
    return [(row.client, row.direction.value) for row in archive.store.messages(MessageFilter())]


@pytest.mark.parametrize("batch", [1, 10])
def test_an_answer_to_the_reply_to_of_a_client_belongs_to_that_client_and_thread(
    archive: Archive, mail: Any, arrival: Any, batch: int
) -> None:
    mails = [
        asks(mail("a", message_id="<a@x>"), "anna@home.example"),
        mail("b", sender=ME, to=HOME, message_id="<b@x>", reply_to="<a@x>", references="<a@x>"),
        mail("c", sender=ME, to=HOME, message_id="<c@x>", reply_to="<b@x>", references="<a@x> <b@x>"),
    ]
    for start in range(0, len(mails), batch):
        archive.recorder.record([arrival(data) for data in mails[start : start + batch]])
    assert labels(archive) == [("Acme", "in"), ("Acme", "out"), ("Acme", "out")]
    assert len({row.thread for row in archive.store.messages(MessageFilter())}) == 1
    assert archive.verify().ok


def test_an_answer_to_somebody_nobody_listed_belongs_to_them_as_well(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("hi", sender=ME, to=BEN))])
    archive.recorder.record([arrival(asks(mail("a", sender=BEN, message_id="<a@x>"), HOME))])
    archive.recorder.record([arrival(mail("b", sender=ME, to=HOME, reply_to="<a@x>"))])
    assert labels(archive) == [(BEN, "out"), (BEN, "in"), (BEN, "out")]


@pytest.mark.parametrize("reply_to", [(), (HOME,)])
def test_a_client_s_mail_that_i_pass_on_to_a_colleague_is_no_answer(
    archive: Archive, mail: Any, arrival: Any, reply_to: tuple[str, ...]
) -> None:
    first = mail("a", message_id="<a@x>")
    archive.recorder.record([arrival(asks(first, *reply_to) if reply_to else first)])
    archive.recorder.record([arrival(mail("Fwd: a", sender=ME, to=BEN, references="<a@x>"))])
    assert labels(archive) == [("Acme", "in"), (BEN, "out")]


def test_what_goes_to_a_listed_client_belongs_to_that_one(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.use(
        Directory.make(
            [ME],
            [
                ListedClient(name="Acme", addresses=("*@acme.example",)),
                ListedClient(name="Home", addresses=(HOME,)),
            ],
        )
    )
    archive.recorder.record([arrival(asks(mail("a", message_id="<a@x>"), HOME))])
    archive.recorder.record([arrival(mail("b", sender=ME, to=HOME, reply_to="<a@x>"))])
    assert labels(archive) == [("Acme", "in"), ("Home", "out")]


def test_an_answer_to_a_message_whose_bytes_are_damaged_is_archived_all_the_same(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(asks(mail("a", message_id="<a@x>"), HOME))])
    (row,) = archive.store.messages(MessageFilter())
    volume = archive.volumes.path(row.volume)
    data = bytearray(volume.read_bytes())
    data[row.offset + row.length - 9] ^= 0xFF
    volume.write_bytes(data)
    with pytest.raises(StoreDamaged):
        archive.library.message(row.id)
    archive.recorder.record([arrival(mail("b", sender=ME, to=HOME, reply_to="<a@x>"))])
    assert labels(archive)[1][1] == Direction.OUT.value


def test_a_client_who_gets_another_name_takes_such_answers_along(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(asks(mail("a", message_id="<a@x>"), HOME))])
    archive.recorder.record([arrival(mail("b", sender=ME, to=HOME, reply_to="<a@x>"))])
    renamed = Directory.make([ME], [ListedClient(name="Acme Ltd", addresses=("*@acme.example",))])
    assert relabel(archive.store, archive.clock, renamed, archive.library.parsed) == 2
    assert labels(archive) == [("Acme Ltd", "in"), ("Acme Ltd", "out")]
    assert len({row.thread for row in archive.store.messages(MessageFilter())}) == 1
