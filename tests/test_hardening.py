"""What a process keeps to itself: no core file, no look into it, no secret handed on to a worker."""

from __future__ import annotations

import subprocess
import sys

import pytest

from levelhead.hardening import handed_on

LOOK = (
    "import ctypes, resource; from levelhead.hardening import leave_no_trace; leave_no_trace(); leave_no_trace();"
    "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_that_leaves_no_trace_cannot_be_dumped_or_looked_into() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.split("\n")[0] == "(0, 0) 0"


def test_a_worker_is_told_where_things_are_and_nothing_that_may_be_secret() -> None:
    kept = {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "PYTHONPATH": "src",
        "TZ": "UTC",
        "OMP_NUM_THREADS": "1",
    }
    secret = {
        "OPENAI_API_KEY": "k", "LEVELHEAD_PASSWORD": "p", "AWS_SECRET_ACCESS_KEY": "s", "https_proxy": "http://u:p@x",
        "NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "CREDENTIALS_DIRECTORY": "/run/c", "SSH_AUTH_SOCK": "/a",
    }  # fmt: skip
    assert handed_on({**kept, **secret}) == kept
