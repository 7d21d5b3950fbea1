"""The built-in `apprise` transport against a real HTTP server on loopback, and whom it never writes to."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from levelhead.hookspecs import Channel, Notice
from levelhead.screening.builtin import apprise_delivery
from levelhead.screening.builtin.apprise_delivery import DeliveryPolicy, problem_of, recipients
from levelhead.screening.panel import HostPanel

Seat = Callable[..., HostPanel]

NOTICE = Notice(
    key="a1b2c3", severity="critical", title="Hostile message from ACME", body="What to do", rung=1, count=2
)


@dataclass
class Webhook:
    """What the server was sent, and how it answers."""

    url: str = ""
    status: int = 200
    location: str = ""
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hook.got.append((self.command, self.path, dict(self.headers), body))
            status = hook.status if self.path != "/elsewhere" else 200
            self.send_response(status)
            if hook.location and status >= 300:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hook
    server.shutdown()
    server.server_close()
    thread.join()


def is_client(address: str) -> bool:
    return address.endswith("@client.example")


@pytest.fixture
def deliver(seat: Seat) -> Callable[[str], object]:
    panel = seat(builtin={"apprise": DeliveryPolicy(is_client=is_client)})
    return lambda url: panel.deliver(NOTICE, Channel(name="phone", url=url))


def test_an_alert_arrives_with_its_key_and_what_to_do(webhook: Webhook, deliver) -> None:
    asked = deliver(f"json://{webhook.url}/hook")
    assert [said.value.detail for said in asked.answers] == ["by json"]
    ((method, path, headers, body),) = webhook.got
    sent = json.loads(body)
    assert (method, path) == ("POST", "/hook")
    assert headers["Idempotency-Key"] == "a1b2c3"
    assert (sent["key"], sent["severity"], sent["rung"], sent["count"]) == ("a1b2c3", "critical", 1, 2)
    assert sent["type"] == "failure"
    assert sent["title"] == NOTICE.title
    assert "What to do" in sent["message"] and "levelhead ack a1b2c3" in sent["message"]


@pytest.mark.parametrize("extra", ["", "?redirect=yes"])
def test_a_redirect_is_a_failure_and_never_followed(webhook: Webhook, deliver, extra: str) -> None:
    webhook.status, webhook.location = 302, "/elsewhere"
    asked = deliver(f"json://{webhook.url}/hook{extra}")
    assert asked.answers == ()
    assert "status 302" in asked.failures[0].error
    assert [path for _, path, _, _ in webhook.got] == ["/hook"]


def test_a_server_that_fails_is_a_failure_that_says_so(webhook: Webhook, deliver) -> None:
    webhook.status = 500
    asked = deliver(f"json://{webhook.url}/hook")
    assert asked.failures[0].error.startswith(
        "NotDelivered: the channel phone did not take it: it answered with status 500"
    )


def test_nobody_listening_is_a_failure(deliver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asked = deliver(f"json://127.0.0.1:{taken.getsockname()[1]}/")
    assert asked.answers == () and "no connection" in asked.failures[0].error


def test_a_server_that_never_answers_is_given_up(deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_delivery, "READ_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        asked = deliver(f"json://127.0.0.1:{silent.getsockname()[1]}/")
    assert asked.answers == () and "no connection, or no answer in time" in asked.failures[0].error


def test_a_delivery_that_waits_for_anything_ends_in_time(
    webhook: Webhook, deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_delivery, "WHOLE_SECONDS", 0.2)
    release = threading.Event()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        asked = deliver(f"json://127.0.0.1:{silent.getsockname()[1]}/")
        release.set()
    assert "no answer within 0.2 s" in asked.failures[0].error


SECRET_URLS = [
    "json://anna:s3cr3tpass@{at}/t0ken-path?+Authorization=s3cr3thead",
    "ntfy://s3cr3tpass@{at}/t0ken-path",
    "bogus://s3cr3tpass@{at}/t0ken-path",
    "mailto://anna:s3cr3tpass@127.0.0.1:1/?to=boss@home.example&smtp=127.0.0.1",
]


@pytest.mark.parametrize("url", SECRET_URLS)
def test_no_secret_of_an_address_reaches_a_log_or_an_error(
    webhook: Webhook, deliver, url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.status = 500
    caplog.set_level(logging.DEBUG)
    asked = deliver(url.format(at=webhook.url))
    shown = caplog.text + "".join(capsys.readouterr()) + repr(asked)
    assert asked.failures
    for secret in ("s3cr3tpass", "t0ken-path", "s3cr3thead"):
        assert secret not in shown


@pytest.mark.parametrize(
    "url",
    [
        "mailto://me:pw@home.example?to=bob@client.example",
        "mailto://me:pw@home.example?to=boss@home.example&cc=bob@client.example",
        "mailto://me:pw@home.example?to=boss@home.example&bcc=Bob@Client.Example",
        "mailtos://me:pw@home.example/bob@client.example",
        "mailto://bob:pw@client.example",
        "mailto://me:pw@home.example?to=Bob%20%3Cbob%40client.example%3E",
        "sendgrid://SG.abcdefgh:from@home.example/bob@client.example",
        "json://localhost/?:to=bob@client.example",
    ],
)
def test_an_address_that_would_write_to_a_client_is_refused_and_nothing_is_sent(
    url: str, deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_delivery, "_send", lambda *args: pytest.fail("it was sent"))
    assert "would write to a client" in problem_of(url, is_client)
    asked = deliver(url)
    assert "the channel phone would write to a client" in asked.failures[0].error


def test_recipients_are_all_who_would_get_it() -> None:
    url = "mailto://me:pw@home.example?to=a@x.example,b@x.example&cc=c@x.example&bcc=d@x.example"
    assert recipients(url) == ("a@x.example", "b@x.example", "c@x.example", "d@x.example")
    assert recipients("mailto://me:pw@home.example") == ("me@home.example",)
    assert recipients("json://user:pass@host.example/path") == ()


def test_an_address_that_nobody_knows_is_told_without_showing_it() -> None:
    assert problem_of("json://localhost:8080/x", is_client) == ""
    told = problem_of("bogus://s3cr3t@host", is_client)
    assert "bogus" in told and "s3cr3t" not in told
    assert "s3cr3t" not in problem_of("s3cr3t", is_client)


def test_without_a_list_of_clients_nothing_is_delivered(seat: Seat, webhook: Webhook) -> None:
    asked = seat().deliver(NOTICE, Channel(name="phone", url=f"json://{webhook.url}/"))
    assert asked.answers == () and "nobody has said who the clients are" in asked.failures[0].error
    assert webhook.got == []


def test_mail_to_oneself_says_that_a_machine_wrote_it() -> None:
    target = apprise_delivery._target("mailto://me:pw@home.example")
    apprise_delivery._mark(target, NOTICE)
    assert target.headers["Auto-Submitted"] == "auto-generated"
    assert target.headers["Idempotency-Key"] == "a1b2c3"
