"""The signing key's file: made once, whole and private; refused when it is not ours, not private, or another."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from levelhead.config.secrets import read_file
from levelhead.errors import Unavailable, UserError
from levelhead.evidence.keys import make_key, signer_of, verifier_of
from levelhead.evidence.note import Signer

ORIGIN = "levelhead/0123456789abcdef"


def signer(path: Path | None, *, origin: str = ORIGIN, bound: str = "") -> Signer | None:
    return signer_of(path, origin, read=read_file, bound=bound)


def verifier(path: Path) -> str:
    found = signer(path)
    assert found is not None
    return found.verifier


def test_without_a_file_nobody_signs() -> None:
    assert signer(None) is None


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = verifier(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    text = (tmp_path / "key").read_text()
    assert text.startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert text.endswith("\n")
    assert verifier(tmp_path / "key") == made == verifier_of(tmp_path / "key", read_file)
    assert verifier(tmp_path / "other") != made


def test_of_two_that_make_the_key_at_once_the_first_one_wins(tmp_path: Path) -> None:
    made = verifier(tmp_path / "key")
    make_key(tmp_path / "key", ORIGIN)
    assert verifier(tmp_path / "key") == made
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_key_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"the signing key cannot be written to .*No such file.*mkdir -m 700"
    ):
        signer(tmp_path / "nowhere" / "key")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_leaves_no_half_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(Unavailable, match="cannot be written"):
        signer(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    verifier(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(UserError, match="the signing key is readable by others: run `chmod 600"):
        signer(tmp_path / "key")


@pytest.mark.parametrize("text", ["", "secret", "PRIVATE+KEY+x", f"PRIVATE+KEY+{ORIGIN}+00000000+AAAA"])
def test_a_file_that_holds_no_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(UserError, match="the signing key") as caught:
        signer(tmp_path / "key")
    assert not text or text not in str(caught.value)


def test_the_key_of_another_archive_is_refused(tmp_path: Path) -> None:
    verifier(tmp_path / "key")
    with pytest.raises(UserError, match=f"signs for {ORIGIN}, and this archive is levelhead/ffff"):
        signer(tmp_path / "key", origin="levelhead/ffff")


def test_while_checkpoints_bear_the_signature_of_a_key_no_other_is_made_or_taken(tmp_path: Path) -> None:
    first = verifier(tmp_path / "first")
    with pytest.raises(UserError, match=r"is not at .*put that back.*former_keys") as caught:
        signer(tmp_path / "gone", bound=first)
    assert first in str(caught.value)
    assert not (tmp_path / "gone").exists()
    verifier(tmp_path / "second")
    with pytest.raises(UserError, match="is not the one that signed the checkpoints"):
        signer(tmp_path / "second", bound=first)
    assert signer(tmp_path / "first", bound=first) is not None


def test_a_link_that_leads_nowhere_is_no_place_for_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "usb" / "key")
    with pytest.raises(UserError, match="is not there"):
        signer(tmp_path / "key")
