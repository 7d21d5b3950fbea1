"""A sign-in at work: an access token for whoever needs one, renewed in time, by one at a time.

Time is what has passed by our own clock since we asked (`Clock.elapsed`), and what the provider said that a token
lasts. No wall clock is compared with another, so that a wrong one, or one that is set, does no harm.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import LevelheadError, SignInNeeded, Stopping, Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin.answers import Later, Tokens, tokens_of
from levelhead.signin.asking import Ask
from levelhead.signin.keeping import Kept, TokenFile
from levelhead.signin.providers import Registration

log = structlog.get_logger()

MARGIN = 300.0
"""Seconds before its end from which on a token is renewed; at most half of its life."""
NO_ANSWER = 10.0
"""Seconds until a provider that could not be reached is tried again."""
REMEMBERED = 4
"""Access tokens of one file that stay masked; those before them have ended, or were refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An access token and its time, in seconds of `Clock.elapsed`."""

    token: str = field(repr=False)
    renew_at: float
    ends_at: float


class SignIn:
    """One person's sign-in at one provider, for any number of threads. Asks the network only when it must."""

    def __init__(
        self,
        registration: Registration,
        file: TokenFile,
        clock: Clock,
        ask: Ask,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.registration = registration
        self.file = file
        self._clock = clock
        self._ask = ask
        self._stopping = stopping
        self.in_vain: bool | None = None
        """Whether the last one who wanted a token heard that a person has to do something; None until somebody did."""
        self._lock = threading.Lock()
        self._kept: Kept | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._access: Access | None = None
        self._refused: tuple[str, type[LevelheadError], str] | None = None
        """A refresh token that was refused, and why: it is never sent again."""
        self._later: tuple[float, str] | None = None
        """Until when the provider is left alone, and why."""
        self._unsaved: Kept | None = None
        """What could not be written to disk."""

    def token(self) -> str:
        """A token that is good for some time. One that still lasts goes on while the provider is out of reach.

        Raises SignInNeeded, UserError (a registration or a file that must be mended), Unavailable or Stopping.
        """
        with self._noted():
            return self._good().token

    def renew(self, refused: str) -> str:
        """Another token than this one, which a server has refused although we hold it for good."""
        with self._noted():
            before = self._access
            if before is None or before.token != refused:
                return self._good().token
            self._access, since = None, self.signed_in_at()
            try:
                return self._good().token
            except Unavailable:
                # One server does not take it; others may, and nobody gives us another now.
                if self.signed_in_at() == since:
                    self._access = before
                raise

    @property
    def unsaved(self) -> bool:
        """Whether the newest refresh token is in memory only, because the disk did not take it."""
        return self._unsaved is not None

    def ends_at(self) -> datetime | None:
        """When the provider said that this sign-in ends; None when it said nothing, or nobody is signed in."""
        kept = self._newest
        return kept.ends_at if kept is not None else None

    def told_at(self) -> datetime | None:
        """When the provider said so: as the person signed in, or later, when a renewal moved the end on.

        With some providers each renewal does, so that the end never comes as long as somebody renews.
        """
        kept = self._newest
        return kept.told_at if kept is not None else None

    def signed_in_at(self) -> datetime | None:
        """When a person last signed in, as far as the file was read; None when nobody has."""
        kept = self._kept
        return kept.signed_in_at if kept is not None else None

    @property
    def _newest(self) -> Kept | None:
        return self._unsaved or self._kept

    # --- within the lock ----------------------------------------------------------------------

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """The lock, and a note of how it went."""
        with self._lock:
            if self._stopping():
                raise Stopping
            try:
                yield
            except UserError:
                self.in_vain = True
                raise
            except Unavailable:
                self.in_vain = False
                raise
            self.in_vain = False

    def _good(self) -> Access:
        self._look()
        now = self._clock.elapsed()
        if self._access is not None and now < self._access.renew_at and self._unsaved is None:
            return self._access
        try:
            return self._renewed()
        except Unavailable as exc:
            if self._access is not None and self._clock.elapsed() < self._access.ends_at:
                log.info("sign_in.renewal_put_off", error=str(exc))
                return self._access
            raise

    def _look(self) -> None:
        """Read the file again when it is another one: somebody signed in anew, or another process renewed."""
        stamp = self.file.stamp()
        if stamp == self._stamp and self._kept is not None:
            return
        kept = self.file.read()
        if kept is None and self.file.beside.exists():
            # A crash may have come between a whole one and its place. Within the lock nothing lies there any more.
            with self.file.locked(self._clock, self._stopping):
                stamp, kept = self.file.stamp(), self.file.read()
        before, self._kept, self._stamp = self._kept, kept, stamp
        if kept is None or before is None or kept.signed_in_at != before.signed_in_at:
            self._access = self._unsaved = self._later = None
        if kept is not None and self._unsaved is not None and kept.number >= self._unsaved.number:
            self._unsaved = None
        if kept is not None and self._refused is not None and self._refused[0] != kept.refresh_token:
            self._refused = None

    def _renewed(self) -> Access:
        self._must_not_be_in_vain()
        with self.file.locked(self._clock, self._stopping):
            self._look()
            if self._access is not None and self._is_fresh(self._access) and self._unsaved is None:
                return self._access  # only the disk was in the way, and is no more
            self._must_not_be_in_vain()
            kept = self._newest
            assert kept is not None
            with self.file.room() as room:
                if self._unsaved is not None and self._access is not None and self._is_fresh(self._access):
                    room.keep(self._unsaved)
                    self._settled(self._unsaved)
                    return self._access
                asked_at = self._clock.elapsed()
                tokens = self._asked(kept)
                self._take(tokens, asked_at)
                after = self._after(kept, tokens)
                if after is not None:
                    try:
                        room.keep(after)
                        self._settled(after)
                    except Unavailable as exc:
                        # The old one may be worth nothing by now: this one is all there is.
                        self._unsaved = after
                        log.error("sign_in.unsaved", error=str(exc))
        assert self._access is not None
        return self._access

    def _is_fresh(self, access: Access) -> bool:
        return self._clock.elapsed() < access.renew_at

    def _must_not_be_in_vain(self) -> None:
        """Raises what is known already, so that no provider is asked in a loop."""
        kept = self._newest
        if kept is None:
            raise SignInNeeded(
                f"nobody is signed in for mailbox {self.registration.mailbox}: {self.registration.mend}"
            )
        if kept.identity != self.registration.identity:
            raise SignInNeeded(
                f"the sign-in for mailbox {self.registration.mailbox} was made with another registration, "
                f"account or scope: {self.registration.mend}"
            )
        if self._refused is not None and self._refused[0] == kept.refresh_token:
            _, kind, why = self._refused
            raise kind(why)  # a new one each time: one that is raised again keeps every caller's traceback
        if self._later is not None and self._clock.elapsed() < self._later[0]:
            raise Unavailable(self._later[1])

    def _asked(self, kept: Kept) -> Tokens:
        """Ask for new tokens (RFC 6749, section 6)."""
        form = self.registration.form(grant_type="refresh_token", refresh_token=kept.refresh_token)
        self.file.mask(kept)
        try:
            tokens = tokens_of(self._ask(self.registration.provider.token_url, form), self.registration)
        except Later as exc:
            self._later = (self._clock.elapsed() + exc.seconds, str(exc))
            raise
        except Unavailable as exc:
            self._later = (self._clock.elapsed() + NO_ANSWER, str(exc))
            raise
        except UserError as exc:
            self._refused, self._access = (kept.refresh_token, type(exc), str(exc)), None
            raise
        self._later = self._refused = None
        return tokens

    def _take(self, tokens: Tokens, asked_at: float) -> None:
        margin = min(MARGIN, tokens.life / 2)
        self._access = Access(
            token=tokens.access,
            renew_at=asked_at + tokens.life - margin,
            ends_at=asked_at + tokens.life,
        )
        VAULT.turn(("access", self.file.path), tokens.access, REMEMBERED)

    def _after(self, kept: Kept, tokens: Tokens) -> Kept | None:
        """What is to be kept from now on; None when it is what is kept already."""
        refresh = tokens.refresh or kept.refresh_token
        ends_at, told_at = kept.ends_at, kept.told_at
        if tokens.refresh_life is not None:
            now, life = self._clock.now(), timedelta(seconds=tokens.refresh_life)
            # Told each time anew, it comes out a second sooner or later; that is no news.
            if ends_at is None or abs(now + life - ends_at) > min(timedelta(hours=1), life / 10):
                ends_at, told_at = now + life, now
        if self._unsaved is None and (refresh, ends_at) == (kept.refresh_token, kept.ends_at):
            return None
        after = replace(kept, refresh_token=refresh, ends_at=ends_at, told_at=told_at, number=kept.number + 1)
        self.file.mask(after)
        return after

    def _settled(self, kept: Kept) -> None:
        self._kept, self._stamp, self._unsaved = kept, self.file.stamp(), None


def first_kept(registration: Registration, tokens: Tokens, now: datetime) -> Kept:
    """What is kept of a person's sign-in; raises HalfASignIn when it would end within the hour or may not read mail."""
    if tokens.refresh is None:
        raise HalfASignIn(
            f"{registration.provider.name} gave no refresh token, so the sign-in would end within the hour"
        )
    lacking = lacks(registration.scope, tokens.scope)
    if lacking:
        raise HalfASignIn(f"the consent does not cover {', '.join(lacking)}, which reading mail needs")
    life = tokens.refresh_life
    return Kept(
        account=registration.account,
        client_id=registration.client_id,
        token_url=registration.provider.token_url,
        scope=registration.scope,
        refresh_token=tokens.refresh,
        signed_in_at=now,
        ends_at=None if life is None else now + timedelta(seconds=life),
        told_at=None if life is None else now,
    )


class HalfASignIn(UserError):
    """A sign-in that would not do; nothing of it is kept."""


def lacks(asked: str, granted: str | None) -> tuple[str, ...]:
    """What was asked for and not granted; a provider that says nothing granted all of it (RFC 6749, 5.1)."""
    if granted is None:
        return ()
    have = {one.casefold() for one in granted.split()}
    # OpenID Connect's own words are not told again by everybody: what counts is the right to read mail.
    silent = {"offline_access", "openid", "profile", "email"}
    return tuple(one for one in asked.split() if one.casefold() not in have | silent)
