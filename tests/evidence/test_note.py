"""Signed notes: the published example, every character changed, and what is no note at all."""

from __future__ import annotations

import base64
import builtins
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from levelhead.errors import UserError
from levelhead.evidence.note import (
    Checkpoint,
    Signer,
    _is_signed,
    private_text,
    read_note,
    read_private,
    read_verifier,
    verify_note,
)

# The example in the documentation of golang.org/x/mod/sumdb/note, whose form C2SP signed-note describes.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
NEUMANN_SAID = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
NEUMANN_SIGNED = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)

ORIGIN = "levelhead/0123456789abcdef"
CHECKPOINT = Checkpoint(origin=ORIGIN, size=20, root=bytes(range(32)))


@pytest.fixture
def signer() -> Signer:
    return Signer(ORIGIN, bytes(32))


def test_the_published_key_and_signature_are_read_as_their_authors_do() -> None:
    key = read_verifier(NEUMANN)
    assert str(key) == NEUMANN
    assert read_private(NEUMANN_PRIVATE).verifier == NEUMANN
    _, (signature,) = read_note(f"a\n1\n{'A' * 43}=\n\n— PeterNeumann {NEUMANN_SIGNED}\n")
    assert signature.key_id.hex() == "c74f20a3"
    assert _is_signed(key.key, signature.signature, NEUMANN_SAID.encode())
    assert not _is_signed(key.key, signature.signature, NEUMANN_SAID.encode() + b"\n")


def test_a_checkpoint_is_three_lines_below_which_its_signature_stands(signer: Signer) -> None:
    lines = signer.sign(CHECKPOINT).split("\n")
    assert lines[:4] == [ORIGIN, "20", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert lines[5:] == [""]
    assert verify_note(signer.sign(CHECKPOINT), signer.verifier) == CHECKPOINT


def test_a_change_of_any_character_of_a_note_is_found(signer: Signer) -> None:
    note = signer.sign(CHECKPOINT)
    for at, character in enumerate(note):
        for other in {"", character * 2, "A" if character != "A" else "B", "\n", " ", "\u2029"} - {character}:
            with pytest.raises(ValueError, match=r"note|signature"):
                verify_note(note[:at] + other + note[at + 1 :], signer.verifier)


def test_a_note_cut_anywhere_is_no_note(signer: Signer) -> None:
    note = signer.sign(CHECKPOINT)
    for end in range(len(note)):
        with pytest.raises(ValueError, match=r"note|signature"):
            verify_note(note[:end], signer.verifier)


def test_a_note_of_another_key_is_not_believed(signer: Signer) -> None:
    other = Signer(ORIGIN, bytes([1]) * 32)
    with pytest.raises(ValueError, match="bears no signature of the key"):
        verify_note(signer.sign(CHECKPOINT), other.verifier)


def test_signatures_of_others_below_ours_do_not_matter(signer: Signer) -> None:
    note = signer.sign(CHECKPOINT) + f"— witness.example {NEUMANN_SIGNED}\n"
    assert verify_note(note, signer.verifier) == CHECKPOINT
    assert [one.name for one in read_note(note)[1]] == [ORIGIN, "witness.example"]


def test_a_signed_line_below_the_root_is_part_of_what_is_signed(signer: Signer) -> None:
    head, _, line = signer.sign(CHECKPOINT).rpartition("\n\n")
    text = f"{head}\nextension\n\n{line}"
    assert read_note(text)[0] == CHECKPOINT
    with pytest.raises(ValueError, match="signature is not right"):
        verify_note(text, signer.verifier)


def test_each_value_has_one_text_and_no_other_passes_for_it(signer: Signer) -> None:
    note = signer.sign(CHECKPOINT)
    assert base64.b64decode("Hh8=") == base64.b64decode("Hh9=")
    with pytest.raises(ValueError, match="not in base64 as it is written"):
        read_note(note.replace("Hh8=", "Hh9="))
    with pytest.raises(ValueError, match="size is no number"):
        read_note(note.replace("\n20\n", "\n020\n"))


@pytest.mark.parametrize("sign", ["\0", "\t", "\r", "\x1b"])
def test_a_note_with_control_characters_is_refused(signer: Signer, sign: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        read_note(signer.sign(CHECKPOINT).replace("levelhead", f"level{sign}head"))


def test_a_key_does_not_vouch_for_another_ledger_than_that_of_its_name(signer: Signer) -> None:
    """Its signature can be right: the key may be used under another name by somebody else's program."""
    body = Checkpoint(origin="levelhead/other", size=20, root=bytes(32)).body()
    key_id = bytes.fromhex(signer.verifier.split("+")[1])
    signature = Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(body.encode())
    note = f"{body}\n— {ORIGIN} {base64.b64encode(key_id + signature).decode()}\n"
    with pytest.raises(ValueError, match=f"the note is of levelhead/other, and the key is that of {ORIGIN}"):
        verify_note(note, signer.verifier)


def test_a_key_signs_for_its_own_ledger_only(signer: Signer) -> None:
    with pytest.raises(ValueError, match="signs for"):
        signer.sign(Checkpoint(origin="levelhead/other", size=1, root=bytes(32)))


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_a_name_that_no_note_could_hold_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="name of a key"):
        Signer(origin, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("Peter", "Pater"),
        NEUMANN.replace("+ARpc", "+ARpd"),
        NEUMANN[:-4],
        "PeterNeumann+c74f20a3+" + "A" * 44,
    ],
)
def test_a_public_key_that_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        read_verifier(text)


def test_a_private_key_comes_back_from_its_text_and_no_message_ever_holds_it() -> None:
    text = private_text(ORIGIN, bytes([7]) * 32)
    assert read_private(text).verifier == Signer(ORIGIN, bytes([7]) * 32).verifier
    for at in range(len(text)):
        broken = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(ValueError, match=r"key") as caught:
            read_private(broken)
        assert "BwcHBw" not in str(caught.value)


def test_without_the_extra_one_sentence_says_what_to_install(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, real = signer.sign(CHECKPOINT), builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for act in (
        lambda: Signer(ORIGIN, bytes(32)),
        lambda: verify_note(note, signer.verifier),
        lambda: private_text(ORIGIN, bytes(32)),
    ):
        with pytest.raises(UserError, match=r"needs the extra: pip install 'levelhead\[evidence\]'"):
            act()
