"""One office in a box: a real SQLite store, a frozen clock, a scripted panel and a Drafts folder in memory."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog

from forgotten import erase
from levelhead.clock import FrozenClock
from levelhead.facts import MessageArchived, MessageSighted
from levelhead.hookspecs import Asked, Channel, Notice, PluginInfo, Said
from levelhead.model import (
    Address,
    Alert,
    Call,
    Client,
    Delivered,
    Direction,
    Draft,
    Failure,
    Finding,
    Hold,
    Level,
    Message,
    Parsed,
    Severity,
    Thread,
)
from levelhead.outbox.alerts import Alerts
from levelhead.outbox.compose import Composer
from levelhead.outbox.drafts import Placer
from levelhead.outbox.hands import Hands
from levelhead.outbox.health import Health
from levelhead.outbox.judge import Judge, Reading
from levelhead.outbox.owed import CLIMB, NOTIFY, PLACE, REMOVE, SCREEN
from levelhead.outbox.work import Worker
from levelhead.policy.calendar import always_open
from levelhead.policy.plan import Rules
from levelhead.policy.types import CooldownPolicy, HeatPolicy, LadderPolicy, Rung
from levelhead.raw import Raw, raw
from levelhead.store.api import WORK, mailbox_lane
from levelhead.store.sqlite import open_store

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
COOLDOWN = CooldownPolicy(
    durations={Level.CALM: 0 * HOUR, Level.TENSE: HOUR / 2, Level.HEATED: 4 * HOUR, Level.HOSTILE: 24 * HOUR},
    business_time=False,
)
LADDER = LadderPolicy(
    rungs=(Rung(after=0 * HOUR, notify=("phone",)), Rung(after=HOUR, notify=("partner",))), repeat=4 * HOUR
)
BOSS = Address(address="boss@acme.example", name="The Boss")
ME = Address(address="me@studio.example")


@dataclass
class ScriptedPanel:
    """A panel that says what the test has written down, and notes what it was asked."""

    findings: tuple[Finding, ...] = (Finding("threat", 1.0, "threatens to sue", ("lawyer",)),)
    failures: dict[str, str] = field(default_factory=dict)
    """Hook -> error, for hooks that fail."""
    draft: Draft | None = field(default_factory=lambda: Draft("Re: hello", "Dear boss,\n\nthank you."))
    hold_for: timedelta | None = 4 * HOUR
    alerts: tuple[Alert, ...] = (Alert("heat", Severity.WARNING, "acme is heated", "Sleep on it."),)
    broken_channels: set[str] = field(default_factory=set)
    delivered: list[tuple[str, str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    set_aside: tuple[PluginInfo, ...] = ()
    on_deliver: Callable[[Notice, Channel], None] = lambda notice, channel: None
    verdicts: tuple = ()

    def _answer(self, hook: str, values: tuple) -> Asked:
        self.asked.append(hook)
        if hook in self.failures:
            failure = Failure(plugin="mine", hook=hook, error=self.failures[hook], took=0.1)
            return Asked(
                failures=(failure,), calls=(Call(plugin="mine", hook=hook, took_ms=1.5, error="boom"),)
            )
        return Asked(
            answers=tuple(Said("mine", value) for value in values),
            calls=(Call(plugin="mine", hook=hook, took_ms=1.5, result=str(len(values))),),
        )

    def detect(self, message, thread, client):
        return self._answer("detect", self.findings)

    def classify(self, message, thread, client, screening):
        return self._answer("classify", self.verdicts)

    def detect_many(self, about, tick=lambda: None):
        return tuple(self.detect(*one) for one in about)

    def classify_many(self, about, tick=lambda: None):
        return tuple(self.classify(*one) for one in about)

    def draft_reply(self, message, thread, client, verdict):
        return self._answer("draft_reply", (self.draft,) if self.draft else ())

    def hold(self, message, client, verdict, draft, now):
        return self._answer("hold", (Hold(now + self.hold_for, "cool down"),) if self.hold_for else ())

    def escalate(self, message, thread, client, verdict):
        return self._answer("escalate", self.alerts)

    def deliver(self, notice, channel):
        self.asked.append("deliver")
        if channel.name in self.broken_channels:
            return Asked(failures=(Failure(plugin="apprise", hook="deliver", error="refused"),))
        self.on_deliver(notice, channel)
        self.delivered.append((channel.name, notice.key, notice.rung))
        return Asked(answers=(Said("apprise", Delivered("200")),))

    def observe(self, fact): ...

    def plugins(self):
        return ()

    def set_aside_since(self):
        told, self.set_aside = self.set_aside, ()
        return told

    def close(self): ...


@dataclass(frozen=True)
class Opened:
    folder: str
    uidvalidity: int
    uidnext: int


@dataclass
class MemoryDrafts:
    """A Drafts folder as a server keeps it; it survives the process that speaks to it."""

    kept: dict[int, bytes] = field(default_factory=dict)
    uidnext: int = 10
    uidvalidity: int = 1
    uidplus: bool = True
    tells_uid: bool = True
    appended: int = 0
    alter: Callable[[bytes], bytes] = lambda data: data

    def open(self) -> Opened:
        return Opened("Drafts", self.uidvalidity, self.uidnext)

    def find(self, message_id: str) -> tuple[int, ...]:
        wanted = f"message-id: {message_id}".lower().encode()
        return tuple(uid for uid, data in sorted(self.kept.items()) if wanted in data.lower())

    def append(self, data: bytes, at: datetime) -> int | None:
        uid = self.put(self.alter(data))
        self.appended += 1
        return uid if self.tells_uid else None

    def fetch(self, uid: int) -> bytes | None:
        return self.kept.get(uid)

    def remove(self, uid: int) -> bool:
        if self.uidplus:
            self.kept.pop(uid, None)
        return self.uidplus

    def put(self, data: bytes) -> int:
        """Somebody stores a message."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.kept[uid] = data
        return uid


@dataclass
class BytesOf:
    """Volumes in which a message's bytes are its id, and what they say is known."""

    parsed: dict[str, Parsed]

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read_checked(self, id: str, frame: object) -> Raw:
        return raw(id.encode())

    def parse(self, data: Raw) -> Parsed:
        return self.parsed[data.read().decode()]


class Office:
    """Everything wired as the daemon wires it, on one store file that can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FrozenClock(FRIDAY)
        self.panel = ScriptedPanel()
        self.drafts = MemoryDrafts()
        self.messages: dict[str, Message] = {}
        self.parsed: dict[str, Parsed] = {}
        self.channels = ("phone", "partner", "pager")
        self.ladder = LADDER
        self.attempts = 3
        self.drafting = True
        self.wrap: Callable = lambda store: store
        self.wrap_folder: Callable = lambda folder: folder
        self.raw_store = open_store(path)

    @property
    def store(self):
        return self.wrap(self.raw_store)

    def restart(self) -> None:
        self.raw_store.close()
        self.raw_store = open_store(self.path)

    # --- parts

    @property
    def rules(self) -> Rules:
        return Rules(cooldown=COOLDOWN, ladder=self.ladder, calendar=always_open(ZoneInfo("Europe/Berlin")))

    @property
    def health(self) -> Health:
        return Health(self.store, self.clock, self.ladder, self.rules.calendar)

    @property
    def judge(self) -> Judge:
        reading = Reading(
            load=self.load,
            thread_of=lambda message: Thread(key=message.thread_key, client=message.client),
            client_of=lambda message: Client(name=message.client),
            unknown=lambda message: "" if message.text else "no text",
            mailbox_of=lambda id: "work",
        )
        return Judge(
            self.store,
            self.panel,
            self.clock,
            reading,
            heat=HeatPolicy(),
            rules=self.rules,
            health=self.health,
        )

    @property
    def composer(self) -> Composer:
        return Composer(
            self.load,
            is_me=lambda address: address == ME.address,
            fallback=lambda mailbox: ME.address,
            name="Me",
        )

    @property
    def placer(self) -> Placer:
        return Placer(self.store, self.clock, self.composer, COOLDOWN.stale_after, drafting=self.drafting)

    @property
    def alerts(self) -> Alerts:
        return Alerts(
            self.store,
            self.panel,
            self.clock,
            {name: (lambda name=name: Channel(name=name, url=f"json://{name}")) for name in self.channels},
            ladder=self.ladder,
            calendar=self.rules.calendar,
            health=self.health,
            attempts=self.attempts,
            roll=lambda: 0.5,
        )

    @property
    def hands(self) -> Hands:
        return Hands(self.store, self.clock, "me")

    def worker(self, lane: str = WORK) -> Worker:
        judge, alerts, placer = self.judge, self.alerts, self.placer
        folder = self.wrap_folder(self.drafts)
        handlers = {
            WORK: {SCREEN: judge.judge, CLIMB: alerts.climb, NOTIFY: alerts.notify},
            mailbox_lane("work"): {
                PLACE: lambda job: placer.place(job, folder),
                REMOVE: lambda job: placer.remove(job, folder),
            },
        }[lane]
        return Worker(
            self.store,
            lane,
            handlers,
            self.clock,
            batches={SCREEN: judge.judge_many},
            on_never=self.health.given_up,
            attempts=self.attempts,
            roll=lambda: 0.5,
        )

    # --- life

    def load(self, id: str) -> Message:
        self.raw_store.message(id)  # UserError, as the library has it, for one that is not there
        return self.messages[id]

    def arrive(
        self, name: str = "first", *, direction=Direction.IN, same_as: str = "", folder: str = "", **changes
    ) -> Message:
        """A message is archived and owed a judgement; its id derives from its name.

        It stands in `folder`; mail of mine that is news stands in Sent, unless another one is named.
        """
        id = hashlib.sha256(name.encode()).hexdigest()
        message = replace(
            Message(
                id=id,
                seq=len(self.messages) + 1,
                client="acme",
                direction=direction,
                sender=BOSS if direction is Direction.IN else ME,
                to=(ME,) if direction is Direction.IN else (BOSS,),
                subject="Where is it?",
                received_at=self.clock.now(),
                text="My lawyer will call.",
                new_text="My lawyer will call.",
                thread_key="t1",
                message_id=f"<{name}@acme.example>",
                references=("<root@acme.example>",),
            ),
            **changes,
        )
        self.messages[id] = message
        fact = MessageArchived(
            id=id,
            seq=message.seq,
            volume=1,
            offset=message.seq * 100,
            length=100,
            size=100,
            client=message.client,
            direction=message.direction.value,
            thread=message.thread_key,
            thread_joins=(),
            received_at=message.received_at,
            history=message.history,
            same_as=same_as,
            source="",
        )
        parsed = Parsed(
            sender=message.sender,
            to=message.to,
            subject=message.subject,
            message_id=message.message_id,
            text=message.text,
            new_text=message.new_text,
            automatic=message.automatic,
        )
        self.parsed[id] = parsed
        with self.raw_store.transaction(self.clock.now()) as tx:
            tx.archive(fact, parsed)
            tx.add_job(WORK, SCREEN, f"{SCREEN}:{id}", id, tx.now)
        if folder or (direction is Direction.OUT and not message.history):
            self.see(message, folder or "Sent")
        return message

    def see(self, message: Message, folder: str = "Sent") -> None:
        """A message that has arrived stands in a folder; in Sent it is seen to be mine."""
        with self.raw_store.transaction(self.clock.now()) as tx:
            tx.record(
                MessageSighted(
                    id=message.id,
                    mailbox="work",
                    folder=folder,
                    uidvalidity=1,
                    uid=message.seq,
                    internal_date=message.received_at,
                    flags=(),
                    seen_at=tx.now,
                    sent=folder == "Sent",
                )
            )

    def forget(self, message: Message) -> None:
        """Another process erases a message: StoreLocked while a draft about it is being placed or taken back."""
        bytes_of = BytesOf(self.parsed)
        path = self.path.parent
        erase(
            self.raw_store, path, message.id, clock=self.clock, volumes=bytes_of, parse=bytes_of.parse,
        )  # fmt: skip
        del self.messages[message.id]

    def pay(self) -> None:
        """Pay everything that is due now, in both lanes, until nothing is."""
        for _ in range(50):
            if not self.worker().pay() + self.worker(mailbox_lane("work")).pay():
                return
        raise AssertionError("there is always something due: a job does not put itself off")

    def pass_time(self, **parts: float) -> None:
        self.clock.advance(**parts)
        self.pay()

    def facts(self, *names: str) -> list[str]:
        """The names of all facts so far, oldest first, or only those wanted."""
        found = [fact.name for _, fact in self.raw_store.facts_about()][::-1]
        return [name for name in found if not names or name in names]

    def the_draft(self):
        (row,) = self.raw_store.drafts()
        return row

    def the_alert(self, rule: str = "heat"):
        (row,) = [row for row in self.raw_store.alerts() if row.rule == rule]
        return row

    def jobs(self) -> set[str]:
        """Keys of everything owed, whenever it is due; looked up without claiming anything."""
        with closing(sqlite3.connect(self.path)) as connection:
            return {key for (key,) in connection.execute("SELECT key FROM job WHERE failed = 0")}


@pytest.fixture(autouse=True)
def logged() -> Iterator[list]:
    """What was logged; kept from the terminal, where drawing tracebacks takes most of a test's time."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def swift_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for files that a process loses and a machine never does: in memory where the system has such a place."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="levelhead-test-") as folder:
        yield Path(folder)


@pytest.fixture
def office(swift_path: Path) -> Iterator[Office]:
    box = Office(swift_path / "index.sqlite")
    yield box
    box.raw_store.close()


@pytest.fixture
def new_office() -> Callable[[Path], Office]:
    return Office
