"""What must hold between settings: pure rules on the raw document, so that they speak beside other mistakes too."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from levelhead.clients.patterns import normal
from levelhead.config.authority import is_loopback
from levelhead.config.durations import duration_text, parse_duration
from levelhead.config.linemap import Path
from levelhead.config.sections import Heat

SIGN_IN = ("password_file", "password_command", "credential", "oauth2")
CHANNEL_KEYS = ("url", "url_file", "credential")
PASSWORD_KEYS = ("password", "passwd", "pass", "passphrase", "secret", "token")
OWN_LANE = "work"
"""The worker's own lane of jobs; a mailbox of that name would share it."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something wrong with the key at `path`, in one sentence, and what to do."""

    path: Path
    problem: str
    fix: str = ""


def complaints(document: Document) -> Iterator[Complaint]:
    """Everything that is wrong between the keys of a document."""
    for rule in RULES:
        yield from rule(document)


def _tables(document: Document, *keys: str) -> Iterator[tuple[Path, Document]]:
    """The items of a list of tables, with their paths; nothing where the document has something else."""
    here: Any = document
    for key in keys:
        here = here.get(key) if isinstance(here, dict) else None
    for number, item in enumerate(here if isinstance(here, list) else ()):
        if isinstance(item, dict):
            yield (*keys, number), item


def _named(document: Document, key: str) -> Document:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _one_way_to_sign_in(document: Document) -> Iterator[Complaint]:
    choice = "`password_file`, `password_command`, `credential` or `oauth2`"
    for path, mailbox in _tables(document, "mailbox"):
        written = [key for key in SIGN_IN if key in mailbox]
        if not written and not any(key in mailbox for key in PASSWORD_KEYS):
            yield Complaint(path=path, problem="has no way to sign in", fix=f"add one of {choice}")
        for key in written[1:]:
            problem = f"is a second way to sign in, beside `{written[0]}`"
            yield Complaint(path=(*path, key), problem=problem, fix=f"keep exactly one of {choice}")


def _no_clear_text(document: Document) -> Iterator[Complaint]:
    for path, mailbox in _tables(document, "mailbox"):
        host = mailbox.get("host")
        if mailbox.get("tls") != "none" or mailbox.get("insecure") is True or not isinstance(host, str):
            continue
        if not is_loopback(host):
            yield Complaint(
                path=(*path, "tls"),
                problem=f'"none" would send your password readable to {host}',
                fix='use "implicit" or "starttls", or write `insecure = true` if you mean it',
            )


def _hosts(document: Document) -> Iterator[Complaint]:
    for path, mailbox in _tables(document, "mailbox"):
        host = mailbox.get("host")
        if isinstance(host, str) and ("/" in host or "@" in host or any(c.isspace() for c in host)):
            yield Complaint(
                path=(*path, "host"),
                problem="is not the name of a server",
                fix='write it as "imap.example.com"',
            )
        elif isinstance(host, str) and host.count(":") == 1:
            name, _, port = host.partition(":")
            yield Complaint(
                path=(*path, "host"),
                problem="holds a port",
                fix=f'write host = "{name}" and port = {port}'
                if port.isdigit()
                else 'write it as "imap.example.com"',
            )


def _custom_oauth(document: Document) -> Iterator[Complaint]:
    for path, mailbox in _tables(document, "mailbox"):
        table = mailbox.get("oauth2")
        if isinstance(table, dict) and table.get("provider") == "custom":
            for key in ("token_url", "auth_url", "scope"):
                if not table.get(key):
                    yield Complaint(path=(*path, "oauth2"), problem=f'provider "custom" needs `{key}`')


def _sent_is_no_inbox(document: Document) -> Iterator[Complaint]:
    for path, mailbox in _tables(document, "mailbox"):
        if str(mailbox.get("sent", "")).upper() == "INBOX":
            yield Complaint(
                path=(*path, "sent"),
                problem="names the inbox, where anybody who writes in your name would answer for you",
                fix="name the folder where your mail program keeps what you have sent",
            )


def _names(document: Document) -> Iterator[Complaint]:
    for kind in ("mailbox", "client"):
        seen: dict[str, Path] = {}
        for path, table in _tables(document, kind):
            name = table.get("name")
            if not isinstance(name, str):
                continue
            if name.casefold() in seen:
                yield Complaint(
                    path=(*path, "name"), problem=f'a second {kind} is called "{name}"', fix="give it another"
                )
            seen.setdefault(name.casefold(), path)
            if kind == "mailbox" and name == OWN_LANE:
                problem = f'"{OWN_LANE}" is taken by levelhead\'s own worker'
                yield Complaint(path=(*path, "name"), problem=problem, fix='choose another, such as "office"')


def _one_owner(document: Document) -> Iterator[Complaint]:
    """An address is mine or one client's: with two owners nobody could say which of them was meant."""
    owners: dict[str, str] = {}
    me = _named(document, "me").get("addresses")
    lists: list[tuple[Path, str, Any]] = [(("me", "addresses"), "yours", me)]
    for path, client in _tables(document, "client"):
        lists.append(
            ((*path, "addresses"), f'that of client "{client.get("name")}"', client.get("addresses"))
        )
    for path, owner, addresses in lists:
        for number, address in enumerate(addresses if isinstance(addresses, list) else ()):
            if isinstance(address, str) and owners.setdefault(normal(address), owner) != owner:
                problem = f'"{address}" is {owners[normal(address)]} already'
                yield Complaint(path=(*path, number), problem=problem, fix="keep it in one place")


def _rungs(document: Document) -> Iterator[Complaint]:
    channels = list(_named(document, "channels"))
    latest = timedelta(0)
    for path, rung in _tables(document, "escalation", "rung"):
        after = _length(rung.get("after", "0s"))
        if after is not None and after < latest:
            problem = f"is before the rung above it ({duration_text(latest)})"
            yield Complaint(
                path=(*path, "after"), problem=problem, fix="write rungs in the order of their time"
            )
        latest = max(latest, after or latest)
        yield from _no_channel((*path, "notify"), rung.get("notify"), channels)


def _witnesses(document: Document) -> Iterator[Complaint]:
    named = _named(document, "anchors").get("witnesses")
    yield from _no_channel(("anchors", "witnesses"), named, list(_named(document, "channels")))


def _no_channel(path: Path, names: object, channels: list[str]) -> Iterator[Complaint]:
    for number, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str) and name not in channels:
            near = difflib.get_close_matches(name, channels, n=1)
            yield Complaint(
                path=(*path, number),
                problem=f'there is no channel "{name}"',
                fix=f'did you mean "{near[0]}"?' if near else f"add a table [channels.{name}]",
            )


def _channels(document: Document) -> Iterator[Complaint]:
    choice = "`url`, `url_file` or `credential`"
    for name, channel in _named(document, "channels").items():
        if not isinstance(channel, dict):
            continue
        written = [key for key in CHANNEL_KEYS if key in channel]
        if not written:
            yield Complaint(path=("channels", name), problem="has no address", fix=f"add one of {choice}")
        for key in written[1:]:
            problem = f"is a second address, beside `{written[0]}`"
            yield Complaint(
                path=("channels", name, key), problem=problem, fix=f"keep exactly one of {choice}"
            )


def _thresholds(document: Document) -> Iterator[Complaint]:
    heat = _named(document, "heat")
    fields = Heat.model_fields
    ladder = [(key, heat.get(key, fields[key].default)) for key in ("tense", "heated", "hostile")]
    for (low, below), (high, above) in itertools.pairwise(ladder):
        numbers = isinstance(below, int | float) and isinstance(above, int | float)
        if numbers and below >= above and (low in heat or high in heat):
            key = high if high in heat else low
            yield Complaint(
                path=("heat", key),
                problem=f"must ascend: `{low}` ({below}) must be below `{high}` ({above})",
            )


def _kept_elsewhere(document: Document) -> Iterator[Complaint]:
    archive = _named(document, "archive")
    if archive.get("url"):
        yield Complaint(
            path=("archive", "url"),
            problem="this version keeps its index in SQLite only; other databases come with a later one",
            fix="leave `url` out",
        )
    if archive.get("blobs"):
        yield Complaint(
            path=("archive", "blobs"),
            problem="this version keeps messages in a folder in `archive.path` only; others come later",
            fix="leave `blobs` out",
        )


def _length(value: object) -> timedelta | None:
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None


RULES: tuple[Callable[[Document], Iterator[Complaint]], ...] = (
    _hosts,
    _one_way_to_sign_in,
    _no_clear_text,
    _custom_oauth,
    _sent_is_no_inbox,
    _names,
    _one_owner,
    _channels,
    _rungs,
    _witnesses,
    _thresholds,
    _kept_elsewhere,
)
