"""What the operator says about plugins: where they lie, in which order they are asked, how they are kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from levelhead.heat.heard import NOTHING_KNOWN, Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowing:
    """Settings of a built-in that judges by words, to which the host adds what is known of them already."""

    known: Known = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """All that `build_panel` needs to know."""

    folder: Path | None = None
    """The folder of drop-in files; None or a folder that is not there: no drop-ins."""
    order: tuple[str, ...] = ()
    """Names of plugins that are asked first, in this order."""
    disable: tuple[str, ...] = ()
    may_lower: tuple[str, ...] = ()
    """Plugins whose `classify` may go below the built-in level; the judge applies it, here it is only checked."""
    isolation: Literal["process", "thread"] = "process"
    """Where drop-ins and packages run; built-ins always run in this process."""
    timeout_seconds: float = 5.0
    """How long one call of a drop-in may take. Loading one may take four times as long."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tables `[plugins.NAME]`."""
    builtin: Mapping[str, object] = field(default_factory=dict)
    """The settings of built-ins by plugin name; one that is not named here gets its own default."""
    known: Known = NOTHING_KNOWN
    """What is known already of how messages read; for the built-ins whose settings are `Knowing`."""
    entry_points: bool = True
    """Whether installed packages are looked through for plugins."""
