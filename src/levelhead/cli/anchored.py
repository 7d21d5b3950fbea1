"""What anchors say, for people: the lines of `verify` and of `status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from levelhead.cli.output import line_of
from levelhead.cli.times import short, told

if TYPE_CHECKING:
    from levelhead.config.glance import Glance
    from levelhead.config.settings import Settings
    from levelhead.evidence.anchored import Stamps
    from levelhead.store.api import Store


def stamps_of(settings: Settings) -> Stamps:
    """Holds the time stamps of a ledger against it, and their signatures against the configured certificates."""
    from levelhead.evidence.anchored import Stamps

    return Stamps(ca_file=settings.anchors.ca_file)


def told_of(stamps: Stamps, value: Mapping[str, Any], text: str) -> tuple[dict[str, Any], str]:
    """The report of `verify` with the time stamps beside it, as JSON and for people; text only where there are any."""
    signers = dict(sorted(stamps.signers.items()))
    found = {"checked": stamps.checked, "signers": signers, "signatures_unchecked": stamps.unchecked}
    lines = [text]
    for signer, count in signers.items():
        by = f"signed by {signer or 'somebody whose certificate is not in it'}"
        trust = f", not checked against a root here: {stamps.unchecked}" if stamps.unchecked else ""
        lines.append(line_of(f"Time stamps: {count} fit their checkpoints, {by}{trust}."))
    if stamps.unchecked and stamps.present and not signers:
        lines.append(line_of(f"Time stamps: not checked: {stamps.unchecked}."))
    return {**value, "time_stamps": found}, "\n".join(lines)


def anchors(seen: Glance, store: Store | None) -> list[dict[str, Any]]:
    """How each configured anchor stands, for `status`."""
    named = [(url, False) for url in dict.fromkeys(seen.authorities)]
    named += [(channel, True) for channel in dict.fromkeys(seen.witnesses)]
    if not named:
        return []
    from levelhead.evidence.anchored import State, state_of

    found = []
    for name, witness in named:
        state = State() if store is None else state_of(store, name, witness=witness)
        found.append(
            {
                "name": name,
                "kind": "witness" if witness else "authority",
                "last_success": told(state.at) if state.at else None,
                "size": state.size,
                "failing_since": told(state.failing_since) if state.failing_since else None,
                "error": state.why,
            }
        )
    return found


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """The same for a reader, one line for each."""
    from levelhead.clock import from_text

    for one in found:
        last = one["last_success"]
        at = f"last {short(from_text(last))}, {one['size']} entries" if last else "not reached yet"
        since = one["failing_since"]
        error = f"; failing since {short(from_text(since))}: {one['error']}" if since else ""
        yield f"{'Anchor':<12}" + line_of(f"{one['name']}: {at}{error}")
