"""The built-in `weigh` plugin: adds up what everybody noticed. It is asked last and always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead import Client, Screening, Verdict, hookimpl
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh


@hookimpl
def configure(settings: Mapping[str, Any]) -> HeatPolicy:
    """The thresholds that ship, for whoever gives none."""
    return HeatPolicy()


@hookimpl
def classify(client: Client, screening: Screening, settings: HeatPolicy) -> Verdict:
    """The verdict of the points: baseline, findings, caps."""
    return weigh(screening, client, settings)
