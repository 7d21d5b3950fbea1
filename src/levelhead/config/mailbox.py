"""The table of one IMAP mailbox, with its OAuth sign-in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from levelhead.config.authority import an_endpoint
from levelhead.config.fields import (
    Bytes,
    Filled,
    Flag,
    Location,
    Name,
    Section,
    SomeTime,
    Text,
    Whole,
    setting,
)
from levelhead.config.sizes import NONE

IMPLICIT_PORT = 993
STARTTLS_PORT = 143
GMAIL = frozenset({"imap.gmail.com", "imap.googlemail.com"})
GMAIL_A_DAY = "2500 MB"
"""What Google lets an account download by IMAP in a day ("Gmail bandwidth limits" in its help for administrators)."""


def usual_port(values: dict[str, Any]) -> int:
    """The port that goes with the way of encryption: 993 for implicit TLS, 143 for the others."""
    return IMPLICIT_PORT if values.get("tls", "implicit") == "implicit" else STARTTLS_PORT


def usual_budget(values: dict[str, Any]) -> str:
    """What Google documents for IMAP, for its own servers; no limit elsewhere."""
    table = values.get("oauth2")
    google = getattr(table, "provider", "") == "google"
    return GMAIL_A_DAY if google or str(values.get("host", "")).lower() in GMAIL else NONE


class OAuth2(Section):
    """How to sign in with OAuth instead of a password: `[mailbox.oauth2]` below its `[[mailbox]]`.

    `levelhead login NAME` then signs in, once, in a browser or by a code.
    """

    provider: Literal["google", "microsoft", "custom"] = setting(
        "Who signs you in; `custom` needs `token_url`, `auth_url` and `scope` as well.", example="google"
    )
    client_id: Filled = setting(
        "The id that the provider gave your registration of levelhead.",
        example="1234.apps.example.com",
    )
    client_secret_file: Location | None = setting(
        "A file that holds the client secret, readable by you only; some providers need none.",
        example="secrets/oauth-client",
        default=None,
    )
    token_url: Annotated[Text, AfterValidator(an_endpoint)] = setting(
        "Where tokens are fetched: https, or http on this machine itself.",
        example="https://login.example.com/token",
        default="",
        otherwise="the provider's own",
    )
    auth_url: Annotated[Text, AfterValidator(an_endpoint)] = setting(
        "Where you sign in with a browser.",
        example="https://login.example.com/authorize",
        default="",
        otherwise="the provider's own",
    )
    device_url: Annotated[Text, AfterValidator(an_endpoint)] = setting(
        "Where a code is fetched that you type in on another device.",
        example="https://login.example.com/device",
        default="",
        otherwise="the provider's own; Google has none that may read mail",
    )
    scope: Text = setting(
        "What to ask for.",
        example="https://mail.google.com/",
        default="",
        otherwise="what the provider wants for IMAP",
    )
    account: Text = setting(
        "Who signs in, where that is somebody else than `user`: a mailbox that you share is read as `user` with your "
        "own sign-in.",
        example="me@example.com",
        default="",
        otherwise="`user`",
    )
    token_file: Location | None = setting(
        "Where the sign-in is kept, which is a secret; in a folder that the daemon may write, never inside of "
        "`archive.path`. Mailboxes of one account and registration share one.",
        example="secrets/google-sign-in",
        default=None,
        otherwise="a file in a folder beside the archive, `archive.path` with `-sign-ins` added",
    )


class Mailbox(Section):
    """One mailbox to watch; write `[[mailbox]]` once for each."""

    name: Name = setting(
        "What this mailbox is called in status, logs and alerts; each has its own.", example="office"
    )
    host: Filled = setting("The IMAP server's name, as its certificate has it.", example="imap.example.com")
    tls: Literal["implicit", "starttls", "none"] = setting(
        "How the connection is encrypted: from the first byte, after STARTTLS, or not at all. "
        "`none` is allowed only to this machine itself, unless `insecure` is true.",
        example="starttls",
        default="implicit",
    )
    port: Annotated[Whole, Field(ge=1, le=65535)] = setting(
        "The IMAP server's port, 1 to 65535.",
        example=993,
        default=usual_port,
        otherwise="993, or 143 when `tls` is `starttls` or `none`",
    )
    insecure: Flag = setting(
        'Allow `tls = "none"` to another machine: your password and all mail then cross the network readable.',
        example=False,
        default=False,
    )
    ca_file: Location | None = setting(
        "Certificates (PEM) to trust for this server instead of the machine's own.",
        example="certificates/office.pem",
        default=None,
        otherwise="the machine's own",
    )
    user: Filled = setting("The name to log in with; often the address.", example="me@example.com")
    password_file: Location | None = setting(
        "A file whose only content is the password, readable by you only (`chmod 600`). "
        "Write exactly one of `password_file`, `password_command`, `credential` and `oauth2`.",
        example="secrets/office",
        default=None,
    )
    password_command: Text = setting(
        "A command that prints the password, run without a shell and given 10 seconds.",
        example="pass show mail/office",
        default="",
    )
    credential: Text = setting(
        "The name of a systemd credential (`LoadCredential=`) that holds the password.",
        example="office-password",
        default="",
    )
    oauth2: OAuth2 | None = setting(
        "OAuth sign-in, as a table `[mailbox.oauth2]`.",
        example={"provider": "google", "client_id": "1234.apps.example.com"},
        default=None,
    )
    folders: tuple[Filled, ...] = setting(
        "Which folders to archive; `auto` means inbox, sent and archive, found by their role, and at Gmail All Mail. "
        "Names are written as your mail program shows them.",
        example=["auto", "Clients/Harbour"],
        default=("auto",),
    )
    drafts: Text = setting(
        "The folder where released drafts are placed.",
        example="Drafts",
        default="",
        otherwise="found by its role",
    )
    sent: Text = setting(
        "A folder of the mail that you have sent, where its role does not tell. Only what stands in such a folder "
        "counts as an answer of yours, so no filter may move mail of others there.",
        example="Outgoing 2026",
        default="",
        otherwise="found by its role",
    )
    poll: SomeTime = setting(
        "How often to look for new mail where the server does not tell, and behind it where it does.",
        example="5m",
        default="2m",
    )
    idle: Flag = setting(
        "Whether to let the server tell of new mail at once (IMAP IDLE).", example=False, default=True
    )
    blind_after: SomeTime = setting(
        "After how long without a complete look at every watched folder an alert says so, whatever the reason: a part "
        "of levelhead that hangs is found out as well. Never less than two polls.",
        example="6h",
        default="24h",
    )
    bytes_per_day: Bytes = setting(
        "How much may be fetched from this account in a day (UTC), such as `2 GB`; `none` for no limit. A fifth of it "
        "is kept for new mail. What is left goes on the next day.",
        example="2 GB",
        default=usual_budget,
        otherwise="2500 MB at Gmail, which locks an account that gives more; elsewhere none",
    )
