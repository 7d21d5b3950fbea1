"""What is told of a mailbox that is not watched: by which rule, in which words, and with which commands to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from levelhead.config.mending import Mender, Mending
from levelhead.config.settings import Settings
from levelhead.daemon.keeper import REFUSED
from levelhead.mailbox.budget import SPENT

LOST = "mailbox-lost"
LOGIN_REFUSED = "mailbox-refused"
"""The rule of the alert about a login that a mail server refused: its own, so that it is told in an outage too."""

BUSY = (
    "It is asked again by itself, ever more seldom. Where the server limits what an account may fetch in a day, write "
    "`bytes_per_day` into this [[mailbox]]; where it goes on to say that you are not connected, the mailbox is not "
    "open to this account."
)

MORE_BYTES = (
    "What waits is fetched after midnight (UTC) by itself. Where that is not enough, day after day, write a larger "
    "`bytes_per_day` into this [[mailbox]], as far as the provider allows it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An alert about a mailbox. The last paragraph of `body` are commands, one a line."""

    rule: str
    title: str
    body: str


def words(settings: Settings, name: str, kind: str, why: str, *, sign_in: str, refused: bool) -> Words:
    """About an outage of this `kind`. `sign_in` is the command that signs in anew, empty for a password; `refused`:
    nobody gets a token until a person does something."""
    mending = _mending(settings, name, kind, why, sign_in)
    body = "\n\n".join((why, mending.words, "\n".join(mending.commands)))
    if kind == "login" and refused:
        return Words(rule=REFUSED, title=f"The sign-in of the mailbox {name} was refused", body=body)
    if kind == "login":
        return Words(rule=LOGIN_REFUSED, title=f"The login to the mailbox {name} was refused", body=body)
    return Words(rule=LOST, title=f"levelhead cannot watch the mailbox {name}", body=body)


def _mending(settings: Settings, name: str, kind: str, why: str, sign_in: str) -> Mending:
    mender = Mender(settings)
    if kind == "login" and sign_in:
        return Mending(
            words="Sign in again, and the daemon goes on by itself:", commands=(sign_in, mender.look)
        )
    if kind == "login":
        return mender.new_password(settings.mailbox(name))
    if kind == "tls":
        return mender.after_an_edit(
            "The server's certificate is not trusted, and nothing is sent in the clear instead. Correct `host`, or "
            "name the certificate with `ca_file`, in this [[mailbox]]"
        )
    if kind == "folders":
        return mender.after_an_edit("Correct `folders`, `sent` or `drafts` of this [[mailbox]]")
    if kind == "busy":
        return Mending(words=f"{BUSY} A look from here:", commands=(mender.look,))
    if kind == "unseen" and SPENT in why:
        return mender.after_an_edit(MORE_BYTES)
    if kind == "unseen":
        return mender.restart()
    return Mending(
        words="It is tried again by itself; what was missed is fetched then. A look from here:",
        commands=(mender.look,),
    )
