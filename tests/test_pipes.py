"""How a host and its worker talk: what comes back can be a wrong value but never a call, and never takes for ever."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as some

from levelhead.model import Finding, Level, Verdict
from levelhead.pipes import LARGEST_FRAME, BadFrame, pack, receive, send, unpack, unpack_only
from levelhead.screening.guard import Reply
from levelhead.testing import make_client, make_message

NAMES = frozenset(
    {
        ("levelhead.screening.guard", "Reply"),
        ("levelhead.model", "Finding"),
        ("levelhead.model", "Verdict"),
        ("levelhead.model", "Level"),
    }
)


def test_a_value_comes_back_as_it_was_sent() -> None:
    reply = Reply((Finding("a", 0.5, quotes=("x",)), Verdict(level=Level.CALM, millionths=1)), "", False)
    assert unpack_only(pack(reply), NAMES) == reply


def test_read_only_mappings_stay_read_only_on_the_other_side() -> None:
    calibration = make_client().calibration
    (back,) = unpack(pack((MappingProxyType({"a": MappingProxyType({"b": (1,)})}),)))
    assert isinstance(back, MappingProxyType) and isinstance(back["a"], MappingProxyType)
    assert unpack(pack(make_message("hi"))) == make_message("hi")
    assert unpack(pack(calibration)) == calibration


def test_what_occurs_often_is_written_once() -> None:
    data = b"x" * 100_000
    assert len(pack([data] * 50)) < 2 * len(data)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo broken in",)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Evil()),
        pickle.dumps((Reply, print)),
        b"",
        b"nonsense",
        b"\x80\x05.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
    ],
)
def test_an_answer_that_names_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        unpack_only(data, NAMES)


@given(some.binary(max_size=200), some.integers(0, 300))
def test_an_answer_that_was_bent_is_a_wrong_value_or_refused(garbage: bytes, at: int) -> None:
    whole = pack(Reply((Finding("a", 0.5, quotes=("x",)),)))
    try:
        unpack_only(whole[:at] + garbage + whole[at + len(garbage) :], NAMES)
    except BadFrame:
        return


def test_a_frame_that_announces_too_much_or_ends_early_is_no_frame() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall((LARGEST_FRAME + 1).to_bytes(4, "big"))
    with pytest.raises(BadFrame, match="announces"):
        receive(ours)
    theirs.sendall((10).to_bytes(4, "big") + b"half")
    theirs.close()
    assert receive(ours) is None
    with pytest.raises(BadFrame, match="at most"):
        send(ours, bytes(LARGEST_FRAME + 1))
    ours.close()


def test_an_answer_that_drips_has_no_more_time_than_one_that_does_not_come() -> None:
    ours, theirs = socket.socketpair()
    enough = threading.Event()

    def drip() -> None:
        theirs.sendall((1000).to_bytes(4, "big"))
        while not enough.wait(0.02):
            theirs.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(TimeoutError):
        receive(ours, 0.3)
    enough.set()
    dripping.join()
    ours.close()
    theirs.close()
