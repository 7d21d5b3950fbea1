"""A worker process from the outside: its limits hold, its end is said in words, and nothing of it is left behind."""

from __future__ import annotations

import os
import select
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from levelhead.pipes import LARGEST_FRAME, pack
from levelhead.plain import from_json
from levelhead.serving import Limits, tasks_of_mine
from levelhead.workers import Gone, Process

Start = Callable[..., Process]

WORKER = """
import os, resource, signal, subprocess, sys, threading, time
from levelhead.plain import to_json
from levelhead.serving import serve

def answers(request):
    yield from map(to_json, globals()[request]())

def limits():
    for name in ("CORE", "DATA", "CPU", "NOFILE", "FSIZE", "NPROC"):
        yield name, resource.getrlimit(getattr(resource, "RLIMIT_" + name))

def twice():
    yield 1
    yield 2

def hang():
    time.sleep(600)
    yield

def second_hangs():
    yield 1
    time.sleep(600)
    yield 2

def hang_in_c():
    import re
    yield re.match("(a+)+b", "a" * 64)

def die():
    os.kill(os.getpid(), signal.SIGSEGV)
    yield

def leave():
    os._exit(7)
    yield

def babble():
    os.write(int(sys.argv[1]), b"\\xff" * 8)
    time.sleep(600)
    yield

def hog():
    try:
        bytearray(1_000_000_000)
        yield "held"
    except MemoryError:
        yield "MemoryError"

def write():
    try:
        with open(os.environ["TMPDIR"] + "/scratch", "wb") as file:
            file.write(bytes(3_000_000))
        yield "written"
    except OSError as exc:
        yield exc.strerror

def files():
    kept = []
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError as exc:
        count = len(kept)
        del kept
        yield count, exc.strerror

def compute():
    while True:
        pass
    yield

def children():
    # One stays, one leaves the session, one is nobody's child any more and knows nothing of its environment.
    stays = subprocess.Popen(["sleep", "600"])
    leaves = subprocess.Popen(["sleep", "600"], start_new_session=True)
    reading, writing = os.pipe()
    if os.fork() == 0:
        lost = os.fork()
        if lost == 0:
            os.setsid()
            os.execve("/bin/sleep", ["sleep", "600"], {})
        os.write(writing, str(lost).encode())
        os._exit(0)
    os.wait()
    yield stays.pid, leaves.pid, int(os.read(reading, 20))

serve(answers)
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts workers that do what they are told; they are stopped when the test ends."""
    (tmp_path / "obedient.py").write_text(textwrap.dedent(WORKER), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    started: list[Process] = []

    def begin(limits: Limits | None = None, longest_call: float = 60.0, **more: object) -> Process:
        process = Process("obedient", longest_call=longest_call, limits=limits, **more)  # type: ignore[arg-type]
        started.append(process)
        process.greet()
        return process

    yield begin
    for process in started:
        process.stop()


def told(process: Process, request: str, seconds: float = 60.0) -> object:
    process.ask(pack(request), seconds)
    return from_json(process.answer(seconds))


def gone(process: Process, request: str, seconds: float = 60.0) -> str:
    """How the worker ended over this request."""
    with pytest.raises(Gone) as caught:
        told(process, request, seconds)
    return str(caught.value)


def test_every_limit_is_taken_on_and_nothing_was_refused(start: Start) -> None:
    process = start(
        Limits(memory=1 << 30, cpu_seconds=30, open_files=100, file_size=50_000_000, processes=40)
    )
    process.ask(pack("limits"), 60)
    found = dict(from_json(process.answer(60)) for _ in range(6))  # type: ignore[misc]
    assert found["CORE"] == [0, 0]
    assert found["DATA"] == [1 << 30, 1 << 30]
    assert found["CPU"] == [30, 30]
    assert found["NOFILE"] == [100, 100]
    assert 48_000_000 < found["FSIZE"][1] < 50_000_000
    assert found["NPROC"][0] == found["NPROC"][1] < tasks_of_mine() + 200
    assert Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip() == "1000"


def test_each_answer_of_a_request_comes_as_it_is_ready(start: Start) -> None:
    process = start()
    process.ask(pack("second_hangs"), 60)
    assert from_json(process.answer(60)) == 1
    with pytest.raises(Gone, match=r"timed out after 0\.2 s"):
        process.answer(0.2)


@pytest.mark.parametrize(
    ("request_", "seconds", "how"),
    [
        ("hang", 0.2, "timed out after 0.2 s"),
        ("hang_in_c", 0.2, "timed out after 0.2 s"),
        ("die", 60, "it ended the worker process (SIGSEGV)"),
        ("leave", 60, "it ended the worker process (exit status 7)"),
        ("babble", 60, "it answered nonsense: a frame announces 4,294,967,295 bytes"),
    ],
)
def test_how_a_worker_ended_is_said_in_words(start: Start, request_: str, seconds: float, how: str) -> None:
    assert gone(start(), request_, seconds) == how


def test_a_signal_that_has_no_name_is_said_by_its_number(start: Start) -> None:
    process = start()
    os.kill(process.pid, signal.SIGRTMIN + 3)
    assert f"(signal {signal.SIGRTMIN + 3})" in gone(process, "twice")


@pytest.mark.parametrize(
    ("limits", "request_", "answer"),
    [
        (Limits(memory=300 << 20), "hog", "MemoryError"),
        (Limits(file_size=2 << 20), "write", "File too large"),
    ],
)
def test_whoever_takes_too_much_is_told_so(start: Start, limits: Limits, request_: str, answer: str) -> None:
    assert told(start(limits), request_) == answer


def test_files_that_are_never_closed_run_out_before_the_host_s_do(start: Start) -> None:
    count, why = told(start(Limits(open_files=64)), "files")  # type: ignore[misc]
    assert count < 64 and why == "Too many open files"


def test_whoever_computes_for_ever_is_ended_by_the_kernel(start: Start) -> None:
    assert gone(start(Limits(cpu_seconds=1)), "compute") == "it ended the worker process (SIGKILL)"


def test_a_call_that_hangs_in_c_is_ended_by_the_kernel_when_the_host_is_gone(start: Start) -> None:
    process = start(longest_call=0.2)
    assert gone(process, "hang_in_c") == "it ended the worker process (SIGALRM)"


def test_a_worker_ends_by_itself_when_the_host_is_gone(start: Start) -> None:
    process = start()
    process._channel.close()
    assert process._process.wait(timeout=60) == 0


def test_everything_that_it_started_ends_with_it(start: Start) -> None:
    process = start()
    children = told(process, "children")
    endings = [os.pidfd_open(pid) for pid in children]  # type: ignore[attr-defined]
    process.stop()
    for ending in endings:
        assert ended(ending), "what the worker started still runs"


def test_what_it_started_ends_even_when_it_was_dead_already(start: Start) -> None:
    process = start()
    children = told(process, "children")
    endings = [os.pidfd_open(pid) for pid in children]  # type: ignore[attr-defined]
    assert "SIGSEGV" in gone(process, "die")
    process.stop()
    for ending in endings:
        assert ended(ending)


def test_two_workers_do_not_take_each_other_for_their_own(start: Start) -> None:
    one, other = start(), start()
    one.stop()
    assert told(other, "twice") == 1


def test_whoever_waits_for_an_answer_is_set_free_when_it_is_killed(start: Start) -> None:
    process = start()
    said: list[str] = []
    waiting = threading.Thread(target=lambda: said.append(gone(process, "hang", 600)))
    waiting.start()
    process.kill()
    waiting.join(timeout=30)
    assert said == ["it ended the worker process (SIGKILL)"]


def test_whoever_waits_looks_whether_it_still_should(start: Start) -> None:
    class Enough(Exception):
        pass

    def look() -> None:
        raise Enough

    process = start(look=None)
    process._look = look
    with pytest.raises(Enough):
        told(process, "hang", 600)
    process.kill()
    with pytest.raises(Gone):
        process.ask(bytes(LARGEST_FRAME), 600)


def test_what_a_worker_needs_in_memory_can_be_told(start: Start) -> None:
    process = start()
    assert 5_000_000 < process.memory() < 200_000_000
    process.stop()
    assert process.memory() == 0


def test_a_program_that_does_not_greet_is_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mute.py").write_text("raise SystemExit(3)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    process = Process("mute", longest_call=1.0)
    with pytest.raises(Gone, match="exit status 3"):
        process.greet()
    process.stop()


def ended(descriptor: int) -> bool:
    """Whether the process of a pidfd ends within a while."""
    try:
        return bool(select.select([descriptor], [], [], 20)[0])
    finally:
        os.close(descriptor)
