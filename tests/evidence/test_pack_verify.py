"""The checker that goes along in every pack: what is damaged is named, what is not checked is never called right."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.packs import (
    CLIENT,
    START,
    Authority,
    Said,
    World,
    authenticated,
    files,
    ids,
    lines,
    mail,
    table_of,
    verify,
    witnessed,
)
from evidence.signed import record_of, signed_by_hand
from levelhead.evidence.checkpoints import origin
from levelhead.evidence.note import Checkpoint, Signer
from levelhead.evidence.pack.verify import main as check
from levelhead.facts import AnchorStamped, CheckpointSigned, NoteTaken
from servers.requirements import require

KINDS = (
    *("messages/0001.eml", "attachments/0003-002-offer.pdf", "bundle.pdf", "bundle.html", "pack.json"),
    *("tables/messages.csv", "tables/custody.csv", "tables/loadfile.dat", "ledger/entries.jsonl"),
    *(
        "ledger/checkpoint.txt",
        "ledger/keys.txt",
        "ledger/consistency.jsonl",
        "ledger/checkpoints/000000000008.txt",
    ),
    *("timestamps/000000000008-9.tsr", "declaration.txt", "README.txt", "verify.py", "manifest.sha256"),
)
"""A file of every kind that a pack has."""


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Checks a pack in this process, which is quicker; `verify` of `packs` does it as a stranger would."""

    def run(pack: Path, *words: str) -> Said:
        capsys.readouterr()
        status = check([*words, str(pack)])
        return Said(status, capsys.readouterr().out.splitlines())

    return run


Checked = Callable[..., Said]


def reseal(pack: Path) -> None:
    """What a forger does after a change: the manifest is made to fit."""
    names = sorted(set(files(pack)) - {"manifest.sha256"}, key=str.encode)
    digests = {name: hashlib.sha256((pack / name).read_bytes()).hexdigest() for name in names}
    (pack / "manifest.sha256").write_text("".join(f"{digests[name]}  {name}\n" for name in names))


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_a_whole_pack_is_right_on_a_bare_python(pack: Path, world: World) -> None:
    said = verify(pack, "--key", world.verifier)
    assert (said.status, said.bad) == (0, [])
    assert any("7 messages" in one for one in said.of("ok"))
    assert said.lines[-1] == "nothing is bad"


def test_sha256sum_checks_the_manifest(pack: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "manifest.sha256"], cwd=pack, check=False
    )
    assert done.returncode == 0
    listed = {line.split("  ")[1] for line in (pack / "manifest.sha256").read_text().splitlines()}
    assert listed == set(files(pack)) - {"manifest.sha256"}


def test_the_list_of_kinds_is_whole(pack: Path) -> None:
    def kind(name: str) -> tuple[str, str]:
        return (
            name.rpartition("/")[0],
            name.rpartition(".")[2] if not name.startswith("attachments/") else "",
        )

    assert {kind(name) for name in files(pack)} == {kind(name) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_flipped_byte_names_its_file(own_pack: Path, checked: Checked, name: str) -> None:
    data = bytearray((own_pack / name).read_bytes())
    data[len(data) // 2] ^= 1
    (own_pack / name).write_bytes(data)
    _is_named(checked(own_pack), name)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_cut_off_is_named(own_pack: Path, checked: Checked, name: str) -> None:
    (own_pack / name).write_bytes((own_pack / name).read_bytes()[:-1])
    _is_named(checked(own_pack), name)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_was_taken_out_is_named(own_pack: Path, checked: Checked, name: str) -> None:
    (own_pack / name).unlink()
    _is_named(checked(own_pack), name)


@pytest.mark.parametrize(
    "name", ["extra.txt", "messages/0008.eml", "ledger/checkpoints/extra.txt", ".hidden"]
)
def test_a_file_that_was_added_is_named(own_pack: Path, checked: Checked, name: str) -> None:
    (own_pack / name).write_bytes(b"From: nobody\r\n\r\n")
    _is_named(checked(own_pack), name)


def test_a_link_that_was_added_is_named(own_pack: Path, checked: Checked) -> None:
    (own_pack / "messages" / "linked").symlink_to("/")
    _is_named(checked(own_pack), "messages/linked")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("messages/0001.eml", "messages/0002.eml"),
        ("attachments/0003-002-offer.pdf", "attachments/0003-003-offer.pdf"),
        ("tables/messages.csv", "tables/custody.csv"),
        ("ledger/checkpoint.txt", "ledger/checkpoints/000000000008.txt"),
        ("bundle.pdf", "bundle.html"),
    ],
)
def test_two_files_that_were_swapped_are_both_named(
    own_pack: Path, checked: Checked, one: str, other: str
) -> None:
    first, second = (own_pack / one).read_bytes(), (own_pack / other).read_bytes()
    (own_pack / one).write_bytes(second)
    (own_pack / other).write_bytes(first)
    said = checked(own_pack)
    _is_named(said, one)
    _is_named(said, other)


def _is_named(said: Said, name: str) -> None:
    assert said.status == 1
    assert any(name in line for line in said.bad), said.lines


@pytest.mark.sweep
def test_whichever_byte_of_a_small_file_is_changed_its_file_is_named(
    own_pack: Path, checked: Checked
) -> None:
    for name in (
        "ledger/checkpoint.txt",
        "ledger/keys.txt",
        "timestamps/000000000008-9.tsr",
        "manifest.sha256",
    ):
        whole = (own_pack / name).read_bytes()
        for at in range(0, len(whole), 61):
            (own_pack / name).write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
            _is_named(checked(own_pack), name)
        (own_pack / name).write_bytes(whole)


# --- a forger who makes the manifest fit ------------------------------------------------------------


def test_a_message_that_was_rewritten_is_in_no_entry(own_pack: Path, checked: Checked) -> None:
    change(own_pack / "messages/0001.eml", b"Monday", b"Friday")
    reseal(own_pack)
    said = checked(own_pack)
    assert any("messages/0001.eml is no message that the ledger" in one for one in said.bad)
    assert any(ids()[0] in one and "is not in messages/" in one for one in said.bad)


def test_a_message_that_was_left_out_is_missed(own_pack: Path, checked: Checked) -> None:
    (own_pack / "messages/0004.eml").unlink()
    about = json.loads((own_pack / "pack.json").read_bytes())
    about["messages"] = [one for one in about["messages"] if one["exhibit"] != "0004"]
    (own_pack / "pack.json").write_text(json.dumps(about))
    reseal(own_pack)
    assert any(ids()[3] in one for one in checked(own_pack).bad)


def test_an_attachment_that_is_not_in_its_message_is_never_called_right(
    own_pack: Path, checked: Checked
) -> None:
    (own_pack / "attachments/0003-002-offer.pdf").write_bytes(b"another offer")
    reseal(own_pack)
    said = checked(own_pack)
    assert any("6 attachments" in one for one in said.of("ok"))
    assert any("attachments/0003-002-offer.pdf" in one for one in said.of("not checked here"))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "attachments/0001-001-contract.pdf",
            "attachments/0003-002-offer.pdf.exe",
            "extra.pdf",
            "bundle-9.pdf",
        ),
        *("ledger/note.txt", "ledger/checkpoints/000000000003.txt", "timestamps/000000000008-10.tsr"),
        *("tables/more.csv", "messages/0008.eml", "messages/0001/again.eml", ".hidden", "README.txt.bak"),
    ],
)
def test_a_file_that_was_planted_is_named(own_pack: Path, checked: Checked, name: str) -> None:
    (own_pack / name).parent.mkdir(exist_ok=True)
    (own_pack / name).write_bytes(b"I agreed to pay twice as much.")
    reseal(own_pack)
    _is_named(checked(own_pack), name)


def test_a_planted_file_that_pack_json_lists_is_named_or_not_called_right(
    own_pack: Path, checked: Checked
) -> None:
    about = json.loads((own_pack / "pack.json").read_bytes())
    planted = (
        "extra.pdf",
        "ledger/note.txt",
        "attachments/0002-001-of_another.pdf",
        "attachments/0001-001-x",
    )
    about["messages"][0]["attachments"] += planted
    about["pdf"]["files"].append("contract.pdf")
    for name in (*planted, "contract.pdf"):
        (own_pack / name).write_bytes(b"I agreed to pay twice as much.")
    (own_pack / "pack.json").write_text(json.dumps(about))
    reseal(own_pack)
    said = checked(own_pack)
    for name in (*planted[:3], "contract.pdf"):
        _is_named(said, name)
    assert any(planted[3] in one for one in said.of("not checked here"))
    assert not any(planted[3] in one for one in said.of("ok"))


@pytest.mark.parametrize("name", ["tables/attachments.csv", "declaration.txt", "bundle.html"])
def test_a_file_that_every_pack_has_is_missed(own_pack: Path, checked: Checked, name: str) -> None:
    (own_pack / name).unlink()
    reseal(own_pack)
    _is_named(checked(own_pack), name)


def _forged_line(pack: Path, kind: str, forge: Callable[[dict[str, object]], None]) -> None:
    path = pack / "ledger/entries.jsonl"
    entries = lines(path)
    entry = next(one for one in entries if f'"type":"{kind}"' in one["leaf"])
    forge(entry)
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries))
    reseal(pack)


@pytest.mark.parametrize(
    ("what", "forge"),
    [
        ("payload", lambda one: one.update(payload=one["payload"].replace("Friday", "Monday"))),
        ("salt", lambda one: one.update(salt="00" * 32)),
        ("leaf", lambda one: one.update(leaf=one["leaf"].replace("2026", "2025"))),
        ("seq", lambda one: one.update(seq=one["seq"] + 1)),
        ("path", lambda one: one["path"].pop()),
        ("path", lambda one: one["path"].reverse()),
        ("hash", lambda one: one["path"].__setitem__(0, base64.b64encode(bytes(32)).decode())),
        ("form", lambda one: one.pop("leaf")),
    ],
)
def test_an_entry_that_was_rewritten_is_named(
    own_pack: Path, checked: Checked, what: str, forge: Callable[[dict[str, object]], None]
) -> None:
    _forged_line(own_pack, "note.taken", forge)
    said = checked(own_pack)
    assert said.status == 1
    assert any("of ledger/entries.jsonl" in one for one in said.bad), what


def test_a_whole_new_entry_does_not_stand_in_the_tree(own_pack: Path, checked: Checked) -> None:
    """Even one that commits to its payload as it should."""

    def forge(one: dict[str, object]) -> None:
        payload = '{"actor":"robin","client":"Harbour Ltd","text":"Sam agreed to pay"}'
        commit = hashlib.sha256(bytes.fromhex(str(one["salt"])) + payload.encode()).hexdigest()
        leaf = json.loads(str(one["leaf"])) | {"commit": commit}
        one.update(payload=payload, leaf=json.dumps(leaf, separators=(",", ":")))

    _forged_line(own_pack, "note.taken", forge)
    assert any("does not stand in the tree" in one for one in checked(own_pack).bad)


@pytest.mark.parametrize("name", ["ledger/checkpoint.txt", "ledger/checkpoints/000000000008.txt"])
def test_a_root_that_was_rewritten_is_not_signed(own_pack: Path, checked: Checked, name: str) -> None:
    text = (own_pack / name).read_text()
    (own_pack / name).write_text(text.replace(text.splitlines()[2], base64.b64encode(bytes(32)).decode(), 1))
    reseal(own_pack)
    assert any(f"{name}: its signature is not right" in one for one in checked(own_pack).bad)


def test_a_signature_that_was_taken_off_is_missed(own_pack: Path, checked: Checked) -> None:
    name = own_pack / "ledger/checkpoint.txt"
    name.write_text(name.read_text().partition("\n\n")[0] + "\n")
    reseal(own_pack)
    assert any("has lost its signature" in one for one in checked(own_pack).bad)


def test_a_pack_that_somebody_else_signed_is_seen_by_who_knows_the_key(
    own_pack: Path, checked: Checked, world: World
) -> None:
    name = own_pack / "ledger/checkpoint.txt"
    whose, size, root = name.read_text().splitlines()[:3]
    forger = Signer(whose, b"\x07" * 32)
    name.write_text(forger.sign(Checkpoint(origin=whose, size=int(size), root=base64.b64decode(root))))
    (own_pack / "ledger/keys.txt").write_text(forger.verifier + "\n")
    reseal(own_pack)
    said = checked(own_pack, "--key", world.verifier)
    assert any("ledger/checkpoint.txt is not signed by the key that was given" in one for one in said.bad)
    without = checked(own_pack)
    assert any("is its owner's key" in one for one in without.of("not checked here"))


def test_a_ledger_that_did_not_grow_from_the_stamped_one_is_named(own_pack: Path, checked: Checked) -> None:
    path = own_pack / "ledger/consistency.jsonl"
    (one,) = lines(path)
    path.write_text(json.dumps(one | {"path": one["path"][:-1]}) + "\n")
    reseal(own_pack)
    assert any("the tree did not grow from 8" in said for said in checked(own_pack).bad)


def test_a_stamp_on_something_else_is_named(
    own_world: World, tmp_path: Path, checked: Checked, authority: Authority
) -> None:
    """A token that an authority gave for other bytes, recorded as if it were one for the checkpoint."""
    with own_world.open() as (store, _):
        newest = next(fact for _, fact in store.facts_about(kind=CheckpointSigned.name))
    assert isinstance(newest, CheckpointSigned)
    token = base64.b64encode(authority.stamp(b"something else")).decode()
    own_world.record(
        AnchorStamped(size=newest.size, root=newest.root, authority="x", token=token, stamped_at=START)
    )
    own_world.pack(tmp_path / "p", size=own_world.size())
    assert any("is a stamp on something else" in one for one in checked(tmp_path / "p").bad)


def test_a_stamp_on_a_checkpoint_that_nobody_signed_is_right_too(
    own_world: World, tmp_path: Path, checked: Checked, authority: Authority
) -> None:
    own_world.record(NoteTaken(client=CLIENT, text="later", actor="robin"))
    with own_world.open() as (store, _):
        size, root, name = store.ledger_size(), store.ledger_root(), origin(store)
    body = Checkpoint(origin=name, size=size, root=root).body()
    token = base64.b64encode(authority.stamp(body.encode())).decode()
    own_world.record(
        AnchorStamped(size=size, root=root.hex(), authority="x", token=token, stamped_at=START),
        NoteTaken(client=CLIENT, text="later still", actor="robin"),
    )
    own_world.pack(tmp_path / "p", size=own_world.size())
    said = checked(tmp_path / "p")
    assert said.status == 0
    assert any(f"is a stamp on the checkpoint of {size} entries" in one for one in said.of("ok"))


def test_a_stamp_that_was_exchanged_is_named(own_pack: Path, checked: Checked, authority: Authority) -> None:
    (own_pack / "timestamps/000000000008-9.tsr").write_bytes(authority.stamp(b"something else"))
    reseal(own_pack)
    assert any("is not the time stamp of entry 9" in one for one in checked(own_pack).bad)


# --- what it leaves to others -----------------------------------------------------------------------


def test_what_is_not_checked_is_never_called_right(pack: Path, checked: Checked) -> None:
    said = checked(pack)
    left = " | ".join(said.of("not checked here"))
    for word in (
        "authority's signature",
        "the signature itself",
        "owner's key",
        "bundle and tables",
        "complete",
    ):
        assert word in left
        assert not any(word in one for one in said.of("ok"))


def test_the_command_for_a_time_stamp_does_the_rest(
    pack: Path, checked: Checked, authority: Authority
) -> None:
    (line,) = (one for one in checked(pack).of("not checked here") if "openssl ts" in one)
    command = line.partition("this does it: ")[2].replace("AUTHORITY.pem", str(authority.certificate))
    done = subprocess.run(command.split(), cwd=pack, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr


def test_the_command_for_a_dkim_signature_does_the_rest(
    pack: Path, checked: Checked, tmp_path: Path, own_pack: Path
) -> None:
    require("openssl", "openssl")
    (line,) = (
        one for one in checked(pack, "--dkim", str(tmp_path)).of("not checked here") if "openssl dgst" in one
    )
    command = line.partition("this does it: ")[2].split()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Verified OK" in done.stdout
    Path(command[-1]).write_bytes(Path(command[-1]).read_bytes() + b" ")
    assert "Verified OK" not in subprocess.run(command, capture_output=True, text=True, check=False).stdout


def with_ed25519(world: World) -> None:
    """A message that is signed as RFC 8463 says, and what the ledger says of it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    tags = "v=1; a=ed25519-sha256; d=harbour.example; s=e1; h=from:to:subject:date;"
    message = signed_by_hand(mail(70, "By another key", "Signed  by Ed25519. \t\n\n"), tags, key)
    world.archive([message])
    (id,) = ids((message,))
    said = authenticated(1, at=START)
    record = base64.b64encode(record_of(key)).decode()
    kept = replace(said.keys[0], name="e1._domainkey.harbour.example", record=record)
    part = replace(said.signatures[0], selector="e1", key=kept.name)
    world.record(replace(said, id=id, keys=(kept,), signatures=(part,)))


def test_the_command_for_a_signature_by_ed25519_does_the_rest(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    require("openssl", "openssl")
    with_ed25519(own_world)
    own_world.pack(tmp_path / "p", size=own_world.size())
    (name,) = (
        row["exhibit"]
        for row in table_of(tmp_path / "p", "authentication.csv")
        if row["key_name"] == "e1._domainkey.harbour.example"
    )
    (tmp_path / "out").mkdir()
    said = checked(tmp_path / "p", "--dkim", str(tmp_path / "out"))
    assert any(f"{name}.eml" in one and "the body is the signed one" in one for one in said.of("ok"))
    (line,) = (one for one in said.of("not checked here") if "openssl pkeyutl" in one)
    assert f"messages/{name}.eml" in line
    command = line.partition("this does it: ")[2].split()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done
    data = Path(command[-1])
    data.write_bytes(bytes([data.read_bytes()[0] ^ 1]) + data.read_bytes()[1:])
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_what_is_said_of_a_signature_depends_on_what_was_asked_for_and_on_its_key(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    with_ed25519(own_world)
    own_world.record(replace(authenticated(1, at=START), keys=()))
    own_world.pack(tmp_path / "p", size=own_world.size())
    asked = checked(tmp_path / "p", "--dkim", str(tmp_path)).of("not checked here")
    assert not any("--dkim DIR" in one for one in asked)
    assert sum("this does it: openssl dgst" in one for one in asked) == 1
    assert sum("the key that it was checked by is not on record" in one for one in asked) == 1
    unasked = checked(tmp_path / "p").of("not checked here")
    assert sum("; --dkim DIR writes what openssl needs for it" in one for one in unasked) == 2


def test_that_a_witness_was_told_is_left_to_whoever_asks_the_witness(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    own_world.record(witnessed(own_world))
    own_world.pack(tmp_path / "p", size=own_world.size())
    said = checked(tmp_path / "p")
    assert said.status == 0
    (line,) = (one for one in said.of("not checked here") if "witness 'notary'" in one)
    assert line.endswith(f"for this root: {table_of(tmp_path / 'p', 'anchors.csv')[-1]['root']}")
    assert not any("witness" in one for one in said.of("ok"))


def test_a_witness_to_a_root_without_a_proof_is_named(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    own_world.record(witnessed(own_world))
    own_world.pack(tmp_path / "p", size=own_world.size())
    path = tmp_path / "p" / "ledger/consistency.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    reseal(tmp_path / "p")
    assert any("a witness to a root that is not proven here" in one for one in checked(tmp_path / "p").bad)


def test_a_body_that_is_not_the_signed_one_is_named(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    """The ledger may say `pass` of a message that was never signed so: the body is hashed again."""
    own_world.record(authenticated(6, at=START))
    own_world.pack(tmp_path / "p", size=own_world.size())
    (bad,) = checked(tmp_path / "p").bad
    assert "messages/0007.eml" in bad
    assert "the body is another" in bad


def test_a_pack_that_is_not_signed_says_so_and_checks_the_signed_checkpoints_in_it(
    own_world: World, tmp_path: Path, checked: Checked
) -> None:
    own_world.record(NoteTaken(client=CLIENT, text="later", actor="robin"))
    own_world.pack(tmp_path / "p", size=own_world.size())
    said = checked(tmp_path / "p")
    assert said.status == 0
    assert any("the checkpoint is not signed" in one for one in said.of("not checked here"))
    assert any("checkpoints/000000000008.txt is signed by" in one for one in said.of("ok"))


def test_nothing_in_a_pack_can_steer_the_terminal_of_who_checks_it(own_pack: Path, checked: Checked) -> None:
    (own_pack / "\x1b[31mred\u202e").write_bytes(b"")
    said = checked(own_pack)
    assert not any("\x1b" in line or "\u202e" in line for line in said.lines)


def test_a_pack_of_a_later_form_is_not_judged(own_pack: Path, checked: Checked) -> None:
    about = json.loads((own_pack / "pack.json").read_bytes()) | {"schema": 2}
    (own_pack / "pack.json").write_text(json.dumps(about))
    reseal(own_pack)
    assert any("form 2" in one for one in checked(own_pack).bad)


def test_the_checker_runs_on_python_3_9() -> None:
    """By its grammar; `.ci/run` has no such interpreter."""
    import ast

    import levelhead.evidence.pack.verify as module

    source = Path(str(module.__file__)).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "zip" not in called, "its keyword strict came later"
