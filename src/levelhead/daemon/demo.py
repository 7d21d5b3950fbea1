"""The demo: an embedded mail provider, a short story, and the real daemon over it, told as it happens.

Every line it prints about mail, drafts and alerts is read back from the ledger, the mail server or the channel.
"""

from __future__ import annotations

import json
import quopri
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from levelhead import facts
from levelhead.clock import Clock, SystemClock, from_text
from levelhead.daemon import demo_story as story
from levelhead.daemon.demo_server import DemoServer
from levelhead.errors import LevelheadError
from levelhead.facts import Fact
from levelhead.store.sqlite import open_store

COOL_DOWN = 6
"""Seconds; in real life four hours."""

PATIENCE = 60.0
"""Seconds to wait for any one step of the story before it is given up."""

STEP = 0.1

HISTORY = 3
"""Messages that are there before the story begins."""


class DemoFailed(LevelheadError):
    """The story did not go on as it must."""


class Phone:
    """The channel: a loopback HTTP endpoint that keeps what Apprise posts to it."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                received.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The demo tells the story itself."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    @contextmanager
    def ringing(self) -> Iterator[Phone]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class Ledger:
    """What the daemon has written down so far, read as any other program could."""

    def __init__(self, index: Path, clock: Clock) -> None:
        self._index = index
        self._clock = clock
        self._seen: list[Fact] = []

    def wait_for(self, name: str, what: Callable[[Fact], bool] = lambda fact: True) -> Fact:
        """The first fact of that name for which `what` is true; DemoFailed when it does not come."""
        end = self._clock.monotonic() + PATIENCE
        never = threading.Event()
        while self._clock.monotonic() < end:
            for fact in self.read():
                if fact.name == name and what(fact):
                    return fact
            self._clock.wait(never, STEP)
        raise DemoFailed(f"the story stopped: no {name} within {PATIENCE:.0f} s")

    def read(self) -> list[Fact]:
        if self._index.exists():
            try:
                store = open_store(self._index, read_only=True)
            except LevelheadError:
                return self._seen  # it is being made in this moment
            try:
                for entry in store.entries(len(self._seen)):
                    assert entry.payload is not None
                    self._seen.append(facts.read(json.loads(entry.leaf)["type"], entry.payload))
            finally:
                store.close()
        return self._seen


def demo(*, folder: Path | None = None, clock: Clock | None = None) -> int:
    """Tell the story in `folder` (a new temporary one by default); 0 when it ended as it must."""
    console = Console(highlight=False)
    home = folder or Path(tempfile.mkdtemp(prefix="levelhead-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    time = clock or SystemClock()
    with DemoServer() as server, Phone().ringing() as phone:
        for letter in story.past(time.now()):
            server.deliver(letter.folder, letter.data, letter.written)
        config = _write_config(home, server, phone)
        with (home / "daemon.log").open("wb") as log, _daemon(config, log) as daemon:
            return _tell(console, home, config, server, phone, daemon, time)


def _write_config(home: Path, server: DemoServer, phone: Phone) -> Path:
    secret = home / "password"
    secret.write_text(server.password + "\n")
    secret.chmod(0o600)
    config = home / "levelhead.toml"
    config.write_text(f"""\
[me]
addresses = ["{story.ME}"]
name = "Sam"

[archive]
path = "archive"

[[mailbox]]
name = "studio"
host = "127.0.0.1"
port = {server.port}
tls = "none"
user = "{server.user}"
password_file = "password"
poll = "5s"

[[client]]
name = "{story.CLIENT_NAME}"
addresses = ["*@northwind.example"]

[cooldown]
tense = "{COOL_DOWN}s"
heated = "{COOL_DOWN}s"
hostile = "{COOL_DOWN}s"
business_time = false


[channels.phone]
url = "json://127.0.0.1:{phone.port}"
""")
    return config


@contextmanager
def _daemon(config: Path, log: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "levelhead", "--config", str(config), "run"]
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _levelhead(config: Path, *words: str) -> str:
    """What `levelhead WORDS` prints; the demo acts through the same door as a person."""
    command = [sys.executable, "-m", "levelhead", "--config", str(config), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"levelhead {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _tell(
    console: Console,
    home: Path,
    config: Path,
    server: DemoServer,
    phone: Phone,
    daemon: subprocess.Popen[bytes],
    clock: Clock,
) -> int:
    ledger = Ledger(home / "archive" / "index.sqlite", clock)

    def say(sign: str, text: str) -> None:
        row = Table.grid(padding=(0, 2))
        row.add_column(width=9, justify="right", style="bold", no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(sign, Text.from_markup(text))
        console.print(row)

    console.rule("levelhead, shown on a mailbox of its own")
    _the_past(say, ledger, config)
    letter = story.friday_afternoon(clock.now())
    server.deliver("INBOX", letter.data, clock.now())
    held, alert = _friday(say, ledger, config)
    _someone_has_it(say, ledger, config, phone, alert, clock)
    _released(say, ledger, server, held)
    return _the_record(say, console, home, config, daemon)


Say = Callable[[str, str], None]


def _the_past(say: Say, ledger: Ledger, config: Path) -> None:
    ledger.wait_for("message.judged", lambda fact: _count(ledger, "message.judged") >= HISTORY)
    listed = _lines(config, "messages")
    say(
        "archive",
        f"{len(listed)} messages were already there: written down byte for byte, and judged as history, "
        "so no draft and no alert come of them.",
    )
    for one in sorted(listed, key=lambda one: one["date"]):
        who = {"in": "they wrote", "out": "you wrote"}[one["direction"]]
        text = json.loads(_levelhead(config, "show", one["id"], "--json"))["new_text"].strip()
        words = next(line for line in text.splitlines()[1:] if line.strip())
        say("", f"  {_day(one['date'])}  {who}: “{escape(words)}”  sha256 {one['id'][:12]}…")


def _lines(config: Path, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _levelhead(config, *words, "--json").splitlines()]


def _day(text: str) -> str:
    return from_text(text).strftime("%a %H:%M")


def _friday(say: Say, ledger: Ledger, config: Path) -> tuple[facts.DraftHeld, facts.AlertRaised]:
    held = ledger.wait_for("draft.held")
    alert = ledger.wait_for("alert.raised")
    assert isinstance(held, facts.DraftHeld)
    assert isinstance(alert, facts.AlertRaised)
    said = json.loads(_levelhead(config, "explain", held.message, "--json"))
    (mail,) = (one for one in _lines(config, "messages") if one["id"] == held.message)
    say(
        _day(mail["date"]),
        f"{escape(mail['client'])} writes again, and the daemon sees it arrive: “{escape(mail['subject'])}”",
    )
    say("judge", f"level [bold red]{said['level']}[/bold red], score {said['score']:.2f}, because:")
    for point in said["because"]:
        quote = f" “{escape(point['quotes'][0])}”" if point["quotes"] else ""
        say("", f"  {point['points']:+.3f}  {escape(point['label'])}{quote}  {escape(point['why'])}")
    wait = round((held.release_at - held.created_at).total_seconds())
    say("hold", f"a calm answer is drafted and held for {wait} s (in real life: hours), key {held.key[:8]}.")
    say("alert", f"{escape(alert.title)}, key {alert.key[:8]}.")
    return held, alert


def _someone_has_it(
    say: Say, ledger: Ledger, config: Path, phone: Phone, alert: facts.AlertRaised, clock: Clock
) -> None:
    ledger.wait_for("alert.notified", lambda fact: getattr(fact, "key", "") == alert.key)
    rung = phone.received[-1]
    say("phone", f"it rings: “{escape(rung.get('title', ''))}”")
    _levelhead(config, "ack", alert.key)
    ledger.wait_for("alert.acknowledged", lambda fact: getattr(fact, "key", "") == alert.key)
    say("you", "`levelhead ack`: somebody has it; nothing climbs any further.")


def _released(say: Say, ledger: Ledger, server: DemoServer, held: facts.DraftHeld) -> None:
    placed = ledger.wait_for("draft.placed", lambda fact: getattr(fact, "key", "") == held.key)
    assert isinstance(placed, facts.DraftPlaced)
    drafts = server.read(placed.folder)
    if len(drafts) != 1:
        raise DemoFailed(f"{len(drafts)} drafts stand in {placed.folder}; there must be one")
    wait = (placed.placed_at - held.created_at).total_seconds()
    say(
        "release",
        f"after {wait:.0f} s the draft stands in {placed.folder}, threaded, unsent; it is yours now:",
    )
    head, _, body = drafts[0].decode(errors="replace").partition("\r\n\r\n")
    for line in head.splitlines():
        if line.lower().startswith(("to:", "subject:", "in-reply-to:")):
            say("", f"  [dim]{escape(line)}[/dim]")
    text = quopri.decodestring(body.encode()) if "quoted-printable" in head.lower() else body.encode()
    for line in text.decode(errors="replace").splitlines():
        say("", f"  {escape(line)}")


def _the_record(say: Say, console: Console, home: Path, config: Path, daemon: subprocess.Popen[bytes]) -> int:
    daemon.terminate()
    if daemon.wait(timeout=15) != 0:
        raise DemoFailed(f"the daemon ended with {daemon.returncode}; see {home / 'daemon.log'}")
    report = json.loads(_levelhead(config, "verify", "--deep", "--json"))
    say(
        "verify",
        f"{report['checked']} messages and {report['size']} facts recomputed, root {report['root'][:16]}…: "
        + ("whole." if report["ok"] else "NOT WHOLE."),
    )
    console.rule("look at it yourself")
    for path, what in (
        (config, "the configuration"),
        (home / "archive" / "volumes", "the mail; tar --zstd -xf opens it without levelhead"),
        (home / "archive" / "ledger", "what happened, fact by fact"),
        (home / "daemon.log", "what the daemon said"),
    ):
        console.print(f"  {escape(str(path))}  [dim]{what}[/dim]", soft_wrap=True)
    program = sys.argv[0] if Path(sys.argv[0]).name == "levelhead" else "levelhead"
    console.print(f"  {escape(program)} --config {escape(str(config))} messages", soft_wrap=True)
    return 0


def _count(ledger: Ledger, name: str) -> int:
    return sum(fact.name == name for fact in ledger.read())
