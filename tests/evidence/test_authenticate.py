"""What the signatures of a message say: every outcome on mail that is really signed, and nothing that costs more."""

from __future__ import annotations

import base64
import time
from datetime import timedelta

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from evidence.signed import (
    CAME,
    HARBOUR,
    LETTER,
    SEALS,
    Records,
    dns,
    record_of,
    rsa_key,
    sealed,
    signed,
    signed_by_hand,
)
from levelhead.evidence.authenticate import MOST_SETS, Found, aligned, authenticate
from levelhead.evidence.signing import LARGEST, Mail
from levelhead.raw import Raw, raw

H = "h=from:to:subject"


def look(message: bytes, records: Records | None = None, sender: str = "harbour.example") -> Found:
    return authenticate(raw(message), sender=sender, at=CAME, lookup=records or dns())


def results(found: Found) -> list[str]:
    return [one.result for one in found.signatures]


def only(found: Found) -> tuple[str, str]:
    (one,) = found.signatures
    return one.result, one.why


# --- a signature that fits -----------------------------------------------------------------------


@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
def test_what_was_signed_and_not_changed_passes_and_its_key_is_kept(header: bytes, body: bytes) -> None:
    found = look(signed(canonicalize=(header, body)))
    (one,) = found.signatures
    assert (one.domain, one.selector, one.result, one.why, one.key) == (
        "harbour.example", "s1", "pass", "", HARBOUR,
    )  # fmt: skip
    (key,) = found.keys
    assert (key.name, base64.b64decode(key.record)) == (HARBOUR, record_of(rsa_key()))
    assert (found.unchecked, found.chain, found.unfit) == (0, "none", "")


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n", b" \r\n", b"a", b"a\r\n \t\r\n\r\n", b"a \t b\r\n\t"]
)
@pytest.mark.parametrize("form", [b"simple", b"relaxed"])
def test_bodies_that_end_in_odd_ways_pass_as_they_were_signed(body: bytes, form: bytes) -> None:
    head = LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert results(look(signed(head + body, canonicalize=(b"relaxed", form)))) == ["pass"]


def test_line_ends_that_a_server_changed_do_not_matter() -> None:
    assert results(look(signed().replace(b"\r\n", b"\n"))) == ["pass"]


def test_an_ed25519_signature_passes_and_one_of_another_key_fails() -> None:
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    message = signed_by_hand(LETTER, f"v=1; a=ed25519-sha256; d=harbour.example; s=s1; {H};", mine)
    assert only(look(message, dns({HARBOUR: record_of(mine)}))) == ("pass", "")
    assert only(look(message, dns({HARBOUR: record_of(other)})))[0] == "fail"


def test_a_key_without_its_wrapping_is_read_too() -> None:
    """RFC 6376 names SubjectPublicKeyInfo by example and RSAPublicKey by its letter; both are published."""
    der = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    records = dns({HARBOUR: b"p=" + base64.b64encode(der)})
    assert only(look(signed(), records)) == ("pass", "")


def test_a_key_that_is_only_being_tested_passes_and_says_so() -> None:
    records = dns({HARBOUR: record_of(rsa_key(), "v=DKIM1; t=y; k={}; ")})
    assert only(look(signed(), records)) == ("pass", "the domain says that it is only testing this key")


# --- a signature that does not ---------------------------------------------------------------------


def test_a_changed_header_fails() -> None:
    result, why = only(look(signed().replace(b"Subject: The  files", b"Subject: No files")))
    assert (result, why.startswith("its header was changed")) == ("fail", True)


def test_a_list_s_footer_changes_the_body_and_that_is_said() -> None:
    result, why = only(look(signed() + b"--\r\nYou get this because you are on the list.\r\n"))
    assert (result, "its body was changed" in why, "its header was not" in why) == ("fail", True, True)


def test_a_second_from_field_is_seen() -> None:
    """A signature that names From once covers the lowest; many programs show the topmost."""
    message = signed_by_hand(LETTER, f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H};", rsa_key())
    assert results(look(message)) == ["pass"]
    assert results(look(b"From: boss@harbour.example\r\n" + message)) == ["fail"]


def test_a_key_that_was_changed_under_the_same_name_fails() -> None:
    assert only(look(signed(), dns({HARBOUR: record_of(rsa_key(1024, 1))})))[0] == "fail"


@pytest.mark.parametrize(
    ("record", "result", "why"),
    [
        (None, "temperror", "the DNS did not answer"),
        (b"", "permerror", "the domain has no such key"),
        (b"v=DKIM1; p=", "permerror", "the domain has withdrawn this key"),
        (b"v=DKIM2; p=AAAA", "permerror", "the key's record is none of DKIM"),
        (b"v=spf1 -all", "permerror", "the key's record is none of DKIM"),
        (b"no tags at all", "permerror", "the key's record cannot be read"),
        (b"p=AAAA", "permerror", "the key cannot be read"),
        (b"p=!!!!", "permerror", "what should be base64 is none"),
        (b"k=ed25519; p=AAAA", "permerror", "the key is of another kind than the signature"),
        (record_of(rsa_key(), "h=sha1; k={}; "), "permerror", "the key is not for SHA-256"),
        (record_of(rsa_key(), "s=other; k={}; "), "permerror", "the key is not for mail"),
    ],
)
def test_what_the_dns_answers_decides_the_kind_of_failure(record: bytes, result: str, why: str) -> None:
    assert only(look(signed(), dns({HARBOUR: record}))) == (result, why)


def test_a_weak_key_proves_nothing() -> None:
    weak = rsa_key_of_512_bits()
    records = dns({HARBOUR: b"p=" + base64.b64encode(weak)})
    assert only(look(signed(), records)) == ("policy", "a key of 512 bits proves nothing")


def rsa_key_of_512_bits() -> bytes:
    """The public half of one; cryptography does not make any, so that its numbers stand here."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    modulus = (1 << 511) + 187
    return RSAPublicNumbers(65537, modulus).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def der_integer(number: int) -> bytes:
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + der_length(len(octets)) + octets


def der_length(length: int) -> bytes:
    return bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")


ABSURD = {
    "long": ((1 << 20_000) + 1, 65537, "the key is larger than any in use"),
    "longer than any in use": ((1 << 9000) + 1, 65537, "the key is larger than any in use"),
    "huge exponent": ((1 << 2047) + 1, (1 << 2046) + 1, "the key is larger than any in use"),
    "large exponent": ((1 << 2047) + 1, (1 << 40) + 1, "the key is larger than any in use"),
    "even": (1 << 2048, 65537, "its header was changed, or the domain has another key by now"),
    "nothing": (0, 3, "the key cannot be read"),
    "no exponent": (15, 0, "the key cannot be read"),
    "one": (1, 1, "the key cannot be read"),
}


@pytest.mark.parametrize(("modulus", "exponent", "said"), ABSURD.values(), ids=ABSURD)
def test_a_key_of_absurd_numbers_costs_nothing_and_proves_nothing(
    modulus: int, exponent: int, said: str
) -> None:
    numbers = der_integer(modulus) + der_integer(exponent)
    der = b"\x30" + der_length(len(numbers)) + numbers
    began = time.process_time()
    result, why = only(look(signed(), dns({HARBOUR: b"p=" + base64.b64encode(der)})))
    assert (result != "pass", why) == (True, said)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("tags", "result", "why"),
    [
        (f"v=1; a=rsa-sha1; d=harbour.example; s=s1; {H};", "policy", "SHA-1 proves nothing"),
        (f"v=1; a=rsa-md5; d=harbour.example; s=s1; {H};", "permerror", "its algorithm is not known"),
        (f"v=2; a=rsa-sha256; d=harbour.example; s=s1; {H};", "permerror", "its version is not known"),
        (f"a=rsa-sha256; d=harbour.example; s=s1; {H};", "permerror", "the signature has no v="),
        (f"v=1; a=rsa-sha256; d=harbour.example; {H};", "permerror", "the signature has no s="),
        (
            "v=1; a=rsa-sha256; d=harbour.example; s=s1; h=to:subject;",
            "permerror", "it does not sign the From field",
        ),
        (
            f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; q=dns/mx;",
            "permerror", "its key is not to be had from the DNS",
        ),
        (
            f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; i=sam@evil.example;",
            "permerror", "its i= is not of its domain",
        ),
        (
            f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; t=200; x=100;",
            "permerror", "it expired before it was made",
        ),
        (f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; t=x;", "permerror", "its t= is no time"),
        (f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; l=-1;", "permerror", "its l= is no number"),
        (f"v=1; v=1; a=rsa-sha256; d=harbour.example; s=s1; {H};", "permerror", "the signature's tags cannot be read"),
        (f"v=1; a=rsa-sha256; d=example; s=s1; {H};", "permerror", "its domain and selector are no name in the DNS"),
        (
            f"v=1; a=rsa-sha256; d=harbour.example; s=a..b; {H};",
            "permerror", "its domain and selector are no name in the DNS",
        ),
        (
            f"v=1; a=rsa-sha256; d=harbour.example; s={'s' * 64}; {H};",
            "permerror", "its domain and selector are no name in the DNS",
        ),
    ],
)  # fmt: skip
def test_a_signature_that_is_none_says_why_and_costs_no_question(tags: str, result: str, why: str) -> None:
    records = dns()
    assert only(look(signed_by_hand(LETTER, tags, rsa_key()), records)) == (result, why)
    asked = [] if "i=sam" not in tags else [HARBOUR]
    assert records.asked == asked


def test_a_signature_expires_by_the_time_at_which_the_message_came() -> None:
    def expiring(at: float) -> bytes:
        tags = f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; x={int(at)};"
        return signed_by_hand(LETTER, tags, rsa_key())

    assert only(look(expiring((CAME + timedelta(hours=1)).timestamp()))) == ("pass", "")
    assert only(look(expiring((CAME - timedelta(hours=1)).timestamp()))) == (
        "policy", "it had expired when the message came",
    )  # fmt: skip


def test_what_a_length_leaves_out_is_not_vouched_for() -> None:
    short = signed(length=True, canonicalize=(b"relaxed", b"simple"))
    assert results(look(short)) == ["pass"]
    result, why = only(look(short + b"And I owe you nothing.\r\n"))
    assert (result, why) == ("policy", "it signs the first 39 of 65 bytes only")
    assert results(look(short.replace(b" are  late. \r\nSam\r\n", b""))) == ["fail"], "less than was signed"


def test_an_identity_below_the_domain_is_taken_unless_the_key_is_strict() -> None:
    tags = f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H}; i=sam@mail.harbour.example;"
    message = signed_by_hand(LETTER, tags, rsa_key())
    assert results(look(message)) == ["pass"]
    strict = dns({HARBOUR: record_of(rsa_key(), "v=DKIM1; t=y:s; k={}; ")})
    assert results(look(message, strict)) == ["permerror"]


# --- several signatures ----------------------------------------------------------------------------


def test_each_of_several_signatures_is_told_for_itself() -> None:
    other = "s2._domainkey.provider.example"
    message = signed(signed(), key=rsa_key(1024, 1), domain="provider.example", selector="s2")
    records = dns({other: record_of(rsa_key(1024, 1))})
    assert [(one.domain, one.result) for one in look(message, records).signatures] == [
        ("harbour.example", "pass"), ("provider.example", "pass"),
    ]  # fmt: skip
    assert sorted(look(message, dns({other: None})).keys, key=lambda key: key.name)[1].answer == "failed"


def test_a_thousand_signatures_cost_no_more_than_five_and_bury_nothing() -> None:
    flood = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.evil.example; s=s; h=from; bh=AAAA; b=AAAA\r\n" % number
        for number in range(999)
    )
    records = dns()
    began = time.process_time()
    found = look(flood + signed(), records)
    assert time.process_time() - began < 1.0
    assert results(found) == ["pass", *["permerror"] * 4], "the sender's own comes first, wherever it stands"
    assert (found.unchecked, len(records.asked)) == (995, 5)


def test_one_key_is_asked_for_once() -> None:
    records = dns()
    assert results(look(signed(signed()), records)) == ["pass", "pass"]
    assert records.asked == [HARBOUR]


@pytest.mark.parametrize(
    ("domain", "sender", "said"),
    [
        ("harbour.example", "harbour.example", True),
        ("harbour.example", "mail.harbour.example", True),
        ("mail.harbour.example", "harbour.example", False),
        ("example", "harbour.example", False),
        ("arbour.example", "harbour.example", False),
        ("harbour.example", "", False),
        ("", "harbour.example", False),
    ],
)
def test_a_signature_speaks_for_its_domain_and_those_below_it(domain: str, sender: str, said: bool) -> None:
    assert aligned(domain, sender) is said


# --- ARC ---------------------------------------------------------------------------------------------


def test_a_list_that_seals_what_it_changes_makes_a_chain_that_passes() -> None:
    changed = signed() + b"-- \r\nthe list\r\n"
    found = look(sealed(changed))
    assert (results(found), found.chain) == (["fail"], "pass")
    assert found.chain_why == "sealed 1 times, last by list.example"
    twice = look(sealed(sealed(changed), 2))
    assert (twice.chain, twice.chain_why) == ("pass", "sealed 2 times, last by list.example")
    assert [key.name for key in twice.keys] == [HARBOUR, SEALS]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"Sam\r\n", b"Sam!\r\n", "the body was changed after the last seal"),
        (b"Subject: The", b"Subject: No", "the header was changed after the last seal"),
        (b"list.example; dkim=pass", b"list.example; dkim=fail", "seal 1 does not fit"),
        (b"ARC-Authentication-Results: i=1", b"X-Results: i=1", "one of its sets is incomplete"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2", "its sets are not numbered one by one"),
        (b"cv=none", b"cv=pass", "seal 1 says that the chain was broken before"),
        (b"cv=none;", b"cv=none; h=from;", "a seal has h="),
        (b"h=from:subject", b"h=from:arc-seal", "an ARC-Message-Signature signs a seal"),
        (b"a=rsa-sha256; cv", b"a=rsa-sha1; cv", "SHA-1 proves nothing"),
    ],
)
def test_a_chain_that_was_damaged_fails_and_says_where(old: bytes, new: bytes, why: str) -> None:
    whole = sealed(LETTER)
    assert old in whole
    found = look(whole.replace(old, new))
    assert (found.chain, found.chain_why) == ("fail", why)


def test_a_chain_whose_key_nobody_answers_for_is_asked_for_again() -> None:
    assert look(sealed(LETTER), dns({SEALS: None})).chain == "temperror"
    assert look(sealed(LETTER), dns({SEALS: b""})).chain == "fail"


def test_a_chain_that_had_ended_before_fails() -> None:
    assert look(sealed(sealed(LETTER), 2, cv="fail")).chain == "fail"


def test_a_flood_of_sets_is_not_followed() -> None:
    message = LETTER
    for number in range(1, MOST_SETS + 2):
        message = sealed(message, number)
    records = dns()
    found = look(message, records)
    assert (found.chain, records.asked) == ("fail", [])
    assert found.chain_why == f"it has {MOST_SETS + 1} sets, and no more than {MOST_SETS} are followed"


def test_dkimpy_agrees_about_chains() -> None:
    def ask(name: bytes, timeout: float = 5) -> bytes:
        return dns().table[name.decode().rstrip(".")] or b""

    for message in (sealed(LETTER), sealed(sealed(signed()), 2)):
        said, _, _ = dkim.arc_verify(message, dnsfunc=ask)
        assert (said, look(message).chain) == (b"pass", "pass")
        said, _, _ = dkim.arc_verify(message + b"more", dnsfunc=ask)
        assert (said, look(message + b"more").chain) == (b"fail", "fail")


# --- what strangers send -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\r\nno header", "it has no header"),
        (b"\nno header", "it has no header"),
        (b"From: a@b.example\r\nno field\r\n\r\nbody", "its header is not well-formed"),
        (b" folded: first\r\n\r\nbody", "its header is not well-formed"),
        (b"From: a@b.example\r\n\r\r\n\r\nbody", "its header is not well-formed"),
        (b"", "its header is not well-formed"),
        (b"X: " + b"x" * 1_000_001, "its header has more than 1 MB"),
        (b"X: x\r\n" * 10_001 + b"\r\n", "its header has more than 10000 fields"),
    ],
)
def test_a_message_that_no_signature_can_be_held_against_says_why(message: bytes, why: str) -> None:
    records = dns()
    found = look(message, records)
    assert (found.unfit, found.signatures, found.keys, records.asked) == (why, (), (), [])


def test_a_message_that_is_too_large_is_not_even_read() -> None:
    found = authenticate(Raw(digest="", size=LARGEST + 1), sender="", at=CAME, lookup=dns())
    assert found.unfit == "it has more than 64 MB"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(LETTER + b" " * 1_000_000 + b"x", id="spaces"),
        pytest.param(LETTER + b"\r\n" * 500_000, id="empty lines"),
        pytest.param(LETTER + b"\t \r\n" * 150_000 + b"x", id="spaced lines"),
        pytest.param(LETTER + b"\r" * 1_000_000, id="carriage returns"),
        pytest.param(b"X: x\r\n" + b" a\r\n" * 100_000 + LETTER, id="folds"),
        pytest.param(LETTER.replace(b"Subject:", b"Subject:" + b" " * 500_000), id="a field of spaces"),
    ],
)
def test_no_shape_of_a_message_costs_more_than_its_length(hostile: bytes) -> None:
    """dkimpy alone would take minutes for some of these: its patterns are quadratic."""
    message = signed_by_hand(
        hostile, f"v=1; a=rsa-sha256; d=harbour.example; s=s1; {H};", rsa_key(), body=b""
    )
    began = time.process_time()
    look(message)
    assert time.process_time() - began < 1.0


TAGS_OF_ANY = b"v=1; a=rsa-sha256; d=a.example; s=s; bh=AAAA; b=AAAA; "


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (TAGS_OF_ANY + b" " * 5_000 + b"h=from", "the signature is too long"),
        (TAGS_OF_ANY + b"h=from;" + b"\r\n " * 2_500 + b"z=", "the signature is too long"),
        (TAGS_OF_ANY + b"h=from; z=" + b"A" * 9_000, "the signature is too long"),
        (TAGS_OF_ANY + b"h=" + b":".join([b"from"] * 1_600), "it signs too many fields"),
        (TAGS_OF_ANY + b"h=from:" + b"x:" * 150 + b"to", "it signs too many fields"),
    ],
    ids=["spaces", "folds", "length", "names", "fields"],
)
def test_no_signature_costs_more_than_a_moment(value: bytes, why: str) -> None:
    message = b"DKIM-Signature: " + value + b"\r\n" + b"X: x\r\n" * 2_000 + LETTER
    began = time.process_time()
    assert only(look(message)) == ("permerror", why)
    assert time.process_time() - began < 0.5


TAGS = st.sampled_from(
    ["v=1", "a=rsa-sha256", "a=ed25519-sha256", "d=harbour.example", "d=\xff", "s=s1", "h=from", "h=from:from",
     "bh=AAAA", "b=AAAA", "b=", "l=0", "l=99999999999999999999", "x=1", "t=1", "c=relaxed", "c=a/b/c", "i=1", "i=@",
     "cv=none", "q=dns/txt", "=", "z=|", "h=:", "d=" + "a" * 300 + ".b"]
)  # fmt: skip
RECORDS = st.one_of(
    st.binary(max_size=40), st.sampled_from([record_of(rsa_key()), b"p=", b"k=ed25519; p=AAAA"])
)


@given(
    name=st.sampled_from(
        ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"]
    ),
    tags=st.lists(TAGS, max_size=14),
    record=RECORDS,
    tail=st.binary(max_size=60),
)
def test_nothing_that_a_stranger_writes_escapes_as_an_error(
    name: str, tags: list[str], record: bytes, tail: bytes
) -> None:
    fields = "".join(f"{one}: {'; '.join(tags)}\r\n" for one in (name, "ARC-Seal", "DKIM-Signature"))
    message = fields.encode("latin-1") + LETTER + tail
    found = look(message, dns({HARBOUR: record}))
    assert found.unfit or found.signatures


@given(st.binary(max_size=300), st.binary(max_size=200))
def test_no_bytes_at_all_escape_as_an_error(head: bytes, record: bytes) -> None:
    look(head, dns({HARBOUR: record}))
    look(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=harbour.example; s=s1; h=from; bh=AAAA; b=AAAA;" + head, dns()
    )


BODIES = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\r", b"  \r\n"]), max_size=12).map(b"".join)


@given(BODIES)
def test_canonical_bodies_are_those_of_dkimpy(body: bytes) -> None:
    mail = Mail.of(raw(b"From: a@b.example\r\n\r\n" + body))
    assert mail.simple == dkim.canonicalization.Simple.canonicalize_body(mail.body)
    assert mail.relaxed == dkim.canonicalization.Relaxed.canonicalize_body(mail.body)


SIGNED = {form: signed(canonicalize=form) for form in ((b"simple", b"simple"), (b"relaxed", b"relaxed"))}


@given(
    form=st.sampled_from(sorted(SIGNED)),
    at=st.integers(0, 5_000),
    new=st.sampled_from([b"", b" ", b"\r\n", b"x", b"\t", b";", b"\r\n\r\n", b"\xff"]),
)
def test_dkimpy_agrees_about_a_message_that_was_changed_anywhere(
    form: tuple[bytes, bytes], at: int, new: bytes
) -> None:
    whole = SIGNED[form]
    at %= len(whole)
    message = whole[:at] + new + whole[at + len(new) // 2 :]
    assert ("pass" in results(look(message))) is dkimpy_says(message)


def dkimpy_says(message: bytes) -> bool:
    """What dkimpy makes of the topmost signature; it has errors of its own for a header that is none."""
    table = dns().table
    try:
        return dkim.verify(message, dnsfunc=lambda name, timeout=5: table.get(name.decode().rstrip("."), b""))
    except (dkim.DKIMException, IndexError, ValueError):
        return False
