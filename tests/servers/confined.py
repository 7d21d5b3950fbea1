"""Runs a program as `systemd/levelhead.service` would let it run, on a machine where systemd is not pid 1.

`python confined.py UNIT STATE KEPT... -- COMMAND...`, as root: STATE is the one folder that can be written, KEPT are
files and folders of /tmp and of homes that can still be read. The system calls are those of the unit's own
`SystemCallFilter=`, resolved by `systemd-analyze` and loaded by libseccomp, as systemd does it. Not here: cgroups
(TasksMax, OOMPolicy, IPAddressDeny, DevicePolicy), user and IPC namespaces, LoadCredential.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

CLONE_NEWNS = 0x00020000
NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_CAPBSET_DROP = 38, 65, 24
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NOT_EQUAL, MASKED_EQUAL = 1, 7
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


class Compare(ctypes.Structure):
    """`struct scmp_arg_cmp` of libseccomp."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def main() -> None:
    cut = sys.argv.index("--")
    unit, state, *kept = map(Path, sys.argv[1:cut])
    settings = unit.read_text()
    close_in(state, [*kept, Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]])
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if "MemoryDenyWriteExecute=yes" in settings:
        must(libc.prctl(PR_SET_MDWE, 1, 0, 0, 0))
    filter_calls(calls_of(settings))
    os.chdir("/")
    os.execv(sys.argv[cut + 1], sys.argv[cut + 1 :])


def must(answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno() or -answer
        raise OSError(number, os.strerror(number))


# --- what can be seen and written -----------------------------------------------------------------


def close_in(state: Path, kept: list[Path]) -> None:
    """ProtectSystem=strict, ProtectHome, PrivateTmp, PrivateDevices, ProtectProc=invisible, ProcSubset=pid."""
    must(libc.unshare(CLONE_NEWNS))
    mount("--make-rprivate", "/")
    stash = Path("/mnt")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(stash))
    places = [state, *dict.fromkeys(path for path in kept if hidden(path))]
    for number, place in enumerate(places):
        bind(place, stash / str(number))
    nodes = [Path("/dev") / name for name in ("null", "zero", "full", "random", "urandom")]
    for node in nodes:
        bind(node, stash / "dev" / node.name)
    for folder, mode in (("/root", "755"), ("/home", "755"), ("/tmp", "1777"), ("/dev", "755")):
        mount("-t", "tmpfs", "-o", f"mode={mode}", "tmpfs", folder)
    for node in nodes:
        bind(stash / "dev" / node.name, node)
    for number, place in enumerate(places):
        bind(stash / str(number), place)
        if number:
            mount("-o", "remount,bind,ro", str(place))
    mount("-t", "proc", "-o", "hidepid=invisible,subset=pid", "proc", "/proc")
    for folder in ("/", "/dev", "/root", "/home", "/mnt"):
        mount("-o", "remount,bind,ro", folder)


def hidden(path: Path) -> bool:
    return path.parts[1] in ("root", "home", "tmp")


def bind(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", str(source), str(target))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


# --- what can be called ---------------------------------------------------------------------------


def calls_of(settings: str) -> set[str]:
    """The calls that `SystemCallFilter=` leaves, in the order of its lines; @default is always allowed."""
    left = calls_in("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", settings, re.MULTILINE):
        named = set().union(*(calls_in(word) for word in line.removeprefix("~").split()))
        left = left - named if line.startswith("~") else left | named
    return left


def calls_in(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in said.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(calls_in(word) for word in words))


def filter_calls(names: set[str]) -> None:
    """Allow these calls and refuse all others with EPERM; sockets of three families, no new namespaces."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ERRNO | errno.EPERM))

    def rule(action: int, name: str, *compares: Compare) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            array = (Compare * len(compares))(*compares)
            must(seccomp.seccomp_rule_add_array(context, action, number, len(compares), array))

    for name in sorted(names - {"socket", "clone", "clone3"}):
        rule(ALLOW, name)
    for family in (1, 2, 10):  # RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
        rule(ALLOW, "socket", Compare(0, 4, family, 0))
    rule(ALLOW, "clone", Compare(0, MASKED_EQUAL, NAMESPACES, 0))  # RestrictNamespaces=yes
    rule(
        ERRNO | errno.ENOSYS, "clone3"
    )  # its flags lie in memory, where no filter looks; all fall back to clone
    must(seccomp.seccomp_load(context))


main()
