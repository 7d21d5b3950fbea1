"""TOML in, frozen Settings out; secrets."""

from __future__ import annotations

from levelhead.config.load import find_config, load
from levelhead.config.settings import Settings

__all__ = ["Settings", "find_config", "load"]
