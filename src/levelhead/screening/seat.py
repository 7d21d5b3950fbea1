"""A plugin with its seat in this process: its hooks, checked against the specifications, and its own settings."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from levelhead import hookspecs
from levelhead.hookspecs import HOOKS, PROJECT
from levelhead.screening.sources import Refused, Source, nearest

_MARK = f"{PROJECT}_impl"


@dataclass(frozen=True, slots=True)
class Impl:
    """One hook of one plugin: the function, and which of the hook's arguments it takes."""

    function: Callable[..., object]
    wants: tuple[str, ...]


@dataclass(slots=True)
class Seat:
    """A loaded plugin. `settings` is what its `configure` returned, or its read-only table."""

    name: str
    impls: Mapping[str, Impl]
    settings: object

    def call(self, hook: str, arguments: Mapping[str, Any]) -> object:
        """Call the plugin's function with those arguments that it takes; whatever it raises comes through."""
        impl = self.impls[hook]
        given = {"settings": self.settings, **arguments}
        return impl.function(**{name: given[name] for name in impl.wants})


def signature(hook: str) -> str:
    """A hook as a plugin author may write it, `detect(message, thread, client, settings)`."""
    return f"{hook}({', '.join(inspect.signature(getattr(hookspecs, hook)).parameters)})"


def run_code(source: Source) -> ModuleType:
    """The module that a drop-in's checked bytes make; whatever the plugin raises comes through."""
    module = ModuleType("levelhead_plugin_" + source.name.replace("-", "_"))
    module.__file__ = source.origin
    sys.modules[module.__name__] = module
    exec(compile(source.code, source.origin, "exec"), module.__dict__)  # noqa: S102 - this is what a plugin is
    return module


def load(source: Source) -> object:
    """The plugin object of a source: a module made from checked bytes, or what an entry point names."""
    if source.entry:
        return EntryPoint(name=source.name, value=source.entry, group=PROJECT).load()
    return run_code(source)


def hooks_of(name: str, plugin: object) -> dict[str, Impl]:
    """The hooks of a plugin object; raises Refused with the right signature when one does not fit."""
    _check_names(plugin)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as exc:
        raise Refused(" ".join(str(exc).split())) from exc
    impls: dict[str, Impl] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        (found,) = (impl for impl in caller.get_hookimpls() if impl.plugin is plugin)
        known = tuple(inspect.signature(getattr(hookspecs, caller.name)).parameters)
        wants = (*found.argnames, *(word for word in found.kwargnames if word in known))
        impls[caller.name] = Impl(found.function, wants)
    if not impls:
        raise Refused(
            "it has no hook: write @hookimpl above one of " + ", ".join(HOOKS) + "; tests belong into tests/"
        )
    return {hook: impls[hook] for hook in HOOKS if hook in impls}


def _check_names(plugin: object) -> None:
    """Refuse what pluggy would pass over in silence or report in its own words."""
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        if not inspect.isroutine(function):
            continue
        options = getattr(function, _MARK, None)
        if options is None:
            if name in HOOKS and getattr(function, "__module__", "") == getattr(plugin, "__name__", None):
                raise Refused(f"{name}() is a hook's name but has no @hookimpl above it")
            continue
        hook = options.get("specname") or name
        if hook not in HOOKS:
            raise Refused(
                f"there is no hook called {hook}{nearest(hook, HOOKS)}; there are {', '.join(HOOKS)}"
            )
        if options.get("wrapper") or options.get("hookwrapper"):
            raise Refused(
                f"{hook} is a wrapper; plugins here only answer for themselves: take wrapper=True away"
            )
        if inspect.iscoroutinefunction(function):
            raise Refused(f"{hook} is an async function; hooks are ordinary functions: take async away")
        _check_arguments(hook, function)


def _check_arguments(hook: str, function: Callable[..., object]) -> None:
    known = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
    for word, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY or (
            word not in known
            and parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ):
            raise Refused(
                f"{hook} asks for {word}, which it is not given{nearest(word, known)}; "
                f"the right signature is {signature(hook)}, or any part of it"
            )


def frozen(value: Any) -> Any:
    """A table that cannot be changed: mappings read-only, lists tuples, all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    return value


def take_seat(name: str, plugin: object, table: Mapping[str, Any]) -> Seat:
    """Seat a plugin: check its hooks, then let it `configure` itself once. What it raises refuses it."""
    impls = hooks_of(name, plugin)
    seat = Seat(name, impls, frozen(table))
    if "configure" in impls:
        seat.settings = seat.call("configure", {})
    return seat
