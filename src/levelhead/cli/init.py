"""The command that begins: it finds a mailbox's server, tries the login, and writes a configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from levelhead.cli.desk import Desk, command, log_to_stderr
from levelhead.cli.options import Option
from levelhead.cli.output import line_of

if TYPE_CHECKING:
    import typer

    from levelhead.cli.filling import Filling
    from levelhead.cli.questions import Questions
    from levelhead.cli.reaching import Reaching
    from levelhead.config.beginning import First
    from levelhead.config.settings import Settings
    from levelhead.daemon.beginning import Shown
    from levelhead.daemon.online import Seen
    from levelhead.errors import Problem


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "init")(init)


def init(
    desk: Desk,
    address: Annotated[
        str | None, Option("--address", metavar="ADDRESS", help="Your e-mail address.")
    ] = None,
    host: Annotated[
        str | None, Option("--host", metavar="HOST", help="The IMAP server; without it, it is looked for.")
    ] = None,
    port: Annotated[int | None, Option("--port", metavar="N", help="Its port, with --host.", min=1)] = None,
    security: Annotated[
        str | None,
        Option("--security", metavar="WAY", help="With --host: implicit (TLS at once), starttls, or none."),
    ] = None,
    ca_file: Annotated[
        str | None, Option("--ca-file", metavar="FILE", help="Certificates (PEM) to trust for the server.")
    ] = None,
    user: Annotated[
        str | None, Option("--user", metavar="NAME", help="The name to log in with; often the address.")
    ] = None,
    password_file: Annotated[
        Path | None,
        Option("--password-file", metavar="FILE", help="A file with the password, used where it lies."),
    ] = None,
    password_stdin: Annotated[
        bool, Option("--password-stdin", help="Read the password from stdin, its first line.")
    ] = False,
    oauth: Annotated[bool, Option("--oauth", help="Sign in by OAuth: Google and Microsoft.")] = False,
    client_id: Annotated[
        str | None, Option("--client-id", metavar="ID", help="The id of your registration for OAuth.")
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        Option("--client-secret-file", metavar="FILE", help="A file with its secret, used where it lies."),
    ] = None,
    also: Annotated[
        list[str] | None,
        Option("--also", metavar="ADDRESS", help="One more address of yours; may be given again."),
    ] = None,
    name: Annotated[
        str | None, Option("--name", metavar="NAME", help="Your name, as it stands under your letters.")
    ] = None,
    client: Annotated[
        str | None, Option("--client", metavar="NAME", help="Your first client's name.")
    ] = None,
    client_address: Annotated[
        str | None,
        Option("--client-address", metavar="PATTERN", help="Their address, or *@ and their domain."),
    ] = None,
    channel_file: Annotated[
        Path | None,
        Option("--channel-file", metavar="FILE", help="A file with an Apprise URL, where you are called."),
    ] = None,
    mailbox: Annotated[
        str, Option("--mailbox", metavar="NAME", help="What the mailbox is called.")
    ] = "office",
    archive: Annotated[
        str, Option("--archive", metavar="FOLDER", help="Where everything is kept.")
    ] = "archive",
    out: Annotated[
        Path | None,
        Option("--out", metavar="FILE", help="The configuration to write, ./levelhead.toml by default."),
    ] = None,
    force: Annotated[bool, Option("--force", help="Put new files in the place of those there.")] = False,
    no_input: Annotated[
        bool, Option("--no-input", help="Ask nothing: take what is found, leave out what can be.")
    ] = False,
) -> int:
    """Find your mailbox's server and write a configuration. It tries the login, and asks for what no option says."""
    from levelhead.cli.filling import Filling, Wanted
    from levelhead.cli.questions import Questions
    from levelhead.cli.reaching import Given, Reaching
    from levelhead.errors import UserError

    log_to_stderr()
    if password_stdin and password_file is not None:
        raise UserError("--password-file and --password-stdin name two passwords; one is enough")
    questions = Questions(may_ask=_is_terminal() and not no_input)
    given = Given(
        address=address,
        host=host,
        port=None if port is None else str(port),
        security=security,
        ca_file=ca_file,
        user=user,
        password_file=password_file,
        password=_from_stdin() if password_stdin else None,
        oauth=oauth,
        client_id=client_id,
    )
    wanted = Wanted(
        mailbox=mailbox,
        archive=archive,
        also=tuple(also or ()),
        name=name,
        client=client,
        client_address=client_address,
        channel_file=channel_file,
        client_secret_file=client_secret_file,
    )
    filling = Filling(questions=questions, wanted=wanted, out=_place_of(desk, out), force=force)
    begun = _Begun(desk=desk, questions=questions, filling=filling)
    return begun.run(Reaching(questions, given, desk.clock))


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """One call of `init`."""

    desk: Desk
    questions: Questions
    filling: Filling

    def run(self, reaching: Reaching) -> int:
        """Ask, try, write, say what comes next; nothing is written before everything is known."""
        from levelhead.cli import answers
        from levelhead.config.beginning import text_of
        from levelhead.config.load import load
        from levelhead.config.placing import place
        from levelhead.daemon.beginning import Shown

        filling = self.filling
        mailbox, out = filling.wanted.mailbox, filling.out
        self.questions.ask("", answers.mailbox_name, option="--mailbox", given=mailbox)
        filling.must_be_new()
        address, reached = reaching.reach()
        oauth = reaching.by_oauth(reached)
        begin = filling.by_oauth if oauth else filling.by_password
        first, shown = begin(reaching, address, reached)
        first = filling.channel(filling.client(filling.person(first, shown), shown))
        # The last question: from here on everything is written, and whoever leaves is told so.
        now = oauth and self.questions.may_ask and self.questions.agreed("Sign in now?", default=True)
        place({**filling.files, out: text_of(first).encode()}, replace=filling.force)
        settings = load(out)
        seen = self._signed_in(settings, mailbox) if now else None
        if seen is not None:
            shown = Shown(folders=seen.folders, identities=seen.identities, written_to=())
            if shown.folders:
                filling.say_shown(shown)
        problems = _problems(settings, signed_in=shown is not None)
        words = ["run"] if shown else ["login", mailbox]
        self._tell(first, shown, [*problems, *(seen.problems if seen else ())], words)
        return 0

    def _signed_in(self, settings: Settings, mailbox: str) -> Seen | None:
        """What the mailbox shows when the person has signed in; None when they have not."""
        from levelhead.cli.login import signed_in
        from levelhead.daemon.online import Seen, look
        from levelhead.errors import LevelheadError

        try:
            signed_in(settings, mailbox, self.desk.clock)
        except LevelheadError as exc:
            self.questions.say(str(exc))
            return None
        except KeyboardInterrupt:
            self.questions.say("Nobody was signed in.")
            return None
        try:
            (seen,) = look(settings, self.desk.clock)
        except KeyboardInterrupt:
            self.questions.say("The sign-in is kept; the mailbox was not looked at.")
            return Seen(mailbox=mailbox)
        return seen

    def _tell(
        self,
        first: First,
        shown: Shown | None,
        problems: Sequence[Problem],
        words: Sequence[str],
    ) -> None:
        from levelhead.config.beginning import as_written

        folders: dict[str, list[str]] = {}
        for role, folder in shown.folders if shown else ():
            folders.setdefault(role, []).append(folder)
        following = shlex.join([*_program(), *_config(self.filling.out), *words])
        value: dict[str, Any] = {
            "config": str(self.filling.out),
            "written": [str(path) for path in (self.filling.out, *self.filling.files)],
            "mailbox": first.mailbox,
            "host": first.host,
            "port": first.port,
            "security": first.tls,
            "user": first.user,
            "found": first.found,
            "folders": folders,
            "identities": list(shown.identities) if shown else [],
            "problems": [one.problem for one in problems],
            "next": following,
        }
        written = (as_written(Path(path), Path.cwd()) for path in value["written"])
        lines = [f"Wrote {', '.join(written)}, for your eyes only."]
        lines += [
            f"Still to do: {one.problem} ({one.fix})" if one.fix else f"Still to do: {one.problem}"
            for one in problems
        ]
        self.desk.out.one(value, "\n".join([*map(line_of, lines), "Now run:", "", f"  {following}"]))


def _problems(settings: Settings, *, signed_in: bool) -> list[Problem]:
    """What `check` would say, but for a sign-in that is the next thing to do anyway."""
    from levelhead.config.check import problems

    return [one for one in problems(settings) if signed_in or "nobody is signed in" not in one.problem]


def _is_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def _place_of(desk: Desk, out: Path | None) -> Path:
    """Where the configuration is written: as it is named, or where `run` will look for it first."""
    from levelhead.config.find import NAME
    from levelhead.errors import UserError

    if out and desk.config and out.absolute() != desk.config.absolute():
        raise UserError("--config and --out name two files; one is enough")
    named = out or desk.config or os.environ.get("LEVELHEAD_CONFIG") or NAME
    return Path(os.path.abspath(named))  # noqa: PTH100  # without following links: it is a name, not a place


def _from_stdin() -> str:
    from levelhead.cli.answers import secret
    from levelhead.errors import UserError
    from levelhead.masking import VAULT

    if _is_terminal():
        raise UserError(
            "stdin is a terminal, which would show the password: leave --password-stdin out to be asked"
        )
    try:
        password = secret(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        raise UserError("--password-stdin: what came is not text in this locale's encoding") from None
    except ValueError:
        raise UserError("--password-stdin: the first line of stdin is no password") from None
    VAULT.add(password)
    return password


def _program() -> list[str]:
    """How this program is called here."""
    if shutil.which("levelhead"):
        return ["levelhead"]
    beside = Path(sys.executable).with_name("levelhead")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "levelhead"]


def _config(out: Path) -> list[str]:
    """What makes it find the configuration; nothing where it looks anyway."""
    from levelhead.config.find import find_config
    from levelhead.errors import UserError

    try:
        found = find_config(None, os.environ).absolute() == out
    except UserError:
        found = False
    return [] if found else ["--config", str(out)]
