"""Reads the threads that were written for the early warning, and judges their messages as a daemon would have.

In a file of threads `# LANGUAGE stays|derails` begins one, `= client HOURS HEAT [cc:ADDRESSES]` and `= us HOURS` begin
its messages, HOURS after the one before, and `S: ` says the subject of the first. Heat is 0 calm, 1 firm, 2 heated,
3 severe; only a thread that derails has a heated message, and it is the client's last.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from levelhead.heat.manners import courtesies
from levelhead.heat.thread import letters, thread_cues
from levelhead.model import (
    Address,
    Client,
    Direction,
    Finding,
    Message,
    Noted,
    Past,
    Screening,
    Thread,
    Verdict,
)
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import LOGITS_PER_STRENGTH, weigh
from levelhead.screening.builtin import tone
from levelhead.testing import ask

HEATED = 2
"""Heat from which on a message is heated."""

BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WRITER, US = Address(address="writer@client.example"), Address(address="us@studio.example")
HEAD = re.compile(r"# (\w\w) (stays|derails)\Z")
LETTER = re.compile(r"= (?:(us)|(client)) ([\d.]+)h(?: ([0-3]))?(?: cc:(\S+))?\Z")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of a thread: who wrote it, when (since the thread began), its heat, who got a copy."""

    ours: bool
    at: timedelta
    heat: int
    copies: tuple[str, ...]
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """One thread."""

    name: str
    language: str
    derails: bool
    letters: tuple[Letter, ...]


def stories(path: Path) -> list[Story]:
    """The threads of a file; raises ValueError naming a line that is wrong."""
    found: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.startswith("# "):
            found.append((number, [line]))
        elif found:
            found[-1][1].append(line)
    return [_story(path, number, lines) for number, lines in found]


def _story(path: Path, number: int, lines: list[str]) -> Story:
    head = HEAD.match(lines[0])
    if head is None:
        raise ValueError(f"{path.name}, line {number}: wanted '# LANGUAGE stays|derails', got {lines[0]!r}")
    starts = [index for index, line in enumerate(lines) if line.startswith("= ")]
    at, letters = timedelta(), []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = LETTER.match(lines[start])
        if match is None or bool(match[2]) is (match[4] is None):
            raise ValueError(f"{path.name}, line {number + start}: no message begins with {lines[start]!r}")
        at += timedelta(hours=float(match[3]))
        body = lines[start + 1 : end]
        subject = body.pop(0)[3:] if body and body[0].startswith("S: ") else ""
        copies = tuple((match[5] or "").split(",")) if match[5] else ()
        letters.append(
            Letter(bool(match[1]), at, int(match[4] or 0), copies, subject, "\n".join(body).strip())
        )
    story = Story(f"{path.stem} {number}", head[1], head[2] == "derails", tuple(letters))
    heats = [letter.heat for letter in letters if not letter.ours]
    if any(heat >= HEATED for heat in heats[:-1]) or (heats[-1] >= HEATED) is not story.derails:
        raise ValueError(
            f"{path.name}, line {number}: only a thread that derails has a heated message, its last"
        )
    return story


# --- what a daemon would have seen -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A message of a thread with its verdict; of ours neither `told` nor a score."""

    heat: int
    message: Message
    past: Past
    told: Mapping[str, float]
    """What `courtesies` tells of the client's words."""


def judged(story: Story) -> list[Judged]:
    """The messages in order, each judged with what came before it."""
    client = Client(
        name="Client", addresses=(WRITER.address,), listed=True, first_contact=BEGIN - timedelta(days=90)
    )
    found: list[Judged] = []
    for number, letter in enumerate(story.letters):
        message = _message(story, number, letter)
        thread = Thread(key=story.name, client=client.name, messages=tuple(each.past for each in found))
        verdict = None if letter.ours else verdict_on(message, thread, client)
        told = {} if letter.ours else courtesies(letter.text, story.language)
        found.append(Judged(letter.heat, message, letters(message, thread, verdict)[-1], told))
    return found


def verdict_on(message: Message, thread: Thread, client: Client) -> Verdict:
    """The verdict of the tone and the thread on a message."""
    found = [
        Noted(plugin="tone", finding=each)
        for each in ask(tone, "detect", message=message, thread=thread, client=client)
    ]
    found += [
        Noted(plugin="thread", finding=Finding(cue.label, cue.logits / LOGITS_PER_STRENGTH))
        for cue in thread_cues(message, thread, client)
    ]
    return weigh(Screening(message_id=message.id, noted=tuple(found)), client, HeatPolicy())


def _message(story: Story, number: int, letter: Letter) -> Message:
    subject = story.letters[0].subject
    return Message(
        id=hashlib.sha256(f"{story.name} {number}".encode()).hexdigest(),
        seq=number + 1,
        client="Client",
        direction=Direction.OUT if letter.ours else Direction.IN,
        sender=US if letter.ours else WRITER,
        to=(WRITER,) if letter.ours else (US,),
        cc=tuple(Address(address=address) for address in letter.copies),
        subject=subject if number == 0 else f"Re: {subject}",
        received_at=BEGIN + letter.at,
        text=letter.text,
        new_text=letter.text,
        language=story.language,
        thread_key=story.name,
    )
