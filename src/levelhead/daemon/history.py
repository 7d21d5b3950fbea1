"""Judges history at once: what `add` brings is scored without a daemon, and beside one without harm."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import Archive, panel_of, policies_of
from levelhead.errors import LevelheadError
from levelhead.hookspecs import Panel
from levelhead.model import Client, Job, Message
from levelhead.outbox.health import Health
from levelhead.outbox.judge import Judge, Reading
from levelhead.outbox.owed import SCREEN, is_there
from levelhead.policy.plan import Rules
from levelhead.screening.unknown import unknown_reason
from levelhead.store.api import WORK

log = structlog.get_logger()

AT_ONCE = 200
"""Messages that share one durable write."""


def judge_history(
    settings: Settings, archive: Archive, clock: Clock, progress: Callable[[int], None] = lambda done: None
) -> int:
    """Judge archived history that nobody has judged yet; how many messages that were, and `progress` is told so far.

    Only history: its verdict leads to no draft and no alert, so nothing here needs a mailbox or a channel. A message
    that cannot be judged is left to the daemon, which tries again and tells somebody.
    """
    done, jobs = 0, _history(archive, clock)
    if not jobs:
        return 0  # loading the plugins is the expensive part
    panel = panel_of(settings, policies_of(settings), clock, archive.directory.is_client)
    try:
        judge = _judge(settings, archive, clock, panel)
        while jobs:
            judge.judge_many(jobs)
            done += len(jobs)
            progress(done)
            jobs = _history(archive, clock)
        return done
    except LevelheadError as exc:
        log.warning("history.left_to_daemon", error=str(exc))
        return done
    finally:
        panel.close()


def _history(archive: Archive, clock: Clock) -> tuple[Job, ...]:
    """Owed judgements of history. No lease: whoever settles first is right, and the other does nothing."""
    store = archive.store
    jobs = store.claim(WORK, clock.now(), limit=AT_ONCE, lease_seconds=0.0)
    ours = (job for job in jobs if job.kind == SCREEN and is_there(store, job.subject))
    return tuple(job for job in ours if store.message(job.subject).history)


def _judge(settings: Settings, archive: Archive, clock: Clock, panel: Panel) -> Judge:
    policies = policies_of(settings)
    listed = {client.name: client for client in archive.directory.clients()}

    def client_of(message: Message) -> Client:
        return archive.library.client(message.client, listed)

    reading = Reading(
        load=archive.library.message,
        thread_of=archive.library.thread,
        client_of=client_of,
        unknown=unknown_reason,
        mailbox_of=lambda message: "",
    )
    return Judge(
        archive.store,
        panel,
        clock,
        reading,
        heat=policies.heat,
        rules=Rules(cooldown=policies.cooldown, ladder=policies.ladder, calendar=policies.calendar),
        health=Health(archive.store, clock, policies.ladder, policies.calendar),
        drafting=False,
        may_lower=frozenset(settings.plugins.may_lower),
    )
