"""A provider on loopback, a registration with it, and a person who has signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.signin.asking import asker
from levelhead.signin.keeping import Kept, TokenFile
from levelhead.signin.providers import KNOWN, Registration
from levelhead.signin.session import SignIn
from servers.provider import SCOPE, Provider

NOW = datetime(2026, 3, 6, 16, 5, tzinfo=UTC)


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def registration(provider: Provider) -> Registration:
    return Registration(
        provider=replace(
            KNOWN["custom"],
            token_url=provider.url("token"),
            auth_url=provider.url("authorize"),
            device_url=provider.url("device"),
        ),
        client_id="levelhead-of-tests",
        scope=SCOPE,
        account="me@example.test",
        mailbox="office",
        mend="levelhead login office",
    )


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(path=tmp_path / "sign-ins" / "me.json")


@pytest.fixture
def kept_of(registration: Registration) -> Callable[..., Kept]:
    """A sign-in as it is kept."""

    def make(refresh_token: str, **changes: Any) -> Kept:
        kept = Kept(
            account=registration.account,
            client_id=registration.client_id,
            token_url=registration.provider.token_url,
            scope=registration.scope,
            refresh_token=refresh_token,
            signed_in_at=NOW,
            ends_at=None,
            told_at=None,
        )
        return replace(kept, **changes)

    return make


@pytest.fixture
def signed_in(provider: Provider, file: TokenFile, kept_of: Callable[..., Kept]) -> Callable[..., Kept]:
    """Writes a person's sign-in into the file."""

    def sign_in(**changes: Any) -> Kept:
        before = file.read()
        kept = kept_of(provider.sign_in(), number=before.number + 1 if before else 1, **changes)
        with file.locked(SystemClock()), file.room() as room:
            room.keep(kept)
        return kept

    return sign_in


@pytest.fixture
def sign_in_of(registration: Registration, file: TokenFile, clock: FrozenClock) -> Callable[..., SignIn]:
    """A sign-in over this file, as one process has it. The network's own deadlines go by the machine's clock."""

    def make(**changes: Any) -> SignIn:
        values: dict[str, Any] = {
            "registration": registration,
            "file": file,
            "clock": clock,
            "ask": asker(SystemClock()),
        }
        return SignIn(**(values | changes))

    return make
