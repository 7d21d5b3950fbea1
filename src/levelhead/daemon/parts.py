"""The rooms joined: an archive opened, the operator's decisions as values, the panel, the judge, the mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from levelhead.archive.ahead import Ahead
from levelhead.archive.folder import INDEX, LEDGER, VOLUMES, close_to_others
from levelhead.archive.library import Library
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.reader import HEARD, Reader
from levelhead.archive.readers import Readers
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import Clock
from levelhead.config.holidays import settings_holidays
from levelhead.config.secrets import channel_url, read_file, secret_of
from levelhead.config.settings import Settings
from levelhead.daemon.reading import directory_of
from levelhead.daemon.sign_ins import SignIns
from levelhead.errors import StoreDamaged
from levelhead.evidence import keys
from levelhead.evidence.anchoring import Anchor, Authority, Witness
from levelhead.evidence.checkpoints import latest, origin
from levelhead.evidence.note import Signer
from levelhead.evidence.resolver import Dns, Resolver, must_be_installed
from levelhead.heat.heard import NOTHING_KNOWN, Known
from levelhead.hookspecs import Channel, Panel
from levelhead.mailbox.api import MailboxSpec
from levelhead.model import Level, Severity
from levelhead.policy.ladder import permitted
from levelhead.policy.types import Calendar, CooldownPolicy, DraftPolicy, HeatPolicy, LadderPolicy, Rung
from levelhead.screening.build import build_panel
from levelhead.screening.builtin.apprise_delivery import DeliveryPolicy
from levelhead.screening.builtin.cooldown import CooldownSettings
from levelhead.screening.spec import PanelSpec
from levelhead.store.api import Store
from levelhead.store.sqlite import open_store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An open archive: index and ledger, volumes, the ledger's mirror, and a reader over them."""

    path: Path
    store: Store
    volumes: Volumes
    mirror: Mirror
    library: Library
    directory: Directory
    """As of opening; the recorder's grows while mail comes in."""
    reader: Readers | None
    """Reads what strangers wrote; None for one who only looks at what was read before."""
    ahead: Ahead
    """What the recorder has read and the judge is about to need; keeps nothing where nobody judges."""

    @property
    def known(self) -> Known:
        """How messages read that the judge has just taken."""
        return Known(self.ahead.heard)

    def hurry(self, asked: Callable[[], bool]) -> None:
        """Once `asked()` is true no lock of the archive is waited for long, because somebody wants to end."""
        self.store.hurry(asked)
        self.volumes.hurried = self.mirror.hurried = asked
        if self.reader is not None:
            self.reader.hurried = asked

    def rest(self) -> None:
        """Everything is judged: forget what was kept for that."""
        self.ahead.rest()

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
        self.store.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All that the operator decided, as plain values for the pure rules."""

    heat: HeatPolicy
    cooldown: CooldownPolicy
    calendar: Calendar
    drafts: DraftPolicy
    ladder: LadderPolicy


def open_archive(settings: Settings, *, read_only: bool, judging: bool = False) -> Archive:
    """Open the archive of a configuration; StoreLocked, StoreDamaged or NewerSchema when it cannot be.

    `judging`: what is recorded is judged in this process, too, so that all of it is read at once.
    """
    path = settings.archive.path
    if not read_only:
        close_to_others(path)
    if not read_only and not (path / INDEX).exists() and any((path / VOLUMES).glob("*.tar.zst")):
        raise StoreDamaged(
            f"{path} holds volumes but no {INDEX}; make the index again with: levelhead rebuild"
        )
    volumes = Volumes(path / VOLUMES)
    volumes.must_be_known()
    store = open_store(path / INDEX, read_only=read_only)
    # Who only looks sees mail that was read before, and what ended the parser then is not given to it again.
    reader = None if read_only else Readers(make=lambda: Reader(first=HEARD if judging else ""))
    ahead = Ahead() if judging else Ahead(limit=0)
    return Archive(
        path=path,
        store=store,
        volumes=volumes,
        mirror=Mirror(path / LEDGER),
        library=Library(store, volumes, reader or parse, ahead.parsed),
        reader=reader,
        ahead=ahead,
        directory=directory_of(settings, store.correspondents()),
    )


def recorder_of(settings: Settings, archive: Archive, clock: Clock) -> Recorder:
    """The one door by which messages enter the archive."""
    return Recorder(
        archive.store,
        archive.volumes,
        clock,
        parse=archive.reader or parse,
        parse_many=archive.reader.many if archive.reader else None,
        directory=archive.directory,
        mirror=archive.mirror,
        authenticating=settings.evidence.checks_signatures,
        keep=archive.ahead.keep,
    )


def policies_of(settings: Settings) -> Policies:
    """The operator's decisions as plain values."""
    cooldown = settings.cooldown
    escalation = settings.escalation
    return Policies(
        heat=HeatPolicy(
            tense=settings.heat.tense,
            heated=settings.heat.heated,
            hostile=settings.heat.hostile,
            baseline=settings.heat.baseline,
            weights=settings.heat.weights,
        ),
        cooldown=CooldownPolicy(
            durations={
                Level.CALM: cooldown.calm,
                Level.TENSE: cooldown.tense,
                Level.HEATED: cooldown.heated,
                Level.HOSTILE: cooldown.hostile,
            },
            business_time=cooldown.business_time,
            stale_after=cooldown.stale_after,
        ),
        calendar=Calendar(
            zone=settings.me.zone, hours=settings.me.hours, holidays=settings_holidays(settings)
        ),
        drafts=DraftPolicy(
            enabled=settings.drafts.enabled,
            templates=settings.drafts.templates,
            signature=settings.drafts.signature,
        ),
        ladder=LadderPolicy(
            rungs=tuple(
                Rung(after=rung.after, notify=rung.notify, business_hours=rung.hours == "business")
                for rung in settings.rungs
            ),
            quiet=escalation.quiet,
            break_through=Level(escalation.break_through),
            group_wait=escalation.group_wait,
            repeat=escalation.repeat or None,
        ),
    )


def panel_of(
    settings: Settings,
    policies: Policies,
    clock: Clock,
    is_client: Callable[[str], bool],
    stopping: Callable[[], bool] = lambda: False,
    known: Known = NOTHING_KNOWN,
) -> Panel:
    """The plugins of a configuration, loaded and ready to be asked until `stopping()` is true."""
    return build_panel(spec_of(settings, policies, is_client, known), clock, stopping)


def spec_of(
    settings: Settings,
    policies: Policies,
    is_client: Callable[[str], bool],
    known: Known = NOTHING_KNOWN,
) -> PanelSpec:
    """Where the plugins of a configuration come from and what each is given."""
    plugins = settings.plugins
    return PanelSpec(
        folder=plugins.path,
        order=plugins.order,
        disable=plugins.disable,
        may_lower=plugins.may_lower,
        isolation=plugins.isolation,
        timeout_seconds=plugins.timeout.total_seconds(),
        tables=plugins.tables,
        builtin={
            "weigh": policies.heat,
            "cooldown": CooldownSettings(policy=policies.cooldown, calendar=policies.calendar),
            "templates": policies.drafts,
            "apprise": DeliveryPolicy(is_client=is_client),
        },
        known=known,
    )


def channels_of(settings: Settings) -> Mapping[str, Callable[[], Channel]]:
    """Each configured channel by name; called, it reads its secret and answers with the address."""

    def opener(name: str) -> Callable[[], Channel]:
        return lambda: Channel(name=name, url=channel_url(settings.channels[name], name))

    return {name: opener(name) for name in settings.channels}


def mailbox_spec(settings: Settings, name: str, sign_ins: SignIns) -> MailboxSpec:
    """How to reach one mailbox."""
    mailbox = settings.mailbox(name)
    sign_in = sign_ins.of(name)
    return MailboxSpec(
        name=mailbox.name,
        host=mailbox.host,
        port=mailbox.port,
        tls=mailbox.tls,
        ca_file=mailbox.ca_file,
        user=mailbox.user,
        secret=secret_of(mailbox) if sign_in is None else sign_in.token,
        renew=None if sign_in is None else sign_in.renew,
        mend="" if sign_in is None else sign_in.registration.mend,
        auth="password" if sign_in is None else "oauth2",
        folders=mailbox.folders,
        drafts=mailbox.drafts or None,
        sent=mailbox.sent or None,
        poll_seconds=mailbox.poll.total_seconds(),
        idle=mailbox.idle,
    )


def signer_of(settings: Settings, store: Store) -> Signer | None:
    """Who signs checkpoints of this archive; None when `[evidence] key_file` is not set.

    Makes the key when it is not there and nothing was signed yet. UserError as `evidence.keys.signer_of`.
    """
    if settings.evidence.key_file is None:
        return None
    newest = latest(store)
    bound = "" if newest is None or newest.verifier in settings.evidence.former_keys else newest.verifier
    return keys.signer_of(settings.evidence.key_file, origin(store), read=read_file, bound=bound)


def resolver_of(settings: Settings, clock: Clock) -> Resolver | None:
    """Who is asked for the keys of signatures; None when `[evidence] resolver` names nobody.

    UserError when the libraries for it are not installed.
    """
    if not settings.evidence.checks_signatures:
        return None
    must_be_installed()
    return Resolver(Dns(settings.evidence.server, clock), clock)


def anchors_of(
    settings: Settings, panel: Panel, policies: Policies, clock: Clock, stopping: Callable[[], bool]
) -> Mapping[str, Anchor]:
    """Who is told the ledger's checkpoints, by name; witnesses are not disturbed in quiet hours."""
    channels, named = channels_of(settings), settings.anchors

    def allowed(now: datetime) -> datetime:
        return permitted(Severity.INFO, None, policies.ladder, policies.calendar, now)

    authorities = {
        url: Authority(url, clock, ca_file=named.ca_file, stopping=stopping) for url in named.authorities
    }
    witnesses = {
        name: Witness(name, channels[name], panel, clock, allowed=allowed) for name in named.witnesses
    }
    return {**authorities, **witnesses}
