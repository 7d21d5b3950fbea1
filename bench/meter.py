"""Runs one program to its end and tells what it and all that it started took; a process of its own, of few imports.

`python -I -S meter.py SPEC`, SPEC being JSON: `words`, and `cwd`, `stdin`, `stdout`, `stderr` (paths), `seconds` (how
long it may take) and `pause` (between two looks at its memory). It says two lines of JSON: `{"pid": N}` when the
program has begun, and what was measured when all of it has ended.

Every orphan of the program comes to this process (prctl PR_SET_CHILD_SUBREAPER), so that getrusage(2) of its children
is the processor time of the whole tree to the microsecond. Memory is read from /proc: at each look the VmHWM of all
processes that live then are added up, which is a ceiling of what they held together, shared pages counted twice.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any

SUBREAPER, DEATH_SIGNAL = 36, 1
"""Options of prctl(2)."""
GRACE = 2.0
"""Seconds that a process may outlive the program which started it, before it is killed."""


def tree(root: int) -> list[int]:
    """A process and all its descendants that live now."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - without pathlib it starts twice as fast
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{pid}/task/{thread}/children") as told:  # noqa: PTH123 - as above
                    waiting += map(int, told.read().split())
            except OSError:
                continue
    return found


def status(pid: int) -> dict[str, int]:
    """VmRSS and VmHWM of a process in bytes; empty when it has none or is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as told:  # noqa: PTH123 - as above
            lines = told.read().splitlines()
    except OSError:
        return {}
    wanted = (line.split() for line in lines if line.startswith((b"VmRSS:", b"VmHWM:")))
    return {words[0].decode().rstrip(":"): int(words[1]) * 1024 for words in wanted}


class Watch:
    """The most memory that was seen: of the program itself, and of it and its descendants together."""

    def __init__(self, pid: int) -> None:
        self.pid, self.own, self.all, self.processes = pid, 0, 0, 0

    def look(self) -> None:
        pids = [pid for pid in tree(os.getpid()) if pid != os.getpid()]
        peaks = {pid: status(pid).get("VmHWM", 0) for pid in pids}
        self.own = max(self.own, peaks.get(self.pid, 0))
        self.all = max(self.all, sum(peaks.values()))
        self.processes = max(self.processes, len(pids))


def reap(main: int) -> tuple[int, resource.struct_rusage] | None:
    """Take in all that has ended; how the program itself did, if it is among them."""
    ended = None
    while True:
        try:
            pid, how, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == main:
            ended = os.waitstatus_to_exitcode(how), usage


def end(signum: int) -> None:
    """Send a signal to every descendant."""
    for pid in tree(os.getpid()):
        if pid != os.getpid():
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                continue


def started(spec: dict[str, Any]) -> int:
    """Start the program in a process group of its own; its pid."""
    os.chdir(spec.get("cwd", "."))
    making = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, spec.get("stdin", os.devnull), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, spec.get("stdout", os.devnull), making, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, spec.get("stderr", os.devnull), making, 0o600),
    ]
    words = spec["words"]
    return os.posix_spawnp(words[0], words, os.environ, file_actions=files, setpgroup=0, setsigmask=())


HEARD = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
Ended = tuple[int, resource.struct_rusage] | None


def awaited(watch: Watch, end_at: float, pause: float) -> tuple[Ended, bool]:
    """Wait until the program ends, somebody asks for an end, or time runs out (the second value)."""
    while time.monotonic() < end_at:
        heard = signal.sigtimedwait(HEARD, pause)
        if heard is None:
            watch.look()
        elif heard.si_signo != signal.SIGCHLD:
            return None, False
        elif ended := reap(watch.pid):
            return ended, False
    return None, True


def buried(pid: int, ended: Ended) -> tuple[Ended, int]:
    """Let what is left end by itself if the program did, then end it; how many had to be."""
    late = time.monotonic() + (GRACE if ended else 0)
    while len(tree(os.getpid())) > 1 and time.monotonic() < late:
        signal.sigtimedwait(HEARD, 0.02)
        reap(pid)
    left = len(tree(os.getpid())) - 1
    while len(tree(os.getpid())) > 1:
        end(signal.SIGKILL)
        signal.sigtimedwait(HEARD, 0.02)
        ended = reap(pid) or ended
    return ended or reap(pid), left


def main() -> int:
    spec = json.loads(sys.argv[1])
    prctl = ctypes.CDLL(None).prctl
    prctl(SUBREAPER, 1)
    prctl(DEATH_SIGNAL, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    try:
        pid = started(spec)
    except OSError as exc:
        print(f"{spec['words'][0]}: {exc.strerror}", file=sys.stderr)
        return 127
    print(json.dumps({"pid": pid}), flush=True)
    watch = Watch(pid)
    ended, overdue = awaited(watch, began + spec["seconds"], spec["pause"])
    wall = time.monotonic() - began
    ended, left = buried(pid, ended)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    # What is said of a child that was very small is what its parent had when it was started.
    most = ended[1].ru_maxrss if ended and ended[1].ru_maxrss > 2 * ours and watch.processes < 2 else 0
    told = {
        "status": ended[0] if ended else None,
        "overdue": overdue,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "own": max(watch.own, most * 1024),
        "all": max(watch.all, most * 1024),
        "left": left,
    }
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
