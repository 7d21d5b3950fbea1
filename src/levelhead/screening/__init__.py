"""Load plugins, ask them, guard them."""

from __future__ import annotations

from levelhead.screening.build import build_panel, examine
from levelhead.screening.spec import PanelSpec

__all__ = ["PanelSpec", "build_panel", "examine"]
