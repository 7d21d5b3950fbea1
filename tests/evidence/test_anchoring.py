"""Anchors: told once a day, tried again while they cannot be reached, and in nobody's way."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TypeVar

import pytest

from evidence.authority import Authority
from evidence.house import SIGNED, House
from levelhead.clock import FrozenClock
from levelhead.daemon.demo import Phone
from levelhead.daemon.tidy import ANCHOR_FAILED
from levelhead.errors import StoreLocked
from levelhead.evidence import stamps
from levelhead.evidence.anchored import Stamps, state_of
from levelhead.evidence.anchoring import ANCHOR, Anchoring, notice_of
from levelhead.evidence.checkpoints import checkpoints, origin, tree_of
from levelhead.evidence.note import Checkpoint, verify_note
from levelhead.facts import AnchorFailed, AnchorStamped, AnchorWitnessed, CheckpointSigned, Fact
from levelhead.model import Job
from levelhead.store.api import EVIDENCE, WORK
from servers.sink import MailSink

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEAD = "http://127.0.0.1:9/"
F = TypeVar("F", bound=Fact)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, FrozenClock(NOW))
    made.open()
    yield made
    made.close()


@pytest.fixture
def phone() -> Iterator[Phone]:
    with Phone().ringing() as made:
        yield made


def by(*authorities: str, more: str = "") -> str:
    return f"[anchors]\nauthorities = {list(authorities)}\n{more}"


def told(phone: Phone, more: str = "") -> str:
    return f'[anchors]\nwitnesses = ["mentor"]\n[channels.mentor]\nurl = "json://127.0.0.1:{phone.port}/"\n{more}'


def of(house: House, kind: type[F]) -> list[F]:
    return [fact for fact in house.facts(kind) if isinstance(fact, kind)]


def findings(house: House, ca_file: Path | None = None) -> list[str]:
    """What `verify` has to say against the anchors of the ledger."""
    store = house.archive.store
    anchored = [
        (entry, fact)
        for kind in (AnchorStamped, AnchorWitnessed)
        for entry, fact in store.facts_about(kind=kind.name)
        if isinstance(fact, AnchorStamped | AnchorWitnessed)
    ]
    return list(Stamps(ca_file=ca_file).look(anchored, checkpoints(store), tree_of(store.entries())))


# --- once a day -----------------------------------------------------------------------------------


def test_without_anchors_nothing_is_owed_and_nothing_happens(house: House) -> None:
    house.again(SIGNED)
    house.live(days=3)
    assert house.archive.store.next_due(EVIDENCE) is None
    assert not any(map(house.facts, (AnchorStamped, AnchorWitnessed, AnchorFailed)))


def test_an_authority_stamps_each_days_checkpoint_as_it_was_signed(house: House, tsa: Authority) -> None:
    house.again(SIGNED + by(tsa.url, more=f'ca_file = "{tsa.maker.root}"\n'))
    house.live(days=3)
    signed, stamped = of(house, CheckpointSigned), of(house, AnchorStamped)
    assert [fact.size for fact in stamped] == [fact.size for fact in signed] and len(stamped) == 4
    for note, fact in zip(signed, stamped, strict=True):
        stamp = stamps.read_answer(base64.b64decode(fact.token))
        stamps.must_be_on(stamp, note.note.encode())
        assert stamp.at == fact.stamped_at
    assert findings(house, tsa.maker.root) == []


def test_a_checkpoint_is_stamped_when_it_is_signed_whatever_the_hour_of_the_last_stamp(
    house: House, tsa: Authority
) -> None:
    house.again(SIGNED)
    house.live(hours=6)
    house.again(SIGNED + by(tsa.url))
    house.pay()
    assert len(of(house, AnchorStamped)) == 1
    house.live(hours=18)
    assert [fact.size for fact in of(house, AnchorStamped)] == [
        fact.size for fact in of(house, CheckpointSigned)
    ]
    assert len(of(house, AnchorStamped)) == 2


def test_without_a_key_the_ledger_is_stamped_unsigned(house: House, tsa: Authority) -> None:
    house.again(by(tsa.url))
    house.live(days=2)
    store, stamped = house.archive.store, of(house, AnchorStamped)
    assert len(stamped) == 3
    for fact in stamped:
        body = Checkpoint(origin=origin(store), size=fact.size, root=bytes.fromhex(fact.root)).body()
        stamps.must_be_on(stamps.read_answer(base64.b64decode(fact.token)), body.encode())
    assert findings(house, tsa.maker.root) == []


def test_a_restart_asks_no_sooner_and_a_long_stop_no_later(house: House, tsa: Authority) -> None:
    for more in (by(tsa.url), SIGNED + by(tsa.url)):
        house.again(more)
        house.pay()
        before = len(of(house, AnchorStamped))
        house.clock.advance(hours=20)
        house.again(more)
        house.pay()
        assert len(of(house, AnchorStamped)) == before
        house.clock.advance(hours=4)
        house.pay()
        assert len(of(house, AnchorStamped)) == before + 1
        house.clock.advance(days=9)
        house.again(more)
        house.pay()
        assert len(of(house, AnchorStamped)) == before + 2
        house.clock.advance(days=1)


def test_a_clock_that_was_ahead_puts_the_next_one_off_for_a_day_at_most(house: House, tsa: Authority) -> None:
    house.clock.advance(days=300)
    house.again(by(tsa.url))
    house.pay()
    house.clock = FrozenClock(NOW)
    house.again(by(tsa.url))
    assert house.archive.store.next_due(EVIDENCE) == NOW + timedelta(days=1)


def test_a_witness_is_sent_the_checkpoint_in_plain_words_and_asked_for_nothing(
    house: House, phone: Phone
) -> None:
    house.again(SIGNED + told(phone))
    house.live(days=1)
    signed, witnessed = of(house, CheckpointSigned), of(house, AnchorWitnessed)
    assert [(fact.size, fact.root, fact.channel) for fact in witnessed] == [
        (fact.size, fact.root, "mentor") for fact in signed
    ]
    assert [row["title"] for row in phone.received] == [
        "Please keep this: a record's checkpoint of 2026-03-02",
        "Please keep this: a record's checkpoint of 2026-03-03",
    ]
    for row, fact in zip(phone.received, signed, strict=True):
        assert "Please keep this message" in row["message"] and "levelhead ack" not in row["message"]
        begin = row["message"].index("levelhead/")
        note = row["message"][begin : begin + len(fact.note)]
        assert verify_note(note, fact.verifier).size == fact.size
        assert fact.verifier in row["message"]
    assert findings(house) == []


def test_a_witness_by_mail_is_sent_the_whole_signed_note_once_a_day(house: House) -> None:
    """Through a real mail server: what arrives is plain text, and the note in it still verifies."""
    with MailSink() as sink:
        at = f"127.0.0.1:{sink.port}"
        url = f"mailto://{at}/?from=levelhead@home.example&to=mentor@away.example&smtp=127.0.0.1"
        channel = f'[channels.mentor]\nurl = "{url}"\n'
        house.again(SIGNED + f'[anchors]\nwitnesses = ["mentor"]\n{channel}')
        house.live(days=1)
    signed, witnessed = of(house, CheckpointSigned), of(house, AnchorWitnessed)
    assert [(fact.size, fact.channel) for fact in witnessed] == [(fact.size, "mentor") for fact in signed]
    assert len(sink.mails) == len(signed) == 2
    rcpt = [line.lower() for line in sink.commands if line.upper().startswith(b"RCPT")]
    assert rcpt == [b"rcpt to:<mentor@away.example>\r\n"] * 2
    for data, fact in zip(sink.mails, signed, strict=True):
        mail = message_from_bytes(data, policy=policy.default)
        assert mail.get_content_type() == "text/plain"
        assert mail["Subject"].startswith("Please keep this")
        words = mail.get_content().replace("\r\n", "\n")
        note = words[words.index(fact.note.partition("\n")[0]) :]
        assert verify_note(note[: len(fact.note)], fact.verifier) is not None
        assert note.startswith(fact.note)
    assert findings(house) == []


def test_a_witness_without_a_key_is_told_that_nothing_is_signed(house: House, phone: Phone) -> None:
    house.again(told(phone))
    house.pay()
    assert "It is not signed" in phone.received[0]["message"]


def test_no_witness_is_woken_at_night(house: House, phone: Phone) -> None:
    house.clock.advance(hours=10.5)  # 22:30
    house.again(told(phone, '[escalation]\nquiet_hours = "22:00-07:00"\n'))
    house.live(hours=8)
    assert phone.received == []
    house.live(hours=1)
    (fact,) = of(house, AnchorWitnessed)
    assert fact.told_at == NOW.replace(day=3, hour=7)


def test_a_witness_who_is_a_client_is_refused_as_an_alert_would_be(house: House) -> None:
    url = "mailto://me:pw@127.0.0.1:9/?to=anna@northwind.example&from=me@studio.example"
    house.again(f'[anchors]\nwitnesses = ["mentor"]\n[channels.mentor]\nurl = "{url}"\n')
    house.pay()
    (failed,) = of(house, AnchorFailed)
    assert "would write to a client" in failed.why and "pw" not in failed.why
    assert of(house, AnchorWitnessed) == []


def test_the_words_for_a_witness_name_nobody(house: House) -> None:
    house.pay()
    statement = Anchoring(
        house.archive.store, house.clock, {}, signed=False, trouble=print, well=print
    )._statement()
    assert statement is not None
    notice = notice_of(statement, NOW)
    assert notice.is_checkpoint and not notice.is_test
    assert not any(word in notice.title + notice.body for word in ("studio", "Northwind", "northwind", "@"))


# --- while somebody cannot be reached -------------------------------------------------------------


def test_a_failure_is_written_down_once_a_day_and_an_alert_after_three(house: House, tsa: Authority) -> None:
    house.again(by(tsa.url))
    house.pay()
    tsa.act = tsa.fails
    house.live(days=2, hours=23)
    assert [fact.why for fact in of(house, AnchorFailed)] == ["127.0.0.1 answered with status 500"] * 2
    assert house.alerts(ANCHOR_FAILED) == []
    house.live(hours=2)
    (alert,) = house.alerts(ANCHOR_FAILED)
    assert tsa.url in alert and "answered with status 500" in alert
    house.live(days=4)
    assert len(house.alerts(ANCHOR_FAILED)) == 1 and len(of(house, AnchorFailed)) == 6 + 1
    tsa.act = tsa.stamps
    house.live(hours=1.5)
    assert house.alerts(ANCHOR_FAILED) == [] and len(of(house, AnchorStamped)) == 2
    state = state_of(house.archive.store, tsa.url, witness=False)
    assert (state.why, state.failing_since) == ("", None)


def test_it_is_tried_again_after_half_a_minute_and_then_ever_more_rarely_up_to_an_hour(house: House) -> None:
    house.again(by(DEAD))
    pauses = []
    for _ in range(10):
        house.pay()
        due = house.archive.store.next_due(EVIDENCE)
        assert due is not None
        pauses.append((due - house.clock.now()).total_seconds())
        house.clock.advance(due - house.clock.now())
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_new_days_checkpoint_is_what_the_next_try_tells(house: House, tsa: Authority) -> None:
    tsa.act = tsa.fails
    house.again(SIGNED + by(tsa.url))
    house.live(days=2)
    tsa.act = tsa.stamps
    house.live(hours=1.5)
    assert [fact.size for fact in of(house, AnchorStamped)] == [of(house, CheckpointSigned)[-1].size]


def test_who_was_away_for_a_week_is_not_told_off_for_the_first_slow_minutes(
    house: House, tsa: Authority
) -> None:
    house.again(by(tsa.url))
    house.pay()
    tsa.act = tsa.fails
    house.clock.advance(days=7)
    house.again(by(tsa.url))
    for _ in range(3):
        house.pay()
        house.clock.advance(minutes=2)
    assert house.alerts(ANCHOR_FAILED) == []
    house.live(hours=1)
    assert len(house.alerts(ANCHOR_FAILED)) == 1


def test_one_try_a_day_is_enough_for_the_alert(house: House) -> None:
    alerts = []
    for _ in range(4):  # as `run --once` does, when somebody calls it every day
        house.again(by(DEAD))
        house.pay()
        alerts.append(len(house.alerts(ANCHOR_FAILED)))
        house.clock.advance(days=1)
    assert alerts == [0, 0, 0, 1]


def test_one_that_fails_keeps_no_other_from_its_checkpoint_and_nobody_from_their_work(
    house: House, tsa: Authority, phone: Phone
) -> None:
    house.again(
        SIGNED
        + by(DEAD, tsa.url, more='witnesses = ["mentor"]\n')
        + told(phone).partition("]\n")[2].partition("\n")[2]
    )
    house.live(days=1)
    assert (len(of(house, AnchorStamped)), len(of(house, AnchorWitnessed))) == (2, 2)
    assert {fact.anchor for fact in of(house, AnchorFailed)} == {DEAD}
    jobs = [
        job.kind
        for job in house.archive.store.claim(WORK, NOW + timedelta(days=9), limit=50, lease_seconds=0)
    ]
    assert ANCHOR not in jobs


def test_without_the_extra_the_sentence_is_on_record_and_everything_else_goes_on(
    house: House, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    channel = told(phone).partition("\n")[2].partition("\n")[2]
    house.again(by(DEAD, more='witnesses = ["mentor"]\n') + channel)
    house.pay()
    (failed,) = of(house, AnchorFailed)
    assert failed.why == "[anchors] needs the extra: pip install 'levelhead[evidence]'"
    assert len(of(house, AnchorWitnessed)) == 1


def test_one_that_never_answered_is_an_alert_after_three_days_until_it_is_not_configured_any_more(
    house: House,
) -> None:
    house.again(by(DEAD))
    house.live(days=2, hours=23)
    assert house.alerts(ANCHOR_FAILED) == []
    house.live(hours=2)
    assert len(house.alerts(ANCHOR_FAILED)) == 1
    house.again("")
    assert house.alerts(ANCHOR_FAILED) == []
    house.live(days=1)
    assert house.archive.store.next_due(EVIDENCE) is None and house.archive.store.failed_jobs() == ()


def test_trouble_of_the_archive_is_not_trouble_of_an_anchor(house: House) -> None:
    class Locked:
        kind = "authority"
        when = staticmethod(lambda now: now)

        def reach(self, statement: object) -> AnchorStamped:
            raise StoreLocked("busy")

    house.pay()
    trouble: list[tuple[str, str]] = []

    def note(name: str, why: str) -> None:
        trouble.append((name, why))

    anchoring = Anchoring(
        house.archive.store, house.clock, {"x": Locked()}, signed=False, trouble=note, well=print
    )
    job = Job(id=1, lane=EVIDENCE, kind=ANCHOR, key="anchor:x", subject="x", due_at=NOW, attempt=9)
    with pytest.raises(StoreLocked):
        anchoring.pay(job)
    assert of(house, AnchorFailed) == [] and trouble == []
