"""What must be found in an archive after the journey, whatever happened to the daemon on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Home


def whole(home: Home, *, troubled: bool = False) -> None:
    """What must hold at the end, whatever happened on the way; `troubled` when it may have told of itself too."""
    assert home.json("verify", "--deep")["ok"]
    assert home.count("message.archived") == 3
    archived = [fact.id for fact in home.of("message.archived")]
    assert len(set(archived)) == 3
    assert home.count("message.judged") == 3
    assert home.count("draft.held") == 1
    assert home.count("draft.placed") == 1
    assert len(home.account.read("Drafts")) == 1
    (alert,) = [fact for fact in home.of("alert.raised") if fact.message or not troubled]
    told = [ring for ring in home.phone.received if alert.key in str(ring)]
    assert told, "an alert is delivered at least once"
    assert troubled or told == home.phone.received, "a repeat comes under its own key"
    assert home.count("alert.notified") >= 1
