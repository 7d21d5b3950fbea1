"""Reads the material that the detector learns from and is judged on: mails, sentences, threads, and public rows.

The formats are plain text, so that a person can read and mend them:
a mail is `@ LANGUAGE REGISTER CATEGORY HEAT`, `S: subject`, its body, and a line `! LABEL: words` for each phrase that
a careful person would point at; a bank of sentences has sections `[LANGUAGE LABEL]` and `[LANGUAGE calm KIND]`.
Heat is 0 calm, 1 firm or merely vulgar, 2 heated, 3 severe.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "nl")
LABELS = (
    "personal-attack",
    "attacks-work",
    "threat",
    "legal",
    "payment-dispute",
    "pressure",
    "boundary",
    "passive-aggressive",
    "heated",
)
"""Labels of hot words. A mail's words may also be marked `legitimate-complaint`, which is no heat."""

MISLABELLED = re.compile(r"[a-z]{2}/\d{4}/")

SHARE_ALIKE = frozenset({"told-br"})
"""Sources that are left out, because their licence would reach the weights."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail written for training or for the hold-out."""

    author: str
    number: int
    language: str
    register: str
    category: str
    heat: int
    subject: str
    body: str
    quotes: tuple[tuple[str, str], ...]
    """Label and words."""

    @property
    def heated(self) -> bool:
        """Whether a careful person would call it heated."""
        return self.heat >= 2

    @property
    def text(self) -> str:
        """Subject and body, as the engine reads them."""
        return f"{self.subject}\n\n{self.body}" if self.subject else self.body


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a bank; `label` is empty for a calm one, `kind` for a hot one."""

    file: str
    language: str
    label: str
    kind: str
    text: str


def mails(folder: str) -> list[Mail]:
    """The mails of a folder beside this file, author by author; raises ValueError naming a line that is wrong."""
    return [mail for path in sorted((HERE / folder).glob("*.txt")) for mail in _mails(path)]


@cache
def learnt_registers() -> frozenset[str]:
    """The registers that occur in the mails that are learnt from."""
    return frozenset(mail.register for mail in mails("mail"))


def _mails(path: Path) -> Iterator[Mail]:
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.startswith("@ "):
            blocks.append((number, [line]))
        elif blocks:
            blocks[-1][1].append(line)
    for count, (number, lines) in enumerate(blocks):
        yield _mail(path, number, count, lines)


def _mail(path: Path, number: int, count: int, lines: list[str]) -> Mail:
    where = f"{path.name}, line {number}"
    head = lines[0][2:].split()
    if len(head) != 4 or head[0] not in LANGUAGES or head[3] not in "0123":
        raise ValueError(f"{where}: wanted '@ LANGUAGE REGISTER CATEGORY HEAT', got {lines[0]!r}")
    if len(lines) < 2 or not lines[1].startswith("S:"):
        raise ValueError(f"{where}: the second line of a mail is 'S: subject'")
    quotes = []
    for line in lines[2:]:
        if line.startswith("! "):
            label, _, words = line[2:].partition(": ")
            if label not in (*LABELS, "legitimate-complaint"):
                raise ValueError(f"{where}: there is no label {label!r}")
            quotes.append((label, words.strip()))
    body = "\n".join(line for line in lines[2:] if not line.startswith("! ")).strip()
    return Mail(
        path.stem, count, head[0], head[1], head[2], int(head[3]), lines[1][2:].strip(), body, tuple(quotes)
    )


MERGED = {"sarcasm": "passive-aggressive", "cold": "passive-aggressive"}
"""Sections of the banks that are finer than the labels."""


def sentences() -> list[Sentence]:
    """The sentences of all banks, each once."""
    found: dict[str, Sentence] = {}
    for path in sorted((HERE / "sentences").glob("*.txt")):
        section = ["", "", ""]
        for line in map(str.strip, path.read_text(encoding="utf-8").split("\n")):
            if line.startswith("[") and line.endswith("]"):
                section = [*line[1:-1].split(), ""][:3]
            elif line:
                language, label, kind = section
                label = "" if label == "calm" else MERGED.get(label, label)
                found.setdefault(line, Sentence(path.stem, language, label, kind, line))
    return list(found.values())


def public(data: Path, name: str) -> list[dict[str, object]]:
    """The public rows of a file (`train`, `valid`) that have a heat and whose licence lets weights be shipped.

    Some rows of subtitles are Danish under another language's name and begin with a path; they are left out.
    """
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    told = (row for row in rows if row["heat"] is not None and not MISLABELLED.match(row["text"]))
    return [row for row in told if row["source"] not in SHARE_ALIKE]


def digest() -> str:
    """SHA-256 over the names and bytes of the files that are learnt from, the public rows apart."""
    told = hashlib.sha256()
    for path in sorted([*(HERE / "mail").glob("*.txt"), *(HERE / "sentences").glob("*.txt")]):
        told.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()
