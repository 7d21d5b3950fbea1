"""Fork bombs: a worker of an ordinary user may start only so many processes, and none of them survives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from servers.requirements import lacking, require

pytestmark = pytest.mark.sweep

# Gives up when it may not; never does; its children leave the session; answers and goes on behind its back.
BOMBS = {
    "polite": """
        while True:
            os.fork()
        """,
    "stubborn": """
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
    "runaway": """
        while True:
            try:
                if os.fork() == 0:
                    os.setsid()
            except OSError:
                pass
        """,
    "sly": """
        if os.fork() == 0:
            os.setsid()
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        return Finding("innocent", 0.1)
        """,
}

HOST = """
import ctypes, json, sys, threading, time
from levelhead.screening.bench import Arguments, Ask
from levelhead.screening.remote import Worker
from levelhead.screening.sources import Source
from levelhead.serving import Limits, tasks_of_mine

HEAD = "import os\\nfrom levelhead import *\\n@hookimpl\\ndef detect():\\n"
GOOD = HEAD + "    import time\\n    time.sleep(0.3)\\n    return Finding('good', 0.1)\\n"
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: as process 1 of a container, whom orphans are left to
before, most, over = tasks_of_mine(), 0, threading.Event()

def watch():
    global most
    while not over.wait(0.02):
        most = max(most, tasks_of_mine())

watching = threading.Thread(target=watch)
watching.start()
worker = Worker(2.0, Limits(processes=40))
for name, code in (("bomb", HEAD + sys.stdin.read()), ("good", GOOD)):
    assert not worker.open(Source(name=name, origin=name, code=code.encode()), {}).refused
asks = [Ask(name, "detect", Arguments({})) for name in ("bomb", "good")]
said = [reply.error or reply.answers[0].label for reply in worker.call_many(asks)]
worker.close()
over.set()
watching.join()
end = time.monotonic() + 10
while tasks_of_mine() > before and time.monotonic() < end:
    time.sleep(0.05)  # a thread that was joined is counted for another moment
print(json.dumps({"said": said, "most": most - before, "left": tasks_of_mine() - before}))
"""


def unprivileged() -> list[str]:
    """A command line in front of another that makes it one of a user who has no process but ours.

    The kernel does not limit root. The right to read everything stays, because Python may lie in root's own folder.
    """
    if os.geteuid():
        return []
    setpriv, somebody, right = (
        require("setpriv", "util-linux"),
        61_000 + os.getpid() % 1000,
        "-all,+dac_read_search",
    )
    return [
        *(setpriv, f"--reuid={somebody}", f"--regid={somebody}", "--clear-groups"),
        *(f"--inh-caps={right}", f"--ambient-caps={right}", f"--bounding-set={right}", "--"),
    ]


@pytest.mark.parametrize("kind", BOMBS)
def test_a_fork_bomb_is_bounded_and_nothing_of_it_is_left(kind: str) -> None:
    python = [*unprivileged(), sys.executable, "-P", "-c"]
    if subprocess.run([*python, "import levelhead"], check=False, capture_output=True, cwd="/").returncode:
        lacking(
            "this machine lets root not become somebody else, and the kernel does not limit root's processes"
        )
    done = subprocess.run(
        [*python, HOST],
        input=textwrap.indent(textwrap.dedent(BOMBS[kind]), "    "),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["said"][1] == "good", "an innocent plugin was not heard"
    assert 20 < found["most"] <= 45, "it was bounded, by the limit and not by chance"
    assert found["left"] <= 0, "something of it still runs"
