"""How host and worker talk: what comes back can be a wrong value but never a call."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from types import MappingProxyType

import pytest

from levelhead.model import Finding, Level, Verdict
from levelhead.screening.frames import (
    HELLO,
    LARGEST_FRAME,
    BadFrame,
    pack,
    receive,
    send,
    unpack,
    unpack_answer,
)
from levelhead.screening.guard import Reply
from levelhead.screening.sources import Source
from levelhead.testing import make_client, make_message


def test_a_reply_comes_back_as_it_was_sent() -> None:
    reply = Reply((Finding("a", 0.5, quotes=("x",)), Verdict(level=Level.CALM, millionths=1)), "", False)
    assert unpack_answer(pack(reply)) == reply


def test_read_only_mappings_stay_read_only_on_the_other_side() -> None:
    calibration = make_client().calibration
    (back,) = unpack(pack((MappingProxyType({"a": MappingProxyType({"b": (1,)})}),)))
    assert isinstance(back, MappingProxyType) and isinstance(back["a"], MappingProxyType)
    assert unpack(pack(make_message("hi"))) == make_message("hi")
    assert unpack(pack(calibration)) == calibration


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo broken in",)


@pytest.mark.parametrize(
    "data", [pickle.dumps(Evil()), pickle.dumps((Reply, print)), b"", b"nonsense", b"\x80\x05."]
)
def test_an_answer_that_names_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        unpack_answer(data)


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


def test_a_hanging_worker_whose_host_is_gone_is_ended_by_the_kernel() -> None:
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "levelhead.screening.worker", str(theirs.fileno()), "0.2"],
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    ours.settimeout(60)
    greeting = receive(ours)
    assert greeting is not None and unpack_answer(greeting) == HELLO
    code = b"import re\nre.match('(a+)+b', 'a' * 64)\n"
    send(ours, pack(("open", Source(name="x", origin="x", code=code), {})))
    ours.close()
    assert worker.wait(timeout=60) == -signal.SIGALRM
