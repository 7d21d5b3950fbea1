"""The search for a server: the table, the domain's own word, the DNS, guesses; and nobody is asked in vain."""

from __future__ import annotations

import pytest

from discovery.askers import Files, Records, service
from levelhead.discovery.api import NoSuchDomain, Server
from levelhead.discovery.find import NO_DNS, servers
from levelhead.discovery.providers import by_domain, by_mail_hosts, by_place, providers, server_of

ME = "robin@studio.example"
THERE = {"studio.example": ()}
CONFIG = b"""<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="studio.example">
<incomingServer type="imap"><hostname>post.studio.example</hostname><port>993</port><socketType>SSL</socketType>
<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>
</emailProvider></clientConfig>"""
FIRST = "https://autoconfig.studio.example/mail/config-v1.1.xml?emailaddress=robin%40studio.example"
SECOND = "https://studio.example/.well-known/autoconfig/mail/config-v1.1.xml"


def found(
    address: str = ME,
    *,
    dns: Records | None = None,
    files: Files | None = None,
    told: list[str] | None = None,
) -> list[Server]:
    tell = (told if told is not None else []).append
    return list(servers(address, dns=dns, fetch=files or Files(), tell=tell))


def places(servers: list[Server]) -> list[tuple[str, int, str]]:
    return [(one.host, one.port, one.security) for one in servers]


# --- the table --------------------------------------------------------------------------------------


def test_an_address_of_a_large_provider_is_known_without_asking_anybody() -> None:
    dns, files = Records(), Files()
    (gmail,) = found("Robin.E@GMail.com", dns=dns, files=files)
    assert places([gmail]) == [("imap.gmail.com", 993, "implicit")]
    assert gmail.user == "Robin.E@gmail.com" and gmail.found.endswith("by its domain (Gmail)")
    assert not dns.asked and not files.asked


def test_what_one_logs_in_with_is_what_the_provider_wants() -> None:
    assert found("robin@web.de")[0].user == "robin"
    (outlook,) = found("robin@hotmail.com")
    assert not outlook.passwords and outlook.provider and outlook.provider.oauth == "microsoft"
    (proton,) = found("robin@proton.me")
    assert places([proton]) == [("127.0.0.1", 1143, "starttls")]
    assert proton.provider and "Bridge" in proton.provider.hint


@pytest.mark.parametrize(
    ("exchange", "host"),
    [
        ("aspmx.l.google.com.", "imap.gmail.com"),
        ("smtp.google.com", "imap.gmail.com"),
        ("studio-example.mail.protection.outlook.com", "outlook.office365.com"),
        ("studio-example.a-v1.mx.microsoft", "outlook.office365.com"),
        ("in1-smtp.messagingengine.com", "imap.fastmail.com"),
        ("mx00.ionos.de", "imap.ionos.de"),
        ("smtpin.rzone.de", "imap.strato.de"),
        ("www123.your-server.de", "mail.your-server.de"),
        ("MX3.MAIL.OVH.NET.", "ssl0.ovh.net"),
        ("mta-gw.infomaniak.ch", "mail.infomaniak.com"),
        ("spool.mail.gandi.net", "mail.gandi.net"),
        ("mx.zoho.eu", "imappro.zoho.eu"),
    ],
)
def test_a_domain_that_is_hosted_is_told_by_who_takes_its_mail(exchange: str, host: str) -> None:
    first = found(dns=Records(mx={"studio.example": (exchange,)}))[0]
    assert (first.host, first.user) == (host, ME)
    assert "by who takes its mail" in first.found


def test_a_filter_in_front_is_passed_over_and_a_name_that_only_looks_alike_is_nobody_s() -> None:
    hosts = ("mx1.filter.example", "aspmx.l.google.com")
    provider = by_mail_hosts(hosts)
    assert provider is not None and provider.name == "Gmail"
    assert by_mail_hosts(("aspmx.l.notgoogle.com",)) is None
    assert by_domain("notgmail.com") is None and by_domain("gmail.com.evil.example") is None


def test_a_domain_that_takes_its_own_mail_is_nobody_s_customer() -> None:
    for own in ("mail.studio.example", "studio.example."):
        dns = Records(mx={"studio.example": (own, "mx00.ionos.de")})
        assert [one.host for one in found(dns=dns) if one.provider] == []


def test_the_table_is_sound() -> None:
    assert len({one.name for one in providers()}) == len(providers()) >= 30
    domains = [domain for one in providers() for domain in one.domains]
    assert len(domains) == len(set(domains))
    ends = [end for one in providers() for end in one.mx]
    assert len(ends) == len(set(ends))
    for one in providers():
        assert one.domains or one.mx, one.name
        assert (one.port, one.security) in {(993, "implicit"), (1143, "starttls")}, one.name
        assert one.passwords or one.oauth, f"{one.name} would let nobody in"
        assert all(name == name.lower() and not name.startswith(".") for name in (*one.domains, *one.mx))
        assert not one.hint.endswith("."), one.name
        server = server_of(one, f"robin@{(one.domains or ('studio.example',))[0]}", "in the table")
        assert by_place(server.host, server.port) is not None


# --- in this order -----------------------------------------------------------------------------------


def test_the_domain_s_own_file_comes_before_the_dns_and_guesses_last() -> None:
    dns = Records(mx=THERE, srv={"_imaps._tcp.studio.example": (service("imap2.studio.example."),)})
    all_of_them = found(dns=dns, files=Files({FIRST: CONFIG}))
    assert [one.host for one in all_of_them] == [
        "post.studio.example", "imap2.studio.example", "imap.studio.example", "mail.studio.example", "studio.example",
    ]  # fmt: skip
    assert [one.found.split()[0] for one in all_of_them] == ["at", "in", "by", "by", "by"]
    assert "https://autoconfig.studio.example/mail/config-v1.1.xml" in all_of_them[0].found
    assert "robin" not in all_of_them[0].found


def test_who_takes_the_first_server_has_nobody_else_asked() -> None:
    dns, files = Records(mx=THERE), Files({FIRST: CONFIG})
    assert next(servers(ME, dns=dns, fetch=files, tell=print)).host == "post.studio.example"
    assert (dns.asked, files.asked) == (["MX studio.example"], [FIRST])


def test_the_address_is_told_to_its_own_domain_and_to_nobody_else() -> None:
    dns, files = Records(mx=THERE), Files()
    found(dns=dns, files=files)
    assert files.asked == [FIRST, SECOND]
    assert [one for one in dns.asked if "robin" in one] == []


def test_a_domain_that_does_not_exist_ends_the_search() -> None:
    files = Files()
    with pytest.raises(NoSuchDomain, match=r"no domain studio\.example"):
        found(dns=Records(), files=files)
    assert not files.asked


def test_without_dnspython_the_search_goes_on_and_says_so_in_a_clause() -> None:
    told: list[str] = []
    assert found(dns=None, told=told)[0].host == "imap.studio.example"
    assert told == [NO_DNS]


def test_whoever_does_not_answer_is_named_and_passed_over() -> None:
    told: list[str] = []
    guesses = found(dns=Records(mx=THERE, down=True), files=Files({FIRST: None}), told=told)
    assert [one.host for one in guesses] == ["imap.studio.example", "mail.studio.example", "studio.example"]
    assert len(told) == 4 and sum("name server" in one for one in told) == 3


def test_a_file_that_cannot_be_used_is_named_and_passed_over() -> None:
    told: list[str] = []
    assert found(dns=Records(mx=THERE), files=Files({SECOND: b"<html>"}), told=told)
    (clause,) = told
    assert SECOND in clause and "not XML" in clause


def test_a_domain_in_letters_of_its_own_is_asked_for_as_the_dns_has_it() -> None:
    files = Files()
    guesses = found("robin@büro.example", dns=Records(mx={"xn--bro-hoa.example": ()}), files=files)
    assert guesses[0].host == "imap.xn--bro-hoa.example"
    assert all("xn--bro-hoa.example" in url for url in files.asked)


# --- SRV records --------------------------------------------------------------------------------------


def by_srv(**records: tuple) -> list[tuple[str, int, str]]:
    srv = {f"_{name}._tcp.studio.example": given for name, given in records.items()}
    return places([one for one in found(dns=Records(mx=THERE, srv=srv)) if "SRV" in one.found])


def test_services_come_by_priority_then_tls_at_once_then_weight() -> None:
    assert by_srv(
        imap=(
            service("b.studio.example.", port=143, priority=0),
            service("a.studio.example.", priority=5, port=143),
        ),
        imaps=(
            service("light.studio.example.", weight=1),
            service("heavy.studio.example.", weight=9),
            service("late.studio.example.", priority=9),
        ),
    ) == [
        ("heavy.studio.example", 993, "implicit"),
        ("light.studio.example", 993, "implicit"),
        ("b.studio.example", 143, "starttls"),
        ("a.studio.example", 143, "starttls"),
        ("late.studio.example", 993, "implicit"),
    ]


def test_a_dot_means_that_there_is_no_such_service() -> None:
    assert by_srv(imaps=(service("."),), imap=(service("mail.studio.example.", port=143),)) == [
        ("mail.studio.example", 143, "starttls")
    ]


@pytest.mark.parametrize("target", ["two words.example", "a\\000b.example", "-x.example", ""])
def test_what_is_no_name_of_a_host_is_passed_over(target: str) -> None:
    assert by_srv(imaps=(service(target), service("imap.studio.example", port=0))) == []


def test_a_host_elsewhere_that_only_the_dns_names_is_not_vouched_for() -> None:
    records = (
        service("imap.studio.example."),
        service("imap.elsewhere.example."),
        service("x.notstudio.example."),
    )
    dns = Records(mx=THERE, srv={"_imaps._tcp.studio.example": records})
    vouched = {one.host: one.vouched for one in found(dns=dns)}
    assert vouched["imap.studio.example"] and vouched["mail.studio.example"]
    assert not vouched["imap.elsewhere.example"] and not vouched["x.notstudio.example"]


def test_a_server_of_a_large_provider_is_known_wherever_it_is_named() -> None:
    records = (
        service("imap.gmail.com."),
        service("outlook.office365.com."),
        service("127.0.0.1.", port=1143),
    )
    published = CONFIG.replace(b"post.studio.example", b"outlook.office365.com")
    dns = Records(mx=THERE, srv={"_imaps._tcp.studio.example": records})
    outlook, *others = found(dns=dns, files=Files({FIRST: published}))
    assert outlook.provider and outlook.provider.oauth == "microsoft" and not outlook.passwords
    assert "at https://autoconfig" in outlook.found
    known = {one.host: one for one in others}
    assert known["imap.gmail.com"].vouched and known["imap.gmail.com"].provider
    assert not known["127.0.0.1"].vouched and known["127.0.0.1"].provider is None
