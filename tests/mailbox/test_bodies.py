"""Bodies from servers that send too little, too much, another or none: nothing false is stored, nothing is lost."""

from __future__ import annotations

import pytest

from levelhead.errors import BadBody
from levelhead.mailbox.api import Body
from levelhead.raw import raw
from servers.scripted import answer_fetch


def fetched(connection, size=3):
    """What comes of asking for the body of UID 1."""
    return dict(connection.bodies({1: size}, None))


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"* 1 FETCH (UID 1 BODY[] NIL)\r\n", b"* 1 FETCH (UID 1 BODY[] NIL)\r\n"),
        (b"", b""),
        (b'* 1 FETCH (UID 1 BODY[] "")\r\n', b'* 1 FETCH (UID 1 BODY[] "")\r\n'),
        (b"* 1 FETCH (UID 1 BODY[] {2}\r\nab)\r\n", b"* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"),
        (
            b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 1 FETCH (UID 1 BODY[] {3}\r\nxyz)\r\n",
            b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 1 FETCH (UID 1 BODY[] {3}\r\nxyz)\r\n",
        ),
        (b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n"),
        (b"* 1 FETCH (UID 1 BODY[] ~{3}\r\nabc)\r\n", b"* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"),
    ],
    ids=["nil", "missing", "empty", "short", "doubled", "wrong-uid", "literal8"],
)
def test_a_body_that_is_not_whole_is_asked_again_once_and_then_reported(opened, first, second):
    connection, server = opened(answer_fetch(first), answer_fetch(second))
    (result,) = fetched(connection).values()
    assert isinstance(result, BadBody)
    assert sum(b"UID FETCH" in line for line in server.lines) == 2


def test_a_body_that_is_whole_at_the_second_asking_is_taken(opened):
    connection, _ = opened(
        answer_fetch(b"* 1 FETCH (UID 1 BODY[] NIL)\r\n"),
        answer_fetch(b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n"),
    )
    (result,) = fetched(connection).values()
    assert result == Body(raw=raw(b"abc"))


def test_two_equal_bodies_outweigh_an_announced_size(opened):
    same = answer_fetch(b"* 1 FETCH (UID 1 BODY[] {4}\r\nabcd)\r\n")
    connection, _ = opened(same, same)
    (result,) = fetched(connection).values()
    assert result == Body(raw=raw(b"abcd"), size_differs=True)


def test_news_of_other_messages_between_the_lines_changes_no_byte(opened):
    connection, _ = opened(
        answer_fetch(
            b"* 7 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID 1 BODY[] {3}\r\nabc FLAGS ())\r\n* 9 EXISTS\r\n"
        )
    )
    assert fetched(connection)[1].raw.read() == b"abc"


# --- bodies in pieces --------------------------------------------------------------------------

WHOLE = b"0123456789" * 250_000
"""A message of two pieces and a half."""


def pieces(*answers):
    """Steps that answer so many FETCHes of pieces: each answer is made of where the piece begins and its bytes."""

    def step(answer):
        def play(talk):
            found = talk.expect(rb"UID FETCH 1 \(UID BODY\.PEEK\[\]<(\d+)\.(\d+)>\)")
            start, most = int(found[1]), int(found[2])
            talk.say(answer(start, WHOLE[start : start + most]))
            talk.done()

        return play

    return [step(answer) for answer in answers]


def piece(start, data):
    return b"* 1 FETCH (UID 1 BODY[]<%d> {%d}\r\n%s)\r\n" % (start, len(data), data)


def from_zero(start, data):
    return piece(0, WHOLE[: len(data)])


def without_origin(start, data):
    return b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n" % (len(data), WHOLE[: len(data)])


def nil(start, data):
    return b"* 1 FETCH (UID 1 BODY[]<%d> NIL)\r\n" % start


def missing(start, data):
    return b""


def doubled(start, data):
    return piece(start, data) * 2


def too_long(start, data):
    return piece(start, data + b"x")


def short(start, data):
    return piece(start, data[:5])


def large(opened, spooled, *answers, size=2_500_000):
    connection, _ = opened(*pieces(*answers))
    (result,) = dict(connection.bodies({1: size}, spooled)).values()
    return result


def test_a_large_body_comes_in_pieces_each_from_where_it_was_asked_for(opened, spooled):
    assert large(opened, spooled, piece, piece, piece).raw.read() == WHOLE


@pytest.mark.parametrize("bad", [from_zero, without_origin, nil, missing, too_long])
def test_a_large_body_with_a_piece_that_is_not_right_is_asked_again_once_and_then_reported(
    opened, spooled, bad
):
    assert isinstance(large(opened, spooled, piece, bad, piece, bad), BadBody)


@pytest.mark.parametrize("bad", [from_zero, without_origin, nil, missing, too_long])
def test_a_large_body_that_is_right_at_the_second_asking_is_taken(opened, spooled, bad):
    result = large(opened, spooled, piece, bad, piece, piece, piece)
    assert result.raw.read() == WHOLE and not result.size_differs


def test_a_last_piece_that_comes_doubled_is_asked_for_again(opened, spooled):
    result = large(opened, spooled, piece, piece, doubled, piece, piece, piece)
    assert result.raw.read() == WHOLE


def test_a_large_body_that_falls_short_in_two_ways_is_reported(opened, spooled):
    assert isinstance(large(opened, spooled, short, piece, short), BadBody)


def test_two_equal_large_bodies_outweigh_an_announced_size(opened, spooled):
    twice = [piece, piece, piece] * 2
    result = large(opened, spooled, *twice, size=len(WHOLE) + 7)
    assert result.raw.read() == WHOLE and result.size_differs


def test_a_body_that_begins_elsewhere_is_no_body(opened):
    elsewhere = answer_fetch(b"* 1 FETCH (UID 1 BODY[]<5> {3}\r\nabc)\r\n")
    connection, _ = opened(elsewhere, elsewhere)
    assert isinstance(fetched(connection)[1], BadBody)


def test_a_header_is_not_taken_for_a_body(opened):
    header = answer_fetch(b"* 1 FETCH (UID 1 BODY[HEADER] {3}\r\nabc)\r\n")
    connection, _ = opened(header, header)
    assert isinstance(fetched(connection)[1], BadBody)
