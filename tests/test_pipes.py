"""How a host and its worker talk: what goes there arrives as it was, and what comes back never takes for ever."""

from __future__ import annotations

import socket
import threading
from types import MappingProxyType

import pytest

from levelhead.pipes import LARGEST_FRAME, BadFrame, pack, receive, send, unpack
from levelhead.testing import make_client, make_message


def test_read_only_mappings_stay_read_only_on_the_other_side() -> None:
    calibration = make_client().calibration
    (back,) = unpack(pack((MappingProxyType({"a": MappingProxyType({"b": (1,)})}),)))
    assert isinstance(back, MappingProxyType) and isinstance(back["a"], MappingProxyType)
    assert unpack(pack(make_message("hi"))) == make_message("hi")
    assert unpack(pack(calibration)) == calibration


def test_what_occurs_often_is_written_once() -> None:
    data = b"x" * 100_000
    assert len(pack([data] * 50)) < 2 * len(data)


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


def test_whoever_awaits_little_reads_nothing_of_a_large_frame() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(theirs, b"12345")
        assert receive(ours, largest=5) == b"12345"
        send(theirs, b"123456")
        with pytest.raises(BadFrame, match="announces 6 bytes"):
            receive(ours, largest=5)
        assert ours.recv(100) == b"123456"


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
