"""Commands about plugins: plugins list, plugins new, plugins check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.desk import Desk, command, group
from levelhead.cli.options import Argument
from levelhead.cli.output import line_of

if TYPE_CHECKING:
    from levelhead.errors import Problem
    from levelhead.hookspecs import PluginInfo


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    plugin_group = typer.Typer(rich_markup_mode=None)
    group(plugin_group, invoke_without_command=True)(about_plugins)
    command(plugin_group, "list")(list_plugins)
    command(plugin_group, "new")(new)
    command(plugin_group, "check")(check)
    app.add_typer(plugin_group, name="plugins")


def about_plugins(desk: Desk, ctx: typer.Context) -> None:
    """List plugins, start a new one, or check all of them."""
    if ctx.invoked_subcommand is None:
        list_plugins(desk)


def list_plugins(desk: Desk) -> None:
    """List every plugin in the order in which they are asked."""
    found, _ = examined(desk)
    desk.out.many(map(_told, found), ("name", "state", "origin", "hooks", "why"), "There is no plugin.")


def check(desk: Desk) -> int:
    """Load every plugin once and say what is wrong with any."""
    found, problems = examined(desk)
    value = {
        "ok": not problems,
        "plugins": [_told(info) for info in found],
        "problems": [
            {"where": one.where, "line": one.line, "problem": one.problem, "fix": one.fix} for one in problems
        ],
    }
    desk.out.one(
        value, "\n".join(line_of(str(one)) for one in problems) or f"All {len(found)} plugins can be loaded."
    )
    return 1 if problems else 0


def new(
    desk: Desk,
    name: Annotated[str, Argument(metavar="NAME", help="Lower-case words joined by hyphens.")],
) -> None:
    """Write a small working plugin into the plugins folder. It is there to be changed."""
    from levelhead.screening.scaffold import scaffold

    folder = desk.settings.plugins.path
    path = scaffold(name, folder)
    desk.out.one(
        {"name": name, "path": str(path)}, f"Wrote {path}; change it, then try: levelhead plugins check"
    )


def examined(desk: Desk) -> tuple[tuple[PluginInfo, ...], tuple[Problem, ...]]:
    """Every plugin as it would be loaded by the daemon, and what is wrong."""
    from levelhead.daemon.parts import policies_of, spec_of
    from levelhead.daemon.reading import directory_of
    from levelhead.screening.build import examine

    settings = desk.settings
    return examine(spec_of(settings, policies_of(settings), directory_of(settings).is_client), desk.clock)


def _told(info: PluginInfo) -> dict[str, Any]:
    from levelhead.hookspecs import HOOKS

    return {
        "name": info.name,
        "state": info.state,
        "why": info.why,
        "origin": info.origin,
        "hooks": sorted(info.hooks, key=HOOKS.index),
        "digest": info.digest,
    }
