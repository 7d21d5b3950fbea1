"""The tables of the configuration but the mailbox's, one class each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from levelhead.config.authority import an_authority
from levelhead.config.fields import (
    COUNTRY,
    Filled,
    Flag,
    JudgedLevel,
    Length,
    Lines,
    Location,
    Name,
    Number,
    Pattern,
    Section,
    SomeTime,
    Text,
    is_zone,
    machine_zone,
    resolve,
    setting,
)
from levelhead.config.nameserver import a_resolver, parse_server
from levelhead.model import SLUG
from levelhead.policy.calendar import parse_hours, parse_span
from levelhead.policy.types import Span


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError(f'"{name}" is not a time zone: write a name such as "Europe/Berlin" or "UTC"')
    return name


def _hours(text: str) -> str:
    parse_hours(text)
    return text


def _holidays(text: str, info: ValidationInfo) -> str:
    if not text or COUNTRY.match(text):
        return text
    if COUNTRY.match(text.upper()):
        raise ValueError(f'must be written in capitals: "{text.upper()}"')
    if not text.lower().endswith((".ics", ".ical")):
        raise ValueError(
            f'"{text}" is neither a country code such as "DE" or "DE-BE" nor the path of an .ics file'
        )
    return str(resolve(text, info))


def _quiet(text: str) -> str:
    if text:
        start, end = parse_span(text)
        if start == end:
            raise ValueError("would be the whole day: nobody would ever be told")
    return text


def _language(text: str) -> str:
    if text and not (len(text) == 2 and text.isascii() and text.isalpha() and text.islower()):
        raise ValueError(f'"{text}" is not a language: write two letters, such as "de" or "en"')
    return text


def _label(text: str) -> str:
    if not SLUG.match(text):
        raise ValueError("a label is lower-case words joined by hyphens")
    return text


_VERIFIER = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\Z")


def _verifier(text: str) -> str:
    if not _VERIFIER.match(text):
        raise ValueError("a public key reads name+8 hex digits+44 letters, as `levelhead proof` prints it")
    return text


class Me(Section):
    """Who you are: your addresses, your time zone, your working hours."""

    addresses: Annotated[tuple[Pattern, ...], Field(min_length=1)] = setting(
        "Every address that you write from or receive at; `*@example.com` takes in a whole domain. "
        "Mail from these is yours, whatever folder it is in.",
        example=["me@example.com", "*@studio.example.com"],
    )
    name: Text = setting("Your name, as it stands under your letters.", example="Robin Example", default="")
    timezone: Annotated[str, AfterValidator(_zone)] = setting(
        "Your time zone by its IANA name; working hours and quiet hours are read in it.",
        example="Europe/Berlin",
        default=machine_zone,
        otherwise="the machine's",
    )
    working_hours: Annotated[str, AfterValidator(_hours)] = setting(
        "When you work; cool-downs and rungs in business time count only these hours.",
        example="Mon-Thu 09:00-17:30, Fri 09:00-13:00",
        default="Mon-Fri 09:00-17:30",
    )
    holidays: Annotated[str, AfterValidator(_holidays)] = setting(
        "Days without work: a country code such as `DE` or `DE-BE` (needs `pip install levelhead[holidays]`), "
        "or the path of an .ics calendar.",
        example="DE-BE",
        default="",
        otherwise="none",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)

    @property
    def hours(self) -> Mapping[int, tuple[Span, ...]]:
        """Working hours by weekday (Monday 0), as `policy.calendar` reads them."""
        return parse_hours(self.working_hours)


class Archive(Section):
    """Where everything is kept."""

    path: Location = setting(
        "The folder that holds the whole archive; it is made when it is not there.", example="archive"
    )
    url: Text = setting(
        "Where the index is kept; this version knows only SQLite in `path`, so leave it out.",
        example="",
        default="",
        otherwise="SQLite in `path`",
    )
    blobs: Text = setting(
        "Where the messages are kept; this version knows only a folder in `path`, so leave it out.",
        example="",
        default="",
        otherwise="a folder in `path`",
    )


class Clients(Section):
    """Whose mail is archived."""

    scope: Literal["listed", "correspondents", "everyone"] = setting(
        "`listed`: only clients named below; `correspondents`: these and everybody you have ever written to; "
        "`everyone`: all mail.",
        example="listed",
        default="correspondents",
    )
    ignore: tuple[Pattern, ...] = setting(
        "Addresses whose mail is never archived.", example=["*@newsletter.example.com"], default=()
    )


class ListedClient(Section):
    """One client; write `[[client]]` once for each."""

    name: Filled = setting("What the client is called in lists, alerts and exports.", example="Harbour Ltd")
    addresses: Annotated[tuple[Pattern, ...], Field(min_length=1)] = setting(
        "The client's addresses; `*@example.com` takes in a whole domain.",
        example=["*@harbour.example.com", "sam@example.com"],
    )
    language: Annotated[str, AfterValidator(_language)] = setting(
        "The language you write to them in, as two letters (ISO 639-1).",
        example="de",
        default="",
        otherwise="that of their mail",
    )
    notes: Lines = setting(
        "Whatever you want to remember of them; shown beside their mail.",
        example="Prefers the phone.",
        default="",
    )


class Heat(Section):
    """How a score becomes a level."""

    tense: Annotated[Number, Field(gt=0, le=1)] = setting(
        "The smallest score of level `tense`, above 0 and up to 1.", example=0.3, default=0.35
    )
    heated: Annotated[Number, Field(gt=0, le=1)] = setting(
        "The smallest score of level `heated`; above `tense`.", example=0.55, default=0.6
    )
    hostile: Annotated[Number, Field(gt=0, le=1)] = setting(
        "The smallest score of level `hostile`; above `heated`.", example=0.8, default=0.85
    )
    baseline: Flag = setting(
        "Whether a message is measured against what is normal for its client.", example=False, default=True
    )
    weights: dict[Annotated[str, AfterValidator(_label)], Annotated[Number, Field(ge=0, le=100)]] = setting(
        "How much each label counts, 0 to 100: 1 as it is, 0 not at all, 2 twice.",
        example={"shouting": 0.5},
        default={},
        otherwise="every label counts as it is",
    )


class Cooldown(Section):
    """How long a drafted reply is held before it appears in your Drafts folder."""

    calm: Length = setting("After a calm message.", example="10m", default="0s")
    tense: Length = setting("After a tense message.", example="1h", default="30m")
    heated: Length = setting("After a heated message.", example="6h", default="4h")
    hostile: Length = setting("After a hostile message.", example="2d", default="24h")
    business_time: Flag = setting(
        "Whether only your working hours count, so that a hold on Friday evening ends on Monday.",
        example=False,
        default=True,
    )
    stale_after: SomeTime = setting(
        "A draft whose message is older than this is not placed any more; mail that turns up older than this "
        "is history.",
        example="7d",
        default="14d",
    )


class Drafts(Section):
    """The replies that are drafted for you; they are never sent."""

    enabled: Flag = setting("Whether replies are drafted at all.", example=False, default=True)
    templates: Location | None = setting(
        "A folder of your own templates, used before the ones that come with levelhead.",
        example="../templates",
        default=None,
    )
    signature: Lines = setting(
        "What stands below each drafted reply.", example="Robin Example", default="", otherwise="nothing"
    )


class Rung(Section):
    """One step of the ladder; write `[[escalation.rung]]` once for each, in order."""

    after: Length = setting("How long after the alert was raised.", example="15m", default="0s")
    notify: Annotated[tuple[Name, ...], Field(min_length=1)] = setting(
        "Which channels are told, by their names.", example=["phone"]
    )
    hours: Literal["any", "business"] = setting(
        "Whether this rung waits for your working hours.", example="business", default="any"
    )


class Escalation(Section):
    """How an alert climbs from you to whoever you named, until somebody says "I have it"."""

    quiet_hours: Annotated[str, AfterValidator(_quiet)] = setting(
        "When nobody is disturbed, in your time zone; alerts wait until it is over.",
        example="20:00-08:00",
        default="",
        otherwise="none",
    )
    break_through: JudgedLevel = setting(
        "From this level on an alert is delivered in quiet hours too.", example="heated", default="hostile"
    )
    group_wait: Length = setting(
        "How long a new alert waits for more of the same before the first rung is told.",
        example="5m",
        default="0s",
    )
    repeat: Length = setting(
        'How often the last rung is told again until somebody has it; "0s" for never. That a mailbox is not watched is '
        "told daily at least.",
        example="1d",
        default="4h",
    )
    rungs: tuple[Rung, ...] = setting(
        "The steps of the ladder.",
        example=[{"after": "0s", "notify": ["phone"]}],
        default=(),
        alias="rung",
        otherwise="one rung that tells every channel at once",
    )

    @property
    def quiet(self) -> Span | None:
        """Quiet hours as a span of local time, or None."""
        return parse_span(self.quiet_hours) if self.quiet_hours else None


class Channel(Section):
    """One way to reach somebody: `[channels.NAME]`. Write exactly one of its keys."""

    url: Text = setting(
        "An Apprise URL; best for addresses that hold no secret.",
        example="ntfy://ntfy.example.com/levelhead",
        default="",
        hidden=True,
    )
    url_file: Location | None = setting(
        "A file whose only content is the URL, readable by you only.",
        example="secrets/phone-url",
        default=None,
    )
    credential: Text = setting(
        "The name of a systemd credential that holds the URL.", example="phone-url", default=""
    )


class Plugins(Section):
    """Your own plugins, and what they may do. `[plugins.NAME]` is the table that plugin NAME is given."""

    path: Location = setting(
        "The folder of drop-in plugins.",
        example="~/levelhead/plugins",
        default="plugins",
        otherwise="`plugins` beside this file",
    )
    order: tuple[Filled, ...] = setting(
        "Which plugins are asked first, by name; the others follow by name, the built-in ones last.",
        example=["promises"],
        default=(),
    )
    disable: tuple[Filled, ...] = setting(
        "Plugins that are not loaded, by name; built-in ones too.", example=["templates"], default=()
    )
    may_lower: tuple[Filled, ...] = setting(
        "Plugins that may judge a message calmer than the built-in weighing does.",
        example=["promises"],
        default=(),
    )
    isolation: Literal["process", "thread"] = setting(
        "Where drop-in plugins run: in worker processes that can be killed, or in the daemon itself.",
        example="thread",
        default="process",
    )
    timeout: SomeTime = setting("How long one call of a plugin may take.", example="10s", default="5s")
    tables: dict[str, dict[str, Any]] = setting(
        "Each plugin's own table, `[plugins.NAME]`.", example={"promises": {"days": 3}}, default={}
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        own = set(cls.model_fields) - {"tables"}
        plain = {key: value for key, value in values.items() if key in own or not isinstance(value, dict)}
        return plain | {"tables": {key: value for key, value in values.items() if key not in plain}}


class Retention(Section):
    """How long mail is kept. Nothing is deleted by itself: `levelhead purge` shows what is due, and erases it with
    `--yes`. Of several that count for a message the longest decides; what none counts for is kept."""

    clients: dict[str, SomeTime] = setting(
        "How long a client's mail is kept from its receipt on, by the client's name.",
        example={"Harbour Ltd": "520w"},
        default={},
    )
    folders: dict[str, SomeTime] = setting(
        "How long mail that stands in no other folder is kept, by the folder's name.",
        example={"Archive": "260w"},
        default={},
    )


class Evidence(Section):
    """What makes an export provable to others."""

    key_file: Location | None = setting(
        "The key that signs checkpoints and exports, readable by you only and outside of the archive; "
        "it is made when it is not there. Needs `pip install levelhead[evidence]`.",
        example="secrets/signing-key",
        default=None,
        otherwise="nothing is signed",
    )
    former_keys: tuple[Annotated[str, AfterValidator(_verifier)], ...] = setting(
        "Public halves of keys that signed before and are lost or given up, as `levelhead proof` prints them.",
        example=["levelhead/0123456789abcdef+01234567+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"],
        default=(),
    )
    resolver: Annotated[str, AfterValidator(a_resolver)] = setting(
        "The DNS server that is asked for the keys of DKIM signatures: an address, with `:PORT` where it is not 53, or "
        "`system` for the machine's own. It learns whose mail you get. `off`: no signature is checked and nobody is "
        "asked. Needs `pip install levelhead[evidence]`.",
        example="192.0.2.53",
        default="off",
    )

    @property
    def checks_signatures(self) -> bool:
        """Whether the operator named a resolver."""
        return self.resolver != "off"

    @property
    def server(self) -> tuple[str, int] | None:
        """Address and port of the DNS server; None for the machine's own."""
        return parse_server(self.resolver) if self.resolver not in {"off", "system"} else None


class Anchors(Section):
    """Who else bears witness to the ledger."""

    authorities: tuple[Annotated[Filled, AfterValidator(an_authority)], ...] = setting(
        "Time-stamp authorities (RFC 3161), by URL: each stamps the ledger's newest checkpoint once a day. It is told "
        "a digest and nothing else. Needs `pip install levelhead[evidence]`.",
        example=["https://tsa.example.com/"],
        default=(),
    )
    ca_file: Location | None = setting(
        "Root certificates of the authorities (PEM): a stamp that does not lead to one of them is not believed, "
        "and `levelhead verify` checks each again.",
        example="authorities.pem",
        default=None,
        otherwise="signatures of stamps are kept and not checked",
    )
    witnesses: tuple[Name, ...] = setting(
        "Channels that are sent the ledger's newest checkpoint once a day, for somebody to keep.",
        example=["mentor"],
        default=(),
    )


class Web(Section):
    """Pages for people, in a browser."""

    listen: Text = setting(
        "Where to listen, on this machine only.",
        example="127.0.0.1:8480",
        default="",
        otherwise="off",
        later=True,
    )


class Log(Section):
    """What the daemon says on stderr."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "The least important events that are shown.", example="debug", default="info"
    )
    format: Literal["auto", "json", "console"] = setting(
        "`json` for machines, `console` for people, `auto` looks whether stderr is a terminal.",
        example="json",
        default="auto",
    )
