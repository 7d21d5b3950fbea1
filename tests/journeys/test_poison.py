"""Mail that hangs, crashes and bloats its parser, and hostile mail, among a client's: the real daemon, a real Dovecot.

No message is known that really ends the parser. So a `sitecustomize` puts one in its place that dies of a word, in the
process that may be killed and in no other; the program has no hook for it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levelhead
from journeys.test_sigterm import alive, replace, tree
from levelhead.archive.library import frame_of
from levelhead.archive.volumes import Volumes
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

pytestmark = [pytest.mark.sweep, pytest.mark.server]

TESTS = Path(__file__).parents[1]
MADE = TESTS.parents[1] / "shared" / "data" / "torture" / "made"
SMALL = 200_000
"""Bytes; larger hostile messages are left to the tests of the parser."""
ENDINGS = {
    "crash": "unread: it ended the worker process (SIGSEGV)",
    "hog": "unread: out of memory",
    "hang": "unread: timed out",
}
HONEST = ("logo", "budget", "menu", "invoice")
"""What the client's ordinary mails are about: each stands before, between or behind the poisonous ones."""
POISON = """\
import signal, sys

if "levelhead.archive.reading" in sys.orig_argv:
    import poison
    from levelhead.archive import parse

    parse.parse = poison.touchy
    # A hang costs one second of computing instead of five: it is met three times here.
    set_timer = signal.setitimer
    signal.setitimer = lambda which, seconds: set_timer(which, seconds / 5)
"""


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Poisons the parser of every reader that is started from now on; a file with a letter for each time it died."""
    folder, tries = tmp_path / "poisoned", tmp_path / "tries"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(POISON)
    tries.touch()
    places = (folder, TESTS / "archive", Path(levelhead.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
    monkeypatch.setenv("PYTHON_POISON_TRIES", str(tries))
    return tries


def hostile() -> Iterator[bytes]:
    """Hostile messages as a server takes them: without NUL, with whole line ends."""
    for path in sorted([*(TESTS / "data" / "hostile").iterdir(), *(MADE.iterdir() if MADE.is_dir() else ())]):
        data = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if 0 < len(data) < SMALL and b"\0" not in data:
            yield data


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def placed(home: Home) -> set[str]:
    """The messages whose answers stand in Drafts."""
    done = {fact.key for fact in home.of("draft.placed")}
    return {fact.message for fact in home.of("draft.held") if fact.key in done}


def archived(home: Home) -> dict[str, bytes]:
    """Every message of the archive by its id, as its bytes lie in the volumes."""
    store = open_store(home.archive / "index.sqlite", read_only=True)
    volumes = Volumes(home.archive / "volumes")
    try:
        rows = store.messages(MessageFilter())
        return {row.id: volumes.read_checked(row.id, frame_of(row)).read() for row in rows}
    finally:
        store.close()


def test_poisonous_mail_is_archived_unread_and_all_other_mail_goes_its_way(
    home: Home, write: Write, heated: str, poisoned: Path
) -> None:
    def client(name: str, text: str) -> bytes:
        return write(text, own_id=f"<{name}@northwind.example>", subject=f"About the {name}")

    home.write_config(cooldown="1s", scope="everyone")
    replace(home, 'poll = "3s"', 'poll = "1s"')
    poison = {how: client(how, f"POISON {how} and words of a stranger") for how in ENDINGS}
    honest = {name: client(name, heated) for name in HONEST}
    mail = [
        *(honest["logo"], poison["crash"], honest["budget"], *hostile()),
        *(poison["hog"], honest["menu"], poison["hang"], honest["invoice"]),
    ]
    home.start()
    home.account.fill("INBOX", mail)
    seconds = home.until(lambda: placed(home) >= set(map(digest, honest.values())))
    print(f"{len(mail)} messages, from delivery to the last answer of an ordinary one: {seconds:.1f} s")

    served = {digest(data): data for data in home.account.read("INBOX").values()}
    assert archived(home) == served
    assert set(served) >= set(map(digest, [*poison.values(), *honest.values()]))
    known = {row["id"]: row for row in home.lines("messages")}
    for how, data in poison.items():
        row = known[digest(data)]
        assert (row["level"], row["score"], row["defects"]) == ("unknown", None, [ENDINGS[how]])
        assert (row["client"], row["subject"]) == ("Northwind", f"About the {how}")
    unread = {id for id, row in known.items() if any(one.startswith("unread") for one in row["defects"])}
    assert unread == set(map(digest, poison.values())), "nobody else paid for them"
    assert {known[digest(data)]["level"] for data in honest.values()} == {"hostile"}

    status = home.json("status")
    [mailbox] = status["mailboxes"]
    assert (mailbox["state"], mailbox["error"], mailbox["backlog"]) == ("watched", "", 0)
    assert status["daemon"]["running"] and status["failed"] == status["warnings"] == []
    assert home.count("daemon.started") == 1
    said = (home.path / "daemon1.log").read_text()
    assert "Traceback" not in said and "words of a stranger" not in said
    assert home.daemon is not None
    family = tree(home.daemon.pid)
    assert len(family) > 1, "the process that reads is a child"
    assert home.stop() == 0
    assert [pid for pid in family if alive(pid)] == []

    tried = len(poisoned.read_text())
    report = home.json("verify", "--deep")
    assert report["ok"] and report["checked"] == len(served)
    assert len(poisoned.read_text()) > tried, "each was read again, by the same parser"
