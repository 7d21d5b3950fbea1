"""What the ledger says of erasures: which entries have no payload any more and why, and where blanks must lie.

An erasure is believed by its fact alone, `messages.erased`, which stands in the ledger behind every entry that it
names. It may not name the entries that tell of erasures, cases, checkpoints and anchors: whoever erases leaves a trace.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from levelhead import facts
from levelhead.facts import (
    AnchorFailed,
    AnchorStamped,
    AnchorWitnessed,
    CaseEnded,
    CaseHeld,
    CheckpointSigned,
    ErasureFinished,
    ErasureKeyed,
    ErasureRefused,
    Fact,
    FramePart,
    MessagesErased,
)
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import read_leaf

PROTECTED = frozenset(
    one.name
    for one in (
        AnchorFailed,
        AnchorStamped,
        AnchorWitnessed,
        CaseEnded,
        CaseHeld,
        CheckpointSigned,
        ErasureFinished,
        ErasureKeyed,
        ErasureRefused,
        MessagesErased,
    )
)
"""Kinds of facts that no erasure may name."""

_RANGE = re.compile(r"(0|[1-9]\d{0,17})(?:-([1-9]\d{0,17}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """All erasures of a ledger: the `entries` that they name together, and the `frames` that are blank or to be."""

    entries: frozenset[int] = frozenset()
    frames: tuple[FramePart, ...] = ()
    open: tuple[tuple[int, MessagesErased], ...] = ()
    """Entry and fact of each that was not finished, oldest first."""
    all: tuple[tuple[int, MessagesErased], ...] = ()
    """Entry and fact of each, oldest first."""
    problems: tuple[str, ...] = ()
    """What is wrong with facts about erasures, one sentence each; what such a fact names is not counted here."""


def numbers(ranges: Iterable[str]) -> Iterator[int]:
    """The numbers that ranges (`N`, or `N-M` up to and including M) name; ValueError unless they ascend."""
    for first, last in spans(ranges):
        yield from range(first, last + 1)


def spans(ranges: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The first and the last number of each range; ValueError unless they ascend."""
    reached = -1
    for text in ranges:
        match = _RANGE.match(text) if isinstance(text, str) else None
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if first <= reached or last < first:
            raise ValueError(f"{text!r} is no range of entries, or not behind the one before it")
        yield first, last
        reached = last


def ranges(numbers: Iterable[int]) -> tuple[str, ...]:
    """Numbers, in whatever order and each perhaps several times, as ascending ranges."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return tuple(str(first) if first == last else f"{first}-{last}" for first, last in found)


class Erasures:
    """Collects what a reading of a ledger, entry by entry in order, tells of erasures."""

    def __init__(self) -> None:
        self._facts: dict[int, MessagesErased] = {}
        self._finished: dict[int, int] = {}
        """The entry of each `erasure.finished`, and the entry that it names."""
        self._protected: dict[int, str] = {}

    def kind(self, seq: int, kind: str) -> None:
        """Take down what kind of fact an entry tells of, as far as that counts here."""
        if kind in PROTECTED:
            self._protected[seq] = kind

    def fact(self, seq: int, fact: Fact) -> None:
        """Take down a fact about an erasure; others are passed over."""
        if isinstance(fact, MessagesErased):
            self._facts[seq] = fact
        elif isinstance(fact, ErasureFinished):
            self._finished[seq] = fact.entry

    def erased(self) -> Erased:
        """All that was told so far."""
        problems = [
            f"entry {seq} says that the erasure of entry {entry} is finished, and there is no such erasure"
            for seq, entry in self._finished.items()
            if entry not in self._facts or entry > seq
        ]
        named: set[int] = set()
        right = {}
        for seq, fact in self._facts.items():
            if problem := self._wrong(seq, fact):
                problems.append(problem)
                continue
            right[seq] = fact
            named.update(numbers(fact.entries))
        finished = set(self._finished.values())
        return Erased(
            entries=frozenset(named),
            frames=tuple(frame for fact in right.values() for frame in fact.frames),
            open=tuple((seq, fact) for seq, fact in right.items() if seq not in finished),
            all=tuple(right.items()),
            problems=tuple(problems),
        )

    def _wrong(self, seq: int, fact: MessagesErased) -> str:
        what = f"the erasure in entry {seq}"
        try:
            named = list(spans(fact.entries))
        except (ValueError, TypeError) as exc:
            return f"{what} cannot be read: {exc}"
        # Before a range is counted through: whoever wrote another ledger may have named any number.
        if named and named[-1][1] >= seq:
            return f"{what} names entry {named[-1][1]}, which is not before it"
        for first, last in named:
            for entry, kind in self._protected.items():
                if first <= entry <= last:
                    return f"{what} names entry {entry} ({kind}), which nobody may erase"
        return ""


def erased(store: Store) -> Erased:
    """The erasures that an index holds; that they name no protected entry is asked by `erased_of` alone."""
    collected = Erasures()
    for name in (MessagesErased.name, ErasureFinished.name):
        for entry, fact in reversed(list(store.facts_about(kind=name))):
            collected.fact(entry.seq, fact)
    return collected.erased()


def erased_of(entries: Iterable[Entry]) -> Erased:
    """The erasures that a ledger's entries tell of; an entry that cannot be read tells of none."""
    collected = Erasures()
    for entry in entries:
        try:
            kind = read_leaf(entry.leaf).type
            collected.kind(entry.seq, kind)
            if entry.payload is not None and kind in (MessagesErased.name, ErasureFinished.name):
                collected.fact(entry.seq, facts.read(kind, entry.payload))
        except ValueError:
            continue  # whoever plays or checks the entries says so
    return collected.erased()


def without(entries: Iterable[Entry], gone: Collection[int]) -> Iterator[Entry]:
    """The entries, those of these numbers without salt and payload."""
    for entry in entries:
        yield replace(entry, salt=None, payload=None) if entry.seq in gone else entry
