"""The built-in `templates` plugin: drafts a plain reply that a person completes; what is missing stands in [brackets].

A folder of your own templates goes before those that ship: `LANG-LEVEL.txt` (`de-heated.txt`), then `LEVEL.txt`.
In them `${name}`, `${client}`, `${subject}`, `${date}`, `${level}` and `${signature}` are filled in; `$$` makes a `$`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from levelhead import Client, Draft, Level, Message, Verdict, hookimpl
from levelhead.errors import Problem
from levelhead.policy.types import DraftPolicy

LARGEST = 100_000
"""Characters of a template that are used."""

_REPLY = re.compile(
    r"(?:re|aw|antw|antwort|sv|vs|rif|ref|r|res|odp)\s*(?:\[\d+\]|\(\d+\))?\s*[::]", re.IGNORECASE
)
_NAMES = ("name", "client", "subject", "date", "level", "signature")


@hookimpl
def configure(settings: Mapping[str, Any]) -> DraftPolicy:
    """The templates that ship, without a signature, for whoever gives none."""
    return DraftPolicy()


@hookimpl
def draft_reply(message: Message, client: Client, verdict: Verdict, settings: DraftPolicy) -> Draft | None:
    """A reply in the message's language and for its level; None when drafting is off. A broken template raises."""
    if not settings.enabled:
        return None
    language = _language(message, client)
    values = _values(message, client, verdict, settings)
    own = _own_template(settings.templates, language, verdict.level)
    body = _shipped(language, verdict.level, values) if own is None else _own_body(own, values)
    return Draft(reply_subject(message.subject), body)


def reply_subject(subject: str) -> str:
    """`Re: ` before a subject as one line; one that is a reply already (also AW:, SV:, ...) is left as it is."""
    line = _line(subject, 500)
    return line if _REPLY.match(line) else f"Re: {line}".strip()


def template_problems(policy: DraftPolicy) -> tuple[Problem, ...]:
    """What is wrong with the operator's own templates, for `check`."""
    if policy.templates is None:
        return ()
    if not policy.templates.is_dir():
        return (
            Problem(
                where="[drafts] templates",
                problem=f"there is no folder {policy.templates}",
                fix="make it, or take the key away",
            ),
        )
    problems = []
    for path in sorted(policy.templates.glob("*.txt")):
        try:
            _filled(path, path.read_text(encoding="utf-8"), dict.fromkeys(_NAMES, "x"))
        except (ValueError, OSError) as exc:
            problems.append(Problem(where=str(path), problem=str(exc)))
    return tuple(problems)


def _language(message: Message, client: Client) -> str:
    for language in (message.language, client.language):
        if language in _texts():
            return language
    return "en"


def _values(message: Message, client: Client, verdict: Verdict, policy: DraftPolicy) -> dict[str, str]:
    sender = message.sender.name if message.sender is not None else ""
    written = message.date or message.received_at
    return {
        "name": _line(sender, 80) if "@" not in sender else "",
        "client": _line(client.name, 80),
        "subject": _line(message.subject, 500),
        "date": written.strftime("%Y-%m-%d"),
        "level": verdict.level.value,
        "signature": policy.signature.strip(),
    }


def _own_template(folder: Path | None, language: str, level: Level) -> Path | None:
    if folder is None:
        return None
    paths = (folder / f"{language}-{level.value}.txt", folder / f"{level.value}.txt")
    return next((path for path in paths if path.is_file()), None)


def _own_body(path: Path, values: Mapping[str, str]) -> str:
    """The operator's template filled in, with the signature at its end unless it stands elsewhere."""
    text = path.read_text(encoding="utf-8")[:LARGEST]
    body = _filled(path, text, values)
    if "signature}" in text or not values["signature"]:
        return body
    return f"{body.rstrip()}\n\n{values['signature']}\n"


def _filled(path: Path, text: str, values: Mapping[str, str]) -> str:
    try:
        return Template(text).substitute(values)
    except KeyError as exc:
        known = ", ".join(f"${{{name}}}" for name in _NAMES)
        raise ValueError(f"the template {path.name} asks for ${{{exc.args[0]}}}; there are {known}") from None
    except ValueError as exc:
        raise ValueError(f"the template {path.name} is broken: {exc}; a lone $ is written $$") from None


def _shipped(language: str, level: Level, values: Mapping[str, str]) -> str:
    """The parts of a language put together: short when calm, with points, facts and a question when not."""
    text = _texts()[language]
    greeting = text["greeting"] if values["name"] else text["greeting_nameless"]
    parts = [Template(greeting).substitute(values), text[level.value]]
    if level is Level.CALM:
        parts.append(text["answer"])
    else:
        parts.append(f"{text['points']}\n- {text['point']}\n- {text['point']}")
        if level in (Level.HEATED, Level.HOSTILE):
            parts.append(text["facts"])
        parts += [text["question"], text["answer"]]
    parts += [text["step"], values["signature"] or text["close"]]
    return "\n\n".join(parts) + "\n"


def _line(text: str, longest: int) -> str:
    """Somebody else's words as one line without control characters."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())[:longest]


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    with files(__package__).joinpath("templates.toml").open("rb") as stream:
        return tomllib.load(stream)
