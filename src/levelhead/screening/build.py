"""Build the panel: find the plugins, refuse what is not fit, seat the rest in the operator's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from levelhead.clock import Clock, SystemClock
from levelhead.errors import Problem, Stopping
from levelhead.hookspecs import PluginInfo
from levelhead.policy.types import DraftPolicy
from levelhead.screening.bench import Bench, Here, Threads
from levelhead.screening.builtin import builtin_plugins
from levelhead.screening.builtin.templates import template_problems
from levelhead.screening.panel import LAST, Chair, HostPanel
from levelhead.screening.remote import Worker
from levelhead.screening.seat import Seat, take_seat
from levelhead.screening.sources import Refused, Source, drop_ins, nearest, packages, plugin_name, read_file
from levelhead.screening.spec import Knowing, PanelSpec


def build_panel(spec: PanelSpec, clock: Clock, stopping: Callable[[], bool] = lambda: False) -> HostPanel:
    """The panel that the operator described. Never raises for a plugin's fault: what is not fit is refused.

    With isolation "process" a worker process is started as soon as there is one drop-in or package; `close()` ends it.
    Once `stopping()` is true drop-ins are neither loaded nor asked nor waited for: Stopping is raised instead.
    """
    sources, refused = _gather(spec)
    chairs = []
    bench = _bench(spec, stopping)
    try:
        for source in _in_order(spec.order, sources):
            chair = _seated(spec, source, bench)
            if chair.info.state == "refused":
                refused.append(chair.info)
            else:
                chairs.append(chair)
    except Stopping:
        bench.close()
        raise
    chairs += _built_in(spec)
    if not any(chair.bench is bench for chair in chairs):
        bench.close()
    return HostPanel(_ordered(spec.order, chairs), refused, clock)


def examine(
    spec: PanelSpec, clock: Clock | None = None
) -> tuple[tuple[PluginInfo, ...], tuple[Problem, ...]]:
    """Load every plugin once, for `plugins check`: what the operator sees of each, and what is wrong."""
    panel = build_panel(spec, clock or SystemClock())
    try:
        found = panel.plugins()
    finally:
        panel.close()
    problems = [
        Problem(where=f"plugin {info.name}", problem=info.why, fix="mend it, or name it in [plugins] disable")
        for info in found
        if info.state == "refused"
    ]
    policy = spec.builtin.get("templates")
    if isinstance(policy, DraftPolicy) and policy.enabled:
        problems += template_problems(policy)
    return found, (*problems, *_unknown_names(spec, {info.name for info in found}))


def _bench(spec: PanelSpec, stopping: Callable[[], bool]) -> Bench:
    if spec.isolation == "process":
        return Worker(spec.timeout_seconds, stopping=stopping)
    return Threads(spec.timeout_seconds, stopping)


def _gather(spec: PanelSpec) -> tuple[list[Source], list[PluginInfo]]:
    """Drop-ins by file name, then packages by name, without those disabled; and what is refused unread."""
    sources: list[Source] = []
    refused: list[PluginInfo] = []
    taken = dict.fromkeys(builtin_plugins(), "a built-in")
    try:
        paths = drop_ins(spec.folder)
    except Refused as exc:
        paths = ()
        refused.append(PluginInfo(name="plugins", origin=str(spec.folder), state="refused", why=str(exc)))
    found = [(plugin_name(path), str(path), partial(read_file, path)) for path in paths]
    if spec.entry_points:
        found += [(source.name, source.origin, partial(_as_is, source)) for source in packages()]
    for name, origin, read in found:
        if name in spec.disable:
            continue
        try:
            if name in taken:
                raise Refused(f"the name {name} is taken by {taken[name]}: give it another")
            sources.append(read())
            taken[name] = origin
        except Refused as exc:
            refused.append(PluginInfo(name=name, origin=origin, state="refused", why=str(exc)))
    return sources, refused


def _as_is(source: Source) -> Source:
    return source


def _seated(spec: PanelSpec, source: Source, bench: Bench) -> Chair:
    opened = bench.open(source, spec.tables.get(source.name, {}))
    info = PluginInfo(
        name=source.name,
        origin=source.origin,
        state="refused" if opened.refused else "loaded",
        why=opened.refused,
        digest=source.digest,
        hooks=opened.hooks,
    )
    return Chair(info, bench)


def _built_in(spec: PanelSpec) -> list[Chair]:
    """The plugins that ship. Their settings are values of ours, and a fault in them is a fault of levelhead."""
    here = Here()
    chairs = []
    for name, module in builtin_plugins().items():
        if name in spec.disable and name != LAST:
            continue
        seat: Seat = take_seat(name, module, spec.tables.get(name, {}))
        if name in spec.builtin:
            seat.settings = spec.builtin[name]
        if isinstance(seat.settings, Knowing):
            seat.settings = replace(seat.settings, known=spec.known)
        here.seat(seat)
        info = PluginInfo(name=name, origin="built-in", state="loaded", hooks=tuple(seat.impls))
        chairs.append(Chair(info, here, trusted=True))
    return chairs


def _in_order(order: tuple[str, ...], sources: Iterable[Source]) -> list[Source]:
    return sorted(sources, key=lambda source: _rank(order, source.name))


def _ordered(order: tuple[str, ...], chairs: Iterable[Chair]) -> list[Chair]:
    return sorted(chairs, key=lambda chair: _rank(order, chair.info.name))


def _rank(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _unknown_names(spec: PanelSpec, found: set[str]) -> list[Problem]:
    """Names in the configuration that no plugin has."""
    known = found | set(spec.disable) | set(builtin_plugins())
    listed = {
        "order": spec.order,
        "may_lower": spec.may_lower,
        "disable": tuple(name for name in spec.disable if not _exists(spec, name)),
    }
    problems = [
        Problem(
            where=f"[plugins] {key}",
            problem=f"there is no plugin called {name}{nearest(name, known - {name})}",
        )
        for key, names in listed.items()
        for name in names
        if key == "disable" or name not in known
    ]
    problems += [
        Problem(where=f"[plugins.{name}]", problem=f"there is no plugin called {name}{nearest(name, known)}")
        for name in spec.tables
        if name not in known
    ]
    if LAST in spec.disable:
        problems.append(
            Problem(where="[plugins] disable", problem=f"{LAST} cannot be disabled: it makes the verdict")
        )
    return problems


def _exists(spec: PanelSpec, name: str) -> bool:
    if name in builtin_plugins():
        return True
    try:
        names = {plugin_name(path) for path in drop_ins(spec.folder)}
    except Refused:
        return True
    return name in names | {source.name for source in packages()}
