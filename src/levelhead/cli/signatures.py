"""What vouches for mail, for people: `verify --dkim`, and the field `authenticated` of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from levelhead.cli.output import line_of
from levelhead.errors import StoreDamaged
from levelhead.values import dataclass

if TYPE_CHECKING:
    from levelhead.archive.volumes import Volumes
    from levelhead.evidence.vouched import Proven
    from levelhead.facts import MessageAuthenticated
    from levelhead.store.api import MessageRow, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """What `verify --dkim` found; None for an archive whose index cannot be read."""

    found: Proven | None

    @property
    def ok(self) -> bool:
        """Whether every signature says what it said when its message came."""
        return self.found is not None and not self.found.differ

    def added_to(self, value: Mapping[str, Any], text: str) -> tuple[dict[str, Any], str]:
        """The report of `verify` with this beside it, as JSON and for people."""
        one = self.found
        if one is None:
            lines = [text, "SIGNATURES: not checked, because the index cannot be read."]
            return {**value, "ok": False, "dkim": None}, "\n".join(lines)
        told = {
            "ok": self.ok,
            "checked": one.checked,
            "passed": one.passed,
            "unwitnessed": one.unwitnessed,
            "gone": one.gone,
            "differ": list(one.differ),
        }
        lines = [line_of(f"SIGNATURE: {sentence}") for sentence in one.differ]
        lines.append(
            f"Signatures: {one.checked} messages were checked again by the keys in the ledger, {one.passed} of them "
            f"are vouched for by a domain; at the arrival of {one.unwitnessed} from clients nobody looked."
        )
        return {**value, "ok": bool(value["ok"]) and self.ok, "dkim": told}, "\n".join([text, *lines])


def proven(store: Store | None, volumes: Volumes, progress: Callable[[int, int], None] | None) -> Signatures:
    """Check every signature on record again; UserError when the libraries for it are not installed."""
    from levelhead.archive.library import frame_of
    from levelhead.evidence.resolver import must_be_installed
    from levelhead.evidence.vouched import prove

    must_be_installed()
    if store is None:
        return Signatures(found=None)
    try:
        found = prove(store, lambda row: volumes.read_checked(row.id, frame_of(row)), progress)
    except StoreDamaged:
        return Signatures(found=None)  # `verify` names what is damaged
    return Signatures(found=found)


def authenticated(row: MessageRow, fact: MessageAuthenticated | None) -> dict[str, Any] | None:
    """The field `authenticated` of a message: null for mail that is no client's, whose signatures nobody looks at."""
    from levelhead.evidence.vouched import vouched

    said = vouched(row, fact)
    if said is None:
        return None
    return {
        "result": said.result,
        "domain": said.domain,
        "aligned": said.aligned,
        "witnessed": said.witnessed,
    }


def vouched_by(value: Mapping[str, Any] | None) -> str:
    """The same for a reader of `show`: which domain, or why none; empty where there is nothing to say."""
    if value is None or value["result"] is None:
        return ""
    domain = value["domain"] or "a domain that cannot be read"
    late = "" if value["witnessed"] else "; checked long after it came"
    if value["result"] == "pass":
        return f"{domain}, {'the sender' if value['aligned'] else 'not the sender'}'s own{late}"
    if value["result"] == "none":
        return f"nobody: it has no signature{late}"
    return f"nobody: the signature of {domain} says {value['result']}{late}"
