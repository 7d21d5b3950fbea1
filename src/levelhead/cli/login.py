"""The command that signs a person in for a mailbox: login."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Annotated

from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import complain, line_of
from levelhead.cli.times import short, told

if TYPE_CHECKING:
    import typer

    from levelhead.clock import Clock
    from levelhead.config.settings import Settings
    from levelhead.daemon.login import SignedIn, Told


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "login")(login)


def login(
    desk: Desk,
    mailbox: Annotated[str, Argument(metavar="MAILBOX", help="The name of a [[mailbox]] with oauth2.")],
    device: Annotated[bool, Option("--device", help="Sign in by a code, on any other device.")] = False,
    no_browser: Annotated[
        bool,
        Option("--no-browser", help="Open no browser; show the address, and take the one it led to."),
    ] = False,
) -> int:
    """Sign in for a mailbox, in a browser or by a code. The sign-in is tried at the mail server before it is kept."""
    settings = desk.settings
    done = signed_in(settings, mailbox, desk.clock, device=device, no_browser=no_browser)
    ends = told(done.kept.ends_at)
    lines = [f"Signed in for mailbox {mailbox} as {done.kept.account}; kept in {done.file}."]
    lines += (
        [f"The provider ends this sign-in at {short(done.kept.ends_at)}; you are told some days before."]
        if ends
        else []
    )
    lines += ["A daemon that runs goes on by itself. Look whether all is well: levelhead check --online"]
    value = {
        "mailbox": mailbox,
        "account": done.kept.account,
        "signed_in_at": told(done.kept.signed_in_at),
        "ends_at": ends,
        "file": str(done.file),
        "tried": not done.unseen,
    }
    desk.out.one(value, "\n".join(map(line_of, lines)))
    return 0


def signed_in(
    settings: Settings, mailbox: str, clock: Clock, *, device: bool = False, no_browser: bool = False
) -> SignedIn:
    """Have the person at the terminal sign in. Errors as of `daemon.login.sign_in`."""
    from levelhead.daemon.login import Person, registration_named, sign_in

    provider = registration_named(settings, mailbox).provider
    seen = _has_display()
    by_code = device or bool(provider.device_url and not no_browser and (provider.prefers_device or not seen))
    person = Person(
        tell=lambda what: _tell(what, opened=not by_code and seen and not no_browser),
        pasted=_pasted,
        wrong=lambda why: complain(f"{why[:1].upper()}{why[1:]}."),
    )
    done = sign_in(settings, mailbox, clock, person, device=by_code)
    if done.unseen:
        complain(f"The mail server could not be asked whether it takes the sign-in: {done.unseen}")
    return done


def _tell(what: Told, *, opened: bool) -> None:
    """To stderr, because stdout is for the answer."""
    if what.again:
        complain(f"Once more, please: {what.again}.")
    if what.code:
        complain(f"Open this address on any device:\n\n  {what.url}\n\nand type in the code: {what.code}\n")
        return
    complain(f"Open this address in a browser and sign in:\n\n  {what.url}\n")
    if opened and _opened(what.url):
        complain("A browser was asked to open it.")
    elif sys.stdin.isatty():
        complain(
            "If the browser is on another machine it ends at an address that does not answer: paste that one here."
        )


def _has_display() -> bool:
    """Whether a browser could be shown to a person here; a text browser would take the terminal away from us."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _opened(url: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def _pasted() -> str | None:
    """A line that a person has pasted in, if there is one; never waits for it."""
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return None
    return sys.stdin.readline()
