"""The real daemon, killed with -9 in the middle of its work: nothing lost, nothing doubled but an alert's repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]


@pytest.mark.sweep
def test_killed_twice_during_the_first_sync_it_has_every_message_once(home: Home, write: Write) -> None:
    messages = [
        write(
            f"Message {number}. " + "All is well. " * (number % 40), own_id=f"<k{number}@northwind.example>"
        )
        for number in range(1500)
    ]
    home.account.fill("INBOX", messages)
    for enough in (100, 600):
        home.start(wait=False)
        home.until(lambda enough=enough: home.messages() >= enough)
        home.kill()
    home.run("run", "--once")
    archived = [fact.id for fact in home.of("message.archived")]
    assert len(archived) == len(set(archived)) == len(messages)
    assert set(archived) == {hashlib.sha256(data).hexdigest() for data in messages}
    assert home.count("message.sighted") == len(messages)
    judged = [fact.id for fact in home.of("message.judged")]
    assert len(judged) == len(set(judged)) == len(messages)
    assert home.json("verify", "--deep")["ok"]


def test_killed_while_an_answer_is_held_it_places_the_draft_once_when_it_is_back(
    home: Home, write: Write, heated: str
) -> None:
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.held"))
    home.kill()
    assert not home.account.read("Drafts")
    home.start()
    home.until(lambda: home.count("draft.placed"))
    home.kill()
    home.run("run", "--once")
    assert len(home.account.read("Drafts")) == 1
    assert home.count("draft.held") == home.count("draft.placed") == 1


@pytest.mark.sweep
def test_killed_while_an_alert_climbs_it_goes_on_under_the_same_key(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(more='[escalation]\nrepeat = "1s"\n')
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.phone.received)
    home.kill()
    told = len(home.phone.received)
    home.start()
    home.until(lambda: len(home.phone.received) > told)
    assert home.count("alert.raised") == 1
    key = home.of("alert.raised")[0].key
    assert all(key in str(rung) for rung in home.phone.received)
    home.run("ack", key[:8])
    home.kill()
    home.start()
    home.account.append("INBOX", write("Anything new?", own_id="<a7@northwind.example>"))
    rings = len(home.phone.received)
    # The poke is placed after its own hold, long after the next repeat would have rung.
    home.until(lambda: home.count("draft.placed"))
    assert home.lines("alerts") == [], "an acknowledged alert stays so over a kill"
    assert len(home.phone.received) == rings


@pytest.mark.sweep
def test_an_index_that_is_lost_is_made_again_from_volumes_and_ledger(
    home: Home, write: Write, heated: str
) -> None:
    home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
    home.run("run", "--once")
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.run("run", "--once")
    before = {
        words: home.run(*words, "--json").stdout for words in (("messages",), ("held",), ("alerts", "--all"))
    }
    leaves = (home.archive / "ledger" / "000001.jsonl").read_bytes()
    for path in home.archive.glob("index.sqlite*"):
        path.unlink()
    refused = home.run("status", check=False)
    assert refused.returncode == 2
    assert b"levelhead rebuild" in refused.stderr
    home.run("rebuild")
    assert {words: home.run(*words, "--json").stdout for words in before} == before
    assert (home.archive / "ledger" / "000001.jsonl").read_bytes().startswith(leaves), (
        "no entry was written anew"
    )
    assert home.json("verify", "--deep")["ok"]
    home.run("run", "--once")
    assert home.count("message.archived") == 2
