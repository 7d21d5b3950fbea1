"""The log: structured events on stderr, with secrets and addresses masked whoever wrote them.

Our own events and those of libraries (through the standard library's logging) pass one chain: context, level, time,
exception text, then masking, then escaping of control characters, then the renderer. Nothing comes after masking
that could bring a secret back.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any, Literal, TextIO

from levelhead.clock import Clock, SystemClock, to_text
from levelhead.masking import escape, masked

# structlog loads rich, if it can, for tracebacks that are written plainly here (`_renderer`): 3 MB of a daemon for
# nothing. So there is none while structlog is loaded; tables for people load it when they need it.
_modules: dict[str, Any] = sys.modules
_had_rich = "rich" in _modules
if not _had_rich:
    _modules["rich"] = None

import structlog  # noqa: E402
from structlog.typing import EventDict, Processor, WrappedLogger  # noqa: E402

if not _had_rich:
    del _modules["rich"]

Format = Literal["auto", "json", "console"]

TALKATIVE = ("imapclient", "apprise", "urllib3", "requests", "asyncio", "tenacity")
"""Libraries that would log whole conversations: only their warnings are wanted, whatever our own level is."""

_LINES = frozenset({"exception", "stack"})
"""Values that may have line breaks."""


def configure(
    level: str = "info", format: Format = "auto", stream: TextIO | None = None, clock: Clock | None = None
) -> None:
    """Send all events of at least `level` to `stream` (stderr when None); may be called again, as on a reload.

    `auto` is `console` on a terminal and `json` elsewhere. Times are those of `clock`, in UTC.
    """
    out = stream if stream is not None else sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    people = format == "console" or (format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _stamp(clock if clock is not None else SystemClock()),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask,
            escaped,
            _renderer(people, out),
        ],
    )
    handler = _Handler(out)
    handler.setFormatter(formatter)
    _route(handler, least)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _route(handler: logging.Handler, least: int) -> None:
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(least)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    logging.captureWarnings(True)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to the stream; a stream that cannot be written to never makes it print the raw record instead."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: the standard library would print the record unmasked."""


def _stamp(clock: Clock) -> Processor:
    def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["time"] = to_text(clock.now())
        return event

    return stamp


def _renderer(people: bool, out: TextIO) -> Processor:
    if not people:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, timestamp_key="time"
    )


def mask(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide secrets everywhere, and e-mail addresses in events of INFO and above. A processor."""
    quiet = event.get("level") == "debug"
    return {str(masked(key)): masked(value, key=key, addresses=quiet) for key, value in event.items()}


def escaped(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Make control and direction characters visible, so that no text can paint on a terminal. A processor."""
    return {escape(key): _escaped(value, lines=key in _LINES) for key, value in event.items()}


def _escaped(value: object, *, lines: bool) -> object:
    if isinstance(value, str):
        # Tracebacks keep their lines, but set in: none of them can pass for an event of its own.
        return escape(value, lines=True).replace("\n", "\n  ") if lines else escape(value)
    if isinstance(value, list):
        return [_escaped(item, lines=lines) for item in value]
    if isinstance(value, dict):
        return {escape(str(key)): _escaped(item, lines=lines) for key, item in value.items()}
    return value


def log_crashes() -> None:
    """Send what would end the process or a thread through the log, so that no raw traceback shows a secret."""
    log = structlog.get_logger()

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("crashed", exc_info=(kind, error, trace))

    def thread_crashed(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            crashed(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = crashed
    threading.excepthook = thread_crashed
