"""The command score: judges text that is not archived."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import views
from levelhead.cli.desk import Desk, command
from levelhead.cli.judging import reasons
from levelhead.cli.options import Option
from levelhead.cli.output import complain, dump, flush, write
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.cli.trial import Trial
    from levelhead.model import Verdict


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "score")(score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One thing to judge: its caller's id and the bytes of a mail."""

    id: str | int
    mail: bytes
    text: str | None = None
    """What it was made of, when it was given as text."""
    by_a_stranger: bool = False
    """True when the mail itself was given."""


def score(
    desk: Desk,
    jsonl: Annotated[
        bool,
        Option("--jsonl", help='Read {"id", "text"} or {"id", "raw_base64"} per line, answer per line.'),
    ] = False,
) -> None:
    """Judge text from standard input without archiving it."""
    settings = desk.settings_or_default
    from levelhead.cli.trial import as_mail, trial

    if sys.stdin.isatty():
        complain("reading from the terminal; end with Ctrl-D")
    with trial(settings, desk.clock) as one:
        if not jsonl:
            text = sys.stdin.buffer.read().decode(errors="replace")
            value = _scored(one, Sample(id="", mail=as_mail(text)))
            desk.out.one(value, "\n".join(reasons(value)))
            return
        for sample in _samples(sys.stdin.buffer):
            write(dump(_scored(one, sample)) + "\n")
            # Whoever feeds lines one by one waits for the answer to each.
            flush()


def _scored(one: Trial, sample: Sample) -> dict[str, Any]:
    message = one.read(sample.mail, by_a_stranger=sample.by_a_stranger)
    verdict, _ = one.judge(message)
    return {
        "id": sample.id,
        **views.verdict(verdict),
        "language": message.language,
        "because": [views.point(part) for part in verdict.because],
    } | ({} if sample.text is None else {"spans": _spans(verdict, sample.text)})


def _spans(verdict: Verdict, text: str) -> list[list[int]]:
    """Where the quoted words of what raised the score stand in the text (from, to), in order, each once."""
    found = set()
    for point in verdict.because:
        for quote in point.quotes if point.millionths > 0 else ():
            if match := re.search(r"\s+".join(map(re.escape, quote.split())), text):
                found.add(match.span())
    return [list(span) for span in sorted(found)]


def _samples(lines: Iterable[bytes]) -> Iterator[Sample]:
    """The samples of a JSON Lines stream; raises UserError with the number of a line that is none."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _sample(json.loads(line))
            except (ValueError, RecursionError) as exc:
                raise UserError(f"line {number} of standard input cannot be judged: {exc}") from None


def _sample(value: object) -> Sample:
    """What one line asks for; raises ValueError with the reason when it asks for nothing that can be judged."""
    if not isinstance(value, dict):
        raise ValueError('it is not a JSON object like {"id": "1", "text": "..."}')
    id, text, encoded = value.get("id"), value.get("text"), value.get("raw_base64")
    if isinstance(id, bool) or not isinstance(id, str | int):
        raise ValueError('it has no "id" that is a text or a whole number')
    if (text is None) == (encoded is None):
        raise ValueError('it needs either "text" or "raw_base64"')
    if encoded is None:
        if not isinstance(text, str):
            raise ValueError('its "text" is not a text')
        from levelhead.cli.trial import as_mail

        return Sample(id=id, mail=as_mail(text), text=text)
    if not isinstance(encoded, str):
        raise ValueError('its "raw_base64" is not a text')
    try:
        # Many programs break it into lines (RFC 2045), and that changes nothing.
        mail = base64.b64decode("".join(encoded.split()), validate=True)
        return Sample(id=id, mail=mail, by_a_stranger=True)
    except ValueError:
        raise ValueError('its "raw_base64" is not base64') from None
