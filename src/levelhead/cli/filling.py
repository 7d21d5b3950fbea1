"""The other half of `init`: what goes into the configuration, asked for and checked, and not yet written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from levelhead.cli import answers
from levelhead.cli.output import line_of
from levelhead.cli.questions import Questions
from levelhead.cli.setup import ROLES
from levelhead.config.beginning import First, OAuthAnswers, as_written, text_of
from levelhead.config.channels import client_reached
from levelhead.config.check import known_to_apprise
from levelhead.config.load import settings_of
from levelhead.config.placing import there_already
from levelhead.config.secrets import read_file
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError, UserError
from levelhead.mailbox.folders import Role
from levelhead.masking import remember_url

if TYPE_CHECKING:
    from levelhead.cli.reaching import Reached, Reaching
    from levelhead.daemon.beginning import Shown

SECRETS = "secrets"
"""The folder beside the configuration that holds what must stay secret."""
CHANNEL = f"{SECRETS}/{answers.PHONE}"
"""The file with the address of the one alert channel that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options that this half takes, as they were written; None for what was not given."""

    mailbox: str
    archive: str
    also: tuple[str, ...]
    name: str | None
    client: str | None
    client_address: str | None
    channel_file: Path | None
    client_secret_file: Path | None


@dataclass(kw_only=True)
class Filling:
    """Fills in a first configuration that will lie at `out`; `files` are the secrets to be written with it."""

    questions: Questions
    wanted: Wanted
    out: Path
    force: bool
    files: dict[Path, bytes] = field(default_factory=dict)

    def by_password(self, reaching: Reaching, address: str, reached: Reached) -> tuple[First, Shown]:
        """A mailbox with a password, which was tried."""
        secret = self.out.parent / SECRETS / self.wanted.mailbox
        if reaching.password_file is None:
            self.must_be_free(secret)
        let_in = reaching.log_in(reached)
        if reaching.password_file is None:
            self.files[secret] = f"{let_in.password}\n".encode()
        self.say_shown(let_in.shown)
        first = replace(
            self._begin(address, reached),
            user=let_in.user,
            password_file=self._written(reaching.password_file or secret),
            lacks_sent=let_in.shown.lacks(Role.SENT),
            lacks_drafts=let_in.shown.lacks(Role.DRAFTS),
        )
        return first, let_in.shown

    def by_oauth(self, reaching: Reaching, address: str, reached: Reached) -> tuple[First, None]:
        """A mailbox that is signed in to with OAuth, which comes when all is written; so it has shown nothing yet."""
        provider = reached.server.provider
        assert provider is not None
        kept = self.wanted.client_secret_file
        identity = self.questions.ask(
            "The client id of your registration",
            answers.filled,
            option="--client-id",
            given=reaching.client_id,
        )
        if provider.oauth == "google" and kept is None and self.questions.may_ask:
            kept = self.out.parent / SECRETS / f"{self.wanted.mailbox}-client"
            self.must_be_free(kept)
            secret = self.questions.secret(
                "Its client secret (not shown)", answers.secret, option="--client-secret-file"
            )
            self.files[kept] = f"{secret}\n".encode()
        oauth = OAuthAnswers(
            provider=provider.oauth,
            client_id=identity,
            client_secret_file=self._written(kept) if kept else "",
        )
        return replace(self._begin(address, reached), user=reaching.user(reached), oauth=oauth), None

    def _begin(self, address: str, reached: Reached) -> First:
        """What is known of the mailbox so far."""
        more = (
            self.questions.ask("", answers.address, option="--also", given=one) for one in self.wanted.also
        )
        return First(
            addresses=tuple(dict.fromkeys((address, *more))),
            archive=self.questions.ask("", answers.filled, option="--archive", given=self.wanted.archive),
            mailbox=self.wanted.mailbox,
            host=reached.server.host,
            port=reached.server.port,
            tls=reached.tls,
            found=reached.server.found,
            ca_file=self._written(reached.ca_file) if reached.ca_file else "",
            user=reached.server.user,
        )

    def person(self, first: First, shown: Shown | None) -> First:
        """Who the person is: the addresses that sent mail was written from, and a name."""
        known = {one.lower() for one in first.addresses}
        seen = shown.identities if shown else ()
        if others := tuple(one for one in seen if one not in known and _is_address(one)):
            told = f"Sent mail was also written from {', '.join(others)}"
            if self.questions.may_ask and self.questions.agreed(f"{told}. Is that you?", default=True):
                first = replace(first, addresses=first.addresses + others)
            elif not self.questions.may_ask:
                self.questions.say(f"{told}; if that is you, add it to me.addresses.")
        name = self.questions.ask(
            "Your name, as it stands under your letters (may be left out)",
            answers.clean,
            option="--name",
            given=self.wanted.name,
        )
        return replace(first, name=name)

    def client(self, first: First, shown: Shown | None) -> First:
        """The first client, who may be left out."""
        wanted = self.wanted
        if wanted.client_address is not None and not wanted.client:
            raise UserError("--client-address belongs to --client")
        if shown and shown.written_to and wanted.client is None and self.questions.may_ask:
            self.questions.say(f"You write most to {', '.join(shown.written_to)}.")
        name = self.questions.ask(
            "Your first client's name (may be left out)",
            answers.clean,
            option="--client",
            given=wanted.client,
        )
        if not name:
            return first
        return self.questions.ask(
            "Their address, or *@ and their domain",
            lambda text: self._sound(replace(first, client=name, client_address=answers.pattern(text))),
            option="--client-address",
            given=wanted.client_address,
        )

    def _sound(self, first: First) -> First:
        """The same; ValueError where the answers do not go together, such as a client who has your own address."""
        try:
            settings_of(text_of(first).encode(), self.out)
        except ConfigError as exc:
            problem = exc.problems[0].problem
            # Without the key in the file, which the person has not seen yet.
            raise ValueError(problem.partition("`: ")[2] or problem) from None
        return first

    def channel(self, first: First) -> First:
        """Where the person is called, which may be left out and is then named as what is still to do."""
        # Whatever is wrong with the answers as a whole is told here, before anything is written.
        settings = settings_of(text_of(first).encode(), self.out)
        if self.wanted.channel_file is not None:
            try:
                _channel_url(read_file(self.wanted.channel_file, "the channel's URL"), settings)
            except ValueError as exc:
                raise UserError(f"--channel-file: {exc}") from None
            return replace(first, channel_file=self._written(self.wanted.channel_file))
        if not self.questions.may_ask:
            return first
        url = self.questions.secret(
            "Where to call you: an Apprise URL such as ntfys://ntfy.sh/TOPIC (not shown; may be left out)",
            lambda text: _channel_url(text, settings),
            option="--channel-file",
        )
        if not url:
            return first
        self.files[self.out.parent / CHANNEL] = f"{url}\n".encode()
        return replace(first, channel_file=CHANNEL)

    def say_shown(self, shown: Shown) -> None:
        """Tell the folders by what they are for, and the addresses that were written from."""
        folders = sorted(shown.folders, key=lambda folder: ROLES.index(folder[0]))
        self.questions.say(
            line_of(f"Logged in. Folders: {', '.join(f'{role} {name}' for role, name in folders)}.")
        )
        if shown.identities:
            self.questions.say(line_of(f"You write from {', '.join(shown.identities)}."))

    def must_be_new(self) -> None:
        """UserError where a file that is certain to be written, or asked for, is there already."""
        self.must_be_free(self.out)
        if self.questions.may_ask and self.wanted.channel_file is None:
            self.must_be_free(self.out.parent / CHANNEL)

    def must_be_free(self, path: Path) -> None:
        """UserError where something stands in the way, before anything is asked that would be for nothing."""
        if path.is_dir() and not path.is_symlink():
            raise UserError(f"{path} is a folder, and no file can be put in its place")
        if not self.force and (path.exists() or path.is_symlink()):
            raise there_already(path)

    def _written(self, path: Path) -> str:
        return as_written(path, self.out.parent)


def _channel_url(text: str, settings: Settings) -> str:
    """The URL, or nothing; ValueError, which never holds it, for one that would not do."""
    url = text.strip()
    if not url:
        return ""
    answers.secret(url)
    remember_url(url, private=True)
    if client := client_reached(settings, url):
        raise ValueError(
            f"that would write to your client {client}; levelhead never does, so name your own address"
        )
    if not known_to_apprise(url):
        raise ValueError(
            "that is no URL that Apprise understands; https://github.com/caronc/apprise/wiki shows how each is written"
        )
    return url


def _is_address(text: str) -> bool:
    """Whether an address that stood in somebody's mail can stand in a configuration."""
    try:
        return bool(answers.address(text))
    except ValueError:
        return False
