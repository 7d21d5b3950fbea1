"""What a command that only looks needs of the settings, kept from the last time that they were read in full.

Reading them in full costs six times what such a command costs otherwise, and says the same as long as nothing that it
depends on has changed. So its outcome for a file without mistakes is kept beside the user's other caches, and counts
for exactly the bytes, place, home folder and program that it was made with. Whoever changes something, and the daemon,
reads the file in full each time. A cache that is damaged, somebody else's or an older program's is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead import __version__
from levelhead.clients.directory import ListedClient, Scope
from levelhead.values import dataclass

if TYPE_CHECKING:
    from levelhead.config.settings import Settings

NO_CHANNEL = (
    "no alert channel: nobody is told of a hostile message, a dead mailbox or a full disk",
    "add a table [channels.NAME] with a `url`, for example "
    '[channels.phone] and url = "ntfy://ntfy.sh/a-topic-only-you-know", and make the file yours alone (chmod 600)',
)
"""What is said of a configuration without any channel, and what to do about it."""

LARGEST = 4_000_000
"""Bytes of a kept glance."""

_OTHERS_HOME = re.compile(rb"[\"'\n]~[^/\s\"']|\\u007e|\\U0000007e", re.IGNORECASE)
"""A text that begins with `~name`: whose home that is can change without any change of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Where the archive is, who is who, and what is watched; nothing in it is a secret."""

    archive: Path
    me: tuple[str, ...]
    listed: tuple[ListedClient, ...]
    scope: Scope
    ignore: tuple[str, ...]
    mailboxes: tuple[str, ...]
    """Their names, as configured."""
    channels: tuple[str, ...]
    """Their names."""
    authorities: tuple[str, ...]
    witnesses: tuple[str, ...]


def of(settings: Settings) -> Glance:
    """The glance of settings that were read in full."""
    return Glance(
        archive=settings.archive.path,
        me=settings.me.addresses,
        listed=tuple(
            ListedClient(name=one.name, addresses=one.addresses, language=one.language, notes=one.notes)
            for one in settings.listed
        ),
        scope=settings.clients.scope,
        ignore=settings.clients.ignore,
        mailboxes=tuple(mailbox.name for mailbox in settings.mailboxes),
        channels=tuple(settings.channels),
        authorities=settings.anchors.authorities,
        witnesses=settings.anchors.witnesses,
    )


def remembered(path: Path, env: Mapping[str, str]) -> Glance | None:
    """The glance of exactly this file, or None where it must be read in full."""
    place = _place(path, env)
    if place is None:
        return None
    try:
        check, _, text = _read(place).partition(b"\n")
        # What lies in a pipe can be read once only, and is read in full.
        if _digest(text).encode() != check or not path.is_file():
            return None
        found = json.loads(text)
        key = _key(path, _digest(path.read_bytes()), env)
    except OSError:
        return None
    return _glance(found["glance"]) if found["for"] == key else None


def remember(settings: Settings, env: Mapping[str, str]) -> None:
    """Keep the glance of settings that were just read in full; where that cannot be, nothing is lost but time."""
    place = _place(settings.path, env)
    secrets = [
        settings.evidence.key_file,
        *(box.oauth2 and box.oauth2.token_file for box in settings.mailboxes),
    ]
    if place is None or any(secrets):
        # Whether one of these lies in the archive depends on links on the disk, and is looked up each time.
        return
    with suppress(OSError):
        data = settings.path.read_bytes() if settings.path.is_file() else b""
        if _digest(data) != settings.digest or _OTHERS_HOME.search(data):
            return
        told = {"for": _key(settings.path, settings.digest, env), "glance": _told(of(settings))}
        text = json.dumps(told).encode()
        if len(text) <= LARGEST:
            _write(place, _digest(text).encode() + b"\n" + text)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _place(path: Path, env: Mapping[str, str]) -> Path | None:
    """The file of the glance of that configuration, by the XDG Base Directory Specification; None without a home."""
    cache, home = env.get("XDG_CACHE_HOME", ""), env.get("HOME", "")
    if not cache.startswith("/"):
        if not home.startswith("/"):
            return None
        cache = f"{home}/.cache"
    name = _digest(os.fsencode(path.absolute()))[:32]
    return Path(cache) / "levelhead" / f"settings-{name}.json"


def _key(path: Path, digest: str, env: Mapping[str, str]) -> list[Any]:
    """All that the outcome of reading a file depends on: its bytes, its place, the home folder and the program."""
    return [
        os.fsdecode(path.absolute()),
        digest,
        env.get("HOME"),
        os.geteuid(),
        sys.version,
        __version__,
        _rules(),
    ]


def _rules() -> list[int]:
    """The files that check a configuration, for those who edit them: newest change, number, bytes."""
    here = Path(__file__).parents[1]
    found = [
        entry.stat()
        for room in ("config", "clients", "policy")
        for entry in os.scandir(here / room)
        if entry.name.endswith(".py")
    ]
    return [max(one.st_mtime_ns for one in found), len(found), sum(one.st_size for one in found)]


def _told(glance: Glance) -> dict[str, Any]:
    listed = [[one.name, one.addresses, one.language, one.notes] for one in glance.listed]
    return {
        "archive": os.fsdecode(glance.archive), "me": glance.me, "listed": listed, "scope": glance.scope,
        "ignore": glance.ignore, "mailboxes": glance.mailboxes, "channels": glance.channels,
        "authorities": glance.authorities, "witnesses": glance.witnesses,
    }  # fmt: skip


def _glance(told: Mapping[str, Any]) -> Glance:
    """What `_told` was given; its checksum has held, so that it is what this program wrote."""
    lists = {
        name: tuple(value) for name, value in told.items() if isinstance(value, list) and name != "listed"
    }
    listed = tuple(
        ListedClient(name=name, addresses=tuple(addresses), language=language, notes=notes)
        for name, addresses, language, notes in told["listed"]
    )
    return Glance(archive=Path(told["archive"]), scope=told["scope"], listed=listed, **lists)


def _read(place: Path) -> bytes:
    """The bytes of a file that is nobody's but ours; OSError for any other, and where there is none."""
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        if not _ours_alone(os.fstat(handle), stat.S_ISREG):
            raise PermissionError(place)
        return stream.read(LARGEST + 100)


def _write(place: Path, data: bytes) -> None:
    """Put the file there whole, for our eyes only; nothing is done where its folder is not ours alone."""
    folder = place.parent
    if next(one for one in place.parents if one.exists()).stat().st_uid != os.geteuid():
        # With another's rights (`sudo`) a folder of ours in their home would shut them out of their own.
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _ours_alone(folder.lstat(), stat.S_ISDIR):
        return
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _ours_alone(found: os.stat_result, kind: Any) -> bool:
    return kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
