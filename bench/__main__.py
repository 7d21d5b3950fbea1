"""`python -m bench`: measures, prints what it found, and writes the page where it is asked to."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.core import Bench
from bench.machine import described, disk_of
from bench.measure import Broken
from bench.page import NOTES, Found, folder_of, notes_in, read, told, write
from bench.sections import SECTIONS
from bench.sizes import MODES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
"""What a full run writes; a quick one only prints, so that it never takes the place of better figures."""


def main(words: list[str] | None = None) -> int:
    """The exit status: 0 when everything could be measured, whatever the figures are."""
    asked = _asked(words)
    if asked.list:
        print("\n".join(SECTIONS))
        return 0
    page = asked.page or (PAGE if asked.mode == "full" else None)
    machine = described()
    earlier = read(page) if page is not None else None
    sections, days, broken = {}, {}, []
    found: Found | None = None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.at, ignore_cleanup_errors=True) as root:
        # One of the peers, started by root, delivers as somebody else.
        Path(root).chmod(0o711)
        # What levelhead keeps for its next start goes with the rest, and not among the caches of whoever measures.
        os.environ["XDG_CACHE_HOME"] = f"{root}/caches"
        machine = (*machine, ("file system", disk_of(Path(root))))
        with Bench(MODES[asked.mode], asked.mode, Path(root)) as bench:
            for name in asked.only or SECTIONS:
                bench.say(f"== {name}")
                try:
                    sections[name] = SECTIONS[name](bench)
                except (Broken, OSError) as exc:
                    # The others are measured all the same; the run as a whole has failed.
                    broken.append(name)
                    bench.say(f"{name} is broken: {exc}")
                    continue
                days[name] = datetime.now(UTC).date().isoformat()
                found = Found(mode=asked.mode, machine=machine, sections=sections, days=days)
                if page is not None:
                    # After each section: a long run that breaks off has not been for nothing.
                    found = found.with_earlier(earlier, list(SECTIONS))
                    write(page, found)
            bench.say("done")
    if found is not None:
        print(told(found, notes_in(NOTES), folder_of(page or PAGE).name))
    if broken:
        print(f"These sections could not be measured: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _asked(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="How fast levelhead is, and beside whom."
    )
    parser.add_argument(
        "--mode", choices=tuple(MODES), default="quick", help="how much is measured (default: quick)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=tuple(SECTIONS), metavar="SECTION", help="these sections, not all"
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="PATH",
        help="where to write the page; sections left out keep the figures that stand there, if they are of the same"
        " mode and machine. A full run writes docs/reference/benchmarks.md, a quick one only prints",
    )
    parser.add_argument("--at", type=Path, metavar="FOLDER", help="a folder on the disk to measure")
    parser.add_argument("--list", action="store_true", help="name the sections")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
