"""The built-in `thread` plugin, asked alone and with everything that feeds it: archive, index, judge and panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from levelhead.archive.library import Library
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.errors import UserError
from levelhead.facts import FolderOpened
from levelhead.heat.heard import Known, hear
from levelhead.heat.trajectory import DEMAND, trajectory
from levelhead.lifecycle import AlertState
from levelhead.model import Address, Arrival, Calibration, Client, Direction, Level, Past, Place, Severity
from levelhead.outbox.health import Health
from levelhead.outbox.judge import Judge, Reading
from levelhead.policy.calendar import always_open
from levelhead.policy.plan import Rules
from levelhead.policy.types import CooldownPolicy, HeatPolicy, LadderPolicy
from levelhead.raw import raw
from levelhead.screening.builtin import thread as plugin
from levelhead.screening.builtin.thread import ThreadSettings
from levelhead.screening.panel import HostPanel
from levelhead.screening.unknown import unknown_reason
from levelhead.store.api import WORK, Store
from levelhead.store.sqlite import open_store
from levelhead.testing import NOW, ask, make_client, make_message, make_thread, make_verdict

PRESSING = "The shop is still not ready. Which day will it be? I need to know today."


def past(hours: float, direction: Direction = Direction.IN, *labels: str) -> Past:
    mine = direction is Direction.OUT
    return Past(
        id=str(hours),
        direction=direction,
        received_at=NOW - timedelta(hours=hours),
        sender="me@studio.example" if mine else "bob@acme.example",
        subject="The website",
        level=None if mine else Level.CALM,
        score=None if mine else 0.05,
        recipients=("bob@acme.example",) if mine else ("me@studio.example",),
        labels=labels,
    )


def dangerous(**fields: object) -> dict[str, object]:
    """A thread that has turned: friendly, then kept waiting twice, pressing, faster, with the boss in copy."""
    message = make_message(PRESSING, cc=(Address(address="boss@acme.example"),), **fields)
    before = (past(200), past(190, Direction.OUT), past(100, Direction.IN, DEMAND), past(24, Direction.OUT))
    verdict = make_verdict(Level.TENSE, score=0.4, labels=(DEMAND,))
    return {"message": message, "thread": make_thread(*before), "verdict": verdict}


def test_a_thread_that_heats_up_is_a_quiet_alert_with_why_and_what_to_do_and_how_sure() -> None:
    (alert,) = ask(plugin, "escalate", **dangerous())
    assert (alert.key, alert.severity, alert.title) == (
        plugin.KEY,
        Severity.INFO,
        "This thread is heating up",
    )
    measured = trajectory().measured
    for part in (
        "ACME has written nothing heated here yet",
        "- they had to wait for an answer",
        "answer today",
        f"precision {measured['precision']:.2f}",
        "levelhead explain",
    ):
        assert part in alert.body
    assert PRESSING[:12] not in alert.body, "an alert repeats no word of the client's"


def test_a_calm_thread_is_no_alert() -> None:
    assert ask(plugin, "escalate", message=make_message(), verdict=make_verdict()) == ()
    calm = dangerous() | {
        "verdict": make_verdict(Level.CALM),
        "message": make_message("Thanks, that is great!"),
    }
    assert ask(plugin, "escalate", **calm) == ()


@pytest.mark.parametrize("level", [Level.HEATED, Level.HOSTILE, Level.UNKNOWN])
def test_what_is_heated_already_or_cannot_be_judged_is_no_early_warning(level: Level) -> None:
    assert ask(plugin, "escalate", **(dangerous() | {"verdict": make_verdict(level)})) == ()


@pytest.mark.parametrize(
    "fields", [{"history": True}, {"automatic": "auto-reply"}, {"direction": Direction.OUT}], ids=str
)
def test_history_machines_and_my_own_mail_warn_of_nothing(fields: dict[str, object]) -> None:
    assert ask(plugin, "escalate", **dangerous(**fields)) == ()


def test_cues_are_findings_and_a_demand_is_a_remark_that_moves_no_score() -> None:
    found = {one.label: one for one in ask(plugin, "detect", **dangerous())}
    assert set(found) == {"new-recipients", DEMAND}
    assert found["new-recipients"].strength == pytest.approx(0.075)
    assert found[DEMAND].strength == 0
    assert all(one.why and not one.quotes for one in found.values())


def test_a_calm_first_message_is_not_remarked_upon_nor_is_a_machines() -> None:
    assert ask(plugin, "detect", message=make_message()) == ()
    assert ask(plugin, "detect", message=make_message(""), thread=make_thread(past(1))) == ()
    assert ask(plugin, "detect", **dangerous(automatic="list")) == ()
    assert ask(plugin, "detect", **dangerous(direction=Direction.OUT)) == ()


def test_a_plugin_of_your_own_sees_recipients_labels_and_habits(
    drop: Callable[[str, str], Path], seat: Callable[..., HostPanel], isolation: str
) -> None:
    drop(
        "mine.py",
        """
        @hookimpl
        def detect(thread, client):
            told = [*thread.messages[0].recipients, *thread.messages[0].labels, *client.calibration.labels.items()]
            return Finding("seen", 0.1, why=repr(told))
        """,
    )
    client = make_client(calibration=Calibration(judged=3, labels={"shouting": 2}))
    panel = seat(isolation=isolation)
    asked = panel.detect(make_message(), make_thread(past(1, Direction.IN, DEMAND)), client)
    assert asked.failures == ()
    (told,) = [said.value.why for said in asked.answers if said.plugin == "mine"]
    assert told == "['me@studio.example', 'demand', ('shouting', 2)]"


# --- with an archive ---------------------------------------------------------------------------


class Desk:
    """A real archive with the real judge and panel; mail comes in one by one and the clock moves."""

    def __init__(self, path: Path, clock: FrozenClock, panel: HostPanel, store: Store) -> None:
        self.clock, self.store = clock, store
        listed = ListedClient(name="Acme", addresses=("*@acme.example",))
        volumes = Volumes(path / "volumes")
        directory = Directory.make(["me@studio.example"], [listed], correspondents=frozenset())
        self.recorder = Recorder(
            store, volumes, clock, parse=parse, directory=directory, mirror=Mirror(path / "ledger")
        )
        library = Library(store, volumes, parse)
        known = {"Acme": Client(name="Acme", addresses=("*@acme.example",), listed=True)}
        rules = Rules(
            cooldown=CooldownPolicy(durations=dict.fromkeys(Level, timedelta(0)), business_time=False),
            ladder=LadderPolicy(),
            calendar=always_open(ZoneInfo("UTC")),
        )
        self.library = library
        self.judge = Judge(
            store,
            panel,
            clock,
            Reading(
                load=library.message,
                thread_of=library.thread,
                client_of=lambda message: library.client(message.client, known),
                unknown=unknown_reason,
                mailbox_of=lambda id: "",
            ),
            heat=HeatPolicy(),
            rules=rules,
            health=Health(store, clock, rules.ladder, rules.calendar),
            drafting=False,
        )
        self.uid = 0
        with store.transaction(clock.now()) as tx:
            opened = {"mailbox": "work", "folder": "INBOX", "uidvalidity": 7, "uidnext": 1}
            tx.record(FolderOpened(**opened, opened_at=clock.now()))

    def mail(self, hours: float, body: str, *, mine: bool = False, copy: str = "") -> str:
        """A message of one conversation, so many hours after the one before; its id."""
        self.clock.advance(hours=hours)
        self.uid += 1
        people = ["Anna <anna@acme.example>", "me@studio.example"]
        sender, to = reversed(people) if mine else people
        head = {
            "From": sender,
            "To": to,
            "Cc": copy,
            "Subject": "Re: The shop" if self.uid > 1 else "The shop",
            "Date": self.clock.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
            "Message-ID": f"<{self.uid}@acme.example>",
            "References": "<1@acme.example>" if self.uid > 1 else "",
            "Content-Type": "text/plain; charset=utf-8",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value)
        data = raw(f"{lines}\r\n{body}\r\n".encode())
        place = Place(mailbox="work", folder="Sent" if mine else "INBOX", uidvalidity=7, uid=self.uid)
        self.recorder.record([Arrival(raw=data, place=place, internal_date=self.clock.now(), sent=mine)])
        self.judge.judge_many(self.store.claim(WORK, self.clock.now(), limit=9, lease_seconds=60.0))
        return data.digest


@pytest.fixture
def desk(tmp_path: Path, clock: FrozenClock, seat: Callable[..., HostPanel]) -> Iterator[Desk]:
    path = tmp_path / "archive"
    path.mkdir(mode=0o700)
    store = open_store(path)
    yield Desk(path, clock, seat(), store)
    store.close()


def story(desk: Desk) -> list[str]:
    """Friendly, kept waiting, pressing, kept waiting, pressing with the boss in copy."""
    return [
        desk.mail(0, "Hello Sam, could you let us know when the shop will be ready? Kind regards, Anna"),
        desk.mail(50, "Next week.", mine=True),
        desk.mail(200, "No word yet on the shop. We still need a date."),
        desk.mail(60, "Sorry, soon.", mine=True),
        desk.mail(20, PRESSING, copy="boss@acme.example"),
    ]


def test_what_the_plugin_needs_to_know_comes_through_archive_and_index(desk: Desk) -> None:
    last = story(desk)[-1]
    message = desk.library.message(last)
    before = desk.library.thread(message).messages
    assert [DEMAND in one.labels for one in before] == [False, False, True, False]
    assert before[0].recipients == ("me@studio.example",)
    assert before[1].recipients == ("anna@acme.example",)
    (now,) = desk.store.past(message.thread_key)[-1:]
    assert now.recipients == ("me@studio.example", "boss@acme.example")
    assert {"new-recipients", DEMAND} <= set(now.labels)
    assert desk.store.calibration("Acme").labels[DEMAND] == 2


def test_a_thread_is_warned_of_once_and_before_it_explodes(desk: Desk) -> None:
    first = story(desk)[0]
    (warned,) = desk.store.alerts()
    assert (warned.rule, warned.severity, warned.title) == (plugin.KEY, "info", plugin.TITLE)
    assert warned.message != first
    desk.mail(70, "Tomorrow.", mine=True)
    desk.mail(20, "There is still no date. I need one today.")
    (alert,) = desk.store.alerts()
    assert (alert.key, alert.state, alert.count) == (warned.key, AlertState.ANSWERED, 1)


def test_an_ordinary_conversation_is_not_warned_of(desk: Desk) -> None:
    desk.mail(0, "Hello Sam, could you add our new opening hours? Thanks, Anna")
    desk.mail(3, "Done!", mine=True)
    desk.mail(2, "Perfect, thank you! One more thing: the phone number has changed. Best, Anna")
    desk.mail(1, "Done too.", mine=True)
    desk.mail(20, "Lovely. Thanks again, Anna", copy="boss@acme.example")
    assert desk.store.alerts() == ()


def test_the_plugin_knows_no_setting() -> None:
    assert plugin.configure({}) == plugin.UNSET
    with pytest.raises(UserError, match=r"\[plugins.thread\] has no setting calm"):
        plugin.configure({"calm": True})


def test_what_is_known_of_its_words_tells_whether_a_message_demands() -> None:
    heard = replace(hear("", PRESSING, "en"), demands=False)
    known = ThreadSettings(known=Known(lambda id: heard))
    calm = plugin.detect(make_message(PRESSING, language="en"), make_thread(), Client(name="x"), known)
    assert DEMAND not in [finding.label for finding in calm]
    unknown = plugin.detect(make_message(PRESSING, language="en"), make_thread(), Client(name="x"))
    assert DEMAND in [finding.label for finding in unknown]
