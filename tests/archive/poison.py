"""Parsers that do what a broken parser may do to its process; the reader's process is told to call them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from levelhead.archive.parse import parse, parse_headers
from levelhead.model import Parsed
from levelhead.raw import Raw

WORK_SECONDS = 0.3
"""Computing that a message of much work takes."""


def touchy(raw: Raw) -> Parsed:
    """Reads mail as ever, and dies of a message that holds the word POISON, in the way that the word after it says."""
    data = raw.read()
    _, found, how = data.partition(b"POISON ")
    if found:
        _count()
        return {
            b"crash": crash, b"hang": hang, b"native": hang_in_c, b"sleep": sleep, b"hog": hog, b"exit": leave,
            b"raise": fail, b"nonsense": babble, b"deaf": deaf, b"work": work,
        }[how.split()[0]](raw)  # fmt: skip
    return parse(raw)


def _count() -> None:
    """Leave a mark for each time that somebody tried."""
    with Path(os.environ["PYTHON_POISON_TRIES"]).open("a", encoding="ascii") as tries:
        tries.write("x")


def crash(_: Raw) -> Parsed:
    ctypes.string_at(0)
    raise AssertionError("a null pointer can be read")


def hang(_: Raw) -> Parsed:
    while True:
        pass


def deaf(raw: Raw) -> Parsed:
    """Computes for ever, with every signal that can be blocked blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.Signals)
    return hang(raw)


def work(raw: Raw) -> Parsed:
    """Is read as ever, after a good while of computing."""
    end = time.process_time() + WORK_SECONDS
    while time.process_time() < end:
        pass
    return parse(raw)


def hang_in_c(_: Raw) -> Parsed:
    """A loop in C that lets nothing else of Python run."""
    return Parsed(subject=str(pow(3, 10**9)))


def sleep(_: Raw) -> Parsed:
    """Waits in C without computing, with every signal that can be blocked blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.Signals)
    ctypes.PyDLL(None).sleep(600)
    raise AssertionError("nobody ended it")


def hog(_: Raw) -> Parsed:
    held = []
    while True:
        held.append(bytes(50_000_000))  # never touched, which is quicker, and counted all the same


def leave(_: Raw) -> Parsed:
    os._exit(3)


def fail(raw: Raw) -> Parsed:
    raise OSError(raw.read())


def babble(_: Raw) -> Parsed:
    """Says something itself, as one whose memory a stranger has taken over could: a pickle that ends the host."""
    nonsense = b"csys\nexit\n(tR."
    os.write(int(sys.argv[1]), len(nonsense).to_bytes(4, "big") + nonsense)
    return Parsed(subject="all is well")


def headers_crash(raw: Raw) -> Parsed:
    crash(raw)
    return parse_headers(raw)
