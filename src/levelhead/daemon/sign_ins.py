"""The sign-ins of a configuration: one for each token file, shared by all mailboxes that it lets in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.config.sign_in import registration_of, token_file_of
from levelhead.signin.asking import asker
from levelhead.signin.providers import Identity
from levelhead.signin.session import SignIn


class SignIns:
    """Hands out the sign-in of each mailbox; the same one to all that share a token file and a registration."""

    def __init__(
        self, settings: Settings, clock: Clock, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """`stopping()`: the daemon ends, and no provider is waited for."""
        made: dict[tuple[Path, Identity], SignIn] = {}
        self._of: dict[str, SignIn] = {}
        for mailbox in settings.mailboxes:
            if mailbox.oauth2 is None:
                continue
            file, registration = token_file_of(settings, mailbox), registration_of(settings, mailbox)
            # A file that two registrations were given by mistake is one's alone: no token goes to another's server.
            key = (file.path, registration.identity)
            if key not in made:
                made[key] = SignIn(registration, file, clock, asker(clock, stopping), stopping)
            self._of[mailbox.name] = made[key]

    def of(self, name: str) -> SignIn | None:
        """The sign-in of a mailbox, None for one that has a password."""
        return self._of.get(name)

    def all(self) -> Mapping[SignIn, tuple[str, ...]]:
        """Every sign-in, with the names of the mailboxes that it lets in."""
        found: dict[SignIn, tuple[str, ...]] = {}
        for name, sign_in in self._of.items():
            found[sign_in] = (*found.get(sign_in, ()), name)
        return found
