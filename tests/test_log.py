"""Canaries: no secret, and at INFO no address, reaches any output, whoever logs it and however deep it lies."""

from __future__ import annotations

import base64
import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import structlog

from levelhead import log, masking
from levelhead.clock import FrozenClock

PASSWORD = "c4nary pa\"ss\\wörd'%"
URL = "tgram://123456789:AAc4naryTOKEN/c4nary-chat?key=c4naryQUERY"
WITH_USER = "https://user:c4naryUSERINFO@hooks.example.com/services/c4naryPATH"
FORMS = (
    PASSWORD,
    quote(PASSWORD),
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.b64encode(f"\0me@example.com\0{PASSWORD}".encode()).decode(),
    PASSWORD.replace("\\", "\\\\").replace('"', '\\"'),
    repr(PASSWORD)[1:-1],
    repr(PASSWORD.encode())[2:-1],
    URL,
    WITH_USER,
    "AAc4naryTOKEN",
    "c4naryQUERY",
    "c4naryUSERINFO",
    "c4naryPATH",
    "c4nary-chat",
)


@pytest.fixture(autouse=True)
def _own_vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    vault = masking.Vault()
    monkeypatch.setattr(masking, "VAULT", vault)
    masking.remember_login("me@example.com", PASSWORD)
    masking.remember_url(URL, private=True)
    masking.remember_url(WITH_USER, private=False)
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], sys.excepthook, threading.excepthook = before[0], before[2], before[3]
    root.setLevel(before[1])
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(params=["json", "console"])
def out(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    clock = FrozenClock(datetime(2026, 3, 6, 16, 0, tzinfo=UTC))
    log.configure("info", request.param, stream, clock)
    return stream


def clean(stream: io.StringIO) -> str:
    """What was written, after asserting that it holds no canary in any form."""
    said = stream.getvalue()
    assert said, "nothing was logged"
    assert "c4nary" not in said
    for form in FORMS:
        assert form not in said
        assert json.dumps(form)[1:-1] not in said
    return said


def without_pytest() -> None:
    """Take pytest's own handlers off: they write records as they are, and raise when they cannot."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler).__module__ == "levelhead.log"]


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_hidden_in_every_form_and_place(out: io.StringIO, form: str) -> None:
    event = structlog.get_logger().bind(why=form)
    event.info("mailbox.lost", listed=[form, {"deep": (form, {form})}], table={form: form}, raw=form.encode())
    event.info(f"an event with {form} in it", error=ValueError(form), kind=type)
    assert "[secret]" in clean(out)


def test_a_secret_in_an_exception_is_hidden_through_its_whole_chain(out: io.StringIO) -> None:
    try:
        try:
            raise ValueError(f"AUTH {PASSWORD}")
        except ValueError as exc:
            raise RuntimeError(f"POST {URL} failed") from exc
    except RuntimeError:
        structlog.get_logger().exception("outbox.failed")
    said = clean(out)
    assert "RuntimeError" in said and "ValueError" in said


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "imap_password",
        "Authorization",
        "token",
        "client_secret",
        "Set-Cookie",
        "api_token",
        "PASSWD",
    ],
)
def test_a_value_under_a_secrets_name_is_hidden_without_being_known(out: io.StringIO, key: str) -> None:
    structlog.get_logger().info("x", **{key: "unknown-c4nary"}, headers={key: ["c4nary", 4]}, n=4)
    assert "[secret]" in clean(out)


def test_the_user_and_password_of_any_url_are_hidden(out: io.StringIO) -> None:
    structlog.get_logger().info("x", why="GET https://bob:c4nary@example.com/x and smtp://c4nary@h:25")
    assert "https://[secret]@example.com/x" in clean(out)


def test_a_numeric_secret_is_hidden_as_a_number_too(out: io.StringIO) -> None:
    masking.VAULT.add("48151623")
    structlog.get_logger().info("x", pin=48151623, other=4815)
    assert "48151623" not in out.getvalue()
    assert "4815" in out.getvalue()


def test_libraries_that_log_pass_the_same_chain(out: io.StringIO) -> None:
    for name in ("imapclient", "apprise", "urllib3.connectionpool", "somebody.else"):
        logging.getLogger(name).warning("login %s failed for %s", PASSWORD, {"url": URL})
        try:
            raise OSError(WITH_USER)
        except OSError:
            logging.getLogger(name).exception("failed")
    warnings.warn(f"insecure {URL}", stacklevel=1)
    assert "somebody.else" in clean(out)


def test_a_library_never_logs_its_conversation(out: io.StringIO) -> None:
    log.configure("debug", "json", out)
    logging.getLogger("imapclient.imaplib").debug("> LOGIN")
    logging.getLogger("apprise").info("sent")
    assert out.getvalue() == ""


def test_a_record_that_cannot_be_formatted_is_not_printed_raw(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    without_pytest()
    logging.getLogger("x").warning("%d", PASSWORD)
    out.close()
    logging.getLogger("x").warning("closed %s", PASSWORD)
    assert "c4nary" not in "".join(capsys.readouterr())


def test_a_crash_goes_through_the_log_and_not_to_the_terminal(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    log.log_crashes()

    def crash() -> None:
        raise RuntimeError(f"thread {PASSWORD}")

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    try:
        raise RuntimeError(f"main {URL}")
    except RuntimeError as exc:
        sys.excepthook(type(exc), exc, exc.__traceback__)
    said = clean(out)
    assert said.count("RuntimeError: ") == 2
    assert "c4nary" not in "".join(capsys.readouterr())


def test_no_address_is_shown_from_info_on_and_all_at_debug() -> None:
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    event = structlog.get_logger()
    event.info("x", why="from Sam <sam@harbour.example.com>, me+tag@example.com", listed=["a@b.example"])
    event.debug("y", why="sam@harbour.example.com")
    info, debug = (json.loads(line) for line in stream.getvalue().splitlines())
    assert info["why"] == "from Sam <[address]>, [address]" and info["listed"] == ["[address]"]
    assert debug["why"] == "sam@harbour.example.com"


def test_text_from_outside_cannot_paint_on_the_terminal_nor_forge_a_line(out: io.StringIO) -> None:
    structlog.get_logger().info(
        "x\n2026 [info] forged", why="\x1b[2J\u202eevil\u2066\r\nforged\x9b\x00\ud800"
    )
    try:
        raise ValueError("\x1b[2J first\nforged second")
    except ValueError:
        structlog.get_logger().exception("y")
    said = out.getvalue()
    assert not any(c in said for c in "\x1b\u202e\u2066\r\x9b\x00\ud800")
    assert not any(line.startswith(("forged", "2026 [info]")) for line in said.splitlines())


def test_an_event_says_when_what_and_in_which_context() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream, FrozenClock(datetime(2026, 3, 6, 16, 0, tzinfo=UTC)))
    with structlog.contextvars.bound_contextvars(mailbox="office"):
        structlog.get_logger().info("mailbox.lost", why="gone", count=3, ok=True, none=None)
    assert json.loads(stream.getvalue()) == {
        "time": "2026-03-06T16:00:00.000000Z",
        "level": "info",
        "event": "mailbox.lost",
        "mailbox": "office",
        "why": "gone",
        "count": 3,
        "ok": True,
        "none": None,
    }


def test_a_reload_changes_the_level_of_loggers_that_exist() -> None:
    stream = io.StringIO()
    event = structlog.get_logger()
    log.configure("warning", "json", stream)
    event.info("quiet")
    log.configure("info", "json", stream)
    event.info("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_ordinary_words_in_an_open_channel_url_are_not_hidden_everywhere() -> None:
    vault_hides = masking.VAULT.hide
    masking.remember_url("json://127.0.0.1:8099/alerts", private=False)
    assert vault_hides("alerts are open") == "alerts are open"
    assert "8099/alerts" not in vault_hides("POST json://127.0.0.1:8099/alerts")


def test_a_value_that_cannot_be_shown_ends_nothing(out: io.StringIO) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError(PASSWORD)

    without_pytest()
    loop: list[object] = []
    loop.append(loop)
    structlog.get_logger().info("x", odd=Odd(), loop=loop)
    assert "cannot be shown" in clean(out)


def test_the_log_loads_no_rich_and_leaves_it_to_those_who_draw_tables() -> None:
    script = (
        "import sys; from levelhead import log; import structlog\n"
        "print('rich' in sys.modules, structlog.dev.rich)\n"
        "log.configure('info', 'console', sys.stdout)\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: structlog.get_logger().exception('failed')\n"
        "from rich.table import Table; print(Table.__name__)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = ended.stdout.splitlines()
    assert lines[0] == "False None" and lines[-1] == "Table"
    assert any("division by zero" in line for line in lines)
