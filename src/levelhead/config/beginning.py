"""The first configuration, as `levelhead init` writes it: the answers, with comments on what a newcomer needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levelhead.config.keys import toml_value
from levelhead.config.mailbox import IMPLICIT_PORT, STARTTLS_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthAnswers:
    """A table `[mailbox.oauth2]`; `client_secret_file` is empty where the provider wants no secret."""

    provider: str
    client_id: str
    client_secret_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What a first configuration says. Paths are written as they stand here; empty texts are left out."""

    addresses: tuple[str, ...]
    name: str = ""
    archive: str = "archive"
    mailbox: str = "office"
    host: str
    port: int
    tls: str
    found: str = ""
    """Where the server was found, as the end of a sentence, for the comment above it; empty where it was named."""
    ca_file: str = ""
    user: str
    password_file: str = ""
    oauth: OAuthAnswers | None = None
    lacks_sent: bool = False
    lacks_drafts: bool = False
    client: str = ""
    client_address: str = ""
    channel_file: str = ""


def as_written(path: Path, folder: Path) -> str:
    """A path as the file in `folder` names it: from there when it lies below, whole otherwise."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100  # without following links: it is a name, not a place
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)


def text_of(first: First) -> str:
    """The file itself."""
    blocks = [
        _top(),
        _me(first),
        _archive(first),
        _mailbox(first),
        _clients(first),
        _channels(first),
        _more(),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _top() -> Iterator[str]:
    yield "# levelhead's configuration, begun by `levelhead init`. Paths start at the folder of this file."
    yield "# `levelhead check` says what is wrong with it, `levelhead config explain KEY` what a setting means, and"
    yield "# `levelhead config example` prints all of them. No secret stands in here: each has a file of its own."


def _me(first: First) -> Iterator[str]:
    yield "# Who you are: mail from these addresses is yours. `*@studio.example` would take in a whole domain."
    yield "[me]"
    yield f"addresses = {toml_value(first.addresses)}"
    yield f"name = {toml_value(first.name)}" if first.name else '#name = "Robin Example"'
    yield "# Cool-downs in business time count these hours, in the machine's time zone unless another is named."
    yield '#working_hours = "Mon-Fri 09:00-17:30"'
    yield '#timezone = "Europe/Berlin"'


def _archive(first: First) -> Iterator[str]:
    yield "# Where everything is kept; `levelhead backup` copies it."
    yield "[archive]"
    yield f"path = {toml_value(first.archive)}"


def _mailbox(first: First) -> Iterator[str]:
    yield "# The mailbox to watch; write [[mailbox]] once for each."
    if first.found:
        yield f"# The server was found {re.sub(r'[^ -~]+', ' ', first.found)}."
    yield "[[mailbox]]"
    yield f"name = {toml_value(first.mailbox)}"
    yield f"host = {toml_value(first.host)}"
    if first.tls != "implicit":
        yield f"tls = {toml_value(first.tls)}"
    if first.port != (IMPLICIT_PORT if first.tls == "implicit" else STARTTLS_PORT):
        yield f"port = {first.port}"
    if first.ca_file:
        yield f"ca_file = {toml_value(first.ca_file)}"
    yield f"user = {toml_value(first.user)}"
    if first.password_file:
        yield "# A file with the password and nothing else, readable by you only; a systemd credential is another way"
        yield "# (`levelhead config explain mailbox.credential`)."
        yield f"password_file = {toml_value(first.password_file)}"
    yield "# Which folders are archived: auto is inbox, sent and archive, found by what they are for."
    yield '#folders = ["auto", "Clients/Harbour"]'
    yield from _unfound(first)
    if first.oauth is not None:
        yield from _oauth(first.oauth)


def _unfound(first: First) -> Iterator[str]:
    if first.lacks_sent:
        yield "# No folder for sent mail was found: without its name no mail of yours counts as an answer."
        yield '#sent = "Sent"'
    if first.lacks_drafts:
        yield "# No folder for drafts was found: without its name no draft can be placed."
        yield '#drafts = "Drafts"'


def _oauth(oauth: OAuthAnswers) -> Iterator[str]:
    yield ""
    yield "# Sign-in by OAuth: `levelhead login` keeps it beside the archive, readable by you only."
    yield "[mailbox.oauth2]"
    yield f"provider = {toml_value(oauth.provider)}"
    yield f"client_id = {toml_value(oauth.client_id)}"
    if oauth.client_secret_file:
        yield f"client_secret_file = {toml_value(oauth.client_secret_file)}"


def _clients(first: First) -> Iterator[str]:
    yield "# Your clients, by name; write [[client]] once for each. Whomever else you have written to counts as one"
    yield '# too, unless `scope = "listed"` stands in a table [clients].'
    mark = "" if first.client else "#"
    yield f"{mark}[[client]]"
    yield f"{mark}name = {toml_value(first.client or 'Northwind')}"
    yield f"{mark}addresses = {toml_value((first.client_address or '*@northwind.example',))}"


def _channels(first: First) -> Iterator[str]:
    yield "# Where levelhead calls you: a file with one Apprise URL (ntfy, Signal, Matrix, a webhook, ...). Try it with"
    yield "# `levelhead alert test`."
    mark = "" if first.channel_file else "#"
    yield f"{mark}[channels.phone]"
    yield f"{mark}url_file = {toml_value(first.channel_file or 'secrets/phone-url')}"


def _more() -> Iterator[str]:
    yield "# How long a drafted answer is held, by the heat of the message; these are the defaults."
    yield "#[cooldown]"
    yield '#tense = "30m"'
    yield '#heated = "4h"'
    yield ""
    yield "# Write false to have no answers drafted at all."
    yield "#[drafts]"
    yield "#enabled = true"
