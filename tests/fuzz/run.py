"""Fuzz one target: `python tests/fuzz/run.py TARGET SECONDS [FOLDER]`, with atheris (libFuzzer), from the seeds on.

Ends with 0 when nothing was found. What was found is in FOLDER (by default `found/` here) as `crash-...`, `timeout-...`
or `oom-...`; put it under tests/data/found/TARGET/ and mend what it shows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
with atheris.instrument_imports(include=["levelhead", "email", "imapclient"]):
    import targets

import seeds  # noqa: E402 - it lies beside this file

TOO_LONG = 5
"""Seconds of one input, instrumented, which is several times slower than without."""
TOO_MUCH = 2_000
"""Megabytes of the whole process."""


def main() -> None:
    """Feed the target named on the command line until its seconds are over."""
    name, seconds = sys.argv[1], int(sys.argv[2])
    found = Path(sys.argv[3] if len(sys.argv) > 3 else HERE / "found")
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="levelhead-seeds-") as folder:
        for number, seed in enumerate(seeds.of(name)):
            (Path(folder) / str(number)).write_bytes(seed)
        arguments = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-timeout={TOO_LONG}",
            f"-rss_limit_mb={TOO_MUCH}",
            "-max_len=20000",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            folder,
        ]
        atheris.Setup(arguments, targets.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
