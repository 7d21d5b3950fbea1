"""Commands about a message's level: explain, mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from levelhead.cli import views
from levelhead.cli.desk import Desk, command
from levelhead.cli.mails import IdArgument
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import line_of
from levelhead.cli.times import told
from levelhead.errors import UserError
from levelhead.lifecycle import LIVE_DRAFTS
from levelhead.model import Level

if TYPE_CHECKING:
    import typer

    from levelhead.facts import MessageJudged
    from levelhead.store.api import AlertRow, DraftRow, MessageRow


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "explain")(explain)
    command(app, "mark")(mark)


def explain(desk: Desk, message: IdArgument) -> None:
    """Say why a message got its level. Every point, every plugin that was asked, and what followed."""
    with desk.reading() as archive:
        store = archive.store
        row = store.message(message)
        judged = store.judged(row.id)
        drafts, alerts = store.drafts(message=row.id), store.alerts(message=row.id)
        value = _explanation(row, judged, drafts, alerts) | {"mark": store.marks(row.id)}
        value |= views.doubt(archive.directory, row)
    desk.out.one(value, _page(value))


def _explanation(
    row: MessageRow, judged: MessageJudged | None, drafts: Sequence[DraftRow], alerts: Sequence[AlertRow]
) -> dict[str, Any]:
    return {
        "id": row.id,
        "level": judged.level if judged else None,
        "score": views.score_of(judged.millionths) if judged else None,
        "complete": judged.complete if judged else False,
        "because": [views.point(part) for part in judged.because] if judged else [],
        "hooks": [views.call(part) for part in judged.calls] if judged else [],
        "draft": views.draft(max(drafts, key=lambda draft: draft.created_at)) if drafts else None,
        "alerts": [views.alert(alert, row.subject) for alert in alerts],
        "labels": list(judged.labels) if judged else [],
        "decided_by": judged.decided_by if judged else "",
        "no_draft": judged.no_draft if judged else "",
        "judged_at": told(judged.judged_at) if judged else None,
        "client": row.client,
        "subject": row.subject,
    }


def _page(value: Mapping[str, Any]) -> str:
    """The same for a reader."""
    lines = [f"{'Message':<9}{value['id']}", f"{'Subject':<9}{line_of(value['subject'])}"]
    if value["level"] is None:
        return "\n".join([*lines, "Not judged yet: levelhead run judges what is archived."])
    level, *points = reasons(value)
    lines.append(level)
    if value["doubt"]:
        who = f"somebody poses as {value['poses_as']}: " if value["poses_as"] else ""
        lines.append(line_of(f"{'CAREFUL' if who else 'Doubtful':<9}{who}{value['doubt']}"))
    if value["mark"]:
        lines.append(f"{'Marked':<9}{value['mark']}, by a person")
    lines += ["", "Because:", *points] if points else []
    lines += ["", "Asked:"] if value["hooks"] else []
    for call in value["hooks"]:
        answer = line_of(f"FAILED: {call['error']}" if call["error"] else call["result"] or "nothing to say")
        lines.append(f"  {call['took_ms']:8.1f} ms  {call['plugin']}.{call['hook']}: {answer}")
    followed = list(_followed(value))
    return "\n".join([*lines, "", *followed] if followed else lines)


def reasons(value: Mapping[str, Any]) -> Iterator[str]:
    """A verdict for a reader: its level, then each point, then their sum."""
    unknown = f" ({', '.join(value['labels'])})" if value["level"] == Level.UNKNOWN else ""
    score = "" if value["score"] is None else f", score {value['score']:.3f}"
    incomplete = "" if value["complete"] else ", INCOMPLETE: a plugin that should have been heard was not"
    yield f"{'Level':<9}{value['level']}{score}{unknown}{incomplete}"
    for point in value["because"]:
        quotes = " ".join(f"“{line_of(quote)}”" for quote in point["quotes"])
        reason = line_of(f"{point['label']} ({point['plugin']}): {point['why']}")
        yield f"  {point['points']:+.3f}  {reason} {quotes}".rstrip()
    if value["score"] is not None:
        yield f"  {value['score']:+.3f}  is the score"


def _followed(value: Mapping[str, Any]) -> Iterator[str]:
    """What came of it: the draft or why there is none, and the alerts."""
    draft = value["draft"]
    if draft is not None:
        yield line_of(f"A reply is drafted ({draft['key']}, {draft['state']}): {draft['why']}")
    elif value["no_draft"]:
        yield line_of(f"No reply is drafted: {value['no_draft']}")
    for alert in value["alerts"]:
        yield line_of(f"Alert {alert['key']} ({alert['severity']}, {alert['state']}): {alert['title']}")


def mark(
    desk: Desk,
    message: IdArgument,
    level: Annotated[
        str | None, Argument(metavar="LEVEL", help="What it really is: calm, tense, heated or hostile.")
    ] = None,
    why: Annotated[str, Option("--why", metavar="TEXT", help="Why; recorded.")] = "",
    undo: Annotated[bool, Option("--undo", help="Take the mark back.")] = False,
) -> None:
    """Say what level a message really is. Only this client's calibration follows, and it can be undone."""
    wanted = _wanted(level, undo=undo)
    with desk.hands() as hands:
        row = hands.undo_mark(message) if wanted is None else hands.mark(message, wanted, why.strip())
    with desk.archive() as archive:
        drafts = list(archive.store.drafts(states=LIVE_DRAFTS, message=row.id))
    value = {
        "id": row.id,
        "mark": wanted.value if wanted else None,
        "level": row.level.value if row.level else None,
        "client": row.client,
        "draft": drafts[-1].key if drafts else None,
    }
    desk.out.one(value, "\n".join(_marked(row, wanted, drafts)))


def _marked(row: MessageRow, wanted: Level | None, drafts: list[DraftRow]) -> Iterator[str]:
    """What was done, and what it leaves as it is: a mark moves what comes later, not the reply that waits."""
    if wanted is None:
        yield f"Took back the mark on {row.id[:12]}."
        return
    judged = f"it was judged {row.level.value}" if row.level else "it is not judged yet"
    yield f"Marked {row.id[:12]} as {wanted.value}; {judged}."
    for draft in drafts:
        yield f"Its drafted reply stays {draft.state}; to drop it: levelhead cancel {draft.key}"


def _wanted(level: str | None, *, undo: bool) -> Level | None:
    """The level to mark, or None for taking a mark back; raises UserError."""
    known = [known.value for known in Level if known is not Level.UNKNOWN]
    if undo:
        if level is not None:
            raise UserError(f"--undo takes the mark back, so it takes no level; leave out {level!r}")
        return None
    if level is None:
        raise UserError(f"name the level: one of {', '.join(known)}; or take a mark back with --undo")
    if level not in known:
        from difflib import get_close_matches

        near = get_close_matches(level, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(known)}"
        raise UserError(f"{level!r} is not a level that can be marked: {hint}")
    return Level(level)
