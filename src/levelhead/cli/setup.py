"""Commands about the configuration: check, config explain, config example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from levelhead.cli.desk import Desk, command, group
from levelhead.cli.output import line_of
from levelhead.errors import ConfigError, LevelheadError, Problem


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
    online: Annotated[
        bool, typer.Option("--online", help="Sign in to each mailbox too, and look around.")
    ] = False,
) -> int:
    """Check configuration, secrets, plugins and archive; with --online each mailbox too."""
    problems, notes = _looked_at(desk, online=online)
    value = {"ok": not problems, "problems": [_told(problem) for problem in problems], "notes": notes}
    lines = [*map(_line, problems), *(line_of(f"Note: {note}") for note in notes)]
    desk.out.one(value, "\n".join(lines if problems else [*lines, "No problem was found."]))
    return 1 if problems else 0


def _looked_at(desk: Desk, *, online: bool) -> tuple[list[Problem], list[str]]:
    """Every problem that can be found, in the order of the file first; and what is worth knowing."""
    from levelhead.config.check import notes, problems

    try:
        settings = desk.settings
    except ConfigError as exc:
        return list(exc.problems), []
    plugins, refused = _plugins(desk)
    found = [*problems(settings, plugins=plugins), *refused, *_archive(desk)]
    if online:
        from levelhead.daemon.parts import check_online

        found += check_online(settings)
    return found, list(notes(settings))


def _plugins(desk: Desk) -> tuple[set[str], list[Problem]]:
    """The names of all plugins, and those that cannot be used; a name nobody has is told with its line elsewhere."""
    from levelhead.cli.plugins import examined

    found, problems = examined(desk)
    names = {info.name for info in found} | set(desk.settings.plugins.disable)
    refused = {f"plugin {info.name}" for info in found if info.state == "refused"}
    return names, [problem for problem in problems if problem.where in refused]


def _archive(desk: Desk) -> Iterator[Problem]:
    """What keeps the archive from being opened."""
    try:
        with desk.archive_if_any() as archive:
            if archive is not None:
                archive.store.counts()
    except LevelheadError as exc:
        yield Problem(where=str(desk.settings.archive.path), problem=str(exc))


def _told(problem: Problem) -> dict[str, Any]:
    return {"where": problem.where, "line": problem.line, "problem": problem.problem, "fix": problem.fix}


def _line(problem: Problem) -> str:
    return line_of(str(problem))


def example(desk: Desk) -> None:
    """Print a commented configuration with every setting, to start from."""
    from levelhead.config.example import example_text

    text = example_text()
    desk.out.one({"text": text}, text)


def explain_key(
    desk: Desk,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="A setting, like cooldown.heated, or a table, like heat.")
    ],
) -> None:
    """Say what a setting means, its default and an example."""
    from levelhead.config.explain import explain

    text = explain(key)
    desk.out.one({"key": key, "text": text}, text)
