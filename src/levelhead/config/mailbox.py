"""The table of one IMAP mailbox, with its OAuth sign-in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from levelhead.config.fields import (
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

IMPLICIT_PORT = 993
STARTTLS_PORT = 143


def usual_port(values: dict[str, Any]) -> int:
    """The port that goes with the way of encryption: 993 for implicit TLS, 143 for the others."""
    return IMPLICIT_PORT if values.get("tls", "implicit") == "implicit" else STARTTLS_PORT


class OAuth2(Section):
    """How to sign in with OAuth instead of a password: `[mailbox.oauth2]` below its `[[mailbox]]`."""

    provider: Literal["google", "microsoft", "custom"] = setting(
        "Who signs you in; `custom` needs `token_url` and `auth_url` as well.", example="google", later=True
    )
    client_id: Filled = setting(
        "The id that the provider gave your registration of levelhead.",
        example="1234.apps.example.com",
        later=True,
    )
    client_secret_file: Location | None = setting(
        "A file that holds the client secret, readable by you only; some providers need none.",
        example="secrets/oauth-client",
        default=None,
        later=True,
    )
    token_url: Text = setting(
        "Where tokens are fetched, for provider `custom`.",
        example="https://login.example.com/token",
        default="",
        later=True,
    )
    auth_url: Text = setting(
        "Where you sign in, for provider `custom`.",
        example="https://login.example.com/authorize",
        default="",
        later=True,
    )
    scope: Text = setting(
        "What to ask for; each provider has its own default.",
        example="https://mail.google.com/",
        default="",
        later=True,
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
        later=True,
    )
    folders: tuple[Filled, ...] = setting(
        "Which folders to archive; `auto` means inbox, sent and archive, found by their role. "
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
