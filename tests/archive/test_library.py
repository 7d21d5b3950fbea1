"""The library: what is read back is what came in, or a sentence that names what is damaged."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead.errors import StoreDamaged, UserError
from levelhead.model import Client, Direction
from levelhead.raw import raw

Archive = Any


def test_a_message_comes_from_its_bytes_and_its_row(archive: Archive, mail: Any, arrival: Any) -> None:
    data = mail("Später?", message_id="<a@x>", references="<z@x>", body="Where is it?\r\n\r\n> It comes.")
    archive.recorder.record([arrival(data, 1)])
    message = archive.library.message(raw(data).digest)
    assert (message.id, message.seq, message.client, message.direction) == (
        raw(data).digest,
        1,
        "Acme",
        Direction.IN,
    )
    assert message.subject == "Später?"
    assert message.references == ("<z@x>",)
    assert message.header("from") == "anna@acme.example"
    assert "Where is it?" in message.new_text
    assert "> It comes." in archive.library.text(message.id)
    assert message.size == len(data)
    assert archive.library.raw(message.id[:8]).read() == data


def test_words_come_from_the_bytes_even_when_the_index_says_otherwise(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    archive.recorder.record([arrival(mail("true"))])
    with archive.store._turns.writing() as connection:
        connection.execute("UPDATE message SET subject = 'false'")
    assert archive.library.message(raw(mail("true")).digest).subject == "true"


def test_a_large_message_is_read_from_a_file_that_is_gone_afterwards(
    archive: Archive, mail: Any, arrival: Any
) -> None:
    data = mail("large", body="A long story.\r\n" * 100_000)
    archive.recorder.record([arrival(data)])
    handle = archive.library.raw(raw(data).digest)
    assert handle.path is not None
    assert handle.read() == data
    handle.discard()
    archive.library.message(raw(data).digest)
    assert list((archive.path / "spool").iterdir()) == []


def test_a_thread_shows_what_came_before(archive: Archive, mail: Any, arrival: Any) -> None:
    chain = [mail(str(n), message_id=f"<{n}@x>", reply_to=f"<{n - 1}@x>") for n in range(60)]
    archive.recorder.record([arrival(data) for data in chain])
    message = archive.library.message(raw(chain[55]).digest)
    thread = archive.library.thread(message)
    assert (thread.key, thread.client) == (message.thread_key, "Acme")
    assert [past.subject for past in thread.messages] == [str(n) for n in range(5, 55)]


def test_a_client_comes_with_what_the_archive_knows(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail("one", date="Mon, 02 Mar 2020 10:00:00 +0000"))])
    listed = {"Acme": Client(name="Acme", addresses=("*@acme.example",), language="de", listed=True)}
    client = archive.library.client("Acme", listed)
    assert (client.language, client.listed) == ("de", True)
    assert client.first_contact is not None
    assert client.first_contact.year == 2020
    assert client.calibration.judged == 0
    found = archive.library.client("ben@other.example", listed)
    assert (found.addresses, found.listed, found.first_contact) == (("ben@other.example",), False, None)


def test_a_damaged_message_is_named_with_its_place(archive: Archive, mail: Any, arrival: Any) -> None:
    archive.recorder.record([arrival(mail("one")), arrival(mail("two"))])
    data = bytearray(archive.volumes.path(1).read_bytes())
    start = archive.volumes.start(1)
    data[start + 60] ^= 16
    archive.volumes.path(1).write_bytes(data)
    id = raw(mail("one")).digest
    with pytest.raises(StoreDamaged, match=f"message {id[:12]} in volume 000001 at offset {start}"):
        archive.library.message(id)
    assert archive.library.message(raw(mail("two")).digest).subject == "two"


def test_an_unknown_message_is_the_callers_mistake(archive: Archive) -> None:
    with pytest.raises(UserError):
        archive.library.message("abcdef0123")
