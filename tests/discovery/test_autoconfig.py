"""The autoconfig file: what it says is taken, what strangers may try in it is not."""

from __future__ import annotations

import pytest

from levelhead.discovery.autoconfig import DEEPEST, LARGEST, MOST, NoSettings, servers_in

ME = "robin@studio.example"


def server(
    host: str = "imap.studio.example", port: str = "993", way: str = "SSL", more: str = "", kind: str = "imap"
) -> str:
    return (
        f'<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{way}</socketType>{more}</incomingServer>"
    )


def config(*inner: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    provider = f'<emailProvider id="x">{"".join(inner)}</emailProvider>'
    return f'{head}<clientConfig version="1.1">{provider}</clientConfig>'.encode()


def read(*inner: str) -> list[tuple[str, int, str, str]]:
    return [
        (one.host, one.port, one.security, one.user) for one in servers_in(config(*inner), ME, "at a place")
    ]


def test_imap_servers_come_in_the_order_of_the_file_and_no_others() -> None:
    assert read(
        server(kind="pop3", port="995"),
        server(port=" 993 "),
        server("IMAP2.%EMAILDOMAIN%", "143", "STARTTLS"),
        "<outgoingServer type='smtp'><hostname>smtp.studio.example</hostname></outgoingServer>",
    ) == [
        ("imap.studio.example", 993, "implicit", ME),
        ("imap2.studio.example", 143, "starttls", ME),
    ]


@pytest.mark.parametrize(
    ("username", "user"),
    [
        ("%EMAILADDRESS%", ME),
        ("%EMAILLOCALPART%", "robin"),
        ("%EMAILLOCALPART%-studio", "robin-studio"),
        ("u4711", "u4711"),
        ("%REALNAME%", ME),
        ("a\nb", ME),
    ],
)
def test_the_user_is_filled_in(username: str, user: str) -> None:
    assert read(server(more=f"<username>{username}</username>"))[0][3] == user


@pytest.mark.parametrize(
    "broken",
    [
        server(way="plain", port="143"), server(way=""), server(host=""), server(host="a b"), server(host="x/../y"),
        server(host="user@host"), server(host="-x.example"), server(host="a" * 254), server(port="0"),
        server(port="65536"), server(port="-1"), server(port="x"), server(port="९९३"), server(port="9" * 5_000),
        "<incomingServer/>", "<incomingServer type='imap'/>",
    ],
)  # fmt: skip
def test_a_server_that_nothing_can_be_done_with_is_passed_over(broken: str) -> None:
    assert read(broken, server()) == [("imap.studio.example", 993, "implicit", ME)]


def test_only_the_first_servers_of_a_file_are_taken_since_each_is_waited_for() -> None:
    many = [server(f"imap{number}.studio.example") for number in range(700)]
    assert [host for host, *_ in read(server(way="plain"), *many)] == [
        f"imap{number}.studio.example" for number in range(MOST)
    ]


def test_a_server_that_takes_only_oauth_is_known_as_such() -> None:
    def ways(*names: str) -> bool:
        more = "".join(f"<authentication>{name}</authentication>" for name in names)
        (one,) = servers_in(config(server(more=more)), ME, "")
        return one.passwords

    assert ways() and ways("OAuth2", "password-cleartext") and ways("password-encrypted")
    assert not ways("OAuth2")


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (config(server("&d;"), head=BOMB), "document type"),
        (config(server("&f;"), head='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'), "document type"),
        (config(server(), head='<!DOCTYPE x SYSTEM "https://elsewhere.example/x.dtd">'), "document type"),
        (config(server("&unknown;")), "not XML"),
        (b"", "not XML"),
        (b"<html><body>no such page", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (config(head='<?xml version="1.0" encoding="no-such"?>'), "not XML"),
        (config(head='<?xml version="1.0" encoding="shift_jis"?>'), "not XML"),
        (config(head='<?xml version="1.0" encoding="utf-7"?>'), "not XML"),
        (config(head='<?xml version="1.0" encoding="utf-32"?>'), "not XML"),
        (b"<html></html>", "clientConfig"),
        (b"<a>" * (DEEPEST + 1), "too deep"),
        (config() + b" " * LARGEST, "more than"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_in_half_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(NoSettings, match=why):
        servers_in(data, ME, "")
