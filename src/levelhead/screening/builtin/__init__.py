"""The plugins that ship; they use the same door as yours."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from levelhead.screening.builtin import apprise_delivery, cooldown, levels, templates, thread, tone, weigh


def builtin_plugins() -> Mapping[str, ModuleType]:
    """The built-ins by plugin name, in the order they are asked."""
    return {
        "tone": tone,
        "thread": thread,
        "cooldown": cooldown,
        "templates": templates,
        "levels": levels,
        "apprise": apprise_delivery,
        "weigh": weigh,
    }
