"""The sections of the benchmark, one module each: `run(bench)` measures and hands back a `Section`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.core import Bench, Section
from bench.sections import answers, arrival, cores, first_sync, growth, idle, large

SECTIONS: Mapping[str, Callable[[Bench], Section]] = {
    "first_sync": first_sync.run,
    "idle": idle.run,
    "arrival": arrival.run,
    "answers": answers.run,
    "growth": growth.run,
    "large": large.run,
    "cores": cores.run,
}
"""By the name that `--only` takes, in the order of the page."""
