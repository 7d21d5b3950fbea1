"""Mail servers whose packages cannot stand beside each other: each runs in a mount namespace of its own.

`.ci/servers` only unpacks them below `TREES`; nothing of them is installed or configured. Inside the namespace the
tree lies over /usr, the server's own settings over /etc, and /dev, /run and /tmp are its own. Only root can do that.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from servers.account import end_with_us, make_certificates
from servers.requirements import lacking, require

TREES = Path("/var/cache/levelhead-servers")

ENTER = """\
set -e
mount -t overlay overlay -o ro,lowerdir={tree}/usr:/usr /usr
mount -t overlay overlay -o ro,lowerdir={root}/etc:/etc /etc
for node in null zero full random urandom; do
  : > {root}/dev/$node
  mount --bind /dev/$node {root}/dev/$node
done
mount --rbind {root}/dev /dev
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
{more}
"""


class Jailed:
    """A server program in its own mount and process namespaces. `port` takes TLS at once, `ca_file` vouches for it.

    Everything it keeps lies below `root`; ending the namespace's first process ends every process of it.
    """

    host = "127.0.0.1"
    name: str
    """Of its tree."""
    port: int

    def __init__(self) -> None:
        self.tree = TREES / self.name
        if os.getuid() != 0:
            lacking(f"{self.name} runs in a mount namespace of its own, and only root can make one")
        if not (self.tree / ".complete").exists():
            lacking(f"{self.name} is not unpacked: .ci/servers does it (as root, with apt)")
        require("unshare", "util-linux")
        self.root = Path(tempfile.mkdtemp(prefix=f"lh-{self.name}-", dir="/tmp"))
        self.root.chmod(0o755)
        for folder in ("etc", "dev", "home"):
            (self.root / folder).mkdir()
        (self.root / "dev" / "fd").symlink_to("/proc/self/fd")
        self._process: subprocess.Popen[bytes] | None = None
        self._log = _Log(self.root / "dev" / "log")
        make_certificates(self.root)
        if refused := self.once("true"):
            self.close()
            why = refused.splitlines()[0]
            lacking(f"{self.name} needs a mount namespace with overlays, and this machine refuses it: {why}")

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the server logged so far."""
        said = self.root / "said"
        return "\n".join(self._log.lines) + (said.read_text(errors="replace") if said.exists() else "")

    def users(self, *lines: str) -> None:
        """Add users of its own to its passwd, as `name:uid:gid`."""
        for file in ("passwd", "group"):
            (self.root / "etc" / file).write_text(Path("/etc", file).read_text())
        with (self.root / "etc/passwd").open("a") as passwd, (self.root / "etc/group").open("a") as group:
            for line in lines:
                name, uid, gid = line.split(":")
                passwd.write(f"{name}:x:{uid}:{gid}::{self.root}:/bin/sh\n")
                group.write(f"{name}:x:{gid}:\n")

    def command(self) -> str:
        """The shell lines that become the server, in the namespace."""
        raise NotImplementedError

    def once(self, lines: str, *, more: str = "") -> str:
        """Run shell lines in a namespace like the server's, to their end; what went wrong, or nothing."""
        done = subprocess.run(self._unshared(lines, more), capture_output=True, timeout=60, check=False)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).decode(errors="replace").strip()

    def _unshared(self, lines: str, more: str = "") -> list[str]:
        script = ENTER.format(tree=shlex.quote(str(self.tree)), root=shlex.quote(str(self.root)), more=more)
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        return [*unshare, "sh", "-c", script + lines]

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start (again) on the same port and wait until it answers."""
        with (self.root / "said").open("ab") as said:
            self._process = subprocess.Popen(
                self._unshared(self.command(), self.mounts()),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=lambda: end_with_us(signal.SIGKILL),
            )
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once:\n{self.log()[-3000:]}")
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"{self.name} does not answer:\n{self.log()[-3000:]}")

    def mounts(self) -> str:
        """More to mount for the server."""
        return ""

    def kill(self) -> None:
        """End it and every process of its namespace at once, as a power cut would."""
        process, self._process = self._process, None
        if process is None:
            return
        # Its child is the first process of the namespace; when that is reaped, all the others are gone.
        with contextlib.suppress(OSError, ValueError):
            child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(child[0]), signal.SIGKILL)
        try:
            process.wait(10)
        except (subprocess.TimeoutExpired, IndexError):
            process.kill()
            process.wait(10)

    def close(self) -> None:
        """End it at once and remove everything it wrote."""
        self.kill()
        self._log.close()
        shutil.rmtree(self.root, ignore_errors=True)


class _Log:
    """Keeps what is sent to a /dev/log; Cyrus and Courier will not start without one."""

    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.2)
        path.chmod(0o666)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                self.lines.append(self._socket.recv(65536).decode(errors="replace"))

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()
