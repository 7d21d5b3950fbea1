"""levelhead: what a plugin author imports.

from levelhead import hookimpl, Finding

@hookimpl
def detect(message):
    if message.new_text.isupper():
        return Finding("shouting", 0.5, why="the whole message is in capitals")
"""

from __future__ import annotations

TYPE_CHECKING = False
"""True for a type checker; the module `typing` is not loaded for it, because every start would wait."""

if TYPE_CHECKING:
    from levelhead.hookspecs import Channel, Notice, hookimpl
    from levelhead.model import (
        Alert,
        Client,
        Delivered,
        Draft,
        Finding,
        Hold,
        Level,
        Message,
        Screening,
        Severity,
        Thread,
        Verdict,
    )

__version__ = "0.1.0"

__all__ = [
    "Alert",
    "Channel",
    "Client",
    "Delivered",
    "Draft",
    "Finding",
    "Hold",
    "Level",
    "Message",
    "Notice",
    "Screening",
    "Severity",
    "Thread",
    "Verdict",
    "hookimpl",
]

_HOOKS = frozenset({"Channel", "Notice", "hookimpl"})

if not TYPE_CHECKING:  # a type checker knows the names from above, and any other is a mistake

    def __getattr__(name: str) -> object:
        """Load what is asked for; `levelhead --version` and every start of a process ask for none of it."""
        if name not in __all__:
            raise AttributeError(f"module 'levelhead' has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module("levelhead.hookspecs" if name in _HOOKS else "levelhead.model"), name)
        globals()[name] = found
        return found
