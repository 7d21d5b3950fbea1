"""Sign-ins at work in the daemon: kept alive, told of at once when they die, and never seen anywhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from levelhead.cli import main
from levelhead.clock import Clock, FrozenClock, SystemClock
from levelhead.config.load import load, settings_of
from levelhead.config.settings import Settings
from levelhead.config.sign_in import registration_of, token_file_of
from levelhead.daemon import keeper
from levelhead.daemon.parts import Archive, open_archive
from levelhead.daemon.session import GRACE, Session
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import SignInNeeded
from levelhead.facts import MailboxLost
from levelhead.model import Severity
from levelhead.outbox.health import LASTING
from levelhead.signin import asking, keeping
from levelhead.signin.keeping import Kept, TokenFile
from servers.dovecot_oauth import OAuthDovecot
from servers.provider import Provider

NOW = datetime(2026, 3, 6, 16, 5, tzinfo=UTC)
HEAD = """
[me]
addresses = ["*@example.test"]
timezone = "UTC"
[clients]
scope = "everyone"
[archive]
path = "archive"
[channels.phone]
url = "json://127.0.0.1:9/"
"""


@dataclass
class House:
    """A configuration whose mailboxes are signed in for, and a session over it."""

    server: OAuthDovecot
    provider: Provider
    folder: Path
    clock: FrozenClock
    settings: Settings
    archive: Archive
    session: Session
    users: dict[str, str]

    def sign_in(self, name: str = "office", **changes: Any) -> TokenFile:
        mailbox = self.settings.mailbox(name)
        registration = registration_of(self.settings, mailbox)
        values = {
            "account": registration.account,
            "client_id": registration.client_id,
            "token_url": registration.provider.token_url,
            "scope": registration.scope,
            "refresh_token": self.provider.sign_in(self.users[name]),
            "signed_in_at": self.clock.now(),
            "ends_at": None,
            "told_at": self.clock.now() if "ends_at" in changes else None,
        }
        file = token_file_of(self.settings, mailbox)
        file.store(Kept(**(values | changes)), self.clock)
        return file

    def begin_again(self, settings: Settings | None = None) -> None:
        """As after a reload."""
        self.session.close()
        self.session = Session(settings or self.settings, self.archive, self.clock)

    def once(self) -> int:
        return self.session.once(threading.Event())

    def be_refused_for_long(self) -> None:
        """The sign-in is revoked, a pass finds out, and more than a quarter of an hour goes by."""
        self.once()
        self.provider.revoke()
        self.clock.advance(hours=1)
        assert self.once() == 3
        self.clock.advance(minutes=16)

    def look(self) -> None:
        self.session._crew.keeper.look()

    def alerts(self) -> dict[str, tuple[str, str]]:
        """Open alerts by rule: severity and body."""
        rows = self.archive.store.alerts(states=LASTING, client="")
        return {row.rule: (row.severity, row.body) for row in rows}

    def state(self, name: str = "office") -> str:
        return next(row.state for row in self.archive.store.mailboxes() if row.name == name)


@pytest.fixture
def house_of(
    oauth_dovecot: OAuthDovecot, provider: Provider, tmp_path: Path
) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def make(*names: str, same: bool = False, clock: Clock | None = None) -> House:
        first = oauth_dovecot.user().user
        users = {name: first if same else oauth_dovecot.user().user for name in names}
        config = tmp_path / "levelhead.toml"
        boxes = (oauth_dovecot.table(name, user) for name, user in users.items())
        config.write_text(HEAD + "".join(boxes))
        settings, frozen = load(config), FrozenClock(NOW)
        archive = open_archive(settings, read_only=False)
        session = Session(settings, archive, clock or frozen)
        made.append(House(oauth_dovecot, provider, tmp_path, frozen, settings, archive, session, users))
        for name in names:
            made[-1].sign_in(name)
        return made[-1]

    yield make
    for house in made:
        house.session.close()
        house.archive.close()


pytestmark = pytest.mark.server


def test_mailboxes_of_one_account_share_one_token(house_of: Callable[..., House]) -> None:
    house = house_of("office", "again", same=True)
    assert house.once() == 0
    assert (house.state("office"), house.state("again")) == ("watched", "watched")
    assert len(house.provider.asked) == 1


def test_a_sign_in_is_not_lent_to_another_registration_that_was_given_its_file(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    config = (house.folder / "levelhead.toml").read_text()
    path = token_file_of(house.settings, house.settings.mailbox("office")).path
    own = config.replace('scope = "mail"', f'scope = "mail"\ntoken_file = "{path}"')
    for text, good in ((own, True), (own.replace("levelhead-of-tests", "another"), False)):
        office = SignIns(settings_of(text.encode(), house.settings.path), house.clock).of("office")
        assert office is not None
        if good:
            assert office.token()
            continue
        with pytest.raises(SignInNeeded, match="another registration"):
            office.token()


def test_a_refused_sign_in_is_one_alert_with_the_command_a_fact_and_other_mailboxes_go_on(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office", "home")
    assert house.once() == 0
    house.provider.revoke(house.users["office"])
    house.clock.advance(hours=1)
    assert house.once() == 3
    assert (house.state("office"), house.state("home")) == ("lost", "watched")
    severity, body = house.alerts()["sign-in-refused:office"]
    command = registration_of(house.settings, house.settings.mailbox("office")).mend
    assert severity == "critical" and command in body.splitlines()
    assert len(house.alerts()) == 1
    (lost,) = [fact for _, fact in house.archive.store.facts_about(kind=MailboxLost.name)]
    assert isinstance(lost, MailboxLost) and (lost.mailbox, lost.kind) == ("office", "login")
    assert "invalid_grant" in lost.why
    asked = len(house.provider.asked)
    house.once()
    assert len(house.provider.asked) == asked, "a sign-in that was refused is not tried again and again"


def test_a_sign_in_that_dies_is_told_of_while_the_session_still_goes_on_and_mends_itself(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    house.provider.revoke()
    house.look()
    assert "sign-in-refused:office" not in house.alerts(), "nobody knows yet: the token is good for an hour"
    house.clock.advance(minutes=56)
    house.look()
    house.look()
    assert "sign-in-refused:office" in house.alerts() and house.state() == "watched"
    file = house.sign_in()
    assert house.session._crew.watchers["office"].wake.is_set() is False
    house.look()
    assert "sign-in-refused:office" not in house.alerts()
    assert house.session._crew.watchers["office"].wake.is_set(), "a mailbox that rests tries at once"
    assert house.once() == 0 and file.read() is not None


def test_a_refusal_is_told_although_the_mailbox_is_known_to_be_out_of_reach(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    house.session._insist(
        "mailbox-lost", "office", Severity.CRITICAL, "since the day before", "the net is down"
    )
    house.provider.revoke()
    house.clock.advance(minutes=56)
    house.look()
    assert set(house.alerts()) == {"mailbox-lost:office", "sign-in-refused:office"}
    house.sign_in()
    house.look()
    assert set(house.alerts()) == {"mailbox-lost:office"}, "each ends for its own reason"


def test_the_main_thread_waits_for_no_provider_although_a_mailbox_is_lost(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.be_refused_for_long()
    house.sign_in()
    house.provider.hold()
    renewing = threading.Thread(target=house.look)
    renewing.start()
    try:
        assert house.provider.waiting.acquire(timeout=10)
        ticking = threading.Thread(target=house.session.tick)
        ticking.start()
        ticking.join(10)
        assert not ticking.is_alive()
    finally:
        house.provider.gate.set()
        renewing.join(10)


def test_no_refused_login_is_told_of_once_somebody_has_signed_in_anew(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.be_refused_for_long()
    house.session.tick()
    assert set(house.alerts()) == {"sign-in-refused:office"}
    house.sign_in()
    house.look()
    house.session.tick()
    assert house.state() == "lost", "its first look may take long"
    assert not house.alerts()


def test_a_refusal_is_told_once_although_the_daemon_began_again(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.be_refused_for_long()
    house.begin_again()
    house.session.tick()
    assert set(house.alerts()) == {"sign-in-refused:office"}, "nobody has asked yet"
    house.look()
    house.session.tick()
    assert set(house.alerts()) == {"sign-in-refused:office"}


def test_a_mailbox_that_has_a_password_now_has_no_alert_about_its_sign_in(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.provider.revoke()
    house.look()
    assert set(house.alerts()) == {"sign-in-refused:office"}
    text = (house.folder / "levelhead.toml").read_text().partition("[mailbox.oauth2]")[0]
    settings = settings_of(f"{text}password_command = 'true'\n".encode(), house.settings.path)
    house.begin_again(settings)
    house.session._crew.announce()
    assert not house.alerts()


def test_a_new_sign_in_wakes_a_mailbox_that_is_lost(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.once()
    house.provider.introspect = lambda token: {"active": False}  # type: ignore[method-assign]  # as for a wrong account
    try:
        assert house.once() == 3 and house.state() == "lost"
        house.look()
        assert set(house.alerts()) == {"mailbox-refused:office"}, (
            "the token is good, and the server refused it"
        )
        house.session._crew.watchers["office"].wake.clear()
        house.clock.advance(minutes=1)
        house.sign_in()
        house.look()
        assert house.session._crew.watchers["office"].wake.is_set()
    finally:
        del house.provider.introspect
    assert house.once() == 0 and house.state() == "watched"


def test_a_provider_that_is_down_is_no_alert_while_the_mailbox_can_be_read(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    house.provider.mood.down = (503, "", {})
    house.clock.advance(minutes=56)
    house.look()
    assert house.once() == 0 and not house.alerts()
    house.clock.advance(minutes=5)
    house.look()
    assert house.once() == 3 and house.state() == "lost"
    house.provider.mood.down = None
    house.clock.advance(minutes=2)
    assert house.once() == 0


def test_an_end_that_is_known_is_warned_of_days_before_and_again_on_the_last_day(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    ends_at = NOW + timedelta(days=30)

    def look(*, before: timedelta) -> None:
        house.clock.advance(ends_at - before - house.clock.now())
        house.provider.mood.refresh_life = before.total_seconds()
        house.look()

    look(before=timedelta(days=29))
    look(before=timedelta(days=8))
    assert not house.alerts()
    look(before=timedelta(days=6))
    severity, body = house.alerts()["sign-in-ends:office"]
    assert severity == "warning" and "login office" in body
    look(before=timedelta(hours=20))
    assert house.alerts()["sign-in-ends:office"][0] == "critical"
    house.provider.mood.refresh_life = None
    house.sign_in()
    house.look()
    assert not house.alerts()


@pytest.mark.parametrize(("life", "access"), [(1_800, 300), (86_400, 14_400)])
def test_an_end_that_moves_on_with_each_renewal_is_not_warned_of(
    house_of: Callable[..., House], life: int, access: int
) -> None:
    house = house_of("office")
    house.provider.mood.refresh_life, house.provider.mood.life = life, access
    house.sign_in(ends_at=house.clock.now() + timedelta(seconds=life))
    for _ in range(2 * life // access):
        house.look()
        assert not house.alerts()
        house.clock.advance(seconds=access)
    house.look()
    house.begin_again()
    house.look()
    assert not house.alerts(), "it is told again at once, and does not move"


def test_a_new_sign_in_is_warned_of_by_its_own_life_whatever_was_told_of_the_one_before(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.provider.mood.refresh_life = 90 * 86_400
    house.look()
    house.clock.advance(days=30)
    house.provider.mood.refresh_life = None
    house.sign_in(ends_at=house.clock.now() + timedelta(days=7))
    house.look()
    assert not house.alerts()


def test_a_sign_in_of_a_week_is_not_warned_of_from_its_first_day(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.sign_in(ends_at=NOW + timedelta(days=7))
    house.look()
    assert not house.alerts()
    house.clock.advance(days=4)
    house.look()
    assert set(house.alerts()) == {"sign-in-ends:office"}


def test_a_renewed_sign_in_that_cannot_be_written_is_told_of_until_it_can(
    house_of: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of("office")

    def fails(self: TokenFile) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(keeping.TokenFile, "put_in_place", fails)
    house.look()
    assert set(house.alerts()) == {"sign-in-unsaved:office"}
    monkeypatch.undo()
    house.look()
    assert not house.alerts() and len(house.provider.asked) == 1


def test_the_loop_moves_and_ends_when_it_is_told_to(
    house_of: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, stop, pulses = house_of("office"), threading.Event(), []

    def pulse() -> None:
        pulses.append(house.clock.now())
        if len(pulses) == 3:
            stop.set()

    house.session._crew.keeper.run(stop, pulse)
    assert pulses[-1] - pulses[0] == timedelta(seconds=2 * keeper.EVERY)


def test_a_daemon_that_is_told_to_end_waits_for_no_provider(
    house_of: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asking.LAST_WORD < GRACE / 2
    monkeypatch.setattr(asking, "LAST_WORD", 0.2)
    clock = SystemClock()
    house = house_of("office", clock=clock)
    house.provider.hold()
    try:
        house.session.start()
        assert house.provider.waiting.acquire(timeout=10)
        began = clock.monotonic()
        assert house.session.stop() == ()
        assert clock.monotonic() - began < 5
    finally:
        house.provider.gate.set()


def test_status_names_what_is_wrong_with_a_sign_in_and_the_command_that_mends_it(
    house_of: Callable[..., House], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of("office", "home")
    house.sign_in(ends_at=NOW + timedelta(days=1))
    house.once()
    house.provider.revoke(house.users["home"])
    house.clock.advance(hours=20)
    house.look()
    monkeypatch.chdir(house.folder)
    monkeypatch.delenv("LEVELHEAD_CONFIG", raising=False)
    capsys.readouterr()
    assert main(["status", "--json"]) == 0
    warnings = json.loads(capsys.readouterr().out.splitlines()[-1])["warnings"]
    mend = {name: registration_of(house.settings, house.settings.mailbox(name)).mend for name in house.users}
    assert f"The sign-in of the mailbox office ends on 2026-03-07 at 16:05 UTC; {mend['office']}" in warnings
    assert f"The sign-in of the mailbox home was refused; {mend['home']}" in warnings
    house.session.health(
        "sign-in-refused",
        "annex",
        Severity.CRITICAL,
        "Refused",
        f"levelhead login x\n\nSo:\n\n{mend['office']}",
    )
    assert main(["status", "--json"]) == 0
    warnings = json.loads(capsys.readouterr().out.splitlines()[-1])["warnings"]
    assert f"Refused; {mend['office']}" in warnings, "what others said of it is no command"
    house.clock.advance(minutes=1)
    assert house.once() == 3
    assert main(["status", "--json"]) == 0
    again = [
        one
        for one in json.loads(capsys.readouterr().out.splitlines()[-1])["warnings"]
        if "mailbox home" in one
    ]
    assert len(again) == 1 and "is not watched since" in again[0], "it is said once, now that it is lost"


def test_no_token_is_found_in_the_archive_the_configuration_the_log_or_an_alert(
    house_of: Callable[..., House], capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of("office")
    issued = house.provider.issued
    with structlog.testing.capture_logs() as logged:
        house.once()
        house.clock.advance(hours=2)
        house.provider.mood.answers = [
            (
                400,
                {"error": "invalid_grant", "error_description": f"no {list(house.provider.refresh)[-1]}"},
                {},
            )
        ]
        house.once()
    house.archive.mirror.catch_up(house.archive.store)
    said = "".join([str(logged), str(house.alerts()), *capsys.readouterr()])
    secrets = [token.encode() for token in issued]
    assert len(secrets) >= 3
    kept = token_file_of(house.settings, house.settings.mailboxes[0]).path.parent
    looked = 0
    for path in house.folder.rglob("*"):
        if path.is_file() and path.parent != kept:
            data, looked = path.read_bytes(), looked + 1
            assert not any(secret in data for secret in secrets), path
    assert looked > 3 and not any(token in said for token in issued)
    assert any(secret in path.read_bytes() for path in kept.iterdir() for secret in secrets), "it looks right"
