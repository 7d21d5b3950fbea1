"""The built-in `apprise` transport against a real HTTP server on loopback, and whom it never writes to."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from levelhead.hookspecs import Channel, Notice
from levelhead.screening.builtin import apprise_delivery
from levelhead.screening.builtin.apprise_delivery import DeliveryPolicy, problem_of, recipients
from levelhead.screening.panel import HostPanel
from levelhead.screening.reach import NotPublic, is_public, within_reach
from servers.sink import MailSink

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


KINDS = {
    "json": "json://{at}/hook",
    "json that asks for it": "json://{at}/hook?redirect=yes",
    "form": "form://{at}/hook",
    "xml": "xml://{at}/hook",
    "ntfy": "ntfy://{at}/a-topic-of-nobody",
    "gotify": "gotify://{at}/abcdefghijklmno",
    "mattermost": "mmost://{at}/abcdefghijklmnopqrstuvwxyz",
    "rocketchat": "rocket://robin:pass@{at}/#room?mode=basic",
    "matrix": "matrix://{at}/abcdefghijklmnopqrstuvwxyz?mode=slack",
}
"""Channels that reach a server of one's own, as many as there are ways to write to one."""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_is_a_failure_and_never_followed(
    webhook: Webhook, deliver, kind: str, status: int
) -> None:
    webhook.status, webhook.location = status, "/elsewhere"
    asked = deliver(KINDS[kind].format(at=webhook.url))
    assert asked.answers == ()
    assert webhook.got and "/elsewhere" not in [path for _, path, _, _ in webhook.got]
    if kind != "rocketchat":  # which speaks of its login and not of the status
        assert f"status {status}" in asked.failures[0].error


# --- what a plugin or a client's name puts into an alert -------------------------------------------

EVIL = Notice(
    key="a1b2c3",
    severity="critical",
    title="Hostile\r\nBcc: victim@evil.example\r\n\r\n\x1b[2J\u202egnp.exe</title><script>alert(1)</script>&amp;",
    body="one\r\ntwo\x07\x9b31m\u2066\u200b<img src=http://evil.example/x.png>\n</message><evil/>]]>\n.\nQUIT",
    rung=1,
    count=2,
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")


def test_a_notice_is_one_line_and_a_text_and_steers_nobody() -> None:
    assert "\n" not in EVIL.title and not UNSAFE.search(EVIL.title + EVIL.body)
    assert EVIL.title.startswith("Hostile Bcc: victim@evil.example \\u001b[2J\\u202egnp.exe")
    assert EVIL.body.startswith("one\ntwo\\u0007\\u009b31m\\u2066\\u200b<img")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_an_alert_reaches_another_header_another_field_or_a_terminal(
    webhook: Webhook, seat: Seat, kind: str
) -> None:
    panel = seat(builtin={"apprise": DeliveryPolicy(is_client=is_client)})
    panel.deliver(EVIL, Channel(name="phone", url=KINDS[kind].format(at=webhook.url)))
    assert webhook.got
    for _, _, headers, body in webhook.got:
        assert "bcc" not in {name.lower() for name in headers}
        assert not any(UNSAFE.search(value) for value in headers.values())
        text = body.decode()
        assert not UNSAFE.search(text.replace("\r\n", "\n"))
        if headers.get("Content-Type", "").startswith("application/json"):
            fields = json.loads(text)
            assert not {"Bcc", "bcc", "evil"} & fields.keys()
            said = [value.replace("\r\n", "\n") for value in fields.values() if isinstance(value, str)]
            assert not any(map(UNSAFE.search, said))
        elif kind == "xml":
            tree = ElementTree.fromstring(text)
            assert not [one for one in tree.iter() if one.tag.rpartition("}")[2] in {"evil", "script", "img"}]
            assert "</message><evil/>" in "".join(tree.itertext())
        elif kind == "form":
            assert "bcc" not in {name.lower() for name in parse_qs(text)}


@pytest.mark.parametrize("wanted", ["", "&format=html", "&format=markdown"])
def test_an_alert_by_mail_holds_no_markup_and_no_header_of_somebody_elses(seat: Seat, wanted: str) -> None:
    panel = seat(builtin={"apprise": DeliveryPolicy(is_client=is_client)})
    with MailSink() as sink:
        at = f"127.0.0.1:{sink.port}"
        url = f"mailto://{at}/?from=levelhead@home.example&to=boss@home.example&smtp=127.0.0.1{wanted}"
        asked = panel.deliver(EVIL, Channel(name="mail", url=url))
    assert asked.answers, asked.failures
    (data,) = sink.mails
    assert [line.lower() for line in sink.commands if line.upper().startswith(b"RCPT")] == [
        b"rcpt to:<boss@home.example>\r\n"
    ]
    mail = message_from_bytes(data, policy=policy.default)
    assert mail["Bcc"] is None and mail["To"] == "boss@home.example"
    assert "Bcc: victim@evil.example" in mail["Subject"] and not UNSAFE.search(mail["Subject"])
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            shown = part.get_content()
            assert not UNSAFE.search(shown.replace("\r\n", "\n"))
            if part.get_content_subtype() == "html":
                assert "<img" not in shown and "<script" not in shown and "&lt;img" in shown
    if not wanted:
        assert [part.get_content_type() for part in mail.walk()] == ["text/plain"]


# --- where an alert may go -------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%lo", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_such_an_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_such_an_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver of the test's own: each name with the addresses it answers, one after the other."""
    answers: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)
        name = host.decode() if isinstance(host, bytes) else host
        if name not in answers:
            return real(host, port, *args, **kwargs)
        address = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_leads_into_ones_own_network_is_not_dialled(
    webhook: Webhook, deliver, names, kind: str
) -> None:
    names["trap.example"] = ["127.0.0.1"]
    asked = deliver(KINDS[kind].format(at=f"trap.example:{webhook.url.rpartition(':')[2]}"))
    assert asked.answers == () and webhook.got == []
    assert "trap.example is 127.0.0.1, which is not a public address" in asked.failures[0].error


def test_mail_goes_to_no_server_in_ones_own_network_by_a_name(deliver, names) -> None:
    names["trap.example"] = ["127.0.0.1"]
    with MailSink() as sink:
        asked = deliver(f"mailto://trap.example:{sink.port}/?from=a@home.example&to=b@home.example")
    assert asked.answers == () and sink.commands == []
    assert "trap.example is 127.0.0.1" in asked.failures[0].error


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"])
def test_other_ways_to_say_ones_own_network_are_refused_too(deliver, names, address: str) -> None:
    names["trap.example"] = [address]
    asked = deliver("json://trap.example:9/")
    assert "which is not a public address" in asked.failures[0].error


def test_a_name_that_changes_between_look_and_use_does_not_pass(webhook: Webhook, deliver, names) -> None:
    names["rebinding.example"] = ["192.0.2.1", "127.0.0.1"]  # public is only what is dialled
    names["rebinding.example"].pop(0)
    for _ in range(2):
        asked = deliver(f"json://rebinding.example:{webhook.url.rpartition(':')[2]}/")
        assert asked.answers == ()
    assert webhook.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "phone.localhost"])
def test_an_address_that_the_url_itself_names_is_the_users_own_word(
    webhook: Webhook, deliver, names, host: str
) -> None:
    names["phone.localhost"] = ["127.0.0.1"]
    asked = deliver(f"json://{host}:{webhook.url.rpartition(':')[2]}/hook")
    assert asked.answers, asked.failures
    assert [path for _, path, _, _ in webhook.got] == ["/hook"]


def test_a_proxy_of_ones_own_network_is_the_users_own_word_too(
    webhook: Webhook, deliver, names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["proxy.lan"] = ["127.0.0.1"]
    monkeypatch.setenv("http_proxy", f"http://proxy.lan:{webhook.url.rpartition(':')[2]}")
    monkeypatch.setenv("no_proxy", "")
    assert deliver("json://hooks.example/path").answers
    assert webhook.got


def test_the_guard_is_there_while_an_alert_leaves_and_for_that_thread_alone(webhook: Webhook) -> None:
    at = ("127.0.0.1", int(webhook.url.rpartition(":")[2]))
    with within_reach("json://hooks.example/"):
        with pytest.raises(NotPublic):
            socket.create_connection(at, timeout=5)
        free: list[socket.socket] = []
        thread = threading.Thread(target=lambda: free.append(socket.create_connection(at, timeout=5)))
        thread.start()
        thread.join()
    free.append(socket.create_connection(at, timeout=5))
    assert len(free) == 2
    for one in free:
        one.close()


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
