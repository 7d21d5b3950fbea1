"""Where the configuration is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from levelhead.errors import UserError

NAME = "levelhead.toml"
MAKE_ONE = (
    "make one with `levelhead init`, "
    "or by hand: `mkdir -p config && levelhead config example > config/levelhead.toml`"
)


def candidates(env: Mapping[str, str], here: Path) -> tuple[Path, ...]:
    """Where a configuration is looked for when none is named, in order."""
    return here / NAME, here / "config" / NAME, *everywhere(env)


def everywhere(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Those of them that do not depend on the folder that one is in."""
    home = env.get("XDG_CONFIG_HOME") or (f"{env['HOME']}/.config" if env.get("HOME") else "")
    users = (Path(home) / "levelhead" / NAME,) if home else ()
    return *users, Path("/etc/levelhead") / NAME


def find_config(explicit: Path | None, env: Mapping[str, str]) -> Path:
    """The configuration to use: `--config`, `$LEVELHEAD_CONFIG`, then the usual places; UserError for none."""
    if explicit is not None:
        return explicit
    if env.get("LEVELHEAD_CONFIG"):
        return Path(env["LEVELHEAD_CONFIG"])
    places = candidates(env, Path.cwd())
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise UserError(
        f"there is no configuration: looked for {looked}; {MAKE_ONE}, or name one with --config FILE"
    )
