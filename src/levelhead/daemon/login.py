"""A person signs in for a mailbox: by a browser or a code, tried at the mail server, and only then kept."""

from __future__ import annotations

import os
import pwd
import shlex
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.config.sign_in import command_of, registration_of, token_file_of
from levelhead.daemon.parts import mailbox_spec
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import LoginRefused, MailboxError, NoSuchLogin, UserError
from levelhead.mailbox.opening import connect
from levelhead.signin.answers import Tokens
from levelhead.signin.asking import Ask, asker
from levelhead.signin.browser import Visit
from levelhead.signin.device import CodeExpired, code_of, granted
from levelhead.signin.keeping import Kept
from levelhead.signin.providers import Registration
from levelhead.signin.session import HalfASignIn, first_kept

ATTEMPTS = 3
"""How often a person is asked to sign in, when the sign-in before would not do."""
PATIENCE_SECONDS = 15.0
"""How long each command of the look at the mail server may take: somebody sits and waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person is told to do: to open `url`, and with a code to type it in there. `again`: why once more."""

    url: str
    code: str = ""
    again: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in that is kept. `unseen`: why the mail server could not be asked whether it takes it, or empty."""

    kept: Kept
    file: Path
    unseen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How a person is spoken to: told what to do, and heard (a pasted address or None)."""

    tell: Callable[[Told], None]
    pasted: Callable[[], str | None] = lambda: None
    wrong: Callable[[str], None] = lambda why: None
    """Told why something pasted is not what was waited for."""


def sign_in(settings: Settings, name: str, clock: Clock, person: Person, *, device: bool) -> SignedIn:
    """Have a person sign in, who interrupts it (Ctrl-C) to end it. Nothing is kept that would not do.

    UserError for a mailbox that is not one to sign in for, for the wrong user of this machine, and for a sign-in that
    would not do three times; Unavailable when the provider or the disk is out of reach.
    """
    registration = registration_named(settings, name)
    must_be_the_daemons_user(settings, registration)
    if device and not registration.provider.device_url:
        raise UserError(
            f"{registration.provider.name} signs nobody in by a code for mail; leave --device out, and "
            "with --no-browser sign in on any other machine"
        )
    registration.client_secret()  # that it cannot be read is said before somebody is sent to a browser
    file = token_file_of(settings, settings.mailbox(name))
    file.try_out(clock)
    ask, again = asker(clock), ""
    for left in reversed(range(ATTEMPTS)):
        try:
            flow = _by_code if device else _by_browser
            tokens = flow(registration, ask, clock, person, again)
            kept = first_kept(registration, tokens, clock.now())
            unseen = _tried(settings, name, clock, tokens)
            return SignedIn(kept=file.store(kept, clock), file=file.path, unseen=unseen)
        except (HalfASignIn, CodeExpired) as exc:
            if not left:
                raise
            again = str(exc)
    raise AssertionError("the last attempt returns or raises")


def registration_named(settings: Settings, name: str) -> Registration:
    """The registration of a mailbox; UserError, with what there is, for one that signs nobody in."""
    boxes = {mailbox.name: mailbox for mailbox in settings.mailboxes}
    if name not in boxes:
        known = ", ".join(sorted(boxes)) or "none is configured"
        raise UserError(f"there is no mailbox {name!r} in {settings.path} (there are: {known})")
    if boxes[name].oauth2 is None:
        raise UserError(
            f"mailbox {name} has a password; to sign in instead, write a table [mailbox.oauth2] in its place "
            "(levelhead config explain mailbox.oauth2)"
        )
    return registration_of(settings, boxes[name])


def must_be_the_daemons_user(settings: Settings, registration: Registration) -> None:
    """UserError, with the command, when the archive is somebody else's: the daemon could not read what we keep."""
    archive = settings.archive.path
    try:
        place, owner = _owned(archive)
    except FileNotFoundError:
        return  # there is none yet; whoever makes it is the one
    except OSError as exc:
        raise UserError(f"whose the archive {archive} is cannot be seen: {exc.strerror}") from None
    if owner == os.geteuid():
        return
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = f"#{owner}"
    what = f"the archive {archive}" if place == archive else f"{place}, where the archive lies,"
    raise UserError(
        f"{what} belongs to {user}, who must be the one that signs in: "
        f"sudo -u {shlex.quote(user)} {command_of(settings)} login {registration.mailbox}"
    )


def _owned(path: Path) -> tuple[Path, int]:
    """The path and its owner; where we may not look, the nearest folder above, whose owner does not let us in."""
    try:
        return path, path.stat().st_uid
    except PermissionError:
        return _owned(path.parent)


def _by_code(registration: Registration, ask: Ask, clock: Clock, person: Person, again: str) -> Tokens:
    code = code_of(registration, ask, clock)
    person.tell(Told(url=code.where, code=code.user_code, again=again))
    tokens = granted(code, registration, ask, clock, threading.Event())
    assert tokens is not None, "nobody sets it"
    return tokens


def _by_browser(registration: Registration, ask: Ask, clock: Clock, person: Person, again: str) -> Tokens:
    with closing(Visit(registration, clock)) as visit:
        person.tell(Told(url=visit.url, again=again))
        back = visit.wait(threading.Event(), person.pasted, person.wrong)
        assert back is not None, "nobody sets it"
        return visit.tokens(back, ask)


def _tried(settings: Settings, name: str, clock: Clock, tokens: Tokens) -> str:
    """Log in with it once; why the mail server could not be asked, or nothing.

    HalfASignIn when it refuses, UserError when it knows no OAuth.
    """
    spec = replace(
        mailbox_spec(settings, name, SignIns(settings, clock)),
        secret=lambda: tokens.access,
        renew=None,
        timeout_seconds=PATIENCE_SECONDS,
    )
    try:
        connect(spec, clock, lambda: False).close()
    except NoSuchLogin as exc:
        raise UserError(f"nothing was kept: {exc}") from exc  # to sign in once more would change nothing
    except LoginRefused as exc:
        raise HalfASignIn(
            f"{spec.host} does not let {spec.user} in with it ({exc}); sign in as the one whose mailbox it is, or "
            "who may read it, and see that IMAP is allowed there"
        ) from exc
    except MailboxError as exc:
        return str(exc)
    return ""
