"""Small disks that a test can fill, make read-only or cut off; they need root, and a test without it is skipped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers.requirements import lacking, require

FS_IOC_SHUTDOWN = 0x8004587D
"""Of ext4 and XFS: the disk is gone from one moment to the next."""
NO_LOG_FLUSH = 2
"""What only the page cache and the journal in memory hold is lost, as in a power cut."""


def mount(*words: str | Path) -> None:
    """mount(8), or skip with one sentence where we may not."""
    if os.geteuid() != 0:
        lacking("mounting a disk needs root: run this test as root")
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(
            f"this machine does not let us mount a disk ({done.stderr.strip()}): run this test where it does"
        )


def unmount(point: Path) -> None:
    """Take it off, also when somebody still has a file open there."""
    subprocess.run(["umount", "--lazy", point], check=True)


@contextlib.contextmanager
def small_disk(point: Path, size: str) -> Iterator[Path]:
    """A file system in memory of that size, which `resize` makes larger."""
    point.mkdir(mode=0o700, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "levelhead-test", point)
    try:
        yield point
    finally:
        unmount(point)


def resize(point: Path, size: str) -> None:
    """Make a small disk larger, as somebody who makes room."""
    subprocess.run(["mount", "-o", f"remount,size={size}", point], check=True)


def fill(point: Path, *, leave: int) -> None:
    """Take all room but `leave` bytes."""
    disk = os.statvfs(point)
    handle = os.open(point / "somebody-elses", os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(handle, 0, os.fstat(handle).st_size + disk.f_bavail * disk.f_frsize - leave)
    finally:
        os.close(handle)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, mounted over itself so that nobody can write it."""
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        unmount(folder)


@contextlib.contextmanager
def real_disk(image: Path, point: Path, *, options: str = "loop") -> Iterator[Path]:
    """An ext4 file system in a file; made when the file is not there yet."""
    if not Path("/dev/loop-control").exists():
        lacking("there are no loop devices here: run this test on a machine that has them")
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(128 * 1024**2)
        subprocess.run([require("mkfs.ext4", "e2fsprogs"), "-q", "-F", image], check=True)
    point.mkdir(mode=0o700, exist_ok=True)
    mount("-t", "ext4", "-o", options, image, point)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=False)
        if os.path.ismount(point):
            unmount(point)


def cut_the_power(point: Path) -> None:
    """Nothing reaches that disk any more, and what was on its way is lost."""
    handle = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(handle)


def carried_away(image: Path) -> Path:
    """What that disk holds, in a file of its own: the disk, put into another machine after its power was cut.

    The file system that was cut off may still be mounted in a mount namespace that another test made meanwhile, and
    the kernel would give out that one, which answers nothing any more, for a second mount of the same file.
    """
    copy = image.with_name(image.name + "-carried-away")
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    return copy
