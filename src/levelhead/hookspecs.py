"""The eight hooks, in the order they are asked, and the host's side of them.

A plugin takes any subset of the arguments named here. What it returns is checked by the host; what it is given
cannot be changed. `settings` is what the plugin's own `configure` returned, or its own table of the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import pluggy

from levelhead.facts import Fact
from levelhead.masking import escape
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

PROJECT = "levelhead"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def configure(settings: Mapping[str, Any]) -> object:
    """Once at load: what you return becomes your `settings`; raise ValueError to refuse, in one sentence."""


@hookspec
def detect(
    message: Message, thread: Thread, client: Client, settings: Any
) -> Finding | Iterable[Finding] | None:
    """Say what you notice in a message. All answers are kept."""


@hookspec(firstresult=True)
def classify(
    message: Message, thread: Thread, client: Client, screening: Screening, settings: Any
) -> Verdict | None:
    """Decide how heated a message is. The first answer counts; the built-in weighing is last."""


@hookspec(firstresult=True)
def draft_reply(
    message: Message, thread: Thread, client: Client, verdict: Verdict, settings: Any
) -> Draft | None:
    """Propose a reply. The first answer counts; the built-in templates are last."""


@hookspec
def hold(
    message: Message, client: Client, verdict: Verdict, draft: Draft, now: datetime, settings: Any
) -> Hold | None:
    """Keep the draft back. All answers are kept; the latest `until` wins."""


@hookspec
def escalate(
    message: Message, thread: Thread, client: Client, verdict: Verdict, settings: Any
) -> Alert | Iterable[Alert] | None:
    """Call for help. All answers are kept; the configured ladder runs on each."""


@hookspec(firstresult=True)
def deliver(alert: Notice, channel: Channel, settings: Any) -> Delivered | None:
    """Carry an alert to a channel. The first transport that takes it wins; raise to have it tried again."""


@hookspec
def observe(fact: Fact, settings: Any) -> None:
    """Look at what has happened, after it is committed."""


HOOKS = ("configure", "detect", "classify", "draft_reply", "hold", "escalate", "deliver", "observe")


TEST = "test-"
"""How the key of a test alert begins; no alert that was raised has such a key."""
CHECKPOINT = "checkpoint-"
"""How the key of a checkpoint for a witness begins; no alert that was raised has such a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An open alert as a transport sees it. `key` is its idempotency key; it names no words of the client.

    Its title is one line, and control characters, and those that turn or hide writing, stand in it as escapes: what a
    plugin put there can break no header and steer no reader.
    """

    key: str
    severity: str
    title: str
    body: str
    rung: int
    count: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", escape(" ".join(self.title.split())))
        object.__setattr__(self, "body", escape(self.body.replace("\r\n", "\n"), lines=True))

    @property
    def is_test(self) -> bool:
        """Whether `levelhead alert test` sent it: nobody can or need acknowledge it."""
        return self.key.startswith(TEST)

    @property
    def is_checkpoint(self) -> bool:
        """Whether it is a checkpoint of the ledger for a witness to keep: nobody can or need acknowledge it."""
        return self.key.startswith(CHECKPOINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where to deliver: a name from the configuration and its address (an Apprise URL)."""

    name: str
    url: str


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """One checked answer with the name of the plugin that gave it."""

    plugin: str
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[T]):
    """All that came of asking one hook: checked answers in order, the record of calls, and what went wrong."""

    answers: tuple[Said[T], ...] = ()
    calls: tuple[Call, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A plugin as the operator sees it: `state` is `loaded`, `refused` or `set-aside`; `digest` of its file."""

    name: str
    origin: str
    state: str
    why: str = ""
    digest: str = ""
    hooks: tuple[str, ...] = ()


class Panel(Protocol):
    """The host's side: asks the plugins in the operator's order, guards and times each call. Never raises for them."""

    def detect(self, message: Message, thread: Thread, client: Client) -> Asked[Finding]:
        """All findings of all plugins."""

    def detect_many(
        self, about: Sequence[tuple[Message, Thread, Client]], tick: Callable[[], object] = lambda: None
    ) -> tuple[Asked[Finding], ...]:
        """The same for several messages, asked together; `tick()` is called with each answer."""

    def classify(
        self, message: Message, thread: Thread, client: Client, screening: Screening
    ) -> Asked[Verdict]:
        """The built-in weighing is always asked too and is the last answer; the caller combines them."""

    def classify_many(
        self,
        about: Sequence[tuple[Message, Thread, Client, Screening]],
        tick: Callable[[], object] = lambda: None,
    ) -> tuple[Asked[Verdict], ...]:
        """The same for several messages, asked together; `tick()` is called with each answer."""

    def draft_reply(self, message: Message, thread: Thread, client: Client, verdict: Verdict) -> Asked[Draft]:
        """At most one answer: the first draft that somebody proposes, the built-in templates last."""

    def hold(
        self, message: Message, client: Client, verdict: Verdict, draft: Draft, now: datetime
    ) -> Asked[Hold]:
        """All holds; the caller takes the latest `until`."""

    def escalate(self, message: Message, thread: Thread, client: Client, verdict: Verdict) -> Asked[Alert]:
        """All alerts of all plugins."""

    def deliver(self, notice: Notice, channel: Channel) -> Asked[Delivered]:
        """At most one answer: that of the first transport that takes it; none, with failures, when nobody could."""

    def observe(self, fact: Fact) -> None:
        """Show a committed fact to everybody who looks; nothing comes back."""

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Those that are asked, in order, then those that were refused."""

    def set_aside_since(self) -> tuple[PluginInfo, ...]:
        """Plugins set aside since this was last asked, so that the caller raises an alert for each once."""

    def close(self) -> None:
        """End the worker processes, from any thread; who asks a drop-in then, or waits for one, gets `Stopping`."""
