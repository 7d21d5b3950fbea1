"""A person at a terminal: a program in a pseudo-terminal of its own, prompts waited for, lines typed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds that a prompt is waited for; a generous bound for loaded machines."""


class Terminal:
    """A program with a terminal as its stdin, stdout, stderr and /dev/tty; `seen` is all that the person saw."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.seen = ""
        self._read = 0
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=dict(env), close_fds=True,
            start_new_session=True, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(theirs)

    def answer(self, prompt: str, line: str) -> str:
        """Wait for a prompt, and type a line; what was shown up to the prompt since the last one."""
        shown = self.wait_for(prompt)
        self.type(f"{line}\n")
        return shown

    def wait_for(self, text: str) -> str:
        """Read until that text has been shown; what was shown up to its end since the last one."""
        end = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._read)) < 0:
            if not self._more(end):
                raise AssertionError(
                    f"{text!r} never came; since the last prompt:\n{self.seen[self._read :]}"
                )
        shown, self._read = self.seen[self._read : at + len(text)], at + len(text)
        return shown

    def type(self, keys: str) -> None:
        """Type keys, such as a line with its end, or Ctrl-C."""
        os.write(self._ours, keys.encode())

    def ended(self) -> int:
        """Wait until the program has ended; its exit status."""
        end = time.monotonic() + PATIENCE
        while self._more(end):
            pass
        return self._process.wait(max(1.0, end - time.monotonic()))

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
        os.close(self._ours)

    def _more(self, end: float) -> bool:
        """Whether something more was shown before `end`; the other side of a terminal that closed is an error (EIO)."""
        if not select.select([self._ours], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            piece = os.read(self._ours, 65_536)
        except OSError:
            return False
        self.seen += piece.decode(errors="replace").replace("\r\n", "\n")
        return bool(piece)


def _take_terminal() -> None:
    """Make stdin the terminal of the new session, so that Ctrl-C and /dev/tty work; and Ctrl-C ends it as ever."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
