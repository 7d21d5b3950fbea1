"""Mail that was erased here and still stands on its server: fetched once more at most, known again, and left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forgotten import erase
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.daemon.completeness import comparison, finished
from levelhead.evidence.completeness import fact_of, sentences
from levelhead.model import ERASED
from levelhead.raw import raw
from levelhead.store.api import WORK, MessageFilter

pytestmark = pytest.mark.server


@dataclass
class House:
    """A desk whose mail goes into a real archive."""

    desk: Any
    volumes: Volumes
    folder: Path

    def erase(self, *mails: bytes) -> None:
        """Erase these messages, and owe nothing more."""
        store, clock = self.desk.store, self.desk.clock
        ids = [raw(mail).digest for mail in mails]
        erase(store, self.folder, *ids, clock=clock, volumes=self.volumes, parse=parse)

    def archived(self) -> set[str]:
        return {row.id for row in self.desk.store.messages(MessageFilter())}

    def owed(self) -> set[str]:
        jobs = self.desk.store.claim(WORK, self.desk.clock.now(), limit=99, lease_seconds=0.0)
        return {job.subject for job in jobs}

    def left_out(self) -> list[tuple[str, int, str, tuple[str, ...]]]:
        """What was left out under the folders' numbers of today."""
        store = self.desk.store
        return [
            (each.place.folder, each.place.uid, each.reason, each.addresses)
            for state in store.folders()
            for each in store.excluded(state.mailbox, state.folder, state.uidvalidity)
        ]


@pytest.fixture
def house(desk: Any, tmp_path: Path) -> House:
    volumes = Volumes(tmp_path / "volumes")
    listed = [ListedClient(name="Client", addresses=("*@client.test",))]
    directory = Directory.make(["me@example.test"], listed, correspondents=())
    desk.record = Recorder(desk.store, volumes, desk.clock, parse=parse, directory=directory).record
    return House(desk, volumes, tmp_path)


@pytest.fixture
def bodies_asked(connected: Callable[..., Any], mailbox_account: Any) -> Any:
    """A connection, and the UIDs whose bodies it was asked for."""
    connection = connected(mailbox_account)
    asked: list[int] = []
    real = connection.bodies

    def bodies(sizes: Any, spool: Any) -> Any:
        asked.extend(sizes)
        return real(sizes, spool)

    connection.bodies = bodies
    return connection, asked


def test_no_wider_scope_and_no_new_correspondent_fetches_it_again(
    mailbox_account: Any, bodies_asked: Any, desk: Any, house: House, mail: Any
) -> None:
    connection, asked = bodies_asked
    scopes = itertools.count()
    desk.changes = {"wanted_again": lambda excluded: True, "directory": lambda: next(scopes)}
    mailbox_account.fill("INBOX", [mail(1), mail(2)])
    desk.sync(connection)
    house.erase(mail(1))
    asked.clear()
    for _ in range(2):
        desk.sync(connection)
    assert asked == []
    assert house.left_out() == [("INBOX", 1, ERASED, ())]
    desk.memory = type(desk.memory)()  # a restart
    desk.sync(connection)
    assert asked == []


@pytest.mark.parametrize("how", ["numbered anew", "moved"])
def test_where_it_stands_under_another_number_it_is_known_again_and_left_out(
    mailbox_account: Any, bodies_asked: Any, desk: Any, house: House, spec_of: Any, mail: Any, how: str
) -> None:
    connection, asked = bodies_asked
    mailbox_account.fill("Archive", [mail(1), mail(2)])
    desk.sync(connection)
    house.erase(mail(1))
    house.owed()
    asked.clear()
    if how == "moved":
        mailbox_account.expunge("Archive", 1)
        mailbox_account.append("INBOX", mail(1))
    else:
        mailbox_account.recreate("Archive")
    gone, kept = raw(mail(1)).digest, raw(mail(2)).digest
    reports = desk.sync(connection)
    assert house.archived() == {kept} and gone not in house.owed()
    assert len(asked) == (1 if how == "moved" else 2), "once each"
    ((folder, uid, reason, addresses),) = house.left_out()
    assert (folder, reason, addresses) == ("INBOX" if how == "moved" else "Archive", ERASED, ())
    report = reports[folder]
    assert (report.archived, report.excluded) == ((0, 1) if how == "moved" else (1, 1))
    for _ in range(2):
        desk.sync(connection)
    assert asked.count(uid) == 1
    found = finished(comparison(connection, desk.store, spec_of(mailbox_account)).steps())
    assert found.ok and not list(sentences([found]))
    (compared,) = [one for one in found.folders if one.folder == folder]
    assert compared.tally.reasons == {ERASED: 1}
    (told,) = [one for one in fact_of(found, desk.clock.now()).folders if one.folder == folder]
    assert (told.excluded, told.unexplained) == (1, ())
