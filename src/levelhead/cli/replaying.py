"""The command replay: judges the archive again under other rules, and writes nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import progress, views
from levelhead.cli.desk import Desk, command
from levelhead.cli.mails import SinceOption
from levelhead.cli.times import moment
from levelhead.errors import UserError
from levelhead.model import Level

if TYPE_CHECKING:
    from levelhead.cli.trial import Trial
    from levelhead.cli.trying import Told
    from levelhead.config.settings import Settings
    from levelhead.daemon.parts import Archive
    from levelhead.store.api import MessageFilter, MessageRow


BUILT_IN = "built-in"
"""The origin of plugins that ship."""


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "replay")(replay)


def replay(
    desk: Desk,
    with_: Annotated[
        Path | None,
        typer.Option("--with", metavar="FILE", help="By the rules of this configuration instead."),
    ] = None,
    since: SinceOption = None,
    plugin: Annotated[
        str | None,
        typer.Option(
            "--plugin", metavar="P", help="Only messages of which this plugin said or says something."
        ),
    ] = None,
) -> None:
    """Judge archived messages again under other rules and compare. Changes nothing."""
    earliest = None if since is None else moment(since, desk.clock.now())
    from levelhead.cli.trial import trial
    from levelhead.config.load import load
    from levelhead.store.api import MessageFilter

    rules = load(with_) if with_ else desk.settings
    tally = Tally()
    with desk.archive() as archive, trial(rules, desk.clock) as one:
        if plugin is not None:
            _must_be_known(plugin, [info.name for info in one.panel.plugins()])
        wanted = MessageFilter(since=earliest)
        judged = _followed(_judged(archive, one, wanted, desk.settings, rules), archive, wanted, desk)
        lines = (line for row, said in judged if (line := _beside(archive, row, said, plugin)) is not None)
        lines = (tally.counted(line) for line in lines)
        changed = (_flat(line) for line in lines if line["changed"])
        columns = ("id", "client", "level_before", "level_after", "score_before", "score_after")
        desk.out.many(lines if desk.as_json else changed, columns, "No level would change.")
    desk.out.one({"summary": tally.summary()}, tally.sentence())


def _judged(
    archive: Archive, one: Trial, wanted: MessageFilter, settings: Settings, rules: Settings
) -> Iterator[tuple[MessageRow, Told]]:
    """Each message with what the rules say of it: many in several processes, unless a plugin of one's own is asked.

    Such a plugin is asked in order and by one process, as it is by the daemon: it may remember what it has seen.
    """
    from levelhead.archive.readers import processors
    from levelhead.cli import trials
    from levelhead.cli.trying import judged_again, listed_of

    listed, rows = listed_of(archive), archive.store.messages(wanted)
    alone = any(info.origin != BUILT_IN for info in one.panel.plugins())
    if alone or processors() < 2 or not trials.are_many(archive.store.messages(wanted)):
        for row in rows:
            yield row, judged_again(archive, one, row.id, listed)
        return
    with trials.several(settings, rules) as several:
        for row, told in several.judged(rows):
            # Where another process met an error this one meets it too, and it is told as ever.
            yield row, judged_again(archive, one, row.id, listed) if told is None else told


def _followed(
    judged: Iterator[tuple[MessageRow, Told]], archive: Archive, wanted: MessageFilter, desk: Desk
) -> Iterator[tuple[MessageRow, Told]]:
    """The same; somebody at a terminal is told how far it is, unless lines of JSON come to it meanwhile."""
    tell = None if desk.as_json and sys.stdout.isatty() else progress.messages()
    if tell is None:
        yield from judged
        return
    of = sum(1 for _ in archive.store.messages(wanted))
    tell(0, max(of, 1))
    for done, one in enumerate(judged, 1):
        yield one
        tell(min(done, of - 1), of)
    tell(of, of)


@dataclass(slots=True)
class Tally:
    """How many messages were judged again, and how many would be judged otherwise."""

    counts: Counter[str] = field(default_factory=Counter)

    def counted(self, line: dict[str, Any]) -> dict[str, Any]:
        """The same line, counted."""
        before, after = line["before"], line["after"]
        step = 0
        if before and Level.UNKNOWN not in (before["level"], after["level"]):
            step = Level(after["level"]).rank - Level(before["level"]).rank
        self.counts["messages"] += 1
        self.counts["changed"] += line["changed"]
        self.counts["raised"] += step > 0
        self.counts["lowered"] += step < 0
        self.counts["incomplete"] += not after["complete"]
        return line

    def summary(self) -> dict[str, int]:
        """All counts by name."""
        return {
            name: self.counts[name] for name in ("messages", "changed", "raised", "lowered", "incomplete")
        }

    def sentence(self) -> str:
        """The same for a reader."""
        return (
            "{messages} judged again: {changed} would change ({raised} raised, {lowered} lowered), "
            "{incomplete} incomplete. Nothing was written."
        ).format(**self.summary())


def _must_be_known(name: str, known: list[str]) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise UserError(f"there is no plugin {name!r}: {hint}")


def _beside(archive: Archive, row: MessageRow, said: Told, plugin: str | None) -> dict[str, Any] | None:
    """One message before and after; None when the plugin that is asked about has nothing to do with it."""
    judged = archive.store.judged(row.id)
    spoke = {*said.spoke, *(part.plugin for part in judged.because)} if judged else {*said.spoke}
    if plugin is not None and plugin not in spoke:
        return None
    before = None if judged is None else views.judged(judged)
    after = views.verdict(said.verdict)
    changed = before is None or before["level"] != after["level"]
    return {"id": row.id, "before": before, "after": after, "changed": changed, "client": row.client}


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of `replay` as columns of a table."""
    before, after = line["before"] or {}, line["after"]
    return {
        "id": line["id"],
        "client": line["client"],
        "level_before": before.get("level"),
        "level_after": after["level"],
        "score_before": before.get("score"),
        "score_after": after["score"],
    }
