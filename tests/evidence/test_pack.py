"""What is in a pack: every message byte for byte, nothing of anybody else, and the same bytes each time."""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import html.parser
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.packs import (
    CLIENT,
    INJECTION,
    OF_OTHERS,
    OTHER,
    OURS,
    SCRIPTS,
    START,
    World,
    files,
    ids,
    lines,
    mail,
    verify,
    witnessed,
)
from evidence.packs import (
    table_of as table,
)
from levelhead.archive import large, tree
from levelhead.errors import DiskFull, StoreDamaged, Unavailable, UserError
from levelhead.evidence.pack import folder as folders
from levelhead.evidence.pack.exhibits import edrm_mih
from levelhead.evidence.pack.html import STYLE
from levelhead.facts import MailboxLost, MessageRelabelled, NoteTaken
from levelhead.model import Place
from servers.requirements import require

# --- messages and attachments -----------------------------------------------------------------------


def test_every_message_of_the_client_is_there_byte_for_byte(pack: Path) -> None:
    found = {path.name: path.read_bytes() for path in (pack / "messages").iterdir()}
    assert found == {f"{number:04}.eml": data for number, data in enumerate(OURS, start=1)}


def test_attachments_are_files_with_names_that_do_no_harm_and_their_own_names_in_the_table(
    pack: Path,
) -> None:
    rows = table(pack, "attachments.csv")
    assert [row["file"].rpartition("/")[2] for row in rows] == [
        "0003-001-passwd",
        "0003-002-offer.pdf",
        "0003-003-offer.pdf",
        "0003-004-attachment.pdf",
        "0003-005-CON",
        "0003-006-" + "a" * 60 + ".docx",
        "0003-007-attachment",
    ]
    assert [row["name"] for row in rows][:5] == ["passwd", "offer.pdf", "offer.pdf", "договор.pdf", "CON"]
    for position, row in enumerate(rows):
        data = (pack / row["file"]).read_bytes()
        assert data == f"paper {position}\n".encode()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]


# --- tables ---------------------------------------------------------------------------------------------


def test_each_attachment_of_a_large_message_is_a_file_too(
    own_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "READ_LIMIT", 6_000)
    monkeypatch.setattr(large, "SMALL", 200)
    papers = [os.urandom(9_000) for _ in range(5)]
    strange = b"--bb\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: x-y\r\n\r\n" + b"z" * 9_000
    parts = (
        b"--bb\r\nContent-Type: application/pdf; name=%d.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%s"
        % (number, base64.encodebytes(data))
        for number, data in enumerate(papers)
    )
    letter = mail(900, "Large", "text").partition(b"\n\n")[0].replace(b"\r\n", b"\n")
    fields = [line for line in letter.split(b"\n") if line and not line.startswith((b"Content-", b"MIME"))]
    head = b"\n".join([*fields, b"Content-Type: multipart/mixed; boundary=bb", b"", b""])
    own_world.archive([head + b"".join(parts) + strange + b"\r\n--bb--\r\n"])
    out = tmp_path / "pack"
    own_world.pack(out, own_world.size())
    rows = [row for row in table(out, "attachments.csv") if row["size"] == "9000"]
    assert [(out / row["file"]).read_bytes() for row in rows[:-1]] == papers
    assert (rows[-1]["type"], rows[-1]["sha256"], rows[-1]["file"]) == ("image/png", "", "")
    assert "no digest: it was not read to its end, or programs decode it differently" in (
        out / "bundle.html"
    ).read_text("utf-8")


def test_the_table_of_messages_tells_them_in_order(pack: Path) -> None:
    rows = table(pack, "messages.csv")
    assert [row["id_sha256"] for row in rows] == ids()
    assert rows[1]["subject"] == SCRIPTS
    assert rows[4]["direction"] == "out"
    assert rows[0]["level"] == "tense"
    assert rows[0]["sent"] == "2026-03-03T09:00:00.000000Z"
    assert rows[0]["sent_zone"] == "UTC+01:00"
    assert rows[1]["signatures"] == "DKIM pass (harbour.example)"
    assert rows[0]["signatures"] == ""
    assert rows[0]["edrm_mih"] == hashlib.md5(b"<n1@harbour.example>").hexdigest().upper()
    assert rows[0]["edrm_mih_without_brackets"] == hashlib.md5(b"n1@harbour.example").hexdigest().upper()


def test_no_cell_of_a_table_is_a_formula(pack: Path) -> None:
    assert table(pack, "messages.csv")[5]["subject"] == '\'=HYPERLINK("http://evil.example") þ ®'
    for name in files(pack):
        if name.endswith(".csv"):
            for row in csv.reader(io.StringIO((pack / name).read_text("utf-8-sig"), newline="")):
                assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row), name


def test_the_load_file_can_be_read_by_its_signs(pack: Path) -> None:
    data = (pack / "tables" / "loadfile.dat").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf\xc3\xbeDOCID\xc3\xbe\x14")
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter="\x14", quotechar="þ")
    head, *rows = reader
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [one["DOCID"] for one in found][:5] == ["0001", "0002", "0003", "0003.001", "0003.002"]
    assert [one["SHA256"] for one in found if one["RECORDTYPE"] == "E-MAIL"] == ids()
    assert found[[one["DOCID"] for one in found].index("0006")]["SUBJECT"].endswith('") þ ®')
    assert "þþ ®".encode() in data
    hashes = [(one["EDRM_MIH"], one["EDRM_MIH_BARE"]) for one in found if one["RECORDTYPE"] == "E-MAIL"]
    assert hashes[:5] == [edrm_mih(f"<n{number}@harbour.example>") for number in range(1, 6)]
    assert hashes[0][0] == hashlib.md5(b"<n1@harbour.example>").hexdigest().upper()
    assert {one["EDRM_MIH"] for one in found if one["RECORDTYPE"] == "ATTACHMENT"} == {""}
    family = [one for one in found if one["BEGATTACH"] == "0003"]
    assert {one["ENDATTACH"] for one in family} == {"0003.007"}
    assert {one["PARENTID"] for one in family} == {"", "0003"}
    for one in found:
        assert (pack / one["NATIVELINK"]).is_file()


def test_the_hash_of_a_message_id_is_told_with_and_without_brackets() -> None:
    whole, bare = edrm_mih("<n1@harbour.example>")
    assert whole == hashlib.md5(b"<n1@harbour.example>").hexdigest().upper()
    assert bare == hashlib.md5(b"n1@harbour.example").hexdigest().upper()
    assert edrm_mih("<n1@harbour.example> (a comment)") == (whole, bare)
    assert edrm_mih("") == ("", "")


def test_the_custody_log_tells_what_happened_in_order(pack: Path) -> None:
    rows = table(pack, "custody.csv")
    assert [int(row["entry"]) for row in rows] == sorted(int(row["entry"]) for row in rows)
    kinds = {row["kind"] for row in rows}
    assert kinds >= {"message.archived", "message.sighted", "message.judged", "note.taken", "alert.raised"}
    (vanished,) = (row for row in rows if row["kind"] == "message.vanished")
    assert vanished["exhibits"] == "0001"
    assert vanished["opened"] == "no: it also speaks of other mail"


def test_the_keys_that_signatures_were_checked_by_are_there(pack: Path) -> None:
    (row,) = table(pack, "authentication.csv")
    assert (row["exhibit"], row["result"], row["resolver"]) == ("0002", "pass", "192.0.2.53")
    assert row["key_name"] == "s1._domainkey.harbour.example"
    assert row["key_record_base64"]


def test_gaps_are_told_for_the_mailboxes_that_showed_these_messages_and_no_others(pack: Path) -> None:
    (row,) = table(pack, "coverage.csv")
    assert (row["mailbox"], row["why"]) == ("office", "no connection")
    assert "office" in (pack / "bundle.html").read_text()


def test_a_pack_without_gaps_says_that_none_is_on_record(world: World, tmp_path: Path) -> None:
    world.pack(tmp_path / "p", size=8)
    assert "No gap is on record" in (tmp_path / "p" / "bundle.html").read_text()


def test_the_time_stamp_and_the_checkpoint_that_it_is_on_are_there(pack: Path) -> None:
    (row,) = table(pack, "anchors.csv")
    assert (row["kind"], row["size"], row["by"]) == ("time stamp", "8", "https://tsa.example/")
    assert (pack / row["file"]).is_file()
    assert (pack / "ledger" / "checkpoints" / "000000000008.txt").is_file()


def test_a_gap_that_has_not_ended_is_told_as_open(own_world: World, tmp_path: Path) -> None:
    since = START + timedelta(days=5)
    own_world.record(MailboxLost(mailbox="office", kind="login", why="login refused", since=since))
    own_world.pack(tmp_path / "p", size=own_world.size())
    assert [(row["why"], row["until"] != "") for row in table(tmp_path / "p", "coverage.csv")] == [
        ("no connection", True),
        ("login refused", False),
    ]
    assert "(it had not ended)" in (tmp_path / "p" / "bundle.html").read_text()
    opened = [one for one in lines(tmp_path / "p" / "ledger/entries.jsonl") if "mailbox.lost" in one["leaf"]]
    assert [json.loads(one["payload"])["why"] for one in opened] == ["login refused"]
    said = verify(tmp_path / "p")
    assert (said.status, said.bad) == (0, [])


def test_what_a_witness_was_told_is_there_with_the_proof_that_the_ledger_only_grew_since(
    own_world: World, tmp_path: Path
) -> None:
    own_world.record(witnessed(own_world))
    own_world.record(NoteTaken(client=CLIENT, text="after it", actor="robin"))
    own_world.pack(tmp_path / "p", size=own_world.size())
    stamp, witness = table(tmp_path / "p", "anchors.csv")
    assert (stamp["kind"], witness["kind"], witness["by"], witness["file"]) == (
        *("time stamp", "witness", "notary"),
        "",
    )
    page = (tmp_path / "p" / "bundle.html").read_text()
    assert "told to notary" in page
    said = verify(tmp_path / "p")
    assert (said.status, said.bad) == (0, [])
    assert any(f"the ledger of {witness['size']} entries is the beginning" in one for one in said.of("ok"))


# --- nothing of others ----------------------------------------------------------------------------------


def reveals(pack: Path) -> list[tuple[str, str]]:
    """Words of the other client that stand in a file of the pack, in whatever form text has there."""
    found = []
    for name, data in files(pack).items():
        text = data + pdf_text(pack / name) if name.startswith("bundle") and name.endswith(".pdf") else data
        found += [(name, word) for word in OF_OTHERS if word.encode() in text]
    return found


def pdf_text(path: Path) -> bytes:
    program = require("pdftotext", "poppler-utils")
    return subprocess.run([program, path, "-"], capture_output=True, check=True).stdout


def test_a_pack_tells_nothing_of_other_clients(pack: Path) -> None:
    assert not reveals(pack)
    seqs = [one["seq"] for one in lines(pack / "ledger/entries.jsonl")]
    assert len(seqs) == len(set(seqs))
    opened = [one for one in lines(pack / "ledger/entries.jsonl") if one["payload"] is not None]
    assert {json.loads(one["payload"]).get("client", CLIENT) for one in opened} == {CLIENT}


def test_one_message_alone_tells_nothing_of_the_others_and_is_proven(
    own_world: World, tmp_path: Path
) -> None:
    """Beside it a copy that travelled another way, and an answer in its conversation."""
    copy = b"Received: from elsewhere.example\r\n" + OURS[1]
    answer = mail(61, "Re: scripts", "Zagreb").replace(b"MIME", b"In-Reply-To: <n2@harbour.example>\r\nMIME")
    for uid, one in ((60, copy), (61, answer)):
        own_world.archive([one], at=Place(mailbox="office", folder="INBOX", uidvalidity=7, uid=uid))
    made = own_world.pack(tmp_path / "p", size=own_world.size(), only=(ids()[1][:12],), pdf=True)
    pack = tmp_path / "p"
    assert made.messages == 1
    assert (pack / "messages" / "0001.eml").read_bytes() == OURS[1]
    text = b"\n".join(files(pack).values()) + pdf_text(pack / "bundle.pdf")
    for word in (
        "Start of the work",
        "Monday",
        "offer.pdf",
        "Injected",
        "Sam called",
        "Hostile message",
        "tense",
        "Zagreb",
        "elsewhere",
    ):
        assert word.encode() not in text, word
    for other in (*ids()[:1], *ids()[2:], *ids((copy, answer))):
        assert other.encode() not in text
    assert not reveals(pack)
    kinds = {json.loads(one["leaf"])["type"] for one in lines(pack / "ledger/entries.jsonl")}
    assert kinds == {
        "message.archived",
        "message.sighted",
        "message.authenticated",
        "mailbox.unwatched",
        "anchor.stamped",
    }
    assert "Only some messages are here" in (pack / "bundle.html").read_text()
    said = verify(pack)
    assert (said.status, said.bad) == (0, [])
    assert any("1 messages" in one for one in said.of("ok"))


def test_a_message_that_was_filed_elsewhere_goes_along_with_its_new_client(
    own_world: World, tmp_path: Path
) -> None:
    own_world.record(MessageRelabelled(id=ids()[0], client=OTHER, direction="in", thread="t"))
    own_world.pack(tmp_path / "p", size=own_world.size())
    assert len(list((tmp_path / "p" / "messages").iterdir())) == len(OURS) - 1
    made = own_world.pack(tmp_path / "q", size=own_world.size(), client=OTHER)
    assert made.messages == 4


# --- a function of the checkpoint -----------------------------------------------------------------------


def test_the_same_checkpoint_gives_the_same_bytes_whatever_happened_since(
    pack: Path, own_world: World, tmp_path: Path
) -> None:
    with own_world.open() as (store, _):
        size = store.ledger_size() - 1
    own_world.record(NoteTaken(client=CLIENT, text="after it", actor="robin"))
    own_world.record(MessageRelabelled(id=ids()[0], client=OTHER, direction="in", thread="t"))
    own_world.pack(tmp_path / "p", size=size, pdf=True)
    assert files(tmp_path / "p") == files(pack)
    times = {path.stat().st_mtime for path in (tmp_path / "p").rglob("*")}
    assert times == {path.stat().st_mtime for path in pack.rglob("*")}
    assert len(times) == 1


def test_archives_of_two_packs_of_the_same_checkpoint_are_the_same_and_open_with_tar(
    world: World, tmp_path: Path
) -> None:
    """By the command in the how-to."""
    tar = require("tar", "tar")
    page = Path(__file__).parents[2] / "docs/how-to/dispute-pack.md"
    (words,) = (
        line.split()[1:] for line in page.read_text("utf-8").splitlines() if line.startswith("    tar ")
    )
    for name in ("one", "other"):
        world.pack(tmp_path / name / "harbour", size=8)
        subprocess.run([tar, *words], cwd=tmp_path / name, check=True)
    first, second = ((tmp_path / name / "harbour.tar").read_bytes() for name in ("one", "other"))
    assert first == second
    with tarfile.open(tmp_path / "one" / "harbour.tar") as archive:
        assert {one.mtime for one in archive} == {(START + timedelta(hours=15)).timestamp()}
    there = tmp_path / "elsewhere"
    there.mkdir()
    subprocess.run([tar, "-xf", tmp_path / "one" / "harbour.tar"], cwd=there, check=True)
    command = ["sha256sum", "--check", "--strict", "--quiet", "manifest.sha256"]
    assert subprocess.run(command, cwd=there / "harbour", check=False).returncode == 0
    said = verify(there / "harbour")
    assert (said.status, said.bad) == (0, [])
    assert files(there / "harbour") == files(tmp_path / "one" / "harbour")


def test_an_older_checkpoint_shows_the_ledger_as_it_was(world: World, tmp_path: Path) -> None:
    made = world.pack(tmp_path / "p", size=8)
    assert made.messages == 3
    assert {row["level"] for row in table(tmp_path / "p", "messages.csv")} == {""}
    assert made.point.as_of == START + timedelta(hours=15)


def test_times_choose_by_when_messages_were_received(world: World, tmp_path: Path) -> None:
    since, until = START + timedelta(hours=10), START + timedelta(hours=25)
    made = world.pack(tmp_path / "p", since=since, until=until)
    assert [row["id_sha256"] for row in table(tmp_path / "p", "messages.csv")] == ids()[1:3]
    assert made.part
    assert "note.taken" not in {row["kind"] for row in table(tmp_path / "p", "custody.csv")}


# --- the page ---------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The tags of a page and the text of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_runs_nothing_and_fetches_nothing(pack: Path) -> None:
    page = Page((pack / "bundle.html").read_text("utf-8"))
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, values in page.tags:
        assert not {name for name in values if name.startswith("on")}, tag
        link = values.get("href") or ""
        assert not link or link.startswith(("#exhibit-", "messages/", "attachments/")), link
    policy = next(
        v["content"] for t, v in page.tags if t == "meta" and "Security" in (v.get("http-equiv") or "")
    )
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")
    import base64

    assert base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() in policy


def test_the_page_shows_what_the_mail_says_and_no_more(pack: Path) -> None:
    page = Page((pack / "bundle.html").read_text("utf-8"))
    assert SCRIPTS in page.text
    assert INJECTION.splitlines()[1] in page.text
    for word in ("Contents", "Chronology", "Coverage", "How to check this pack", "no legal advice"):
        assert word in page.text
    assert [v["id"] for t, v in page.tags if t == "section" and "id" in v] == [
        f"exhibit-{number:04}" for number in range(1, len(OURS) + 1)
    ]


def test_signs_that_turn_the_order_of_reading_are_shown_as_numbers(own_world: World, tmp_path: Path) -> None:
    own_world.archive([mail(50, "Turned", "pay \u202e001\u202c euros")])
    own_world.pack(tmp_path / "p", size=own_world.size())
    page = (tmp_path / "p" / "bundle.html").read_text("utf-8")
    assert "pay [U+202E]001[U+202C] euros" in page
    assert "\u202e" not in page


def test_the_declaration_says_that_it_is_no_legal_advice(pack: Path) -> None:
    text = (pack / "declaration.txt").read_text()
    assert text.startswith("This is a template and no legal advice.")
    assert "______" in text


# --- what goes wrong --------------------------------------------------------------------------------------


def nothing_is_left(folder: Path) -> bool:
    return not list(folder.glob("p*"))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"client": "Nobody"}, "there is no message of Nobody"),
        ({"only": ("ffffffffffff",)}, "no message of Harbour Ltd has an id that begins with"),
        ({"only": ("ab",)}, "too short"),
        ({"since": START, "until": START}, "--since is not before --until"),
        ({"since": START + timedelta(days=900)}, "in that time"),
        ({"since": START, "only": ("ffffffff",)}, "--only names the messages one by one"),
    ],
)
def test_a_selection_that_finds_nothing_is_one_sentence(
    world: World, tmp_path: Path, wanted: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        world.pack(tmp_path / "p", **wanted)
    assert nothing_is_left(tmp_path)


def test_an_id_of_another_client_is_not_found(world: World, tmp_path: Path) -> None:
    from evidence.packs import THEIRS

    with pytest.raises(UserError, match="no message of Harbour Ltd") as caught:
        world.pack(tmp_path / "p", only=(ids(THEIRS)[0],))
    assert OTHER not in str(caught.value)


def test_a_folder_with_something_in_it_is_left_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine").write_text("")
    with pytest.raises(UserError, match="is not empty"):
        world.pack(tmp_path / "p")
    assert [path.name for path in tmp_path.rglob("*")] == ["p", "mine"]


def test_a_file_or_a_link_in_the_place_is_left_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("mine")
    (tmp_path / "q").symlink_to(tmp_path / "elsewhere")
    for name in ("p", "q"):
        with pytest.raises(UserError, match="is no folder"):
            world.pack(tmp_path / name)


def test_an_empty_folder_becomes_the_pack(world: World, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    world.pack(tmp_path / "p", size=8)
    assert (tmp_path / "p" / "verify.py").is_file()


def test_a_part_that_another_export_left_is_not_touched(world: World, tmp_path: Path) -> None:
    (tmp_path / "p.part").mkdir()
    with pytest.raises(UserError, match=r"p\.part is there"):
        world.pack(tmp_path / "p")
    assert (tmp_path / "p.part").is_dir()


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EROFS, Unavailable)])
def test_a_disk_that_fails_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folders.Folder, "seal", fail)
    with pytest.raises(error) as caught:
        world.pack(tmp_path / "p", size=8)
    assert str(tmp_path / "p") in str(caught.value)
    assert nothing_is_left(tmp_path)


def test_ctrl_c_leaves_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders.Folder, "seal", interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.pack(tmp_path / "p", size=8)
    assert nothing_is_left(tmp_path)


def test_a_damaged_message_is_named_and_nothing_is_written(own_world: World, tmp_path: Path) -> None:
    (volume,) = (own_world.path / "volumes").glob("*.zst")
    data = bytearray(volume.read_bytes())
    data[-40] ^= 1
    volume.write_bytes(data)
    with pytest.raises(StoreDamaged, match=ids()[6][:12]):
        own_world.pack(tmp_path / "p")
    assert nothing_is_left(tmp_path / "x")
    assert not (tmp_path / "p").exists() and not (tmp_path / "p.part").exists()


def test_only_its_owner_can_read_a_pack(world: World, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        world.pack(tmp_path / "p", size=8, pdf=True)
    finally:
        os.umask(before)
    assert (tmp_path / "p" / "bundle.pdf").is_file()
    for path in (tmp_path / "p", *(tmp_path / "p").rglob("*")):
        assert not path.stat().st_mode & 0o077, path


def test_how_far_it_is_is_told(world: World, tmp_path: Path) -> None:
    from levelhead.archive.parse import parse
    from levelhead.evidence.pack.export import export
    from levelhead.evidence.pack.selection import Wanted

    told: list[tuple[str, int, int]] = []
    listen: Callable[[str, int, int], None] = lambda *one: told.append(one)  # noqa: E731
    with world.open() as (store, volumes):
        export(store, volumes, parse, Wanted(client=CLIENT), tmp_path / "p", size=8, tell=listen)
    assert ("messages", 3, 3) in told
    assert {what for what, _, _ in told} == {"ledger", "records", "messages", "pdf", "html"}
