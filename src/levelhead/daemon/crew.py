"""Who works under one configuration: the panel, the judge, the alerts, the placer, one watcher a mailbox."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import structlog

from levelhead.archive.folder import SPOOL
from levelhead.archive.parse import parse_head
from levelhead.archive.record import AUTHENTICATE
from levelhead.archive.reserve import Reserve
from levelhead.archive.spool import Spool
from levelhead.clients.directory import Decision
from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.budgets import Budgets
from levelhead.daemon.disk import Disk
from levelhead.daemon.keeper import Keeper
from levelhead.daemon.parts import (
    Archive,
    Policies,
    anchors_of,
    channels_of,
    mailbox_spec,
    panel_of,
    policies_of,
    recorder_of,
    resolver_of,
    signer_of,
)
from levelhead.daemon.shout import shout
from levelhead.daemon.sign_ins import SignIns
from levelhead.daemon.tidy import ANCHOR_FAILED, Tidy
from levelhead.daemon.unseen import Unseen
from levelhead.daemon.weekly import Weekly
from levelhead.errors import DiskFailed, DiskFull, DiskReadOnly, Stopping, StoreLocked
from levelhead.evidence.anchoring import ANCHOR, Anchoring
from levelhead.evidence.daily import CHECKPOINT, Daily
from levelhead.evidence.witness import Witness
from levelhead.facts import PluginLoaded, PluginRefused
from levelhead.hookspecs import Panel, PluginInfo
from levelhead.mailbox import opening
from levelhead.mailbox.api import Connection, MailboxSpec
from levelhead.mailbox.watch import Watcher
from levelhead.model import Client, Job, Message, Outcome, Severity
from levelhead.outbox.alerts import Alerts
from levelhead.outbox.compose import Composer, asks_elsewhere
from levelhead.outbox.drafts import THROUGH, DraftsFolder, Placer
from levelhead.outbox.health import Health
from levelhead.outbox.judge import Judge, Reading
from levelhead.outbox.owed import CLIMB, NOTIFY, PLACE, REMOVE, SCREEN
from levelhead.outbox.work import Settled, Worker
from levelhead.policy.plan import Rules
from levelhead.screening.unknown import unknown_reason
from levelhead.store.api import EVIDENCE, WORK, Excluded, mailbox_lane

log = structlog.get_logger()

UNSIGNED = "checkpoint-unsigned"
"""The rule of the alert about a signing key that cannot be used."""

OURS = (DiskFull, DiskFailed, DiskReadOnly, StoreLocked, Stopping)
"""Not the fault of a job: the disk, the lock, the end of the daemon. The job stays due."""


class Crew:
    """Joins the rooms by handing functions and values; nobody here decides anything."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        clock: Clock,
        *,
        on_lost: Callable[[str, str, str], None],
        on_watched: Callable[[str], None],
        tick: Callable[[], bool],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tick()` is called while work goes on; True asks it to end soon. `stopping()`: no plugin is waited for."""
        self._tick = tick
        self._settings = settings
        self._archive = archive
        self._store = archive.store
        self._clock = clock
        policies = policies_of(settings)
        self.recorder = recorder_of(settings, archive, clock)
        self.panel: Panel = panel_of(
            settings,
            policies,
            clock,
            lambda one: self.recorder.directory.is_client(one),
            stopping,
            archive.known,
        )
        self.sign_ins = SignIns(settings, clock, stopping)
        self.health = Health(self._store, clock, policies.ladder, policies.calendar)
        self.channels = channels_of(settings)
        self.disk = Disk(Reserve(archive.path), self._store, clock, self.health, shout=self.shout)
        self.tidy = Tidy(self._store, clock, settings, self.health, policies.ladder, policies.calendar)
        self.daily = self._daily()
        self.anchoring = self._anchoring(policies, stopping)
        self.worker = self._worker(policies)
        self.witness = self._witness(stopping)
        self._spool = Spool(archive.path / SPOOL)
        self._spool.clear()
        self._placer = Placer(
            self._store,
            clock,
            self._composer(),
            policies.cooldown.stale_after,
            drafting=policies.drafts.enabled,
        )
        self.budgets = Budgets(settings, self._store, clock)
        self.watchers = {
            mailbox.name: self._watcher(mailbox.name, policies, on_lost, on_watched)
            for mailbox in settings.mailboxes
        }
        self.unseen = Unseen(
            self._store,
            clock,
            # Who looks rarely on purpose is not blind between two looks.
            {one.name: max(one.blind_after, 2 * one.poll) for one in settings.mailboxes},
            seen=lambda name: self.watchers[name].seen,
        )
        self.keeper = Keeper(
            self.sign_ins,
            clock,
            self.health,
            refused=lambda mailbox, why: on_lost(mailbox, "login", why),
            wake=lambda mailbox: self.watchers[mailbox].wake.set(),
        )

    @property
    def observed(self) -> bool:
        """Whether any plugin wants to see what happens."""
        return any("observe" in plugin.hooks for plugin in self.panel.plugins())

    def announce(self) -> None:
        """Write down which plugins run, by the digest of their code, and raise an alert for each that was refused."""
        known = {row.name: (row.state, row.why) for row in self._store.plugins()}
        for plugin in self.panel.plugins():
            if plugin.state == "refused":
                self._refused(plugin, known.get(plugin.name))
                continue
            with self._store.transaction(self._clock.now()) as tx:
                tx.record(PluginLoaded(plugin=plugin.name, origin=plugin.origin, digest=plugin.digest))
                self.health.resolve_health("plugin-refused", plugin.name, "the plugin is loaded again", tx=tx)
                self.health.resolve_health(
                    "plugin-set-aside", plugin.name, "the plugin is loaded again", tx=tx
                )

        self.tidy([plugin.name for plugin in self.panel.plugins()])
        self.daily.begin(configured=self._settings.evidence.key_file is not None)
        self.anchoring.begin()

    def shout(self, title: str, body: str) -> None:
        """Tell every channel at once, without the store; for when the store itself is what cannot be written."""
        shout(self.panel, self.channels, title, body)

    def close(self) -> None:
        for watcher in self.watchers.values():
            watcher.close()
        self.panel.close()

    def _refused(self, plugin: PluginInfo, known: tuple[str, str] | None) -> None:
        with self._store.transaction(self._clock.now()) as tx:
            if known != ("refused", plugin.why):
                tx.record(PluginRefused(plugin=plugin.name, why=plugin.why))
            title = f"The plugin {plugin.name} was not loaded"
            self.health.raise_health(
                "plugin-refused",
                plugin.name,
                Severity.WARNING,
                title,
                f"{plugin.why}\n\nlevelhead plugins check",
                tx=tx,
            )

    # --- the worker ---------------------------------------------------------------------------

    def _worker(self, policies: Policies) -> Worker:
        judge = Judge(
            self._store,
            self.panel,
            self._clock,
            self._reading(),
            heat=policies.heat,
            rules=Rules(cooldown=policies.cooldown, ladder=policies.ladder, calendar=policies.calendar),
            health=self.health,
            drafting=policies.drafts.enabled,
            may_lower=frozenset(self._settings.plugins.may_lower),
            tick=self._tick,
        )
        alerts = Alerts(
            self._store,
            self.panel,
            self._clock,
            self.channels,
            ladder=policies.ladder,
            calendar=policies.calendar,
            health=self.health,
        )
        return Worker(
            self._store,
            WORK,
            {SCREEN: judge.judge, CLIMB: alerts.climb, NOTIFY: alerts.notify, CHECKPOINT: self._checkpoint},
            self._clock,
            batches={SCREEN: judge.judge_many},
            on_never=self.health.given_up,
            through=OURS,
            tick=self._tick,
        )

    def _daily(self) -> Daily:
        def trouble(why: str) -> None:
            title = "The ledger's daily checkpoint could not be signed"
            self.health.raise_health(UNSIGNED, "", Severity.WARNING, title, why)

        def well() -> None:
            self.health.resolve_health(UNSIGNED, "", "nothing is in the way of signing any more")

        return Daily(
            self._store,
            self._clock,
            functools.partial(signer_of, self._settings, self._store),
            trouble=trouble,
            well=well,
        )

    def _checkpoint(self, job: Job) -> Outcome:
        signed = self.daily.sign(job)
        self.anchoring.follow()
        return signed

    def _anchoring(self, policies: Policies, stopping: Callable[[], bool]) -> Anchoring:
        def trouble(name: str, why: str) -> None:
            title = "An anchor of the ledger has not been reached for three days"
            body = f"{name}: {why}\n\nIt is tried again by itself. levelhead status shows every anchor."
            self.health.raise_health(ANCHOR_FAILED, name, Severity.WARNING, title, body)

        def well(name: str) -> None:
            self.health.resolve_health(ANCHOR_FAILED, name, "it was reached again")

        return Anchoring(
            self._store,
            self._clock,
            anchors_of(self._settings, self.panel, policies, self._clock, stopping),
            signed=self._settings.evidence.key_file is not None,
            trouble=trouble,
            well=well,
        )

    def _witness(self, stopping: Callable[[], bool]) -> Worker:
        """Pays for proofs from outside, which take their time: the DNS, and anchors."""
        witness = Witness(
            self._store,
            self._archive.library.raw,
            self._clock,
            resolver_of(self._settings, self._clock),
            stopping,
        )
        return Worker(
            self._store,
            EVIDENCE,
            {
                AUTHENTICATE: lambda job: witness.pay(job) or Settled(),
                ANCHOR: lambda job: self.anchoring.pay(job) or Settled(),
            },
            self._clock,
            on_never=self.health.given_up,
            through=OURS,
            tick=stopping,
        )

    def _reading(self) -> Reading:
        listed = {client.name: client for client in self._archive.directory.clients()}
        library = self._archive.library

        def client_of(message: Message) -> Client:
            return library.client(message.client, listed)

        return Reading(
            load=library.message,
            thread_of=library.thread,
            client_of=client_of,
            unknown=functools.partial(unknown_reason, known=self._archive.known),
            mailbox_of=self._mailbox_of,
            doubt_of=lambda message: self.recorder.directory.doubt_of(
                message, self._store.message(message.id).in_sent
            ),
            elsewhere=lambda message: asks_elsewhere(
                message, self.recorder.directory.same_client, self.recorder.directory.mine
            ),
        )

    def _mailbox_of(self, message: str) -> str:
        """The configured mailbox that saw the message first; its Drafts folder is where a reply belongs."""
        names = [mailbox.name for mailbox in self._settings.mailboxes]
        seen = (sighting.place.mailbox for sighting in self._store.sightings(message))
        return next((name for name in seen if name in names), "")

    # --- the mailboxes ------------------------------------------------------------------------

    def _composer(self) -> Composer:
        exact = [address for address in self._settings.me.addresses if "*" not in address]

        def fallback(mailbox: str) -> str:
            user = next((one.user for one in self._settings.mailboxes if one.name == mailbox), "")
            return (
                user if "@" in user and self.recorder.directory.mine(user) else (exact[0] if exact else user)
            )

        return Composer(
            self._archive.library.message,
            is_me=lambda address: self.recorder.directory.mine(address),
            fallback=fallback,
            same_client=lambda one, other: self.recorder.directory.same_client(one, other),
            name=self._settings.me.name,
        )

    def _watcher(
        self,
        name: str,
        policies: Policies,
        on_lost: Callable[[str, str, str], None],
        on_watched: Callable[[str], None],
    ) -> Watcher:
        spec, budget = mailbox_spec(self._settings, name, self.sign_ins), self.budgets.of(name)
        if budget is not None:
            spec = replace(spec, received=budget.account.count)
        everything = self._settings.clients.scope == "everyone" and not self._settings.clients.ignore
        return Watcher(
            spec,
            store=self._store,
            clock=self._clock,
            record=self.recorder.record,
            spool=self._spool.writer,
            decide=None if everything else self._decide,
            wanted_again=self._wanted_again,
            directory=lambda: self.recorder.directory,
            pay=functools.partial(self._pay, name),
            stale_after=policies.cooldown.stale_after,
            on_lost=functools.partial(on_lost, name),
            on_watched=functools.partial(on_watched, name),
            connect=self._connect,
            room=self.disk.must_hold,
            archived=self._archive.library.raw_if_any,
            budget=budget,
            compare=Weekly(spec, self._store, self._clock, self.health),
        )

    def _connect(self, spec: MailboxSpec, clock: Clock, stopping: Callable[[], bool]) -> Connection:
        """A connection, unless there is nowhere to put what it brings."""
        self.disk.must_have_room()
        return opening.connect(spec, clock, stopping)

    def _decide(self, head: bytes) -> Decision:
        parsed = parse_head(head)
        decision = self.recorder.directory.decide(parsed)
        if decision.reason == "scope" and self._listed(self.recorder.place(parsed).client):
            # An answer of mine to where a client asked for answers is the client's mail, whatever the address.
            return Decision(archive=True, addresses=decision.addresses)
        return decision

    def _listed(self, client: str) -> bool:
        return self.recorder.directory.client(client).listed

    def _wanted_again(self, excluded: Excluded) -> bool:
        """Whether what was left out is in scope by now: a new correspondent, or a wider scope.

        The mailbox does not ask it of what was erased, whose exclusion names nobody either.
        """
        directory = self.recorder.directory
        return any(directory.client_of(address) for address in excluded.addresses)

    def _pay(self, name: str, drafts: DraftsFolder) -> None:
        """Place and remove drafts; called in the mailbox's own thread, after Sent and the inbox were read."""
        worker = Worker(
            self._store,
            mailbox_lane(name),
            {
                PLACE: lambda job: self._placer.place(job, drafts),
                REMOVE: lambda job: self._placer.remove(job, drafts),
            },
            self._clock,
            on_never=self.health.given_up,
            through=(*THROUGH, *OURS),
        )
        while worker.pay():
            pass
