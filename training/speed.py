"""Measures speed and size: how long the engine takes to load, how many mails it reads a second, its memory.

Everything is measured in fresh processes on one core, by processor time, so that a busy machine changes little.
Speeds are told beside VADER's, the two taking turns on the same texts: a number alone speaks of the machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from training.judged import Judged
from training.peers import INSTALL
from training.tables import table

ROUNDS = 3
GOALS = {"read": 5000, "prepared": 2000, "load": 0.3, "memory": 40.0}
"""Mails a second scored and prepared, seconds to load, megabytes: the goals of the task."""

BARE = """
import json, sys, time
def memory(name):
    with open("/proc/self/status") as status:
        return [int(line.split()[1]) / 1024 for line in status if line.startswith(name + ":")][0]
empty = memory("VmRSS")
begin = time.process_time()
from levelhead.heat.engine import read
read("Hello, thank you for the update.", "en")
load = time.process_time() - begin
for line in sys.stdin:
    read(*json.loads(line))
print(json.dumps({"load": load, "empty": empty, "now": memory("VmRSS"), "peak": memory("VmHWM")}))
"""

TURNS = """
import json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from levelhead.heat.aside import aside
from levelhead.heat.engine import read
from levelhead.heat.language import language_of
from levelhead.heat.newtext import new_text_of
given = json.load(sys.stdin)
def read_all():
    for text, language in given["new"]:
        read(text, language)
def prepare_all():
    for text in given["whole"]:
        new = new_text_of(text).text
        read(new, language_of(aside(new).text))
turns = {"ours": prepare_all if given["prepare"] else read_all}
try:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
except ImportError:
    pass
else:
    polarity = SentimentIntensityAnalyzer().polarity_scores
    turns["vader"] = lambda: [polarity(text) for text, _ in given["new"]]
read("Hello, thank you for the update.", "en")
taken = {name: [] for name in turns}
for _ in range(given["rounds"]):
    for name, turn in turns.items():
        began = time.process_time()
        turn()
        taken[name].append(time.process_time() - began)
print(json.dumps(taken))
"""


@dataclass(frozen=True, slots=True)
class _Pace:
    """The seconds of each round by who took them, and how many texts there were in a round."""

    taken: Mapping[str, Sequence[float]]
    texts: int

    def has(self, who: str) -> bool:
        return who in self.taken

    def first(self, who: str) -> float:
        return self.texts / self.taken[who][0]

    def later(self, who: str) -> float:
        return self.texts / statistics.median(self.taken[who][1:])


def fragment(rows: Sequence[Judged]) -> str:
    """The section on speed and size, measured now."""
    people = [row for row in rows if row.mail.category not in ("newsletter", "invoice", "out-of-office")]
    new = [(f"{row.message.subject}\n\n{row.message.new_text}", row.message.language) for row in people]
    whole = [row.whole for row in people]
    given = {"new": new, "whole": whole, "rounds": ROUNDS}
    pace = {
        name: _Pace(_child(TURNS, json.dumps(given | {"prepare": name == "prepared"})), len(new))
        for name in ("read", "prepared")
    }
    bare = [_child(BARE, "".join(json.dumps(row) + "\n" for row in new)) for _ in range(ROUNDS)]
    load = statistics.median(float(each["load"]) for each in bare)
    peak = statistics.median(float(each["peak"]) for each in bare)
    now = statistics.median(float(each["now"]) for each in bare)
    empty = statistics.median(float(each["empty"]) for each in bare)
    letters = {
        "read": sum(len(text) for text, _ in new) / len(new),
        "prepared": sum(map(len, whole)) / len(whole),
    }
    size = len(files("levelhead.heat").joinpath("weights.bin").read_bytes())
    lines = [
        _speed("mails a second, prepared text", "read", pace, letters),
        _speed("mails a second, with preparation", "prepared", pace, letters),
        [
            "seconds to load, first text read",
            f"under {GOALS['load']}",
            f"{load:.2f}",
            _met(load < GOALS["load"]),
            "",
        ],
        [
            "resident memory, MB",
            f"under {GOALS['memory']:.0f}",
            f"{now:.1f} at the end, {peak:.1f} at most; the interpreter alone {empty:.1f}",
            _met(peak < GOALS["memory"]),
            "",
        ],
        ["size of `weights.bin`, MB", "at most 3", f"{size / 1e6:.2f}", _met(size <= 3_000_000), ""],
    ]
    told = (
        f"VADER read {pace['read'].later('vader'):.0f} of the same newest texts a second; it knows"
        " English alone."
        if pace["read"].has("vader")
        else f"VADER was not installed here, so that there is nothing beside which to tell speeds (`{INSTALL}`)."
    )
    return "\n".join(
        [
            f"{len(new)} mails of people, on one core, by processor time, Python {sys.version.split()[0]}.",
            f"The newest texts have {letters['read']:.0f} characters on average, the whole mails"
            f" {letters['prepared']:.0f}.",
            "The first reading meets every word for the first time; later ones find the sums of words"
            " remembered, as a daemon does.",
            "",
            table(["what", "goal", "measured", "", "beside VADER"], lines),
            "",
            told,
            "The memory is that of a bare process that imports the engine and reads these mails; the daemon, with its"
            " archive, mailboxes and plugins, is larger.",
            profiled(new),
            "",
        ]
    )


PARTS = {
    "heat/grams.py": "n-grams",
    "heat/phrases.py": "phrases",
    "heat/text.py": "cutting into sentences and words",
    "heat/engine.py": "combining and attributing",
    "heat/signs.py": "capitals and marks",
    "heat/aside.py": "setting aside",
    "heat/names.py": "names",
    "heat/praise.py": "praise of others",
    "heat/threats.py": "threats",
    "heat/kinds.py": "mail or post",
}
"""What the time of the files of the engine is called."""

PROFILE = """
import cProfile, json, pstats, sys
from levelhead.heat.engine import read
given = json.load(sys.stdin)
read("Hello, thank you for the update.", "en")
profile = cProfile.Profile()
profile.enable()
for text, language in given:
    read(text, language)
profile.disable()
spent, callers = {}, pstats.Stats(profile).stats
for (file, _, _), (_, _, own, _, above) in callers.items():
    if file.endswith(".py") or not above:
        spent[file] = spent.get(file, 0.0) + own
    else:  # built in: its time is its caller's
        for (caller, _, _), (_, _, part, _) in above.items():
            spent[caller] = spent.get(caller, 0.0) + part
print(json.dumps(spent))
"""


def profiled(new: Sequence[tuple[str, str]]) -> str:
    """Where the time of the first reading goes, by a profile; what is built in counts to its caller."""
    spent: dict[str, float] = _child(PROFILE, json.dumps(new))
    total = sum(spent.values())
    named = {
        words: sum(seconds for file, seconds in spent.items() if file.endswith(name)) / total
        for name, words in PARTS.items()
    }
    largest = sorted(named.items(), key=lambda item: -item[1])[:5]
    told = ", ".join(f"{words} {100 * part:.0f} %" for words, part in largest)
    return (
        "Where a speed is not reached, it is because all of it is Python without extensions; by a profile of the first"
        f" reading its time goes into {told}, and {100 * (1 - sum(part for _, part in largest)):.0f} % into the rest."
    )


def _speed(what: str, name: str, pace: dict[str, _Pace], letters: dict[str, float]) -> list[str]:
    known = pace[name]
    first, later = known.first("ours"), known.later("ours")
    measured = f"{first:.0f} at first, {later:.0f} later; {first * letters[name] / 1e6:.2f} million characters a second"
    beside = ""
    if known.has("vader"):
        beside = f"{first / known.first('vader'):.2f}, later {later / known.later('vader'):.2f}"
    return [what, str(GOALS[name]), measured, _met(first >= GOALS[name]), beside]


def _met(yes: bool) -> str:
    return "reached" if yes else "not reached"


def _child(code: str, given: str) -> Any:
    """What a fresh process prints as JSON; raises CalledProcessError when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=given.encode(),
        stdout=subprocess.PIPE,
        check=True,
        env=dict(os.environ, PYTHONHASHSEED="0"),
    )
    return json.loads(done.stdout)
