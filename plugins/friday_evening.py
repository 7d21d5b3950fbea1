"""The friday-evening plugin: nothing leaves between two moments of the week, however calm it looks.

It sleeps until its table names the two moments, in your own time zone:

    [plugins.friday-evening]
    from = "Fri 16:00"
    until = "Mon 09:00"
    timezone = "Europe/Berlin"     # default: the machine's

A reply that would be placed in the Drafts folder in between waits until the end. A reply that a longer cool-down
holds anyway is held as long as that says: of several holds the latest wins.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from levelhead import Hold, hookimpl

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@hookimpl
def configure(settings):
    """The two moments as minutes of the week, and the zone; None while the plugin sleeps."""
    if not settings:
        return None
    for name in settings:
        if name not in ("from", "until", "timezone"):
            raise ValueError(f"there is no key {name}; there are from, until and timezone")
    try:
        zone = ZoneInfo(settings["timezone"]) if "timezone" in settings else None
    except (KeyError, ValueError):
        raise ValueError(
            f"there is no time zone {settings['timezone']!r}; write one such as Europe/Berlin"
        ) from None
    return minute_of_week(settings.get("from")), minute_of_week(settings.get("until")), zone


@hookimpl
def hold(now, settings):
    """Until the end of the span, when `now` is inside it."""
    if settings is None:
        return None
    begin, end, zone = settings
    local = now.astimezone(zone)
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    week = 7 * 1440
    if (minute - begin) % week >= (end - begin) % week:
        return None
    # Count in local time and convert back, so that a change of the clocks in between does not shift the end.
    naive = local.replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=(end - minute) % week)
    until = naive.replace(tzinfo=zone) if zone else naive.astimezone()
    return Hold(until, f"nothing leaves before {until:%A %H:%M}")


def minute_of_week(text):
    """`Fri 16:00` as minutes since Monday 00:00."""
    try:
        day, time = text.split()
        hour, minute = (int(part) for part in time.split(":"))
        if not (0 <= hour < 24 and 0 <= minute < 60):
            raise ValueError
        return DAYS.index(day.lower()[:3]) * 1440 + hour * 60 + minute
    except (AttributeError, ValueError):
        raise ValueError(
            f"from and until are each a day and a time such as 'Fri 16:00', not {text!r}"
        ) from None
