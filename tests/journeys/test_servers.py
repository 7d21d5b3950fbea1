"""One journey on four mail servers: Dovecot, Cyrus, Courier and pymap, each with its own ideas of IMAP."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from levelhead.archive.library import frame_of
from levelhead.archive.volumes import Volumes
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

if TYPE_CHECKING:
    from conftest import Home

pytestmark = [pytest.mark.sweep, pytest.mark.server]

Write = Callable[..., bytes]
Picture = dict[str, tuple[int, dict[int, tuple[bytes, frozenset[str]]]]]

ROLES = ("INBOX", "Sent", "Archive", "Drafts")
READ = ("INBOX", "Sent", "Archive")


def letters(count: int, seed: int, *, lines: int = 12) -> list[bytes]:
    """Messages between me and the client that differ in everything a server could get wrong: 8-bit, long, empty."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        mine = chance.random() < 0.3
        sender, to = ("me@studio.example", "maria@northwind.example")[:: 1 if mine else -1]
        body = "".join(f"line {n} {chance.random()} Grüße\r\n" for n in range(chance.randint(0, lines)))
        made.append(
            (
                f"From: {sender}\r\nTo: {to}\r\nSubject: Mail {seed}-{number}\r\n"
                f"Message-ID: <g{seed}.{number}@example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
                f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}.\r\n..\r\nFrom here\r\n"
            ).encode()
        )
    return made


def place(home: Home, role: str) -> str:
    return home.account.folder_name(role)


def picture(home: Home) -> Picture:
    """Everything a person could see of the account: UIDVALIDITY, UIDs, bytes and flags of every folder."""
    seen = {}
    for role in ROLES:
        messages = home.account.read_all(place(home, role))
        seen[role] = (
            home.account.uidvalidity(place(home, role)),
            {uid: (data, frozenset(flags) - {r"\Recent"}) for uid, (data, flags) in messages.items()},
        )
    return seen


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archived(home: Home) -> dict[str, bytes]:
    store = open_store(home.archive / "index.sqlite", read_only=True)
    volumes = Volumes(home.archive / "volumes")
    try:
        return {row.id: volumes.read(frame_of(row)).read() for row in store.messages(MessageFilter())}
    finally:
        store.close()


def mirrors(home: Home, *, deep: bool = True) -> None:
    """The archive holds what the account holds, byte for byte, each once, and can prove it."""
    there = [data for role in READ for data in home.account.read(place(home, role)).values()]
    assert archived(home) == {digest(data): data for data in there}
    ids = [fact.id for fact in home.of("message.archived")]
    assert len(set(ids)) == len(ids)
    assert not deep or home.json("verify", "--deep")["ok"]


def test_the_first_pass_archives_every_byte_and_the_second_finds_nothing_new(home_anywhere: Home) -> None:
    home = home_anywhere
    for seed, (role, count) in enumerate({"INBOX": 120, "Sent": 60, "Archive": 20}.items()):
        assert home.account.fill(place(home, role), letters(count, seed)) == count
    home.account.append(place(home, "Drafts"), b"Subject: not yet\r\n\r\nDear Maria,\r\n", [r"\Draft"])
    before = picture(home)

    home.run("run", "--once")
    assert home.count("message.archived") == home.count("message.sighted") == 200
    assert home.count("draft.held") == home.count("alert.raised") == 0, (
        "history makes no drafts and no alerts"
    )
    mirrors(home)
    known = [fact.name for fact in home.facts() if fact.name.startswith(("message.", "folder."))]

    home.run("run", "--once")
    again = [fact.name for fact in home.facts() if fact.name.startswith(("message.", "folder."))]
    assert again == known, "the second pass finds nothing new"
    assert picture(home) == before, "reading changes nothing"


def test_new_mail_is_noticed_archived_and_judged_and_its_draft_placed_once_and_threaded(
    home_anywhere: Home, write: Write, heated: str
) -> None:
    home = home_anywhere
    home.account.append("INBOX", write("Hello, when can we see the site?", own_id="<a1@northwind.example>"))
    mine = write(
        "By Friday.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b1@studio.example>", references=("<a1@northwind.example>",),
    )  # fmt: skip
    home.account.append(place(home, "Sent"), mine)
    home.start()
    hot = write(
        heated, own_id="<a2@northwind.example>", subject="Re: Website",
        references=("<a1@northwind.example>", "<b1@studio.example>"),
    )  # fmt: skip
    home.account.append("INBOX", hot)
    seconds = home.until(lambda: digest(hot) in {fact.id for fact in home.of("message.judged")})
    print(f"from delivery to a judgement: {seconds:.2f} s")
    before = picture(home)
    home.until(lambda: home.count("draft.placed"))
    assert home.stop() == 0
    home.run("run", "--once")
    after = picture(home)
    validity, drafts = after.pop("Drafts")
    assert validity == before.pop("Drafts")[0]
    assert after == before, "nothing on the server changed but our draft"
    assert len(drafts) == 1, "a second look places nothing more"
    ((data, flags),) = drafts.values()
    assert r"\Draft" in flags
    draft = message_from_bytes(data, policy=default)
    assert draft["In-Reply-To"] == "<a2@northwind.example>"
    assert draft["References"].split()[-3:] == [
        "<a1@northwind.example>", "<b1@studio.example>", "<a2@northwind.example>",
    ]  # fmt: skip
    assert home.count("draft.placed") == 1
    mirrors(home)


def test_an_answer_in_sent_cancels_the_held_draft(home_anywhere: Home, write: Write, heated: str) -> None:
    home = home_anywhere
    home.write_config(cooldown="1h")
    home.start()
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.until(lambda: home.count("draft.held"))
    mine = write(
        "I will call you in ten minutes.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b2@studio.example>", references=("<a2@northwind.example>",),
    )  # fmt: skip
    home.account.append(place(home, "Sent"), mine)
    before = picture(home)
    home.until(lambda: home.count("draft.superseded") and home.count("alert.answered"))
    assert home.stop() == 0
    assert picture(home) == before
    mirrors(home, deep=False)


def test_folders_that_get_new_numbers_bring_nothing_twice(home_anywhere: Home, write: Write) -> None:
    home = home_anywhere
    home.account.fill("INBOX", letters(10, 1))
    for seed, role in enumerate(("Sent", "Archive"), 2):
        home.account.fill(place(home, role), letters(40, seed))
    home.run("run", "--once")
    assert home.count("message.archived") == 90
    for role in ("Sent", "Archive"):
        home.account.recreate(place(home, role))
    more = write(
        "One more.", sender="me@studio.example", to="maria@northwind.example", own_id="<b9@x.example>"
    )
    home.account.append(place(home, "Archive"), more)
    before = picture(home)
    home.run("run", "--once")
    assert {fact.folder for fact in home.of("folder.renumbered")} == {
        place(home, "Sent"),
        place(home, "Archive"),
    }
    assert home.count("message.archived") == 91, "what was known is not archived again"
    assert home.count("message.sighted") == 171, "each is seen at its new place"
    assert home.count("draft.held") == home.count("alert.raised") == 0
    assert picture(home) == before
    mirrors(home)


def test_a_server_that_goes_down_in_the_middle_and_comes_back_is_read_to_the_end(
    home_anywhere: Home, mail_servers, request: pytest.FixtureRequest, write: Write
) -> None:
    home = home_anywhere
    server = mail_servers.get(request.node.callspec.params["home_anywhere"])
    home.account.fill("INBOX", letters(300, 5, lines=60))
    home.start(wait=False)
    home.until(home.messages)
    server.kill()
    halfway = home.messages()
    server.start()
    home.until(lambda: home.messages() == 300)
    print(f"it went down after {halfway} of 300 messages")

    home.until(lambda: home.count("mailbox.watched"))
    server.kill()
    server.start()
    late = write("Still there?", own_id="<a2@northwind.example>")
    home.account.append("INBOX", late)
    home.until(lambda: digest(late) in {fact.id for fact in home.of("message.judged")})
    before = picture(home)
    assert home.stop() == 0
    assert home.count("message.sighted") == 301
    assert picture(home) == before
    mirrors(home)


def test_a_wrong_password_is_told_as_one(home_anywhere: Home) -> None:
    home = home_anywhere
    (home.path / "password").write_text("not the password")
    done = home.run("run", "--once", check=False)
    assert done.returncode == 3, done.stderr.decode()
    assert [fact.kind for fact in home.of("mailbox.lost")] == ["login"]
