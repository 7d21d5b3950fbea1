"""The real daemon under strace: one run with a fault at one call of one thread, and what comes after it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import levelhead.archive.reader as reader
import levelhead.cli.running as cli
from audit import whole
from levelhead.archive.parse import parse
from levelhead.model import Parsed
from levelhead.raw import Raw

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

PATIENCE = 90.0
"""Seconds after which a daemon that does not end has failed."""
LASTING = 0.7
"""Seconds that a lasting fault lasts from the first time on that it was met."""
ALONE = 20.0
"""Seconds that the daemon has to get over a fault by itself; its pauses are a tenth of what is shipped."""
MESSAGES = 3
"""How many messages come in one life."""
LOG = "../daemon.log"
FILES = (
    *("lock", "reserve", "index.sqlite", "index.sqlite-journal", "index.sqlite-wal", "index.sqlite-shm"),
    *("ledger/lock", "ledger/000001.jsonl", "ledger/000001.payload.jsonl"),
    *("volumes/.lock", "volumes/000001.tar.zst", LOG),
)
"""What a daemon of this size writes, seen from the archive's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What strace does at the `at`-th call (from 1) of a thread: kill it (`KILL`), or let it fail with an error."""

    thread: str
    call: str
    what: str
    at: int
    lasting: bool = False
    """At every call from then on, until it is lifted."""
    files: bool = False
    """Only calls that go to one of `FILES` count."""

    @property
    def kills(self) -> bool:
        return self.what == "KILL"

    def options(self, archive: Path) -> list[str]:
        """What strace is told."""
        how = "signal=KILL" if self.kills else f"error={self.what}"
        when = f"when={self.at}" + ("+" if self.lasting else "")
        # The log is opened before the program begins, by whoever starts it.
        names = [name for name in FILES if (name, self.call) != (LOG, "openat")]
        only = [word for name in names for word in ("-P", os.path.normpath(archive / name))]
        inject = ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{how}:{when}"]
        return [*(only if self.files else []), *inject]


class Here:
    """Parses as the reader does, in this process: for those who look at mail of our own after a fault."""

    def __init__(self, **_: object) -> None:
        self.hurried: Callable[[], bool] = lambda: False

    def __call__(self, raw: Raw) -> Parsed:
        return parse(raw)

    def many(self, messages: Sequence[Raw]) -> Iterator[Parsed]:
        return map(parse, messages)

    def warm_up(self) -> None:
        """There is nothing to start."""

    def rest(self) -> None:
        """There is nothing to end for a while."""

    def close(self) -> None:
        """There is nothing to end."""


class Stable:
    """Forks daemons; see journeys/stable.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: str) -> int | str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        return int(answer) if answer != "gone" else answer

    def run(self, how: str, home: Home) -> int:
        """One whole pass (`once`, `later`) or command; its exit status."""
        self.ask(f"{how} - {home.config}")
        self.ask("go")
        return int(self.ask("wait"))


class Run:
    """One life of an archive: a first sync, a heated letter, its alert and its draft, and a fault on the way."""

    def __init__(self, home: Home, stable: Stable, tracer: str, write: Write, heated: str) -> None:
        self.home = home
        self.stable = stable
        self.tracer = tracer
        self.letter = write(heated, own_id="<a2@northwind.example>")
        self.sent = False
        self.status: int | None = None
        self.alone = False
        """Whether the daemon did all that was to be done before anybody asked it to end."""
        self._strace: subprocess.Popen[bytes] | None = None
        self._lifted = False
        self._trace = home.path / "trace"
        self._looked = 0.0
        self._first_met = 0.0
        home.write_config(cooldown="0s")
        home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
        mine = write(
            "Hi!", sender="me@studio.example", to="maria@northwind.example", own_id="<b1@studio.example>"
        )
        home.account.append("Sent", mine)

    # --- the fault ---------------------------------------------------------------------------

    def attack(self, fault: Fault) -> bool:
        """Start the daemon with the fault in wait and give it work, then ask it to end; whether the fault happened."""
        # Whoever sends anything may send it to the reader's process.
        how = "daemon" if fault.thread == "mailbox" or fault.call == "sendto" else "lean"
        self.pid = int(self.stable.ask(f"{how} {fault.thread} {self.home.config}"))
        if fault.thread == "main":
            self._attach(self.pid, fault)
        self.stable.ask("go")
        begin = time.monotonic()
        while self.alive() and not self._over(fault):
            assert time.monotonic() - begin < PATIENCE, f"it goes nowhere:\n{self.log()}"
            time.sleep(0.01)
        return self._end(fault)

    def attack_rebuild(self, fault: Fault) -> bool:
        """The same for `levelhead rebuild` over a whole archive."""
        self.pid = int(self.stable.ask(f"rebuild - {self.home.config}"))
        self._attach(self.pid, fault)
        self.stable.ask("go")
        return self._end(fault, ask=False)

    def _over(self, fault: Fault) -> bool:
        """One look at a daemon that runs; True when it is time to ask it to end."""
        waiting = self.home.path / "thread"
        if self._strace is None and not self._lifted and waiting.exists():
            self._attach(int(waiting.read_text()), fault)
        known = not self.sent and self._seen("mailbox.watched")
        if known:
            self.home.account.append("INBOX", self.letter)
            self.sent = True
        met = self._met()
        if met and not self._first_met:
            self._first_met = time.monotonic()
        passed = time.monotonic() - self._first_met if self._first_met else 0.0
        if fault.lasting and passed > LASTING:
            self._lift()
        lasts = fault.lasting and self._strace is not None and met
        self.alone = self.sent and not lasts and self._seen("draft.placed", "alert.notified")
        return self.alone or passed > ALONE

    def _seen(self, *names: str) -> bool:
        """Whether these facts are on record. The log says so at once, unless a fault has cost it that line."""
        log = self._log()
        if all(f'"{name}"'.encode() in log for name in names):
            return True
        if time.monotonic() - self._looked < 0.5:
            return False
        self._looked = time.monotonic()
        return all(self.home.count(name) for name in names)

    def _attach(self, task: int, fault: Fault) -> None:
        command = [self.tracer, "-p", str(task), "-o", str(self._trace), *fault.options(self.home.archive)]
        self._strace = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert self._strace.stderr is not None
        said = b""
        for line in self._strace.stderr:
            said += line
            if b"attached" in line:
                return
        raise AssertionError(said.decode())

    def _lift(self) -> None:
        """The fault is over."""
        self._lifted = True
        if self._strace is not None:
            self._strace.terminate()
            self._strace.wait(PATIENCE)
            assert self._strace.stderr is not None
            self._strace.stderr.close()
            self._strace = None

    def _end(self, fault: Fault, *, ask: bool = True) -> bool:
        """Ask it to end, when it still runs; whether the fault happened."""
        if ask and self.alive():
            os.kill(self.pid, signal.SIGTERM)
        begin = time.monotonic()
        while self.alive() and time.monotonic() - begin < PATIENCE:
            time.sleep(0.005)
        assert not self.alive(), f"it does not end:\n{self.log()}"
        if self._strace is not None:
            self._strace.wait(PATIENCE)
            assert self._strace.stderr is not None
            self._strace.stderr.close()
        self.status = int(self.stable.ask("wait"))
        return self.status == -signal.SIGKILL if fault.kills else self._met()

    def _met(self) -> bool:
        return self._trace.exists() and b"(INJECTED)" in self._trace.read_bytes()

    def alive(self) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        return False

    def _log(self) -> bytes:
        log = self.home.path / "daemon.log"
        return log.read_bytes() if log.exists() else b""

    def log(self) -> str:
        return self._log().decode()[-5000:]

    def kill(self) -> None:
        """End what is left of a run that failed."""
        if self._strace is not None and self._strace.poll() is None:
            self._strace.terminate()
            self._strace.wait(PATIENCE)
        if self.status is None and self.alive():
            os.kill(self.pid, signal.SIGKILL)
        if self.status is None:
            self.status = int(self.stable.ask("wait"))

    # --- afterwards --------------------------------------------------------------------------

    def live(self) -> None:
        """A whole life without a fault."""
        assert self.stable.run("once", self.home) == 0, self.log()
        self.recover()

    def recover(self) -> None:
        """As a service manager would: start it again, and let it do what is left to do."""
        for how in ("once", "once", "later", "later"):
            status = self.stable.run(how, self.home)
            assert status == 0, f"a start after the fault ended with {status}:\n{self.log()}"
            if not self.sent:
                self.home.account.append("INBOX", self.letter)
                self.sent = True
            elif self._done():
                return
        raise AssertionError(f"what was left to do was not done:\n{self.log()}")

    def _done(self) -> bool:
        """A message whose bytes could not be read for a moment is judged later, after its alert or draft if need be."""
        facts = Counter(fact.name for fact in self.home.facts())
        return bool(facts["draft.placed"] and facts["alert.notified"] and facts["message.judged"] >= MESSAGES)

    def audit(self, *, troubled: bool) -> None:
        facts = self.home.facts()
        self.home.facts = lambda: facts  # type: ignore[method-assign]  # nothing runs any more
        self.home.json = self._asked  # type: ignore[method-assign]  # in this process, without a second's start
        try:
            whole(self.home, troubled=troubled)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.log()}") from exc

    def _asked(self, *words: str) -> Any:
        out, real = io.StringIO(), reader.Reader
        reader.Reader = Here  # type: ignore[misc,assignment]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            cli.run([*words, "--config", str(self.home.config), "--json"])
        reader.Reader = real  # type: ignore[misc]
        return json.loads(out.getvalue())
