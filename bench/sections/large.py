"""A very large message: what it adds to the memory of a pass."""

from __future__ import annotations

from collections.abc import Iterator

from bench import corpus
from bench.core import Bench, Section, Table, Target, megabytes, seconds
from bench.measure import Cost

HEAD = (
    b"From: Anna <anna@acme.example>\r\nTo: me@studio.example\r\nSubject: the film\r\n"
    b"Message-ID: <film%d@bench.example>\r\nMIME-Version: 1.0\r\n"
)
LINE = b"0123456789abcdef" * 4 + b"wxyz01234567\r\n"
MOST = 64e6
"""Bytes of memory beyond what a small message takes."""


def run(bench: Bench) -> Section:
    """A pass with a small message, then one with each shape of a large one, on the same home."""
    size = bench.sizes.large * 1_000_000
    account = bench.server.filled([corpus.short(0)])
    home = bench.home(account, "large")
    small = home.once(1)
    costs: dict[str, Cost] = {"a message of half a kilobyte": small}
    for number, (name, data) in enumerate(_shapes(size), start=2):
        bench.say(f"a message of {bench.sizes.large} MB, {name}")
        account.fill("INBOX", [data])
        del data
        costs[f"{bench.sizes.large} MB, {name}"] = home.once(number)
    bench.remove(home.path)
    extra = {name: cost.all - small.all for name, cost in costs.items()}
    return Section(
        title="A large message",
        prose=(
            "One pass (`run --once`) each. The memory is that of the program and its helpers together, at most; what a"
            " pass with a small message takes, mostly the heat model, is taken off.",
        ),
        tables=(
            Table(
                head=("message", "extra memory", "memory", "of the program alone", "wall s", "CPU s"),
                rows=tuple(
                    (
                        name,
                        megabytes(extra[name]),
                        megabytes(cost.all),
                        megabytes(cost.own),
                        seconds(cost.wall),
                        seconds(cost.cpu),
                    )
                    for name, cost in costs.items()
                ),
            ),
        ),
        targets=tuple(
            Target(
                name=f"a message of {name}",
                goal="under 64 MB of extra memory",
                measured=megabytes(more),
                reached=more < MOST,
            )
            for name, more in extra.items()
            if costs[name] is not small
        ),
    )


def _shapes(size: int) -> Iterator[tuple[str, bytes]]:
    lines = size // len(LINE)
    yield (
        "an attachment",
        HEAD % 1
        + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + LINE * lines,
    )
    yield (
        "one line of text",
        HEAD % 2 + b"Content-Type: text/plain\r\n\r\n" + b"word " * (size // 5) + b"\r\n",
    )
