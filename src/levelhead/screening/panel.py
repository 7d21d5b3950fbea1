"""The panel: the plugins in the operator's order, each asked alone, guarded, timed and recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from itertools import islice
from typing import Any

import structlog

from levelhead.clock import Clock
from levelhead.facts import Fact
from levelhead.hookspecs import Asked, Channel, Notice, PluginInfo, Said
from levelhead.model import (
    Alert,
    Call,
    Client,
    Delivered,
    Draft,
    Failure,
    Finding,
    Hold,
    Message,
    Screening,
    Thread,
    Verdict,
)
from levelhead.screening.answers import summary
from levelhead.screening.bench import Arguments, Ask, Bench
from levelhead.screening.guard import Reply
from levelhead.screening.seat import frozen
from levelhead.screening.strikes import Strikes

LAST = "weigh"
"""The built-in whose verdict is always asked for, after everybody else's."""

JUDGING = ("detect", "classify", "hold")
"""Hooks on which a hold depends: whoever is missing from them counts as failed, so that it is longer, not shorter."""

UNREAD = ("detect", "hold")
"""What a plugin may have been that was refused before anybody could see its hooks."""

Tick = Callable[[], object]
"""Called as answers come, so that somebody who waits for many sees that it moves."""

log = structlog.get_logger()


def _nothing() -> None:
    """Tell nobody."""


class Chair:
    """One plugin's place at the panel. A `trusted` one (a built-in) is never set aside."""

    def __init__(self, info: PluginInfo, bench: Bench, *, trusted: bool = False) -> None:
        self.info = info
        self.bench = bench
        self.trusted = trusted
        self.strikes = Strikes()

    @property
    def aside(self) -> bool:
        return self.info.state == "set-aside"


class HostPanel:
    """The host's side of the hooks; see `hookspecs.Panel`. Safe to use from several threads."""

    def __init__(self, chairs: Iterable[Chair], refused: Iterable[PluginInfo], clock: Clock) -> None:
        self._chairs = tuple(chairs)
        self._refused = tuple(refused)
        self._clock = clock
        self._lock = threading.Lock()
        self._news: list[PluginInfo] = []

    # --- the hooks ---

    def detect(self, message: Message, thread: Thread, client: Client) -> Asked[Finding]:
        """All findings."""
        return self.detect_many([(message, thread, client)])[0]

    def detect_many(
        self, about: Sequence[tuple[Message, Thread, Client]], tick: Tick = _nothing
    ) -> tuple[Asked[Finding], ...]:
        """All findings on each of these messages; drop-ins are asked about all of them at once."""
        given = [
            Arguments({"message": message, "thread": thread, "client": _still(client)})
            for message, thread, client in about
        ]
        return tuple(self._ask_many("detect", given, tick))

    def classify(
        self, message: Message, thread: Thread, client: Client, screening: Screening
    ) -> Asked[Verdict]:
        """The first plugin's verdict, if one has any, and the built-in's as the last answer."""
        return self.classify_many([(message, thread, client, screening)])[0]

    def classify_many(
        self, about: Sequence[tuple[Message, Thread, Client, Screening]], tick: Tick = _nothing
    ) -> tuple[Asked[Verdict], ...]:
        """As `classify`, on each of these; each plugin is asked about all of them at once."""
        given = [
            Arguments(
                {"message": message, "thread": thread, "client": _still(client), "screening": screening}
            )
            for message, thread, client, screening in about
        ]
        asked: list[Asked[Verdict]] = [self._missing("classify") for _ in given]
        for chair in self._with("classify"):
            still = [place for place, one in enumerate(asked) if chair.info.name == LAST or not one.answers]
            found = self._asked("classify", [(chair, given[place]) for place in still], tick)
            for place, one in zip(still, found, strict=True):
                asked[place] = _joined(asked[place], one)
        return tuple(
            replace(
                one,
                answers=tuple(
                    Said(said.plugin, replace(said.value, decided_by=said.plugin)) for said in one.answers
                ),
            )
            for one in asked
        )

    def draft_reply(self, message: Message, thread: Thread, client: Client, verdict: Verdict) -> Asked[Draft]:
        """The first draft that a plugin proposes."""
        return self._ask_first(
            "draft_reply", message=message, thread=thread, client=_still(client), verdict=verdict
        )

    def hold(
        self, message: Message, client: Client, verdict: Verdict, draft: Draft, now: datetime
    ) -> Asked[Hold]:
        """All holds; the caller takes the latest."""
        return self._ask(
            "hold", message=message, client=_still(client), verdict=verdict, draft=draft, now=now
        )

    def escalate(self, message: Message, thread: Thread, client: Client, verdict: Verdict) -> Asked[Alert]:
        """All alerts."""
        return self._ask("escalate", message=message, thread=thread, client=_still(client), verdict=verdict)

    def deliver(self, notice: Notice, channel: Channel) -> Asked[Delivered]:
        """The first transport that takes it; the next is asked when one fails or declines."""
        return self._ask_first("deliver", alert=notice, channel=channel)

    def observe(self, fact: Fact) -> None:
        """Show everybody who looks what has happened."""
        self._ask("observe", fact=fact)

    # --- what the operator sees ---

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Those that are asked, in order, then those that were refused."""
        return (*(chair.info for chair in self._chairs), *self._refused)

    def set_aside_since(self) -> tuple[PluginInfo, ...]:
        """Plugins set aside since this was last asked; each is told once."""
        with self._lock:
            news, self._news = tuple(self._news), []
        return news

    def close(self) -> None:
        """End worker processes; the panel is asked no more."""
        for bench in {id(chair.bench): chair.bench for chair in self._chairs}.values():
            bench.close()

    # --- how one hook is asked ---

    def _with(self, hook: str) -> list[Chair]:
        """Those who answer this hook, in order, the built-in weighing last."""
        asked = [chair for chair in self._chairs if hook in chair.info.hooks]
        return sorted(asked, key=lambda chair: chair.info.name == LAST)

    def _ask(self, hook: str, **values: Any) -> Asked[Any]:
        return self._ask_many(hook, [Arguments(values)])[0]

    def _ask_first(self, hook: str, **values: Any) -> Asked[Any]:
        """Ask one after the other, until somebody answers."""
        given = Arguments(values)
        asked = self._missing(hook)
        for chair in self._with(hook):
            asked = _joined(asked, self._asked(hook, [(chair, given)])[0])
            if asked.answers:
                break
        return asked

    def _ask_many(self, hook: str, given: Sequence[Arguments], tick: Tick = _nothing) -> list[Asked[Any]]:
        """Ask everybody about each of these, and join what they say of the same."""
        chairs = self._with(hook)
        said = iter(self._asked(hook, [(chair, one) for one in given for chair in chairs], tick))
        return [reduce(_joined, islice(said, len(chairs)), self._missing(hook)) for _ in given]

    def _missing(self, hook: str) -> Asked[Any]:
        """What comes of the plugins that were refused: those that judge, or may have, have failed at every call."""
        if hook not in JUDGING:
            return Asked()
        return Asked(
            failures=tuple(
                Failure(plugin=info.name, hook=hook, error=f"refused: {info.why}")
                for info in self._refused
                if hook in (info.hooks or UNREAD)
            )
        )

    def _asked(
        self, hook: str, calls: Sequence[tuple[Chair, Arguments]], tick: Tick = _nothing
    ) -> list[Asked[Any]]:
        """What comes of these calls, in their order; those to one bench go there together."""
        found: dict[int, Asked[Any]] = {}
        benches: dict[int, list[int]] = {}
        for place, (chair, _) in enumerate(calls):
            if chair.aside:
                found[place] = _absent(chair, hook)
            else:
                benches.setdefault(id(chair.bench), []).append(place)
        for places in benches.values():
            asks = [Ask(calls[place][0].info.name, hook, calls[place][1]) for place in places]
            before = self._clock.monotonic()
            for place, reply in zip(places, calls[places[0]][0].bench.call_many(asks), strict=True):
                tick()
                now = self._clock.monotonic()
                found[place] = self._heard(calls[place][0], hook, reply, max(0.0, now - before))
                before = now
        return [found[place] for place in range(len(calls))]

    def _heard(self, chair: Chair, hook: str, reply: Reply, took: float) -> Asked[Any]:
        if chair.aside:  # since an earlier call of the same batch
            return _absent(chair, hook)
        name = chair.info.name
        self._judge(chair, hook, reply)
        call = Call(
            plugin=name, hook=hook, took_ms=took * 1000, result=summary(reply.answers), error=reply.error
        )
        failure = Failure(plugin=name, hook=hook, error=reply.error, took=took)
        return Asked(
            answers=tuple(Said(name, value) for value in reply.answers),
            calls=(call,),
            failures=(failure,) if reply.error else (),
        )

    def _judge(self, chair: Chair, hook: str, reply: Reply) -> None:
        """Count the call, and set the plugin aside when it fails too often or never came back."""
        if reply.error:
            log.warning("plugin.failed", plugin=chair.info.name, hook=hook)
            log.debug("plugin.error", plugin=chair.info.name, hook=hook, error=reply.error)
        # Raising in `deliver` means "try again": a channel that is down says nothing about its transport.
        if chair.trusted or (hook == "deliver" and not reply.gone):
            return
        with self._lock:
            why = chair.strikes.count(bool(reply.error))
            if reply.gone:
                why = why or "a call of it never came back"
            if not why or chair.aside:
                return
            why = f"{why}; the last time in {hook}: {reply.error}"
            chair.info = replace(chair.info, state="set-aside", why=why)
            self._news.append(chair.info)
        chair.bench.drop(chair.info.name)
        log.error("plugin.set_aside", plugin=chair.info.name, hook=hook)


def _absent(chair: Chair, hook: str) -> Asked[Any]:
    """What comes of a plugin that is set aside: a judge that is missing is a failure at every call."""
    if hook not in JUDGING:
        return Asked()
    why = f"set aside: {chair.info.why}"
    return Asked(failures=(Failure(plugin=chair.info.name, hook=hook, error=why),))


def _joined(one: Asked[Any], other: Asked[Any]) -> Asked[Any]:
    return Asked(
        answers=one.answers + other.answers,
        calls=one.calls + other.calls,
        failures=one.failures + other.failures,
    )


def _still(client: Client) -> Client:
    """The client with the mappings in it made read-only."""
    known = client.calibration
    marks: Mapping[str, int] = frozen(known.marks)
    labels: Mapping[str, int] = frozen(known.labels)
    return replace(client, calibration=replace(known, marks=marks, labels=labels))
