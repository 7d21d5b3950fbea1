"""Takes one guard out after the other (`.ci/mutations/*.patch`), and requires the test that is named for it to fail.

A patch begins with `# TEST: path::name` and `# GUARD: what it protects from`. Each is applied to a copy of the tree,
so that an interrupted run leaves nothing behind. A patch that no longer applies, a test that cannot be found, one that
is skipped, and a guard that nobody misses are all failures of this run.

    .venv/bin/python .ci/mutate.py            every patch
    .venv/bin/python .ci/mutate.py idle tls   those whose names hold one of these words
    .venv/bin/python .ci/mutate.py --share 3  every third, beginning by the commit's number: each has its turn
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
PATCHES = ROOT / ".ci" / "mutations"
AT_ONCE = 1 + min(4, os.cpu_count() or 1)
"""One more than there are processors: a guard against hanging is missed by waiting."""
LONGEST = 180
"""Seconds that a test may take before it counts as failed: a guard against hanging is missed by hanging."""

TESTS_FAILED = 1
"""What pytest exits with when a test has failed; anything else but 0 says that the test was never run."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A patch that takes a guard out, and the test that must notice."""

    patch: Path
    test: str
    guard: str


def mutations(words: list[str]) -> list[Mutation]:
    """The patches, in order of their names; exits with a sentence where one lacks its head."""
    found = []
    for patch in sorted(PATCHES.glob("*.patch")):
        if words and not any(word in patch.name for word in words):
            continue
        head = re.match(r"# TEST: (\S.*)\n# GUARD: (\S.*)\n", patch.read_text("utf-8"))
        if not head:
            sys.exit(
                f"{patch.relative_to(ROOT)}: begin it with '# TEST: path::name' and '# GUARD: a sentence'"
            )
        found.append(Mutation(patch, head[1].strip(), head[2].strip()))
    return found


def copied(folder: Path) -> Path:
    """A copy of what is tracked in this tree and of what is new in it, in a folder of its own beside `shared`."""
    tree = folder / "main"
    tree.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout  # fmt: skip
    names = b"\0".join(name for name in listed.split(b"\0") if name and (ROOT / os.fsdecode(name)).exists())
    tar = ["tar", "--null", "--files-from=-", "-cf", "-"]
    packed = subprocess.run(tar, cwd=ROOT, input=names, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-xf", "-", "-C", tree], input=packed, check=True)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    if (shared := ROOT.parent / "shared").exists():
        (folder / "shared").symlink_to(shared)
    return tree


@contextmanager
def trees() -> Iterator[Queue[Path]]:
    """As many copies of the tree as there are processors, each with its modules compiled once.

    The compiled files name the hash of their source (PEP 552): a patch and its undoing within one second are seen.
    """
    with tempfile.TemporaryDirectory(prefix="levelhead-mutants-") as folder:
        free: Queue[Path] = Queue()
        for number in range(AT_ONCE):
            (own := Path(folder) / str(number)).mkdir()
            tree = copied(own)
            python = tree / ".venv" / "bin" / "python"
            compiling = [python, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "src"]
            subprocess.run(compiling, cwd=tree, check=True)
            free.put(tree)
        yield free


def missed(mutation: Mutation, free: Queue[Path]) -> str:
    """Empty when the test noticed that its guard was gone, else what is wrong."""
    tree = free.get()
    try:
        if problem := patched(tree, mutation):
            return problem
        try:
            return noticed(tree, mutation)
        finally:
            subprocess.run(["git", "apply", "-R", mutation.patch], cwd=tree, check=True, capture_output=True)
    finally:
        free.put(tree)


def patched(tree: Path, mutation: Mutation) -> str:
    """Take the guard out; what is wrong when that cannot be done."""
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", mutation.patch], cwd=tree, capture_output=True, text=True
    )
    if applied.returncode:
        return f"the patch does not apply any more: {applied.stderr.strip().splitlines()[-1]}"
    return ""


def noticed(tree: Path, mutation: Mutation) -> str:
    """Run the test in the tree that lacks the guard: empty when it fails."""
    env = {
        **os.environ,
        "PYTHONPATH": str(tree / "src"),
        "LEVELHEAD_REQUIRE": "all",
        "LEVELHEAD_SWEEP": "1",
    }
    command = [tree / ".venv" / "bin" / "python", "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider"]
    try:
        run = subprocess.run(
            [*command, mutation.test], cwd=tree, env=env, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return ""
    if run.returncode == TESTS_FAILED:
        return ""
    said = "\n".join(run.stdout.strip().splitlines()[-3:])
    if run.returncode == 0:
        return f"the test does not miss it:\n{said}"
    return f"the test was not run (pytest exited with {run.returncode}):\n{said}\n{run.stderr.strip()[-400:]}"


def turn(share: int) -> int:
    """Which of so many shares this commit's turn is, by its hash; the first where there is no repository."""
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(said.stdout.strip() or "0", 16) % share


def main() -> int:
    """Every patch, as many at once as there are processors; 1 when a guard is not missed."""
    words = sys.argv[1:]
    share = int(words[1]) if words[:1] == ["--share"] else 1
    chosen = mutations([] if share > 1 else words)[turn(share) :: share]
    if not chosen:
        sys.exit("no patch in .ci/mutations has such a name")
    bad = 0
    with trees() as free, ThreadPoolExecutor(AT_ONCE) as pool:
        problems = pool.map(lambda one: missed(one, free), chosen)
        for mutation, problem in zip(chosen, problems, strict=True):
            bad += bool(problem)
            state = "NOT MISSED" if problem else "missed    "
            print(f"{state} {mutation.patch.stem}: {mutation.guard}", flush=True)
            if problem:
                print(f"           {mutation.test}\n           {problem}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} guards are missed by their test when they are gone")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
