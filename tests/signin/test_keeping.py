"""The file of a sign-in: whole at every moment, for its owner's eyes only."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import Stopping, Unavailable, UserError
from levelhead.signin import keeping
from levelhead.signin.keeping import Kept, TokenFile, parsed, text_of

KeptOf = Callable[..., Kept]


def keep(file: TokenFile, kept: Kept) -> None:
    with file.locked(SystemClock()), file.room() as room:
        room.keep(kept)


def test_what_is_kept_reads_back(file: TokenFile, kept_of: KeptOf) -> None:
    kept = kept_of("r3fresh-one")
    keep(file, kept)
    assert file.read() == kept
    assert parsed(text_of(kept).encode()) == kept


def test_nobody_has_signed_in_where_there_is_no_file(file: TokenFile) -> None:
    assert file.read() is None and file.stamp() is None


def test_the_file_and_its_folder_are_for_their_owner_only(file: TokenFile, kept_of: KeptOf) -> None:
    before = os.umask(0)
    try:
        keep(file, kept_of("r3fresh-one"))
    finally:
        os.umask(before)
    for path in (file.path, *file.path.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_or_write_is_refused_with_what_mends_it(
    file: TokenFile, kept_of: KeptOf, mode: int
) -> None:
    keep(file, kept_of("r3fresh-one"))
    file.path.chmod(mode)
    with pytest.raises(UserError, match="chmod 600") as refused:
        file.read()
    assert "r3fresh" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "becomes"),
    [
        (errno.EACCES, UserError),
        (errno.EPERM, UserError),
        (errno.EMFILE, Unavailable),
        (errno.EIO, Unavailable),
        (errno.ESTALE, Unavailable),
    ],
)
def test_what_passes_by_itself_is_no_matter_for_a_person(
    file: TokenFile,
    kept_of: KeptOf,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    becomes: type[Exception],
) -> None:
    """A UserError ends in a refused login, and a mailbox that rests for a day."""
    keep(file, kept_of("r3fresh-one"))

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fails)
        with pytest.raises(becomes, match="cannot be read"):
            file.read()
    with monkeypatch.context() as patch:
        patch.setattr(keeping.fcntl, "flock", fails)
        if number not in (errno.EACCES, errno.EPERM):
            with pytest.raises(Unavailable, match="cannot be kept"), file.locked(SystemClock()):
                pass


@pytest.mark.parametrize("act", ["store", "try_out"])
def test_a_file_that_is_no_sign_in_is_not_overwritten(file: TokenFile, kept_of: KeptOf, act: str) -> None:
    file.path.parent.mkdir(mode=0o700)
    file.path.touch(mode=0o600)
    file.try_out(SystemClock())  # an empty one was made for us
    file.path.write_text("s3cret-of-the-client\n")
    with pytest.raises(UserError, match="is no sign-in, and is not overwritten"):
        if act == "store":
            file.store(kept_of("r3fresh-one"), SystemClock())
        else:
            file.try_out(SystemClock())
    assert file.path.read_text() == "s3cret-of-the-client\n" and not file.beside.exists()
    file.path.write_text(text_of(kept_of("r3fresh-one"))[:-20])
    assert file.store(kept_of("r3fresh-two"), SystemClock()).number == 1, "a damaged one of ours is replaced"


def test_what_would_keep_a_sign_in_from_being_kept_is_told_before_anybody_signs_in(
    file: TokenFile, kept_of: KeptOf
) -> None:
    keep(file, kept_of("r3fresh-one"))
    file.path.chmod(0o640)
    with pytest.raises(UserError, match="chmod 600"):
        file.try_out(SystemClock())


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_into_is_refused(file: TokenFile, kept_of: KeptOf, mode: int) -> None:
    file.path.parent.mkdir()
    file.path.parent.chmod(mode)
    with pytest.raises(UserError, match="chmod 700"):
        keep(file, kept_of("r3fresh-one"))
    assert not file.path.exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(file: TokenFile, kept_of: KeptOf) -> None:
    keep(file, kept_of("r3fresh-one"))
    elsewhere = file.path.rename(file.path.with_name("elsewhere"))
    file.path.symlink_to(elsewhere)
    with pytest.raises(UserError, match="cannot be read"):
        file.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(file: TokenFile, kept_of: KeptOf) -> None:
    keep(file, kept_of("r3fresh-one"))
    os.chown(file.path, 65534, 65534)
    with pytest.raises(UserError, match="belongs to somebody else"):
        file.read()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b" " * len(data),
        lambda data: data.replace(b"r3fresh-one", b"r3fresh-two"),
        lambda data: json.dumps({**json.loads(data), "more": 1}).encode(),
        lambda data: b"[]",
        lambda data: data.replace(b"levelhead-sign-in/1", b"levelhead-sign-in/9"),
    ],
)
def test_half_a_sign_in_is_none(file: TokenFile, kept_of: KeptOf, damage: Callable[[bytes], bytes]) -> None:
    data = text_of(kept_of("r3fresh-one")).encode()
    assert parsed(damage(data)) is None
    keep(file, kept_of("r3fresh-one"))
    file.path.write_bytes(damage(data))
    with pytest.raises(UserError, match="sign in again"):
        file.read()


# --- a crash ------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def crash_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Lets the n-th call of the system end the process; half of what it would write is written. Calls are noted."""

    def arm(number: int) -> list[str]:
        calls: list[str] = []

        def guard(name: str, real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **named: object) -> object:
                if len(calls) == number:
                    raise Crash  # nothing happens after the end, no clearing up either
                calls.append(name)
                if len(calls) == number:
                    if name == "pwrite":
                        handle, data, offset = args
                        real(handle, bytes(data)[: len(bytes(data)) // 3], offset)  # type: ignore[call-overload]
                    raise Crash
                return real(*args, **named)

            return call

        for name in ("open", "pwrite", "fsync", "pread"):
            monkeypatch.setattr(keeping.os, name, guard(name, getattr(os, name)))
        monkeypatch.setattr(Path, "replace", guard("replace", Path.replace))
        monkeypatch.setattr(Path, "unlink", guard("unlink", Path.unlink))
        return calls

    return arm


def test_a_crash_at_any_step_leaves_the_old_or_the_new_one_whole(
    file: TokenFile, kept_of: KeptOf, crash_at: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = kept_of("r3fresh-old"), kept_of("r3fresh-new", number=2)
    found = []
    for number in range(1, 40):
        keep(file, old) if file.read() is None else file.path.write_text(text_of(old))
        calls = crash_at(number)
        try:
            keep(file, new)
            ended = False
        except Crash:
            ended = True
        monkeypatch.undo()
        # Whatever is there now is whole, and the next one who comes settles it.
        assert file.read() in (old, new), calls
        with file.locked(SystemClock()):
            settled = file.read()
        assert settled in (old, new) and not file.beside.exists(), calls
        found.append((calls[-1], settled == new))
        if not ended:
            break
    assert not ended and found[-1][1], "the last run went all the way"
    # What was durable beside is not lost, although it was never put in place.
    assert ("replace", True) in found
    assert {name for name, _ in found} >= {"open", "pwrite", "fsync", "pread", "replace"}


def test_what_a_crash_left_beside_is_taken_in_when_it_is_whole_and_newer(
    file: TokenFile, kept_of: KeptOf
) -> None:
    old, new = kept_of("r3fresh-old", number=4), kept_of("r3fresh-new", number=5)
    keep(file, old)
    for left, expected in [(new, new), (kept_of("r3fresh-older", number=3), new)]:
        file.beside.write_text(text_of(left))
        file.beside.chmod(0o600)
        with file.locked(SystemClock()):
            assert file.read() == expected
        assert not file.beside.exists()


def test_a_file_that_was_damaged_gives_way_to_a_whole_one_beside(file: TokenFile, kept_of: KeptOf) -> None:
    keep(file, kept_of("r3fresh-old"))
    file.path.write_bytes(b"{")
    new = kept_of("r3fresh-new", number=2)
    file.beside.write_text(text_of(new))
    file.beside.chmod(0o600)
    with file.locked(SystemClock()):
        assert file.read() == new


def test_a_full_disk_is_told_before_anything_is_spent(
    file: TokenFile, kept_of: KeptOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(file, kept_of("r3fresh-old"))

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping.os, "pwrite", full)
    with pytest.raises(Unavailable, match="No space left"), file.locked(SystemClock()), file.room():
        raise AssertionError("nobody is asked when there is no room for the answer")
    monkeypatch.undo()
    assert file.read() == kept_of("r3fresh-old") and not file.beside.exists()


def test_one_holds_a_sign_in_at_a_time_and_the_other_says_so(file: TokenFile, clock: FrozenClock) -> None:
    with (
        file.locked(SystemClock()),
        pytest.raises(Unavailable, match="another levelhead is at work"),
        file.locked(clock),
    ):
        raise AssertionError("two hold it")
    with file.locked(SystemClock()), pytest.raises(Stopping), file.locked(clock, lambda: True):
        raise AssertionError("two hold it")
    with file.locked(clock, lambda: True):
        pass
