"""A real process that is killed by the kernel at each call by which it renews a sign-in, with strace."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.signin.keeping import Kept, TokenFile
from levelhead.signin.session import SignIn
from servers.provider import Provider
from servers.requirements import require

pytestmark = [pytest.mark.sweep, pytest.mark.server]

RENEWS = """
import sys
from dataclasses import replace
from pathlib import Path
from levelhead.clock import SystemClock
from levelhead.signin.asking import asker
from levelhead.signin.keeping import TokenFile
from levelhead.signin.providers import KNOWN, Registration
from levelhead.signin.session import SignIn
path, url = sys.argv[1:]
registration = Registration(
    provider=replace(KNOWN["custom"], token_url=url), client_id="levelhead-of-tests", scope="mail",
    account="me@example.test", mailbox="office", mend="levelhead login office",
)
clock = SystemClock()
SignIn(registration, TokenFile(path=Path(path)), clock, asker(clock)).token()
"""
CALLS = ("pwrite64", "fsync", "rename", "unlink", "flock", "pread64")


def test_a_renewal_that_is_killed_at_any_call_leaves_one_whole_sign_in(
    provider: Provider,
    file: TokenFile,
    registration: object,
    signed_in: Callable[..., Kept],
    sign_in_of: Callable[..., SignIn],
    tmp_path: Path,
) -> None:
    """What is lost is only what no disk had: the answer of a provider before its first byte was durable."""
    strace = require("strace", "strace")
    killed, in_place, beside = 0, 0, 0
    for call in CALLS:
        for number in range(1, 20):
            signed_in()
            before = file.read()
            paths = (file.path.parent, file.path, file.beside, lock_of(file))
            traced = [option for path in paths for option in ("-P", str(path))]
            kills = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
            done = subprocess.run(
                [
                    *(strace, "-f", "-qq", "-o", tmp_path / "trace", *kills, *traced),
                    *(sys.executable, "-c", RENEWS, file.path, provider.url("token")),
                ],
                capture_output=True,
                timeout=60,
                check=False,
            )
            if done.returncode == 0:
                break
            assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
            killed += 1
            after = file.read()
            assert before is not None and after is not None, "there is always a whole one in place"
            in_place += after.number == before.number + 1
            if before.refresh_token in provider.refresh:
                expected = {before.refresh_token}  # nobody was asked yet
            else:
                expected = {before.refresh_token, *provider.refresh}
            assert after.refresh_token in expected
            with file.locked(sign_in_of()._clock):
                settled = file.read()
            assert settled is not None and not file.beside.exists()
            beside += settled.number > after.number
            provider.refresh.clear()
        else:
            raise AssertionError(f"{call}: it never ended by itself")
    assert killed >= 8 and in_place and beside, (killed, in_place, beside)


def lock_of(file: TokenFile) -> Path:
    return file.path.with_name(f".{file.path.name}.lock")
