"""Who signs people in: the addresses, scopes and habits of each provider. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

GOOGLE, MICROSOFT, CUSTOM = "google", "microsoft", "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An authorization server. `device_url` is empty where it signs nobody in by a code (RFC 8628)."""

    name: str
    token_url: str
    auth_url: str
    device_url: str = ""
    scope: str = ""
    asks: tuple[tuple[str, str], ...] = ()
    """Parameters of its own that it wants at the authorization endpoint."""
    prefers_device: bool = False
    """Whether a code is the usual way, even where a browser is at hand."""


_MICROSOFT = "https://login.microsoftonline.com/common/oauth2/v2.0"

KNOWN = {
    GOOGLE: Provider(
        name=GOOGLE,
        token_url="https://oauth2.googleapis.com/token",
        auth_url="https://accounts.google.com/o/oauth2/v2/auth",
        # It has a device flow, which does not grant the scope of mail; so there is none for us.
        scope="https://mail.google.com/",
        # Without both it gives a refresh token at the first consent only.
        asks=(("access_type", "offline"), ("prompt", "consent")),
    ),
    MICROSOFT: Provider(
        name=MICROSOFT,
        token_url=f"{_MICROSOFT}/token",
        auth_url=f"{_MICROSOFT}/authorize",
        device_url=f"{_MICROSOFT}/devicecode",
        # `offline_access` is what makes it give a refresh token.
        scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        prefers_device=True,
    ),
    CUSTOM: Provider(name=CUSTOM, token_url="", auth_url=""),
}
"""What is known of each provider; the configuration may name other addresses, such as those of one tenant."""


Identity = tuple[str, str, str, str]
"""The address of tokens, client, scope and account: a sign-in is good for exactly these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who asks for what, and for whom: a client's registration with a provider."""

    provider: Provider
    client_id: str
    scope: str
    account: str
    """Who signs in, which for a shared mailbox is somebody else than its user."""
    mailbox: str
    mend: str
    """The command that signs in again, as a person types it."""
    client_secret: Callable[[], str | None] = field(repr=False, default=lambda: None)

    @property
    def identity(self) -> Identity:
        """What tells its sign-ins from those of others."""
        return self.provider.token_url, self.client_id, self.scope, self.account

    def form(self, **said: str) -> dict[str, str]:
        """A form for the provider: what is said, and by whom; a client that has a secret proves itself with it."""
        secret = self.client_secret()
        proof = {} if secret is None else {"client_secret": secret}
        return {**said, "client_id": self.client_id, **proof}
