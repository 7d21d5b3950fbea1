"""Who works under one configuration: the panel, the judge, the alert desk, the placer, one watcher a mailbox."""

from __future__ import annotations

from collections.abc import Callable

from levelhead.archive.parse import parse_head
from levelhead.archive.spool import Spool
from levelhead.clients.directory import Decision
from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import Archive, channels_of, mailbox_spec, panel_of, policies_of, recorder_of
from levelhead.facts import PluginLoaded, PluginRefused
from levelhead.mailbox.opening import connect
from levelhead.mailbox.watch import Watcher
from levelhead.model import Client, Job, Message, Severity
from levelhead.outbox.alerts import AlertDesk
from levelhead.outbox.compose import Composer
from levelhead.outbox.drafts import DraftsFolder, Placer
from levelhead.outbox.health import Health
from levelhead.outbox.judge import Judge, Reading
from levelhead.outbox.work import Worker
from levelhead.policy.plan import Rules
from levelhead.screening.unknown import unknown_reason
from levelhead.store.api import WORK, Excluded, mailbox_lane
