"""The bundle as PDF, set by typst in processes of their own, in several volumes when it is long."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from levelhead.evidence.pack.book import Book
from levelhead.evidence.pack.exhibits import breakable, visible
from levelhead.evidence.pack.folder import Folder
from levelhead.evidence.pack.selection import Tell
from levelhead.evidence.pack.sentences import moment

EACH, SIGN = 450, 0.35
"""Kilobytes that typst holds for an exhibit, and for each character of its text (measured with typst 0.15)."""

ONE, SEVERAL = 120_000, 90_000
"""Kilobytes for a PDF in one volume, and for each of several, so that a long export stays below 300 MB in all."""

SECONDS = 900
"""How long setting one volume may take, on a machine that is busy."""

NEEDED = "a PDF needs the extra: pip install 'levelhead[pdf]'"

_HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
_DRAWS_NOTHING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdf:
    """What came of it: files, characters that no font could draw, and why there is no PDF when there is none."""

    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Volume:
    """A run of exhibits, from `first` up to, not including, `last`."""

    first: int
    last: int


def weight_of(one: Mapping[str, Any]) -> int:
    """About how many kilobytes typst holds while it sets an exhibit."""
    rows = len(one["attachments"]) + len(one["custody"])
    return int(EACH + 20 * rows + SIGN * sum(1 + len(line) for line in one["text"]))


def write_pdf(
    folder: Folder,
    book: Book,
    exhibits: Iterable[Mapping[str, Any]],
    weights: Sequence[int],
    characters: Iterable[str],
    tell: Tell,
) -> Pdf:
    """Write `bundle.pdf`, or `bundle-01.pdf` and so on; `weights` are those of the exhibits (`weight_of`).

    Without typst, and where typst fails, nothing is written and the reason is told.
    """
    if find_spec("typst") is None:
        return Pdf(why=NEEDED)
    wanted = [one for one in sorted(characters) if unicodedata.category(one) not in _DRAWS_NOTHING]
    volumes = _volumes(weights)
    names, found = [], Pdf()
    waiting = iter(exhibits)
    with tempfile.TemporaryDirectory(prefix="levelhead-pdf-") as name:
        room = Path(name)
        room.joinpath("bundle.typ").write_bytes(files(__package__).joinpath("bundle.typ").read_bytes())
        (room / "wanted.json").write_text(json.dumps(wanted), "utf-8")
        missing = _missing(room)
        if isinstance(missing, Pdf):
            return missing
        for number, data in enumerate(_data(book, volumes, waiting, missing), start=1):
            total = len(volumes) + 1 if len(volumes) > 1 else 1
            tell("pdf", number, total)
            (room / "data.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8", "replace")
            found = _run(room, "set", book.as_of)
            if found.why:
                return found
            names.append("bundle.pdf" if total == 1 else f"bundle-{number:0{len(str(total))}}.pdf")
            (room / "bundle.pdf").rename(room / names[-1])
        for one in names:
            folder.take(room / one, one)
    return Pdf(files=tuple(names), missing=missing)


def _missing(room: Path) -> tuple[str, ...] | Pdf:
    found = _run(room, "probe", None)
    return found if found.why else tuple(json.loads((room / "missing.json").read_text("utf-8")))


def _run(room: Path, what: str, moment: datetime | None) -> Pdf:
    """Let typst do one thing in this folder; a `Pdf` with a reason when it fails."""
    seconds = str(int(moment.timestamp())) if moment is not None else "0"
    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    command = [sys.executable, "-P", "-m", "levelhead.evidence.pack.typesetting", what, str(room), seconds]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Pdf(why=f"typst did not set it within {SECONDS} seconds")
    if done.returncode == 0:
        return Pdf()
    if done.returncode < 0:
        return Pdf(why=f"typst was ended by {signal.Signals(-done.returncode).name}")
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return Pdf(why=f"typst failed: {lines[-1] if lines else 'it does not say why'}")


def _volumes(weights: Sequence[int]) -> list[_Volume]:
    """Runs of exhibits that typst can set at once, as far as a single one is not too much by itself."""
    if sum(weights) <= ONE:
        return [_Volume(first=0, last=len(weights))]
    volumes, first, held = [], 0, 0
    for at, weight in enumerate(weights):
        if at > first and held + weight > SEVERAL:
            volumes.append(_Volume(first=first, last=at))
            first, held = at, 0
        held += weight
    return [*volumes, _Volume(first=first, last=len(weights))]


def _data(
    book: Book, volumes: Sequence[_Volume], exhibits: Iterator[Mapping[str, Any]], missing: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """What the template is given, volume by volume; with several, the first holds cover and appendices alone."""
    warnings = [*book.warnings, *([missing_sentence(missing)] if missing else [])]
    front = {
        "cover": True,
        "kind": "Record of correspondence",
        "title": book.title,
        "subtitle": book.subtitle,
        "made_by": book.made_by,
        "facts": [list(row) for row in book.facts],
        "summary": list(book.summary),
        "warnings": warnings,
        "volume": "",
        "volumes": [],
        "contents": [],
        "chronology": [],
        "exhibits": [],
        "footer": book.footer,
        "appendices": [
            {
                "title": one.title,
                "paragraphs": list(one.paragraphs),
                "columns": list(one.columns),
                "rows": [list(map(breakable, row)) for row in one.rows],
            }
            for one in book.appendices
        ],
    }
    if len(volumes) == 1:
        yield front | _inside(book, volumes[0], exhibits, whole=True)
        return
    digits = len(str(len(volumes) + 1))
    rows = [
        [
            f"bundle-{number:0{digits}}.pdf",
            f"{book.exhibits[one.first].number} to {book.exhibits[one.last - 1].number}",
            f"{moment(book.exhibits[one.first].received)} to {moment(book.exhibits[one.last - 1].received)}",
        ]
        for number, one in enumerate(volumes, start=2)
    ]
    yield front | {"volumes": rows}
    back = {"cover": False, "appendices": [], "warnings": [], "summary": [], "facts": []}
    for number, one in enumerate(volumes, start=2):
        volume = f"Volume {number} of {len(volumes) + 1}"
        yield front | back | {"volume": volume} | _inside(book, one, exhibits, whole=False)


def _inside(
    book: Book, volume: _Volume, exhibits: Iterator[Mapping[str, Any]], *, whole: bool
) -> dict[str, Any]:
    """Contents, chronology and exhibits of one volume."""
    listed = book.exhibits[volume.first : volume.last]
    start = listed[0].received if volume.first else None
    last = volume.last >= len(book.exhibits)
    end = None if last else book.exhibits[volume.last].received
    return {
        "contents": [
            {
                "number": one.number,
                "received": moment(one.received),
                "subject": breakable(visible(one.subject) or "(no subject)"),
                "anchor": f"exhibit-{one.number}",
            }
            for one in listed
        ],
        "chronology": [
            {"time": moment(line.time), "exhibit": line.exhibit, "what": breakable(visible(line.what))}
            for line in book.chronology
            if whole or ((start is None or line.time >= start) and (end is None or line.time < end))
        ],
        "exhibits": [_set(next(exhibits)) for _ in listed],
    }


def _set(one: Mapping[str, Any]) -> dict[str, Any]:
    """An exhibit as the template takes it: one text, in which spaces at the beginning of a line stay."""
    lines = (line.replace("\t", "    ") for line in one["text"])
    kept = (breakable("\u00a0" * (len(line) - len(line.lstrip(" "))) + line.lstrip(" ")) for line in lines)
    return {
        **one,
        "text": "\n".join(kept),
        "subject": breakable(one["subject"]),
        "headers": [[name, breakable(value)] for name, value in one["headers"]],
        "attachments": [{**part, "name": breakable(part["name"])} for part in one["attachments"]],
        "custody": [{**row, "what": breakable(row["what"])} for row in one["custody"]],
    }


def missing_sentence(missing: Sequence[str]) -> str:
    """Which characters stand as empty boxes, and where they can be read."""
    shown = ", ".join(f"U+{ord(one):04X}" for one in missing[:40])
    more = f" and {len(missing) - 40} more" if len(missing) > 40 else ""
    return (
        f"No font of the machine that made this could draw {len(missing)} of its characters; they stand as boxes"
        f" here and are whole in bundle.html and in the messages: {shown}{more}."
        " A font for them mends that: on Debian, fonts-noto-cjk has Chinese, Japanese and Korean,"
        " and fonts-unifont nearly every script."
    )
