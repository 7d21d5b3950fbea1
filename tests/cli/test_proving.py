"""proof, and what verify says of checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.exceptions import InvalidSignature

from levelhead.clock import SystemClock
from levelhead.config.load import load
from levelhead.daemon.parts import open_archive, signer_of
from levelhead.evidence.checkpoints import sign_checkpoint
from levelhead.evidence.note import Signer

KEY = '\n[evidence]\nkey_file = "secrets/key"\n'


def sign(home: Path) -> int:
    """What the daemon does once a day; the size of the checkpoint."""
    settings = load(home / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    signer = signer_of(settings, archive.store)
    assert signer is not None
    signed = sign_checkpoint(archive.store, signer, SystemClock().now())
    archive.mirror.catch_up(archive.store)
    archive.close()
    return signed.size


def configure(home: Path, more: str = KEY) -> None:
    path = home / "levelhead.toml"
    path.write_text(path.read_text().replace(KEY, "") + more)


@pytest.fixture
def signed(home: Path) -> Path:
    (home / "secrets").mkdir()
    configure(home)
    sign(home)
    return home


def test_a_proof_holds_all_that_is_needed_and_nothing_of_other_messages(
    levelhead, signed: Path, letters
) -> None:
    message = letters.id(letters.hostile)
    value = levelhead("proof", message[:8], "--json").one
    assert set(value) == {
        "id", "entry", "leaf", "salt", "payload", "checkpoint", "inclusion", "since", "consistency",
    }  # fmt: skip
    assert value["id"] == message
    assert json.loads(value["payload"])["id"] == message
    commit = hashlib.sha256(bytes.fromhex(value["salt"]) + value["payload"].encode()).hexdigest()
    assert json.loads(value["leaf"])["commit"] == commit
    assert json.loads(value["leaf"])["seq"] == value["entry"]
    assert value["checkpoint"]["note"].startswith("levelhead/")
    assert (value["since"], value["consistency"]) == (None, None)
    said = json.dumps(value)
    for other in (letters.calm, letters.answer, letters.foreign, letters.steering):
        assert letters.id(other) not in said


def test_an_older_checkpoint_is_proven_to_have_only_grown(levelhead, signed: Path, letters) -> None:
    first = levelhead("proof", letters.id(letters.calm), "--json").one["checkpoint"]["size"]
    levelhead("note", "Harbour Ltd", "called")
    second = sign(signed)
    value = levelhead("proof", letters.id(letters.calm), "--since", str(first), "--json").one
    assert (value["since"]["size"], value["checkpoint"]["size"]) == (first, second)
    assert value["consistency"]
    at = levelhead("proof", letters.id(letters.calm), "--at", str(first), "--json").one
    assert at["checkpoint"] == value["since"]


def test_a_person_reads_the_same(levelhead, signed: Path, letters) -> None:
    value = levelhead("proof", letters.id(letters.calm), "--json").one
    said = levelhead("proof", letters.id(letters.calm))
    assert said.status == 0
    for text in (
        value["id"], value["leaf"], value["checkpoint"]["root"], value["checkpoint"]["verifier"],
        value["checkpoint"]["note"], *value["inclusion"],
    ):  # fmt: skip
        assert text in said.out


def test_what_cannot_be_proven_is_told_in_one_sentence(levelhead, home: Path, letters) -> None:
    message = letters.id(letters.calm)
    said = levelhead("proof", message)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("no checkpoint was signed yet: name a file in [evidence] key_file")
    assert levelhead("proof", "deadbeefdeadbeef").status == 2
    (home / "secrets").mkdir()
    configure(home)
    size = sign(home)
    (home / "late.eml").write_bytes(letters.calm.replace(b"Friday", b"Sunday").replace(b"<m1@", b"<m9@"))
    levelhead("add", home / "late.eml")
    late = letters.id((home / "late.eml").read_bytes())
    said = levelhead("proof", late)
    assert (said.status, said.out) == (3, "")
    assert f"came in after the checkpoint of {size} entries, which does not cover it" in said.err
    assert len(said.err.splitlines()) == 1
    said = levelhead("proof", message, "--since", "1")
    assert said.status == 2
    assert said.err.startswith("no checkpoint has 1 entries; there are those of")


def test_verify_checks_checkpoints_quick_or_not(levelhead, signed: Path) -> None:
    for how in ((), ("--quick",), ("--deep",)):
        said = levelhead("verify", *how, "--json")
        assert (said.status, said.one["ok"]) == (0, True), said.out
    assert levelhead("verify", "--quick", "--json").one["checked"] == 0
    assert "no message was read; root" in levelhead("verify", "--quick").out
    connection = sqlite3.connect(signed / "archive" / "index.sqlite")
    connection.execute("UPDATE payload SET payload = X'7b7d' WHERE seq = (SELECT max(seq) FROM payload)")
    connection.commit()
    connection.close()
    for how in ((), ("--quick",)):
        said = levelhead("verify", *how, "--json")
        assert said.status == 1
        assert "is not what its leaf commits to" in said.one["damaged"][0]


def test_a_key_that_is_not_the_one_that_signed_is_told(levelhead, signed: Path) -> None:
    verifier = levelhead("verify", "--quick", "--json")
    assert verifier.one["ok"]
    (signed / "secrets" / "key").rename(signed / "secrets" / "old")
    said = levelhead("verify", "--quick", "--json")
    assert said.status == 1
    (sentence,) = said.one["damaged"]
    assert sentence.startswith("the checkpoints were held against each other only")
    assert "leave [evidence] key_file out" in sentence
    configure(signed, "")
    assert levelhead("verify", "--quick", "--json").one["ok"]


def test_a_quick_look_goes_with_no_other_option(levelhead, home: Path) -> None:
    for other in ("--deep", "--server", "--dkim"):
        said = levelhead("verify", "--quick", other)
        assert (said.status, said.out) == (2, "")
        assert said.err == "--quick reads the ledger alone: it goes with no other of these options\n"


def test_a_key_inside_of_the_archive_is_refused(levelhead, home: Path) -> None:
    (home / "link").symlink_to(home / "archive")
    for place in ("archive/key", "archive/ledger/../key", "link/key"):
        configure(home, f'\n[evidence]\nkey_file = "{place}"\n')
        said = levelhead("status")
        assert (said.status, said.out) == (2, "")
        assert "`evidence.key_file` lies in the archive" in said.err
        assert "line " in said.err
        text = (home / "levelhead.toml").read_text()
        (home / "levelhead.toml").write_text(text[: text.index("\n[evidence]")])


def test_former_keys_must_look_like_keys(levelhead, home: Path) -> None:
    configure(home, '\n[evidence]\nformer_keys = ["not a key"]\n')
    said = levelhead("status")
    assert said.status == 2
    assert "evidence.former_keys" in said.err


# --- the program on the page about the ledger -----------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ledger.md"
(PROGRAM,) = re.findall(r"```python proof\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def handed_over(levelhead, signed: Path, letters) -> Path:
    """The folder of somebody who was handed a proof, the message, and the key."""
    first = levelhead("proof", letters.id(letters.calm), "--json").one["checkpoint"]
    for number in range(3):
        levelhead("note", "Harbour Ltd", f"call {number}")
    sign(signed)
    proof = levelhead("proof", letters.id(letters.calm), "--since", str(first["size"]), "--json")
    (signed / "proof.json").write_text(proof.out)
    (signed / "message.eml").write_bytes(letters.calm)
    (signed / "key").write_text(first["verifier"])
    return signed


def checked(where: Path, value: dict[str, Any] | None = None) -> str:
    """What the program says of the proof (or of another in its place): what it prints or how it ends."""
    path = where / "proof.json"
    if value is not None:
        path = where / "other.json"
        path.write_text(json.dumps(value))
    said = io.StringIO()
    with (
        mock.patch.object(
            sys, "argv", ["check", str(path), str(where / "message.eml"), (where / "key").read_text()]
        ),
        contextlib.redirect_stdout(said),
    ):
        try:
            exec(compile(PROGRAM, "check", "exec"), {"__name__": "__main__"})
        except SystemExit as exc:
            return str(exc.code)
        except (ValueError, KeyError, IndexError, InvalidSignature) as exc:
            return f"NOT PROVEN: {type(exc).__name__}"
    return said.getvalue()


def test_the_program_on_the_page_checks_a_proof_without_levelhead(handed_over: Path) -> None:
    key = (handed_over / "key").read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, "proof.json", "message.eml", key],
        cwd=handed_over, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    value = json.loads((handed_over / "proof.json").read_text())
    assert f"It has only grown since it had {value['since']['size']} entries." in done.stdout
    assert (
        f"The message is entry {value['entry']} of {value['checkpoint']['size']}, recorded 20" in done.stdout
    )
    assert "levelhead" not in re.sub("levelhead/", "", PROGRAM)


def test_the_program_on_the_page_believes_every_message_and_pair_of_checkpoints(
    levelhead, handed_over: Path, letters
) -> None:
    sizes = [
        json.loads((handed_over / "proof.json").read_text())[one]["size"] for one in ("since", "checkpoint")
    ]
    for _ in range(3):
        levelhead("note", "Harbour Ltd", "called again")
        sizes.append(sign(handed_over))
    for message in letters.all:
        (handed_over / "message.eml").write_bytes(message)
        for at, size in enumerate(sizes):
            for since in sizes[: at + 1]:
                words = ("proof", letters.id(message), "--at", str(size), "--since", str(since), "--json")
                assert "The message is entry" in checked(handed_over, levelhead(*words).one)


def replaced(value: Any, path: tuple[str | int, ...], change: Any) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], change)  # type: ignore[index]
    return copy


def other_digit(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("id",), other_digit),
        (("entry",), lambda seq: seq + 1),
        (("leaf",), lambda leaf: leaf.replace('"time":"20', '"time":"19')),
        (("salt",), other_digit),
        (("payload",), lambda text: text.replace("Harbour", "Barbour")),
        (("payload",), lambda _: None),
        (("checkpoint", "note"), lambda note: note.replace("\n", "\n9", 1)),
        (("checkpoint", "note"), lambda note: note[:-20] + "AAAA" + note[-16:]),
        (("inclusion", 0), other_digit),
        (("inclusion",), lambda path: path[1:]),
        (("inclusion",), lambda path: [*path, path[-1]]),
        (("inclusion",), lambda path: list(reversed(path))),
        (("consistency", 0), other_digit),
        (("consistency",), lambda path: path[:-1]),
        (("consistency",), lambda path: [*path, path[-1]]),
        (("consistency",), lambda _: []),
        (("since", "note"), lambda note: note.replace("\n", "\n1", 1)),
    ],
)
def test_the_program_on_the_page_believes_no_proof_that_was_changed(
    handed_over: Path, path: tuple[str | int, ...], change: Any
) -> None:
    value = json.loads((handed_over / "proof.json").read_text())
    assert checked(handed_over, value) == checked(handed_over)
    assert "The message is entry" in checked(handed_over)
    assert checked(handed_over, replaced(value, path, change)).startswith("NOT PROVEN: ")


def test_the_program_on_the_page_believes_no_other_message_and_no_other_key(handed_over: Path) -> None:
    message = (handed_over / "message.eml").read_bytes()
    (handed_over / "message.eml").write_bytes(message + b"\n")
    assert checked(handed_over) == "NOT PROVEN: this is another message"
    (handed_over / "message.eml").write_bytes(message)
    (handed_over / "key").write_text(Signer("levelhead/x", bytes(32)).verifier)
    assert checked(handed_over) == "NOT PROVEN: the checkpoint is not signed by this key"
