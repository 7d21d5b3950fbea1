"""Commands that read archived mail: messages, show, search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from levelhead.cli import views
from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import line_of, write_bytes
from levelhead.cli.times import moment, short, told
from levelhead.errors import UserError
from levelhead.model import Direction, Level

if TYPE_CHECKING:
    import typer

    from levelhead.daemon.reading import Reading
    from levelhead.facts import MessageAuthenticated
    from levelhead.model import Message
    from levelhead.store.api import Hit, MessageFilter, MessageRow, Store

CHUNK = 1 << 20

IdArgument = Annotated[
    str, Argument(metavar="ID", help="A message's id, or the first 8 or more characters of it.")
]
ClientOption = Annotated[
    str | None,
    Option("--client", metavar="C", help="Only this client's mail; a name or one of their addresses."),
]
SinceOption = Annotated[
    str | None,
    Option("--since", metavar="T", help="Not before this: a time, a date, or how long ago, like 7d."),
]
UntilOption = Annotated[
    str | None,
    Option("--until", metavar="T", help="Before this: a time, a date, or how long ago, like 7d."),
]
LevelOption = Annotated[Level | None, Option("--level", metavar="LEVEL", help="Only messages of this level.")]
DirectionOption = Annotated[
    Direction | None,
    Option("--direction", metavar="WAY", help="in: from the client; out: from me; other: anybody else."),
]
AttachmentOption = Annotated[
    bool | None,
    Option(
        "--attachment/--no-attachment",
        help="Only messages with an attachment; --no-attachment: only those without.",
    ),
]
LimitOption = Annotated[int | None, Option("--limit", min=1, metavar="N", help="At most this many.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "messages")(messages)
    command(app, "show")(show)
    command(app, "search")(search)


def messages(
    desk: Desk,
    client: ClientOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    level: LevelOption = None,
    direction: DirectionOption = None,
    attachment: AttachmentOption = None,
    limit: LimitOption = None,
) -> None:
    """List archived messages. They come in the order in which they were archived."""
    times = _times(desk, since, until)
    with desk.reading() as archive:
        wanted = _filter(archive, client, times, level, direction, attachment)
        rows = archive.store.messages(wanted, limit=limit)
        desk.out.many(
            _lines(archive, rows, for_people=not desk.as_json),
            ("id", "received_at", "client", "direction", "level", "score", "subject"),
            "There are no such messages.",
        )


def _lines(archive: Reading, rows: Iterable[MessageRow], *, for_people: bool) -> Iterator[dict[str, Any]]:
    """Messages as they are listed; people see a `*` behind a level that a person has marked, and who only poses."""
    store = archive.store
    if for_people:
        for row in rows:
            value = views.message(row, (), store.marks(row.id), archive.directory)
            if value["mark"]:
                value["level"] = f"{value['level'] or '-'}*"
            yield _warned(value)
        return
    from levelhead.cli.signatures import authenticated

    known = _vouchers(store)
    for row in rows:
        value = views.message(row, store.sightings(row.id), store.marks(row.id), archive.directory)
        value["authenticated"] = authenticated(row, known.get(row.id))
        yield value


def _vouchers(store: Store) -> Mapping[str, MessageAuthenticated]:
    from levelhead.evidence.vouched import on_record

    return on_record(store)


def _warned(value: dict[str, Any]) -> dict[str, Any]:
    """The same with who only poses as a client where the client's name would stand, for people."""
    if value["poses_as"]:
        value["client"] = f"{value['sender']}, POSES AS {value['poses_as']}"
    return value


def search(
    desk: Desk,
    query: Annotated[str, Argument(metavar="QUERY", help="Words; all of them must be in the message.")],
    client: ClientOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    level: LevelOption = None,
    direction: DirectionOption = None,
    attachment: AttachmentOption = None,
    limit: Annotated[int, Option("--limit", min=1, metavar="N", help="At most this many.")] = 50,
) -> None:
    """Search subjects, people and newly written text; best first."""
    times = _times(desk, since, until)
    with desk.reading() as archive:
        wanted = _filter(archive, client, times, level, direction, attachment)
        hits = archive.store.search(query, wanted, limit=limit)
        desk.out.many(
            (
                found if desk.as_json else _warned(found)
                for found in (_hit(archive, hit, query) for hit in hits)
            ),
            ("id", "date", "client", "direction", "level", "subject", "snippet"),
            "Nothing was found.",
        )


def _hit(archive: Reading, hit: Hit, query: str) -> dict[str, Any]:
    from levelhead.cli.snippet import snippet

    row = hit.message
    # What is quoted was written by somebody else: it is shown neither as this sender's words nor instead of them.
    return {
        "id": row.id,
        "client": row.client,
        "subject": row.subject,
        "date": told(row.date),
        "level": row.level.value if row.level else None,
        "snippet": snippet(query, hit.opening or "", lambda: "" if hit.whole else archive.new_text(row)),
        "score": views.score_of(row.millionths),
        "direction": row.direction.value,
        "sender": views.bare(row.sender),
        "received_at": told(row.received_at),
    } | views.doubt(archive.directory, row)


def show(
    desk: Desk,
    message: IdArgument,
    raw: Annotated[bool, Option("--raw", help="The archived bytes exactly, and nothing else.")] = False,
) -> None:
    """Show a message for a reader. Headers, the newly written text, attachments, defects."""
    from levelhead.cli.signatures import authenticated
    from levelhead.evidence.vouched import record_of

    with desk.reading() as archive:
        row = archive.store.message(message)
        if raw and desk.as_json:
            raise UserError("--raw writes the message's bytes and --json writes JSON; ask for one of them")
        if raw:
            with archive.library.raw(row.id).open() as stream:
                write_bytes(iter(lambda: stream.read(CHUNK), b""))
            return
        found = archive.library.message(row.id)
        sightings = archive.store.sightings(row.id)
        value = views.message(row, sightings, archive.store.marks(row.id), archive.directory) | {
            "authenticated": authenticated(row, record_of(archive.store, row)),
            "origins": [views.origin(one) for one in archive.store.origins(row.id)],
            "reply_to": [views.bare(address) for address in found.reply_to],
            "text": found.text,
            "new_text": found.new_text,
            "attachments": [views.attachment(part) for part in found.attachments],
        }
        desk.out.one(value, _page(found, row, value, _elsewhere(archive, found)))


def _elsewhere(archive: Reading, message: Message) -> str:
    from levelhead.outbox.compose import asks_elsewhere

    return asks_elsewhere(message, archive.directory.same_client, archive.directory.mine)


def _page(message: Message, row: MessageRow, value: dict[str, Any], elsewhere: str) -> str:
    """The message as a letter: who, when, what was newly written, what hangs on it."""
    from levelhead.cli.signatures import vouched_by

    mark, poses_as = value["mark"], value["poses_as"]
    head = [
        ("Id", message.id),
        ("CAREFUL", f"somebody poses as {poses_as}: {value['doubt']}" if poses_as else ""),
        ("Doubtful", value["doubt"] if not poses_as else ""),
        ("Vouched by", vouched_by(value["authenticated"])),
        ("From", str(message.sender or "(nobody named)")),
        (
            "Replies to",
            f"{elsewhere}, which no [[client]] names; a draft goes to the sender" if elsewhere else "",
        ),
        ("To", ", ".join(map(str, message.to))),
        ("Cc", ", ".join(map(str, message.cc))),
        ("Subject", message.subject),
        ("Date", short(message.date) if message.date else ""),
        ("Received", short(message.received_at)),
        ("Client", f"{row.client} ({row.direction.value})" if row.client else ""),
        ("Level", _judged(row) + (f", marked {mark} by a person" if mark else "")),
        ("Written by", f"a machine: {message.automatic}" if message.automatic else ""),
    ]
    head += [("Found in", _told_origin(one)) for one in value["origins"]]
    tail = [
        f"Attachment: {part.name or '(no name)'} ({part.type}, {part.size} bytes)"
        for part in message.attachments
    ]
    tail += [f"Defect: {defect}" for defect in message.defects]
    if message.new_text.strip() != message.text.strip():
        tail.append(
            "Quoted text and signature are left out; --json has the whole text, --raw the whole message."
        )
    shown = [f"{name + ':':<12}{line_of(value)}" for name, value in head if value]
    return "\n".join([*shown, "", message.new_text.strip() or "(no text)", "", *map(line_of, tail)])


def _told_origin(origin: dict[str, Any]) -> str:
    """A file that a message was brought from, with the flags that it has there."""
    flags = f" ({', '.join(origin['flags'])})" if origin["flags"] else ""
    return f"{origin['source']}{flags}, brought {origin['brought_at'][:10]}"


def _judged(row: MessageRow) -> str:
    if row.level is None:
        return "not judged yet"
    score = views.score_of(row.millionths)
    return row.level.value if score is None else f"{row.level.value} ({score:.2f})"


def _times(desk: Desk, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    now = desk.clock.now()
    return _moment(since, now), _moment(until, now)


def _moment(text: str | None, now: datetime) -> datetime | None:
    return None if text is None else moment(text, now)


def _filter(
    archive: Reading,
    client: str | None,
    times: tuple[datetime | None, datetime | None],
    level: Level | None,
    direction: Direction | None,
    attachment: bool | None,
) -> MessageFilter:
    from levelhead.store.api import MessageFilter

    since, until = times
    name = None
    if client is not None:
        from levelhead.cli.people import client_named

        name = client_named(archive, client)
    return MessageFilter(
        client=name, since=since, until=until, level=level, direction=direction, attachment=attachment
    )
