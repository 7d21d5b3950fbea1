"""The witness: news of a client is checked once, tried for a day, and proven again offline from what is on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.signed import CAME, HARBOUR, LETTER, dns, record_of, rsa_key, signed
from forgotten import erase
from levelhead.archive.library import Library, frame_of
from levelhead.archive.parse import parse
from levelhead.archive.record import AUTHENTICATE, Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.errors import Stopping
from levelhead.evidence.resolver import Answer, Resolver
from levelhead.evidence.vouched import on_record, prove, vouched
from levelhead.evidence.vouched import record_of as recorded
from levelhead.evidence.witness import TRIES, Witness
from levelhead.facts import MessageAuthenticated
from levelhead.model import Again, Arrival, Done, Job, Place
from levelhead.raw import Raw, raw
from levelhead.store.api import EVIDENCE, Store
from levelhead.store.sqlite import open_store

MINE = LETTER.replace(b"From: Sam <sam@harbour.example>", b"From: robin@studio.example").replace(
    b"To: robin@studio.example", b"To: sam@harbour.example"
)


@dataclass
class Dns:
    """A server over the records of a test."""

    records: Callable = field(default_factory=dns)
    address: str = "192.0.2.53:53"

    def ask(self, name: str) -> Answer:
        return Answer(key=self.records(name), ttl=0.0)


@dataclass
class Office:
    """A real archive, a clock that stands, a DNS that the test writes, and the witness."""

    store: Store
    volumes: Volumes
    clock: FrozenClock
    recorder: Recorder
    dns: Dns = field(default_factory=Dns)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.library = Library(self.store, self.volumes, parse)
        self.witness = self.made(Resolver(self.dns, self.clock))

    def made(self, resolver: Resolver | None) -> Witness:
        return Witness(self.store, self.library.raw, self.clock, resolver, lambda: self.stopping)

    def comes(self, message: bytes, *, history: bool = False, place: bool = True) -> str:
        where = Place(mailbox="office", folder="INBOX", uidvalidity=1, uid=self.store.last_seq() + 1)
        arrival = Arrival(
            raw=raw(message), place=where if place else None, internal_date=CAME, history=history
        )
        (receipt,) = self.recorder.record([arrival])
        return receipt.message_id

    def owed(self) -> tuple[Job, ...]:
        return self.store.claim(EVIDENCE, self.clock.now(), limit=99, lease_seconds=0)

    def fact(self, id: str) -> MessageAuthenticated:
        return on_record(self.store)[id]

    def load(self, row) -> Raw:
        return self.volumes.read_checked(row.id, frame_of(row))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    clock = FrozenClock(CAME)
    store = open_store(tmp_path / "index.sqlite")
    volumes = Volumes(tmp_path / "volumes")
    directory = Directory.make(
        me=("robin@studio.example",), listed=(ListedClient(name="Harbour", addresses=("*@harbour.example",)),)
    )
    recorder = Recorder(store, volumes, clock, parse=parse, directory=directory, authenticating=True)
    yield Office(store=store, volumes=volumes, clock=clock, recorder=recorder)
    store.close()


# --- what is owed ----------------------------------------------------------------------------------


def test_news_of_a_client_is_owed_with_its_recording_and_nothing_else_is(office: Office) -> None:
    news = office.comes(signed())
    office.comes(signed(LETTER + b"old\r\n"), history=True)
    office.comes(MINE)
    office.comes(LETTER.replace(b"From:", b"From: boss@harbour.example\r\nFrom:"))
    assert [(job.kind, job.subject) for job in office.owed()] == [(AUTHENTICATE, news)]


def test_where_nothing_is_checked_nothing_is_owed(office: Office, tmp_path: Path) -> None:
    office.recorder = Recorder(
        office.store, office.volumes, office.clock, parse=parse, directory=office.recorder.directory
    )
    office.comes(signed())
    assert office.owed() == ()


def test_a_debt_of_an_earlier_configuration_is_settled_without_asking_anybody(office: Office) -> None:
    office.comes(signed())
    (job,) = office.owed()
    assert office.made(None).pay(job) == Done()
    assert (office.dns.records.asked, on_record(office.store)) == ([], {})


# --- what is written down ------------------------------------------------------------------------------


def test_what_passes_is_on_record_with_the_key_as_it_was_answered(office: Office) -> None:
    id = office.comes(signed())
    office.clock.advance(minutes=1)
    (job,) = office.owed()
    assert office.witness.pay(job) is None
    fact = office.fact(id)
    assert [one.result for one in fact.signatures] == ["pass"]
    assert (fact.resolver, fact.checked_at, fact.keys[0].name) == (
        "192.0.2.53:53", CAME + timedelta(minutes=1), HARBOUR,
    )  # fmt: skip
    assert office.owed() == (), "settled in the same transaction"


def test_a_message_without_a_signature_is_on_record_as_one(office: Office) -> None:
    id = office.comes(LETTER)
    (job,) = office.owed()
    office.witness.pay(job)
    assert (office.fact(id).signatures, office.dns.records.asked) == ((), [])


def test_a_dns_that_does_not_answer_is_asked_again_for_a_day_and_then_it_stands_as_it_is(
    office: Office,
) -> None:
    office.dns.records = dns({HARBOUR: None})
    id = office.comes(signed())
    tries = 0
    while jobs := office.owed():
        outcome = office.witness.pay(jobs[0])
        tries += 1
        if outcome is None:
            break
        assert isinstance(outcome, Again)
        assert outcome.at - office.clock.now() <= timedelta(hours=1)
        with office.store.transaction(office.clock.now()) as tx:
            tx.settle(jobs[0], outcome)
        office.clock.advance(outcome.at - office.clock.now())
    assert tries == TRIES
    assert timedelta(hours=23) < office.clock.now() - CAME < timedelta(hours=26)
    assert [(one.result, one.why) for one in office.fact(id).signatures] == [
        ("temperror", "the DNS did not answer")
    ]


def test_a_dns_that_comes_back_is_believed(office: Office) -> None:
    office.dns.records = dns({HARBOUR: None})
    id = office.comes(signed())
    (job,) = office.owed()
    assert isinstance(office.witness.pay(job), Again)
    assert on_record(office.store) == {}
    office.dns.records = dns()
    office.clock.advance(minutes=1)
    office.witness.pay(job)
    assert office.fact(id).signatures[0].result == "pass"


def test_what_the_sender_s_domain_vouches_for_waits_for_nobody_else(office: Office) -> None:
    other = "s2._domainkey.provider.example"
    office.dns.records = dns({other: None})
    id = office.comes(signed(signed(), key=rsa_key(1024, 1), domain="provider.example", selector="s2"))
    (job,) = office.owed()
    assert office.witness.pay(job) is None
    assert [one.result for one in office.fact(id).signatures] == ["pass", "temperror"]


def test_a_daemon_that_ends_asks_nobody_and_the_debt_stays(office: Office) -> None:
    office.comes(signed())
    (job,) = office.owed()
    office.stopping = True
    with pytest.raises(Stopping):
        office.witness.pay(job)
    assert (office.dns.records.asked, on_record(office.store)) == ([], {})
    assert len(office.owed()) == 1


def test_a_message_whose_bytes_are_damaged_is_the_verifier_s_affair(office: Office) -> None:
    id = office.comes(signed())
    _damage(office, id)
    (job,) = office.owed()
    assert office.witness.pay(job) == Done()


def _damage(office: Office, id: str) -> None:
    row = office.store.message(id)
    path = office.volumes.path(row.volume)
    data = bytearray(path.read_bytes())
    data[row.offset + row.length // 2] ^= 0xFF
    path.write_bytes(data)


# --- read back -----------------------------------------------------------------------------------------


def said(office: Office, id: str):
    row = office.store.message(id)
    return vouched(row, recorded(office.store, row))


def paid(office: Office, message: bytes, **options) -> str:
    id = office.comes(message, **options)
    for job in office.owed():
        office.witness.pay(job)
    return id


def test_what_vouches_for_a_message_is_told_in_one_line(office: Office) -> None:
    one = said(office, paid(office, signed()))
    assert (one.result, one.domain, one.aligned, one.witnessed) == ("pass", "harbour.example", True, True)
    foreign = "s1._domainkey.provider.example"
    office.dns.records = dns({foreign: record_of(rsa_key())})
    one = said(office, paid(office, signed(LETTER + b"a\r\n", domain="provider.example")))
    assert (one.result, one.domain, one.aligned) == ("pass", "provider.example", False)
    one = said(office, paid(office, LETTER + b"b\r\n"))
    assert (one.result, one.domain, one.witnessed) == ("none", "", True)


def test_history_is_not_witnessed_and_mail_of_mine_is_nobody_s_to_vouch_for(office: Office) -> None:
    one = said(office, paid(office, signed(), history=True))
    assert (one.result, one.witnessed) == (None, False)
    assert said(office, paid(office, MINE)) is None


def test_a_message_that_was_looked_at_long_after_it_came_is_not_witnessed(office: Office) -> None:
    id = office.comes(signed())
    office.clock.advance(days=4)
    (job,) = office.owed()
    office.witness.pay(job)
    one = said(office, id)
    assert (one.result, one.witnessed) == ("pass", False)


# --- proven again ---------------------------------------------------------------------------------------


def test_years_later_everything_is_proven_without_the_dns(office: Office) -> None:
    paid(office, signed())
    paid(office, signed(LETTER + b"more\r\n") + b"a footer\r\n")
    paid(office, LETTER + b"unsigned\r\n")
    paid(office, signed(LETTER + b"old\r\n"), history=True)
    asked = list(office.dns.records.asked)
    office.clock.advance(days=3650)
    office.dns.records = dns({HARBOUR: b""})
    found = prove(office.store, office.load)
    assert (found.checked, found.passed, found.unwitnessed, found.gone, found.differ) == (3, 1, 1, 0, ())
    assert asked == [HARBOUR, HARBOUR]
    assert office.dns.records.asked == []


def test_a_signature_that_had_not_expired_when_its_message_came_has_not_expired_later(office: Office) -> None:
    from evidence.signed import signed_by_hand

    ends = int((CAME + timedelta(hours=1)).timestamp())
    tags = f"v=1; a=rsa-sha256; d=harbour.example; s=s1; h=from:to:subject; x={ends};"
    paid(office, signed_by_hand(LETTER, tags, rsa_key()))
    office.clock.advance(days=3650)
    assert prove(office.store, office.load).passed == 1


def rewritten(office: Office, id: str, **changes) -> None:
    """Write another record of a message down, as somebody would who wants it to say something else."""
    from dataclasses import replace

    with office.store.transaction(office.clock.now()) as tx:
        tx.record(replace(office.fact(id), **changes))


def test_a_record_that_says_more_than_its_bytes_is_named(office: Office) -> None:
    from dataclasses import replace

    id = paid(office, signed() + b"a footer\r\n")
    (one,) = office.fact(id).signatures
    rewritten(office, id, signatures=(replace(one, result="pass"),))
    found = prove(office.store, office.load)
    assert found.passed == 0
    (sentence,) = found.differ
    assert id[:12] in sentence
    assert (
        "pass (harbour.example s1), ARC none was recorded, and its bytes say fail (harbour.example s1)"
        in sentence
    )


def test_a_record_with_another_key_or_without_is_named(office: Office) -> None:
    id = paid(office, signed())
    key = office.fact(id).keys[0]
    from base64 import b64encode
    from dataclasses import replace

    other = b64encode(record_of(rsa_key(1024, 1))).decode()
    for keys in ((replace(key, record=other),), ()):
        rewritten(office, id, keys=keys)
        assert len(prove(office.store, office.load).differ) == 1


def test_a_message_whose_bytes_were_changed_is_named(office: Office) -> None:
    id = paid(office, signed())
    _damage(office, id)
    (sentence,) = prove(office.store, office.load).differ
    assert sentence.startswith(f"message {id[:12]} cannot be checked: ")


# --- erased meanwhile ------------------------------------------------------------------------------


def erased_by(office: Office, folder: Path, id: str) -> None:
    erase(office.store, folder, id, clock=office.clock, volumes=office.volumes, parse=parse)


@pytest.mark.parametrize("moment", ["before", "while the DNS is asked"])
def test_nothing_is_written_about_a_message_that_is_erased_while_it_is_checked(
    office: Office, tmp_path: Path, moment: str
) -> None:
    id = office.comes(signed())
    (job,) = office.owed()
    if moment == "before":
        erased_by(office, tmp_path, id)
    else:
        ask = office.dns.ask

        def asked(name: str) -> Answer:
            erased_by(office, tmp_path, id)
            return ask(name)

        office.dns.ask = asked  # type: ignore[method-assign]
        office.witness = office.made(Resolver(office.dns, office.clock))
    assert office.witness.pay(job) == Done()
    assert not list(office.store.facts_about(kind=MessageAuthenticated.name))
