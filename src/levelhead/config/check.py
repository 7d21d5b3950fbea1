"""What can be said of a configuration without going online: problems to mend, and notes to know."""

from __future__ import annotations

import difflib
import importlib.util
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from levelhead.config.channels import client_reached
from levelhead.config.exposed import exposed, inline_secrets
from levelhead.config.fields import COUNTRY
from levelhead.config.glance import NO_CHANNEL
from levelhead.config.holidays import calendar_file, settings_holidays
from levelhead.config.keys import all_keys, field_at, is_later
from levelhead.config.secrets import channel_url, read_file, secret_of
from levelhead.config.settings import Settings
from levelhead.errors import Problem, Unavailable, UserError

Env = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """The names that an archive knows: its clients, and the folders that mailboxes have shown."""

    clients: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


def problems(
    settings: Settings,
    *,
    plugins: Collection[str] | None = None,
    archived: Archived | None = None,
    env: Env | None = None,
) -> tuple[Problem, ...]:
    """Everything that would not work, in the order of the file's lines.

    Reads each secret, which runs password commands. `plugins` are the names of all that can be loaded; without them
    the names under `[plugins]` are not checked. Without an archive (`archived`) a name under `[retention]` may be one
    that mail will bring: only one that looks like a misspelt `[[client]]` is told.
    """
    given = os.environ if env is None else env
    found = [problem for look in LOOKS for problem in look(settings, given)]
    if plugins is not None:
        found += _plugin_names(settings, plugins)
    found += _retention_names(settings, archived)
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


def notes(settings: Settings) -> tuple[str, ...]:
    """What the operator should know although nothing is wrong, one sentence each."""
    return tuple(note for tell in TELLS for note in tell(settings))


def _problem(settings: Settings, path: tuple[str | int, ...], problem: str, fix: str = "") -> Problem:
    return Problem(where=str(settings.path), line=settings.line(*path), problem=problem, fix=fix)


# --- problems ----------------------------------------------------------------------------------


def _passwords(settings: Settings, env: Env) -> Iterator[Problem]:
    for number, mailbox in enumerate(settings.mailboxes):
        if mailbox.oauth2 is not None:
            yield from _sign_in(settings, number)
            continue
        key = next(
            key for key in ("password_file", "password_command", "credential") if getattr(mailbox, key)
        )
        try:
            secret_of(mailbox, env)()
        except UserError as exc:
            yield _problem(settings, ("mailbox", number, key), str(exc))


def _sign_in(settings: Settings, number: int) -> Iterator[Problem]:
    """Whether somebody is signed in, as far as the files tell; only the provider knows whether it still holds."""
    from levelhead.config.sign_in import registration_of, token_file_of

    mailbox = settings.mailboxes[number]
    registration, path = registration_of(settings, mailbox), ("mailbox", number, "oauth2")
    try:
        registration.client_secret()
        kept = token_file_of(settings, mailbox).seen()
    except (UserError, Unavailable) as exc:
        yield _problem(settings, path, str(exc))
        return
    if kept is None or kept.identity != registration.identity:
        problem = f'nobody is signed in for mailbox "{mailbox.name}"'
        yield _problem(settings, path, problem, f"run `{registration.mend}` as the user who runs levelhead")


def _channels(settings: Settings, env: Env) -> Iterator[Problem]:
    if not settings.channels:
        yield _problem(settings, ("channels",), *NO_CHANNEL)
    for name, channel in settings.channels.items():
        key = next(key for key in ("url", "url_file", "credential") if getattr(channel, key))
        path = ("channels", name, key)
        try:
            url = channel_url(channel, name, env)
        except UserError as exc:
            yield _problem(settings, path, str(exc))
            continue
        if client := client_reached(settings, url):
            problem = f'channel "{name}" would write to your client "{client}"'
            yield _problem(
                settings, path, problem, "levelhead never writes to a client: name your own address"
            )
        elif not known_to_apprise(url):
            yield _problem(
                settings,
                path,
                f'the URL of channel "{name}" is none that Apprise understands',
                "see https://github.com/caronc/apprise/wiki for how each service is written",
            )


def known_to_apprise(url: str) -> bool:
    """Whether Apprise has a service for a URL; nobody is called."""
    import apprise  # 250 ms, so only here

    logger = logging.getLogger("apprise")
    before, logger.disabled = logger.disabled, True  # we say it ourselves, with the line of the file
    try:
        return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None
    finally:
        logger.disabled = before


def _archive(settings: Settings, env: Env) -> Iterator[Problem]:
    path = settings.archive.path
    if _there(path) and not path.is_dir():
        yield _problem(
            settings, ("archive", "path"), f"{path} is not a folder", "name a folder in `archive.path`"
        )
        return
    nearest = next(folder for folder in (path, *path.parents) if _there(folder))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = f"{path} cannot be written to" if nearest == path else f"{path} cannot be made in {nearest}"
        yield _problem(settings, ("archive", "path"), what, "name a folder of your own in `archive.path`")


def _there(path: Path) -> bool:
    """Whether something is at the path, as far as we may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _files(settings: Settings, env: Env) -> Iterator[Problem]:
    for number, mailbox in enumerate(settings.mailboxes):
        if mailbox.ca_file is not None and not os.access(mailbox.ca_file, os.R_OK):
            yield _problem(settings, ("mailbox", number, "ca_file"), f"{mailbox.ca_file} cannot be read")
    plugins, templates = settings.plugins, settings.drafts.templates
    if "path" in plugins.model_fields_set and not plugins.path.is_dir():
        yield _problem(
            settings, ("plugins", "path"), f"there is no folder {plugins.path}", "make it, or mend the path"
        )
    if templates is not None and not templates.is_dir():
        yield _problem(settings, ("drafts", "templates"), f"there is no folder {templates}", "make it")


def _holidays(settings: Settings, env: Env) -> Iterator[Problem]:
    try:
        settings_holidays(settings)
    except UserError as exc:
        yield _problem(settings, ("me", "holidays"), str(exc))


def _evidence(settings: Settings, env: Env) -> Iterator[Problem]:
    needed = ("cryptography", "dkim", "dns")
    if settings.evidence.checks_signatures and not all(map(importlib.util.find_spec, needed)):
        yield _problem(
            settings,
            ("evidence", "resolver"),
            "signatures cannot be checked: libraries for it are not installed",
            "run `pip install 'levelhead[evidence]'`, or write `resolver = \"off\"`",
        )


def _anchors(settings: Settings, env: Env) -> Iterator[Problem]:
    needed = ("cryptography", "rfc3161_client")
    if settings.anchors.authorities and not all(map(importlib.util.find_spec, needed)):
        yield _problem(
            settings,
            ("anchors", "authorities"),
            "[anchors] needs pip install 'levelhead[evidence]': nothing can be stamped without it",
            "run it, or leave `authorities` out",
        )
    ca_file = settings.anchors.ca_file
    if ca_file is not None and not os.access(ca_file, os.R_OK):
        yield _problem(settings, ("anchors", "ca_file"), f"{ca_file} cannot be read")


def _signing_key(settings: Settings, env: Env) -> Iterator[Problem]:
    key, path = settings.evidence.key_file, ("evidence", "key_file")
    if key is None:
        return
    if importlib.util.find_spec("cryptography") is None:
        yield _problem(
            settings, path, "signing needs the extra `evidence`", "run `pip install 'levelhead[evidence]'`"
        )
    if _there(key):
        try:
            read_file(key, "the signing key")
        except UserError as exc:
            yield _problem(settings, path, str(exc))
    elif not key.parent.is_dir():
        yield _problem(
            settings, path, f"there is no folder {key.parent} to make the signing key in", "make it"
        )


def _open_to_all(settings: Settings, env: Env) -> Iterator[Problem]:
    path = settings.path
    if path.exists() and path.stat().st_mode & 0o002:
        yield _problem(
            settings, (), "everybody on this machine can write this file", f"run `chmod o-w {path}`"
        )


def _read_by_all(settings: Settings, env: Env) -> Iterator[Problem]:
    yield from exposed(settings)


LOOKS: tuple[Callable[[Settings, Env], Iterator[Problem]], ...] = (
    _open_to_all,
    _read_by_all,
    _passwords,
    _channels,
    _archive,
    _files,
    _signing_key,
    _holidays,
    _evidence,
    _anchors,
)


def _plugin_names(settings: Settings, plugins: Collection[str]) -> Iterator[Problem]:
    for path, name in _named_plugins(settings):
        if name not in plugins:
            near = difflib.get_close_matches(name, sorted(plugins), n=1)
            fix = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(sorted(plugins))}"
            yield _problem(settings, path, f'there is no plugin "{name}"', fix)


def _named_plugins(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("order", "disable", "may_lower"):
        for number, name in enumerate(getattr(settings.plugins, key)):
            yield ("plugins", key, number), name
    for name in settings.plugins.tables:
        yield ("plugins", name), name


def _retention_names(settings: Settings, archived: Archived | None) -> Iterator[Problem]:
    """Names that `purge` would find nobody for; clients in any case of letters, as it compares them."""
    known = {one.name for one in settings.listed} | (archived.clients if archived else set())
    same = {name.casefold(): name for name in sorted(known)}
    for name in settings.retention.clients:
        near = difflib.get_close_matches(name.casefold(), list(same), n=1)
        if name.casefold() not in same and (near or archived):
            fix = f'did you mean "{same[near[0]]}"?' if near else "name it as [[client]] or the archive does"
            what = f'[retention] clients names "{name}", and no client is called that'
            yield _problem(settings, ("retention", "clients", name), what, fix)
    shown = sorted(archived.folders) if archived else []
    for name in settings.retention.folders if shown else ():
        if name not in shown:
            near = difflib.get_close_matches(name, shown, n=1)
            fix = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(shown)}"
            what = f'[retention] folders names "{name}", and no mailbox has shown a folder of that name'
            yield _problem(settings, ("retention", "folders", name), what, fix)


# --- notes -------------------------------------------------------------------------------------


def _not_used_yet(settings: Settings) -> Iterator[str]:
    for key in all_keys():
        field = field_at(tuple(key.split(".")))
        table, _, name = key.partition(".")
        if field is None or not is_later(field) or table == "mailbox":
            continue
        if name in getattr(settings, table).model_fields_set:
            yield f"`{key}` is set, but this version does not use it"


def _may_be_changed(settings: Settings) -> Iterator[str]:
    path = settings.path
    if path.exists() and path.stat().st_mode & 0o020:
        yield f"the group of {path} may write it, and so run commands as you (chmod g-w, unless it is yours alone)"


def _group_reads(settings: Settings) -> Iterator[str]:
    path = settings.path
    if path.exists() and path.stat().st_mode & 0o040 and any(inline_secrets(settings)):
        yield f"{path} holds a secret, and its group may read it (chmod 600, unless the group is yours alone)"


def _readable_mail(settings: Settings) -> Iterator[str]:
    for mailbox in settings.mailboxes:
        if mailbox.tls == "none" and mailbox.insecure:
            yield f'mailbox "{mailbox.name}" crosses the network unencrypted, because `insecure` is true'


def _nothing_to_watch(settings: Settings) -> Iterator[str]:
    if not settings.mailboxes:
        yield "no mailbox is configured: only what you `levelhead add` is archived"


def _no_drop_ins(settings: Settings) -> Iterator[str]:
    if not settings.plugins.path.is_dir() and "path" not in settings.plugins.model_fields_set:
        yield f"there is no folder {settings.plugins.path}, so only built-in plugins run"


def _bare_anchors(settings: Settings) -> Iterator[str]:
    named = settings.anchors
    if (named.authorities or named.witnesses) and settings.evidence.key_file is None:
        yield "checkpoints are anchored unsigned, because `evidence.key_file` names no key"
    if named.authorities and named.ca_file is None:
        yield "signatures of time stamps are kept and not checked, because `anchors.ca_file` names no roots"


def _odd_feasts(settings: Settings) -> Iterator[str]:
    wanted = settings.me.holidays
    if not wanted or COUNTRY.match(wanted):
        return
    try:
        passed_over = calendar_file(Path(wanted)).passed_over
    except UserError:
        return  # told as a problem
    for event in passed_over:
        yield f"{wanted}, {event}; the event is passed over"


TELLS: tuple[Callable[[Settings], Iterator[str]], ...] = (
    _not_used_yet,
    _may_be_changed,
    _group_reads,
    _readable_mail,
    _nothing_to_watch,
    _no_drop_ins,
    _bare_anchors,
    _odd_feasts,
)
