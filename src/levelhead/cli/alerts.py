"""Commands about alerts: alerts, ack, snooze, alert test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from levelhead.cli import views
from levelhead.cli.desk import Desk, command, group, log_to_stderr
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import complain
from levelhead.cli.state import no_channel
from levelhead.cli.times import duration, short
from levelhead.errors import LevelheadError, Unavailable, UserError
from levelhead.lifecycle import ALERT, OPEN_ALERTS, WrongState, step
from levelhead.masking import VAULT

if TYPE_CHECKING:
    import typer

    from levelhead.hookspecs import Channel, Panel
    from levelhead.store.api import AlertRow, Store

KeyArgument = Annotated[str, Argument(metavar="KEY", help="An alert's key, or enough of its beginning.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "alerts")(alerts)
    command(app, "ack")(ack)
    command(app, "snooze")(snooze)
    import typer

    test_group = typer.Typer(rich_markup_mode=None)
    group(test_group)(about_alerts)
    command(test_group, "test")(test)
    app.add_typer(test_group, name="alert")


def about_alerts(desk: Desk) -> None:
    """Try the ways that alerts are delivered."""


def alerts(
    desk: Desk,
    all_: Annotated[bool, Option("--all", help="Those that are acknowledged, answered or over too.")] = False,
) -> None:
    """List open alerts, the newest last."""
    with desk.reading() as archive:
        rows = archive.store.alerts(states=None if all_ else OPEN_ALERTS)
        desk.out.many(
            (_view(archive.store, row) for row in sorted(rows, key=lambda row: (row.raised_at, row.key))),
            ("key", "severity", "state", "client", "title", "subject", "raised_at", "next_rung_at", "count"),
            "No alert is open." if not all_ else "There is no alert.",
        )


def _view(store: Store, row: AlertRow) -> dict[str, Any]:
    return views.alert(row, store.message(row.message).subject if row.message else "")


def ack(
    desk: Desk,
    keys: Annotated[
        list[str], Argument(metavar="KEY...", help="Alerts' keys, or enough of their beginnings.")
    ],
) -> None:
    """Say "I have it": the alert climbs no further."""
    with desk.archive() as archive:
        found = _open(archive.store, keys)
    with desk.hands() as hands:
        rows = [hands.ack(key) for key in found]
    with desk.archive() as archive:
        values = [_view(archive.store, row) for row in rows]
    for value in values:
        desk.out.one(value, f"Acknowledged {value['key']}: nobody else is called.")


def _open(store: Store, keys: Sequence[str]) -> list[str]:
    """The whole keys of these alerts, each once; UserError, before anything is done, when one cannot be had."""
    rows = {row.key: row for row in map(store.alert, keys)}
    for row in rows.values():
        try:
            step(ALERT, row.state, "alert.acknowledged")
        except WrongState as exc:
            if len(rows) == 1:
                raise
            raise UserError(f"{row.key}: {exc}; none of the {len(rows)} was acknowledged") from None
    return list(rows)


def snooze(
    desk: Desk,
    key: KeyArgument,
    length: Annotated[str, Argument(metavar="DURATION", help="How long to be quiet, like 30m, 2h or 1d.")],
) -> None:
    """Keep an alert quiet for a while; it climbs on afterwards."""
    quiet = duration(length)
    with desk.hands() as hands:
        row = hands.snooze(key, quiet)
    with desk.archive() as archive:
        value = _view(archive.store, row)
    desk.out.one(value, f"Snoozed {row.key}: it is quiet until {short(row.next_rung_at)}.")


def test(desk: Desk) -> int:
    """Send a test alert through every channel now. Quiet hours do not count; it says what became of each."""
    from levelhead.daemon.parts import channels_of, panel_of, policies_of
    from levelhead.daemon.reading import directory_of

    settings = desk.settings
    channels = channels_of(settings)
    if not channels:
        complain(no_channel())
        return 1
    log_to_stderr("error")  # a channel that fails is told in the answer
    panel = panel_of(settings, policies_of(settings), desk.clock, directory_of(settings).is_client)
    try:
        results = [_tried(panel, name, opened, desk.clock.now()) for name, opened in channels.items()]
    finally:
        panel.close()
    desk.out.many(results, ("channel", "ok", "detail"), "")
    return 0 if all(result["ok"] for result in results) else Unavailable.exit_status


def _tried(panel: Panel, name: str, opened: Callable[[], Channel], now: datetime) -> dict[str, Any]:
    """What became of a test alert on one channel."""
    from levelhead.hookspecs import TEST, Notice

    notice = Notice(
        key=f"{TEST}{now:%Y%m%d%H%M%S}",
        severity="info",
        title="levelhead: this is a test",
        body=f"If you can read this, alerts reach you by the channel {name}. Nothing else has happened.",
        rung=0,
        count=1,
    )
    try:
        asked = panel.deliver(notice, opened())
    except LevelheadError as exc:
        return {"channel": name, "ok": False, "detail": VAULT.hide(str(exc))}
    if asked.answers:
        said = asked.answers[0]
        return {"channel": name, "ok": True, "detail": VAULT.hide(said.value.detail), "plugin": said.plugin}
    errors = "; ".join(failure.error.removeprefix("NotDelivered: ") for failure in asked.failures)
    return {"channel": name, "ok": False, "detail": VAULT.hide(errors) or "no plugin took it"}
