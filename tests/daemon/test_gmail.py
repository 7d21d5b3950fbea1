"""A mailbox at a server like Gmail, read by the whole daemon: each message is downloaded once, wherever it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forgotten import erase
from levelhead.archive.parse import parse, parse_head
from levelhead.archive.record import Recorder
from levelhead.archive.spool import Spool
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.cli import views
from levelhead.cli.state import report as status_report
from levelhead.clock import SystemClock
from levelhead.config.glance import of as glance_of
from levelhead.config.load import load
from levelhead.daemon.completeness import compare_all
from levelhead.daemon.online import look
from levelhead.daemon.parts import Archive, mailbox_spec, open_archive
from levelhead.daemon.reading import directory_of
from levelhead.daemon.remake import remake
from levelhead.daemon.session import Session
from levelhead.daemon.sign_ins import SignIns
from levelhead.facts import MessageSighted
from levelhead.mailbox.watch import Watcher
from levelhead.raw import raw
from levelhead.store.api import MessageFilter, mailbox_lane
from levelhead.store.sqlite import open_store
from servers.gmail import ALL_MAIL, GmailLike
from servers.scripted import ScriptedServer

CONFIG = """
[me]
addresses = ["me@studio.example"]
[archive]
path = "archive"
[clients]
scope = "{scope}"
[[client]]
name = "Client"
addresses = ["*@client.example"]
"""
MAILBOX = """
[[mailbox]]
name = "{name}"
host = "127.0.0.1"
port = {port}
user = "me@studio.example"
password_file = "password"
tls = "none"
folders = {folders}
"""


def letter(number: int, *, sender: str = "ann@client.example", lines: int = 40, extra: str = "") -> bytes:
    head = f"From: {sender}\r\nTo: me@studio.example\r\nSubject: {number}\r\nMessage-ID: <{number}@x.example>\r\n"
    return (head + extra + "\r\n" + f"The plan number {number} is fine.\r\n" * lines).encode()


class House:
    """A configuration with one mailbox at the server, and its archive between two passes."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        self.folder, self.server = folder, server
        (folder / "password").write_text("word\n")
        (folder / "password").chmod(0o600)
        self.configure()

    def configure(self, *folders: str, scope: str = "listed", names: tuple[str, ...] = ("office",)) -> None:
        wanted = list(folders or ("auto",))
        text = CONFIG.format(scope=scope)
        text += "".join(MAILBOX.format(name=name, port=self.server.port, folders=wanted) for name in names)
        (self.folder / "levelhead.toml").write_text(text.replace("'", '"'))

    @property
    def settings(self) -> Any:
        return load(self.folder / "levelhead.toml")

    def once(self) -> None:
        """One pass over each mailbox by one that has just started; nothing is judged."""
        settings, clock = self.settings, SystemClock()
        archive = open_archive(settings, read_only=False)
        recorder = Recorder(
            archive.store, archive.volumes, clock, parse=parse, directory=directory_of(settings)
        )
        everything = settings.clients.scope == "everyone"
        for mailbox in settings.mailboxes:
            watcher = Watcher(
                spec=mailbox_spec(settings, mailbox.name, SignIns(settings, clock)),
                store=archive.store,
                clock=clock,
                record=recorder.record,
                spool=Spool(self.folder / "spool").writer,
                decide=None if everything else lambda head: recorder.directory.decide(parse_head(head)),
                archived=archive.library.raw_if_any,
            )
            try:
                watcher.run_once()
            finally:
                watcher.close()
        archive.mirror.catch_up(archive.store)
        archive.close()

    def live(self) -> None:
        """One pass of a whole daemon that starts and ends: fetch, judge, pay."""
        settings, clock = self.settings, SystemClock()
        archive = open_archive(settings, read_only=False)
        session = Session(settings, archive, clock)
        try:
            assert session.once(threading.Event()) == 0
            archive.mirror.catch_up(archive.store)
        finally:
            session.close()
            archive.close()

    def asked(self, what: Callable[[Archive], Any]) -> Any:
        """What is asked of the archive, read only."""
        archive = open_archive(self.settings, read_only=True)
        try:
            return what(archive)
        finally:
            archive.close()

    def ids(self) -> set[str]:
        return {row.id for row in self.asked(lambda one: tuple(one.store.messages(MessageFilter())))}

    def sightings(self, data: bytes) -> dict[str, Any]:
        """By folder, where a message was seen under the numbers of today."""
        found = self.asked(lambda one: one.store.sightings(raw(data).digest))
        return {seen.place.folder: seen for seen in found}

    def facts(self) -> list[MessageSighted]:
        found = self.asked(lambda one: [fact for _, fact in one.store.facts_about(kind=MessageSighted.name)])
        return list(reversed(found))

    def whole(self) -> bool:
        """Whether both the archive and its servers are whole."""

        def checked(archive: Archive) -> bool:
            report = verify(
                archive.store,
                archive.volumes,
                archive.mirror,
                parse_many=one_by_one(parse),
                open_store=open_store,
            )
            assert report.ok, report
            compared = list(compare_all(self.settings, archive.store, SystemClock()))
            return all(mailbox.ok and mailbox.folders for mailbox in compared)

        return bool(self.asked(checked))


@pytest.fixture
def gmail() -> GmailLike:
    return GmailLike()


@pytest.fixture
def house(tmp_path: Path, gmail: GmailLike) -> Iterator[House]:
    server = ScriptedServer([gmail.script])
    yield House(tmp_path, server)
    server.close()
    assert not server.trouble


def test_all_mail_and_three_labels_cost_one_download(house: House, gmail: GmailLike) -> None:
    mails = [letter(n, lines=30 + n) for n in range(4)]
    for mail in mails:
        gmail.deliver(mail, "\\Inbox", "Projects", "Überfällig", "2024")
    house.configure("auto", "Projects", "Überfällig", "2024")
    house.once()
    assert (gmail.bodies, gmail.body_bytes) == (4, sum(map(len, mails)))
    assert house.ids() == {raw(mail).digest for mail in mails}
    seen = house.sightings(mails[0])
    assert set(seen) == {"INBOX", "Projects", "Überfällig", "2024", ALL_MAIL}
    assert {name for name, one in seen.items() if not one.by_id} == {"INBOX"}
    assert seen["INBOX"].labels == ("2024", "Projects", "Überfällig"), "that of the folder is not among them"
    assert seen[ALL_MAIL].labels == ("2024", "Projects", "\\Inbox", "Überfällig")
    assert views.sighting(seen[ALL_MAIL])["labels"] == list(seen[ALL_MAIL].labels)
    assert len({one.server_id for one in seen.values()}) == 1
    assert house.whole()


def test_what_was_archived_in_gmail_is_nowhere_but_in_all_mail(house: House, gmail: GmailLike) -> None:
    gmail.deliver(letter(1), "\\Inbox")
    gmail.deliver(letter(2))
    gmail.deliver(letter(3), "\\Junk")
    gmail.deliver(letter(4), "\\Trash")
    house.once()
    assert house.ids() == {raw(letter(1)).digest, raw(letter(2)).digest}
    opened = [line.partition(b" ")[2] for line in gmail.asked if line.startswith(b"EXAMINE")]
    assert set(opened) == {b'"[Gmail]/Sent Mail"', b'"INBOX"', b'"[Gmail]/All Mail"'}
    assert opened[-1] == b'"[Gmail]/All Mail"', "it is read last"
    gmail.user_labels.append("Projects")
    assert house.whole()
    (found,) = house.asked(lambda archive: list(compare_all(house.settings, archive.store, SystemClock())))
    others = dict(found.others)
    assert others["Projects"] == others["[Gmail]/Starred"] == "what it shows is read in All Mail"
    assert others["[Gmail]/Spam"] == others["[Gmail]/Trash"] == "not selected by `folders`"


def test_where_all_mail_is_hidden_every_label_is_read_and_somebody_is_told(
    house: House, gmail: GmailLike
) -> None:
    gmail.all_mail = False
    gmail.deliver(letter(1), "Projects", "Old")
    gmail.deliver(letter(2), "\\Inbox", "Projects", "\\Starred")
    gmail.deliver(letter(3), "\\Starred")
    gmail.deliver(letter(4), "\\Junk")
    gmail.deliver(letter(5), "\\Trash")
    house.once()
    assert (gmail.bodies, gmail.body_bytes) == (3, sum(len(letter(n)) for n in (1, 2, 3)))
    assert house.ids() == {raw(letter(n)).digest for n in (1, 2, 3)}
    assert house.whole()
    seen = glance_of(house.settings)
    (mailbox,) = house.asked(lambda archive: status_report(seen, archive.store))["mailboxes"]
    assert "All Mail is hidden" in mailbox["note"]
    (looked,) = look(house.settings, SystemClock())
    assert [note for note in looked.notes if "show in IMAP" in note] and not looked.problems
    gmail.all_mail = True
    house.once()
    assert gmail.bodies == 3
    (mailbox,) = house.asked(lambda archive: status_report(seen, archive.store))["mailboxes"]
    assert mailbox["note"] == ""


def test_a_restart_and_new_numbers_cost_no_body(house: House, gmail: GmailLike) -> None:
    mails = [letter(n) for n in range(3)]
    for mail in mails:
        gmail.deliver(mail, "\\Inbox")
    house.once()
    gmail.asked.clear()
    house.once()
    assert gmail.bodies == 3 and not [line for line in gmail.asked if b"UID FETCH" in line]
    for name in ("INBOX", ALL_MAIL):
        gmail.renumber(name)
    house.once()
    assert gmail.bodies == 3
    assert house.ids() == {raw(mail).digest for mail in mails}
    assert all(one.by_id for one in house.sightings(mails[0]).values())
    assert house.whole()


def test_the_index_made_again_from_the_ledger_says_the_same(house: House, gmail: GmailLike) -> None:
    gmail.deliver(letter(1), "\\Inbox", "Projects")
    house.once()
    before = house.sightings(letter(1))
    remake(house.settings, SystemClock())
    assert house.sightings(letter(1)) == before
    gmail.label(gmail.folder("INBOX").uids[1], "\\Starred")
    house.configure("auto", "[Gmail]/Starred")
    house.once()
    assert gmail.bodies == 1, "the id is known to the new index"
    assert house.whole()


def test_a_label_given_later_is_told_by_the_folder_that_shows_it(house: House, gmail: GmailLike) -> None:
    stored = gmail.deliver(letter(1), "\\Inbox")
    house.configure("auto", "Urgent")
    gmail.user_labels.append("Urgent")
    house.once()
    gmail.label(stored, "Urgent")
    house.once()
    seen = house.sightings(letter(1))
    assert seen["Urgent"].labels == ("\\Inbox",) and seen["Urgent"].by_id
    assert seen["INBOX"].labels == (), "nobody asks again what is known"


# --- a server that is not what it says -----------------------------------------------------------


def test_an_id_that_stands_for_another_size_is_fetched(house: House, gmail: GmailLike) -> None:
    first = gmail.deliver(letter(1), "\\Inbox")
    gmail.deliver(letter(1, lines=41), id=first.id)
    house.once()
    assert gmail.bodies == 2
    assert house.ids() == {raw(letter(1)).digest, raw(letter(1, lines=41)).digest}
    assert house.whole()


def test_an_id_that_stands_for_another_header_of_the_same_size_is_fetched(
    house: House, gmail: GmailLike
) -> None:
    first = gmail.deliver(letter(1), "\\Inbox")
    gmail.deliver(letter(2), id=first.id)
    assert len(letter(1)) == len(letter(2))
    house.once()
    assert gmail.bodies == 2
    assert house.ids() == {raw(letter(1)).digest, raw(letter(2)).digest}


def test_a_body_that_differs_behind_the_same_id_size_and_header_is_not_seen_and_the_fact_says_so(
    house: House, gmail: GmailLike
) -> None:
    """The limit of it: whoever answers for the account can hide mail anyway, and the record does not claim more."""
    first = gmail.deliver(letter(1), "\\Inbox")
    other = letter(1).replace(b"fine", b"dead")
    gmail.deliver(other, id=first.id)
    house.once()
    assert gmail.bodies == 1
    fact = next(fact for fact in house.facts() if fact.folder == ALL_MAIL and fact.uid == 2)
    assert fact.gmail is not None and fact.gmail.by_id and fact.id == raw(letter(1)).digest


def test_one_mailbox_cannot_speak_for_another(house: House, gmail: GmailLike) -> None:
    gmail.deliver(letter(1), "\\Inbox")
    house.configure("INBOX", names=("office", "other"))
    house.once()
    assert gmail.bodies == 2, "each mailbox has read it once itself"
    assert not any(fact.gmail and fact.gmail.by_id for fact in house.facts())


def test_a_server_that_refuses_what_it_announces_is_read_as_any_other(house: House, gmail: GmailLike) -> None:
    gmail.obeys = False
    gmail.deliver(letter(1), "\\Inbox")
    house.once()
    assert house.ids() == {raw(letter(1)).digest}
    assert {fact.gmail for fact in house.facts()} == {None}
    assert house.whole()


@pytest.mark.parametrize(
    ("id", "word", "refused"),
    [
        (b"0", None, ("id", "thread")),
        (b"18446744073709551616", None, ("id", "thread")),
        (b"-1", None, ("id", "thread")),
        (b'"12"', None, ("id", "thread")),
        (b"NIL", None, ("id", "thread")),
        (b"7", lambda label: b"(((((" + label.encode() + b")))))", ("labels",)),
        (b"7", lambda label: b"&Z", ("labels",)),
        (b"7", lambda label: b"{3}\r\na\x00b", ("labels",)),
        (b"7", lambda label: b"&2AA-", ("labels",)),
        (b"7", lambda label: b"x" * 5000, ("labels",)),
        (b"7", lambda label: b" ".join(b"l%d" % n for n in range(2000)), ("labels",)),
    ],
    ids=["zero", "65 bits", "negative", "quoted", "NIL", "nested", "no UTF-7", "NUL", "half a pair", "long", "many"],
)  # fmt: skip
def test_what_cannot_be_is_left_out_and_named(
    house: House, gmail: GmailLike, id: bytes, word: Any, refused: tuple[str, ...]
) -> None:
    gmail.word = word
    gmail.deliver(letter(1), "\\Inbox", "Projects", id=id)
    house.once()
    assert house.ids() == {raw(letter(1)).digest}
    said = [fact.gmail for fact in house.facts()]
    assert {one.refused for one in said if one} == {refused}
    assert gmail.bodies == (2 if "id" in refused else 1)
    assert house.whole()


@pytest.mark.parametrize(
    "word",
    [lambda label: b"[" + label.encode(), lambda label: b"{x}", lambda label: b'a"b', lambda label: b"NIL"],
    ids=["open bracket", "brace", "quote", "NIL"],
)
def test_a_label_that_is_no_atom_keeps_no_message_from_being_read(
    house: House, gmail: GmailLike, word: Any
) -> None:
    """Gmail has sent `[Mailbox]` without quotes."""
    gmail.word = word
    gmail.deliver(letter(1), "\\Inbox", "Projects")
    house.once()
    assert gmail.bodies == 1
    (label,) = house.sightings(letter(1))["INBOX"].labels
    assert label.encode() == word("Projects")


# --- what follows from it ------------------------------------------------------------------------


def test_mail_that_comes_during_the_first_reading_is_news_wherever_it_is_read_first(
    house: House, gmail: GmailLike
) -> None:
    """All Mail is opened hours after INBOX on a first reading, and would take for history what came meanwhile."""
    gmail.deliver(letter(1), "\\Inbox")

    def arrives(name: str) -> None:
        if name == ALL_MAIL and gmail.bodies == 1 and not gmail.folder("INBOX").uids.get(2):
            gmail.deliver(letter(2), "\\Inbox")

    gmail.on_examine = arrives
    house.once()
    house.once()
    history = {
        row.id: row.history for row in house.asked(lambda one: tuple(one.store.messages(MessageFilter())))
    }
    assert history == {raw(letter(1)).digest: True, raw(letter(2)).digest: False}


def test_known_mail_that_appears_in_all_mail_causes_nothing(house: House, gmail: GmailLike) -> None:
    house.live()
    angry = letter(1).replace(b"is fine", b"is a lie, my lawyer will sue you, you incompetent liar")
    stored = gmail.deliver(angry, "\\Inbox")
    del gmail.folder(ALL_MAIL).uids[1]
    house.live()
    before = house.asked(
        lambda one: (one.store.drafts(), one.store.alerts(), one.store.judged(raw(angry).digest))
    )
    assert before[0] and before[1]
    gmail._put(ALL_MAIL, stored)
    house.live()
    after = house.asked(
        lambda one: (one.store.drafts(), one.store.alerts(), one.store.judged(raw(angry).digest))
    )
    assert after == before and gmail.bodies == 1
    assert set(house.sightings(angry)) == {"INBOX", ALL_MAIL}


def test_an_answer_that_only_a_label_shows_as_sent_counts(house: House, gmail: GmailLike) -> None:
    """Sent Mail can be hidden from IMAP as well; a stranger's mail in my name never bears its label."""
    mine = letter(1, sender="me@studio.example").replace(b"To: me@studio.example", b"To: ann@client.example")
    forged = letter(2, sender="me@studio.example").replace(
        b"To: me@studio.example", b"To: ann@client.example"
    )
    gmail.deliver(mine, "\\Sent")
    gmail.deliver(forged, "Sent")
    house.configure(ALL_MAIL)
    house.once()
    rows = {
        row.id: row.in_sent for row in house.asked(lambda one: tuple(one.store.messages(MessageFilter())))
    }
    assert rows == {raw(mine).digest: True, raw(forged).digest: False}


def test_all_mail_is_looked_at_once_more_before_a_draft_is_placed(house: House, gmail: GmailLike) -> None:
    """What somebody has answered, or sent once more, may stand nowhere else."""
    archive = open_archive(house.settings, read_only=False)
    with archive.store.transaction(SystemClock().now()) as tx:
        tx.add_job(mailbox_lane("office"), "place", "place:x", "x", tx.now)
    archive.close()
    house.once()
    opened = [line for line in gmail.asked if line == b'EXAMINE "[Gmail]/All Mail"']
    assert len(opened) == 3, "once to meet it, once to read it, once before what is due"


def test_a_draft_in_all_mail_is_no_mail_until_it_is_sent(house: House, gmail: GmailLike) -> None:
    stored = gmail.deliver(
        letter(1, sender="me@studio.example", extra="Cc: ann@client.example\r\n"), "\\Draft"
    )
    house.once()
    house.once()
    assert not house.ids() and house.whole()
    left_out = house.asked(lambda one: [fact for _, fact in one.store.facts_about(kind="message.excluded")])
    assert [(fact.folder, fact.reason) for fact in left_out] == [(ALL_MAIL, "draft")]
    stored.labels = {"\\Sent"}
    stored.flags = {"\\Seen"}
    house.once()
    assert house.ids() == {raw(stored.data).digest}


def test_what_comes_into_scope_later_is_fetched_once(house: House, gmail: GmailLike) -> None:
    house.configure(scope="correspondents")
    theirs = letter(1, sender="bob@elsewhere.example")
    gmail.deliver(theirs, "\\Inbox")
    house.live()
    assert (house.ids(), gmail.bodies) == (set(), 0)
    mine = letter(2, sender="me@studio.example").replace(
        b"To: me@studio.example", b"To: bob@elsewhere.example"
    )
    gmail.deliver(mine, "\\Sent")
    house.live()
    assert house.ids() == {raw(theirs).digest, raw(mine).digest}
    assert gmail.bodies == 2 and house.sightings(theirs)[ALL_MAIL].by_id
    assert house.whole()


def test_where_everything_is_archived_a_header_is_asked_only_where_it_spares_a_body(
    house: House, gmail: GmailLike
) -> None:
    house.configure(scope="everyone")
    gmail.deliver(letter(1), "\\Inbox")
    gmail.deliver(letter(2))
    house.once()
    assert (gmail.bodies, gmail.header_bytes) == (2, letter(1).find(b"\r\n\r\n") + 4)
    assert house.whole()


def test_a_large_message_is_known_again_without_a_byte_of_its_body(house: House, gmail: GmailLike) -> None:
    large = letter(1, lines=50_000)
    gmail.deliver(large, "\\Inbox", "Projects")
    house.once()
    assert gmail.body_bytes == len(large) > 1_000_000
    assert house.sightings(large)[ALL_MAIL].by_id
    assert not list((house.folder / "spool").iterdir())


def test_damaged_bytes_are_fetched_again_and_not_taken_for_known(house: House, gmail: GmailLike) -> None:
    gmail.deliver(letter(1), "\\Inbox")
    house.once()
    (volume,) = (house.folder / "archive" / "volumes").glob("*.zst")
    data = bytearray(volume.read_bytes())
    row = house.asked(lambda one: one.store.message(raw(letter(1)).digest))
    data[row.offset + row.length // 2] ^= 0xFF
    volume.write_bytes(data)
    gmail.renumber(ALL_MAIL)
    house.once()
    assert gmail.bodies == 2


def test_what_was_erased_is_known_by_its_bytes_alone_and_left_out(house: House, gmail: GmailLike) -> None:
    """Nothing tells any more which id it had."""
    gmail.deliver(letter(1), "\\Inbox")
    house.once()
    archive = open_archive(house.settings, read_only=False)
    erase(
        archive.store, house.folder, raw(letter(1)).digest,
        clock=SystemClock(), volumes=archive.volumes, parse=parse, mirror=archive.mirror,
    )  # fmt: skip
    archive.close()
    gmail.renumber(ALL_MAIL)
    house.once()
    assert (house.ids(), gmail.bodies) == (set(), 2)
    assert house.whole()


def test_a_server_without_the_extension_is_asked_what_it_was_asked_before(
    house: House, gmail: GmailLike
) -> None:
    gmail.speaks = False
    gmail.deliver(letter(1), "\\Inbox", "Projects")
    house.once()
    assert not [line for line in house.server.lines if b"X-GM" in line]
    opened = [line for line in gmail.asked if line.startswith(b"EXAMINE")]
    assert opened == [b'EXAMINE "[Gmail]/Sent Mail"', b'EXAMINE "INBOX"']
    (fact,) = house.facts()
    assert fact.gmail is None and house.whole()
