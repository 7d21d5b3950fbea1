"""The other process: `python -P -m levelhead.screening.worker FD SECONDS LIMITS` loads drop-ins and answers calls.

Its standard output is its standard error, so that a plugin's print disturbs nothing. See `levelhead.serving`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from levelhead.pipes import unpack
from levelhead.screening.bench import Here
from levelhead.screening.wire import packed
from levelhead.serving import serve


class Plugins:
    """The plugins of this worker, and what the host asks of them."""

    def __init__(self) -> None:
        self._here = Here()

    def answers(self, request: Any) -> Iterator[bytes]:
        """`("open", source, table)` is one answer, `("call", calls)` one for each call, as it comes."""
        match request:
            case ("open", source, table):
                yield packed(self._here.open(source, table))
            case ("call", calls):
                for plugin, hook, data in calls:
                    # Unpacked anew for every call, so that no plugin can touch what another is given.
                    yield packed(self._here.call(plugin, hook, unpack(data)))
            case _:
                raise AssertionError(f"no such request: {request!r}")


if __name__ == "__main__":
    serve(Plugins().answers)
