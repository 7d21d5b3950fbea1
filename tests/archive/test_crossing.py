"""What was read of a message crosses as plain values: every `Parsed` comes back, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bent import bent
from levelhead.archive.crossing import LARGEST_ANSWER, OUT_OF_MEMORY, packed, read_parsed
from levelhead.archive.parse import parse
from levelhead.model import Address, Attachment, Parsed
from levelhead.pipes import BadFrame
from levelhead.plain import LARGEST_WHOLE, from_json, to_json
from levelhead.raw import raw

ANY = some.text(some.characters(), max_size=20)
"""With halves of surrogate pairs, which a decoder may leave."""
TEXTS = some.lists(ANY, max_size=3).map(tuple)
ADDRESSES = some.lists(some.builds(Address, address=ANY, name=ANY), max_size=2).map(tuple)
READ = some.builds(
    Parsed,
    sender=some.none() | some.builds(Address, address=ANY, name=ANY),
    reply_to=ADDRESSES,
    to=ADDRESSES,
    cc=ADDRESSES,
    bcc=ADDRESSES,
    subject=ANY,
    date=some.none() | some.datetimes(timezones=some.just(UTC)),
    message_id=ANY,
    in_reply_to=TEXTS,
    references=TEXTS,
    headers=some.lists(some.tuples(ANY, ANY), max_size=3).map(tuple),
    text=ANY,
    new_text=ANY,
    whole_judged=some.booleans(),
    language=ANY,
    attachments=some.lists(
        some.builds(Attachment, name=ANY, type=ANY, size=some.integers(0, LARGEST_WHOLE), digest=ANY),
        max_size=2,
    ).map(tuple),
    automatic=ANY,
    encrypted=some.booleans(),
    body_digest=ANY,
    defects=TEXTS,
    heard=ANY,
)
SAM = Address(address="sam@client.example", name="Sam")
A = ("a" * 64, "b" * 64, "c" * 64)
"""Digests of messages."""
WHOLE = Parsed(
    sender=SAM,
    reply_to=(SAM,),
    to=(SAM,),
    cc=(SAM,),
    bcc=(SAM,),
    subject="s",
    date=datetime(2026, 1, 1, tzinfo=UTC),
    message_id="<1@client.example>",
    in_reply_to=("<0@client.example>",),
    references=("<0@client.example>",),
    headers=(("Subject", "s"),),
    text="t",
    new_text="n",
    language="en",
    attachments=(Attachment(name="a.zip", type="application/zip", size=5, digest="d"),),
    automatic="list",
    body_digest="d",
    defects=("no-date",),
    heard="h",
)
MAY_BE_NONE = {"[1][0][0] is None", "[1][0][6] is None"}


@given(some.lists(READ, max_size=3).map(tuple))
def test_every_message_comes_back_as_it_was_read(messages: tuple[Parsed, ...]) -> None:
    assert read_parsed(packed(messages, A[: len(messages)]), A[: len(messages)]) == messages


def test_every_field_of_a_message_is_tried_here() -> None:
    empty = Parsed()
    same = [name for name in Parsed.__dataclass_fields__ if getattr(WHOLE, name) == getattr(empty, name)]
    assert same == ["whole_judged", "encrypted"]


def test_what_is_read_of_hostile_mail_comes_back_as_it_was_read() -> None:
    for path in sorted((Path(__file__).parents[1] / "data" / "hostile").glob("*.eml")):
        found = parse(raw(path.read_bytes()))
        assert read_parsed(packed((found,), A[:1]), A[:1]) == (found,), path.name


def test_a_message_as_large_as_can_be_read_fits_into_an_answer() -> None:
    for letter in ("\U0001f600", '"'):
        body = "\n".join([letter * 70] * 20_000).encode()
        head = "".join(f"X-{n}: {letter * 20}\r\n" for n in range(990)).encode()
        found = parse(raw(b"Content-Type: text/plain; charset=utf-8\r\n" + head + b"\r\n" + body))
        data = packed((found,), A[:1])
        assert len(data) < LARGEST_ANSWER
        assert read_parsed(data, A[:1]) == (found,)


def test_memory_that_ran_out_is_said_in_place_of_any_message() -> None:
    assert read_parsed(packed(OUT_OF_MEMORY, A), A) == OUT_OF_MEMORY


def test_a_message_with_another_type_at_any_place_is_refused() -> None:
    right = from_json(packed((WHOLE,), A[:1]))
    assert read_parsed(to_json(right), A[:1]) == (WHOLE,)
    for where, wrong in bent(right):
        if where in MAY_BE_NONE:
            continue
        with pytest.raises(BadFrame):
            raise AssertionError(f"{where}: {read_parsed(to_json(wrong), A[:1])}")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_messages_than_were_asked_for_is_refused(count: int) -> None:
    with pytest.raises(BadFrame):
        read_parsed(packed((WHOLE, WHOLE), A[:count]), A[:count])


@pytest.mark.parametrize("about", [A[1:2], A[:2], (), A[::-1]])
def test_an_answer_about_other_messages_is_refused(about: tuple[str, ...]) -> None:
    for answer in ((WHOLE,) * len(about), OUT_OF_MEMORY):
        with pytest.raises(BadFrame):
            read_parsed(packed(answer, about), A[:1])


def test_whatever_a_parser_gives_back_that_is_no_value_is_not_sent() -> None:
    with pytest.raises(TypeError):
        packed((print,), A[:1])  # type: ignore[arg-type]
