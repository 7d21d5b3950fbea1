"""Commands about the configuration: check, config explain, config example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.desk import Desk, command, group
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import line_of
from levelhead.errors import ConfigError, LevelheadError, Problem

if TYPE_CHECKING:
    from levelhead.config.check import Archived
    from levelhead.daemon.online import Seen


NOT_YET = "secrets and files are checked once these are mended"
"""What a configuration that cannot be read keeps us from saying."""

ROLES = ("inbox", "sent", "drafts", "archive", "other", "all")
"""The order in which folders are told."""


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "check")(check)
    settings_group = typer.Typer(rich_markup_mode=None)
    group(settings_group)(about_settings)
    command(settings_group, "explain")(explain_key)
    command(settings_group, "example")(example)
    app.add_typer(settings_group, name="config")


def about_settings(desk: Desk) -> None:
    """Explain what can be configured."""


def check(
    desk: Desk,
    online: Annotated[bool, Option("--online", help="Sign in to each mailbox too, and look around.")] = False,
) -> int:
    """Check configuration, secrets, plugins and archive. With --online each mailbox too."""
    problems, notes = _looked_at(desk)
    seen = _online(desk) if online else []
    problems += [problem for mailbox in seen for problem in mailbox.problems]
    notes += [note for mailbox in seen for note in mailbox.notes]
    value = {"ok": not problems, "problems": [_told(problem) for problem in problems], "notes": notes}
    if online:
        value["mailboxes"] = [_mailbox(mailbox) for mailbox in seen]
    lines = [*map(_line, problems), *(line_of(f"Note: {note}") for note in notes)]
    lines += [line for mailbox in seen for line in _found(mailbox)]
    desk.out.one(value, "\n".join(lines if problems else [*lines, "No problem was found."]))
    return 1 if problems else 0


def _looked_at(desk: Desk) -> tuple[list[Problem], list[str]]:
    """Every problem that can be found, in the order of the file first; and what is worth knowing."""
    from levelhead.config.check import notes, problems

    try:
        settings = desk.settings
    except ConfigError as exc:
        return list(exc.problems), [NOT_YET]
    plugins, refused = _plugins(desk)
    archived, unopened = _archive(desk)
    found = [*problems(settings, plugins=plugins, archived=archived), *refused, *unopened]
    return found, list(notes(settings))


def _online(desk: Desk) -> list[Seen]:
    """What each mailbox shows; nothing when the configuration cannot be read, which is told already."""
    from levelhead.daemon.online import look

    try:
        return list(look(desk.settings, desk.clock))
    except ConfigError:
        return []


def _mailbox(seen: Seen) -> dict[str, Any]:
    folders: dict[str, list[str]] = {}
    for role, name in seen.folders:
        folders.setdefault(role, []).append(name)
    return {
        "name": seen.mailbox,
        "capabilities": list(seen.capabilities),
        "folders": folders,
        "identities": list(seen.identities),
        "clock_offset": seen.clock_offset,
    }


def _found(seen: Seen) -> Iterator[str]:
    if not seen.capabilities:
        return
    yield line_of(f"Mailbox {seen.mailbox}: signed in.")
    folders = sorted(seen.folders, key=lambda folder: ROLES.index(folder[0]))
    yield "  " + line_of(f"Folders: {', '.join(f'{role} {name}' for role, name in folders)}")
    if seen.identities:
        yield "  " + line_of(f"You write from {', '.join(seen.identities)}")
    else:
        yield "  No sent mail was found, so your addresses could not be compared with it"
    wanted = [name for name in ("IDLE", "CONDSTORE", "UIDPLUS", "SPECIAL-USE") if name in seen.capabilities]
    yield "  " + line_of(f"The server offers {', '.join(wanted) or 'nothing beyond the basics'}")


def _plugins(desk: Desk) -> tuple[set[str], list[Problem]]:
    """The names of all plugins, and what is wrong with them; a name nobody has is told with its line elsewhere."""
    from levelhead.cli.plugins import examined

    found, problems = examined(desk)
    names = {info.name for info in found} | set(desk.settings.plugins.disable)
    told_elsewhere = ("[plugins] order", "[plugins] may_lower", "[plugins.")
    return names, [problem for problem in problems if not problem.where.startswith(told_elsewhere)]


def _archive(desk: Desk) -> tuple[Archived | None, list[Problem]]:
    """The names that the archive knows, None without one; and what keeps it from being opened."""
    from levelhead.config.check import Archived

    path = str(desk.settings.archive.path)
    try:
        with desk.archive_if_any() as archive:
            if archive is None:
                return None, []
            store = archive.store
            store.counts()
            folders = frozenset(row.folder for row in store.folders())
            return Archived(clients=frozenset(filter(None, store.clients())), folders=folders), []
    except LevelheadError as exc:
        return None, [Problem(where=path, problem=str(exc))]
    except OSError as exc:
        what = f"{exc.filename or 'the archive'} cannot be read: {exc.strerror or exc}"
        fix = "let the user who runs levelhead read and write it"
        return None, [Problem(where=path, problem=what, fix=fix)]


def _told(problem: Problem) -> dict[str, Any]:
    return {"where": problem.where, "line": problem.line, "problem": problem.problem, "fix": problem.fix}


def _line(problem: Problem) -> str:
    return line_of(str(problem))


def example(desk: Desk) -> None:
    """Print a commented configuration with every setting. It is there to start from."""
    from levelhead.config.example import example_text

    text = example_text()
    desk.out.one({"text": text}, text)


def explain_key(
    desk: Desk,
    key: Annotated[
        str, Argument(metavar="KEY", help="A setting, like cooldown.heated, or a table, like heat.")
    ],
) -> None:
    """Say what a setting means, its default and an example."""
    from levelhead.config.explain import explain

    text = explain(key)
    desk.out.one({"key": key, "text": text}, text)
