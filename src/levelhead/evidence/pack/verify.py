"""Checks the pack that it lies in: python3 verify.py [--key KEY] [--dkim DIR] [FOLDER]

Python 3.9 or newer and nothing else; it reads the pack, and writes only into DIR, and only when that is asked for. Each
line begins with `ok`, `BAD` or `not checked here`. Exit 0: nothing is bad; 1: something is; 2: it cannot be looked at.
The form of a pack is on the page docs/reference/pack.md of levelhead.
"""

from __future__ import annotations

import argparse
import base64
import email
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MANIFEST = "manifest.sha256"
SCHEMA = 1

TABLES = ("messages", "attachments", "custody", "authentication", "coverage", "anchors")
ALWAYS = {
    *("README.txt", "bundle.html", "declaration.txt", "pack.json", "verify.py", MANIFEST),
    *("tables/" + name + ".csv" for name in TABLES),
    *("tables/loadfile.dat", "ledger/checkpoint.txt", "ledger/entries.jsonl"),
}
SOMETIMES = {"ledger/keys.txt", "ledger/consistency.jsonl"}

# --- the tree of RFC 9162, section 2.1 ----------------------------------------------------------


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Section 2.1.3.2: whether the leaf of this hash stands at `index` in the tree of that size and root."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    """Section 2.1.4.2: whether the tree of size `new` begins with that of size `old`."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    if old & (old - 1) == 0:
        path = [old_root, *path]
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (fr, sr) == (old_root, new_root)


# --- Ed25519 of RFC 8032, section 5.1 -------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def point_of(data: bytes) -> Point | None:
    """Section 5.1.3; None for what is no point, or not written in the one way it may be."""
    y, sign = int.from_bytes(data, "little") & ((1 << 255) - 1), data[31] >> 7
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add(one: Point, other: Point) -> Point:
    """Section 5.1.4, in extended coordinates."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key: bytes, signature: bytes, data: bytes) -> bool:
    """Section 5.1.7: whether this is the key's signature on the data."""
    if len(key) != 32 or len(signature) != 64 or BASE is None:
        return False
    a, r, s = point_of(key), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + data).digest(), "little") % ORDER
    one, other = times(s, BASE), add(r, times(k, a))
    return not ((one[0] * other[2] - other[0] * one[2]) % P or (one[1] * other[2] - other[1] * one[2]) % P)


# --- notes: C2SP signed-note and tlog-checkpoint ----------------------------------------------------


def read_checkpoint(text: str) -> tuple[str, int, bytes, list[tuple[str, bytes]]]:
    """Name, size and root of a checkpoint, and its signatures (name, key id with signature)."""
    body, parted, below = text.rpartition("\n\n")
    lines = (body if parted else text.rstrip("\n")).split("\n")
    root = base64.b64decode(lines[2], validate=True)
    if len(lines) < 3 or len(root) != 32 or not re.match(r"(?:0|[1-9][0-9]*)\Z", lines[1]):
        raise ValueError("it is no checkpoint")
    signatures = []
    for line in below.splitlines() if parted else []:
        match = re.match("\u2014 ([^\\s+]+) (\\S+)\\Z", line)
        if match is None:
            raise ValueError("a line below its empty line is no signature")
        signatures.append((match.group(1), base64.b64decode(match.group(2), validate=True)))
    return lines[0], int(lines[1]), root, signatures


def why_not_signed(text: str, verifier: str) -> str:
    """Why a note does not bear the signature of that public key (name+id+base64); empty when it does."""
    name, key_id, key = verifier.strip().split("+", 2)
    public = base64.b64decode(key, validate=True)
    right = sha256(name.encode() + b"\n" + public)[:4]
    if public[:1] != b"\x01" or right.hex() != key_id:
        return "the public key is damaged"
    origin, _, _, signatures = read_checkpoint(text)
    ours = [one[4:] for who, one in signatures if who == name and one[:4] == right]
    body = (text.rpartition("\n\n")[0] + "\n").encode()
    if origin != name or not ours:
        return "it bears no signature of " + name + "+" + key_id
    return "" if all(signed(public[1:], one, body) for one in ours) else "its signature is not right"


# --- what others signed -----------------------------------------------------------------------------


def der(data: bytes, *way: int) -> bytes:
    """The content of the element that the numbers lead to: first which element, then which within it, and so on."""
    for want in way:
        at = 0
        for _ in range(want + 1):
            length, start = data[at + 1], at + 2
            if length & 0x80:
                start += length & 0x7F
                length = int.from_bytes(data[at + 2 : start], "big")
            if (length == 0 and data[at + 1] == 0x80) or start + length > len(data):
                raise ValueError("a form of DER that is not read here")
            content, at = data[start : start + length], start + length
        data = content
    return data


ED25519 = "302a300506032b6570032100"
"""What DER writes before a public key of Ed25519 (RFC 8410)."""

HASHES = {"608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512"}


def imprint(token: bytes) -> tuple[str, bytes, str]:
    """Of an answer of RFC 3161: hash, imprint and time."""
    info = der(token, 0, 1, 1, 0, 2, 1, 0)
    name = HASHES.get(der(info, 0, 2, 0, 0).hex(), "")
    return name, der(info, 0, 2, 1), der(info, 0, 4).decode("ascii")


def fields_of(head: bytes) -> list[tuple[str, bytes]]:
    """The header's fields in order: name in lower case, and the whole field."""
    whole = re.findall(rb"[^\r\n][^\r\n]*(?:\r\n[ \t][^\r\n]*)*", head)
    return [(one.partition(b":")[0].strip().lower().decode("latin-1"), one) for one in whole]


def tags_of(field: bytes) -> dict[str, str]:
    parts = (one.partition("=") for one in field.partition(b":")[2].decode("latin-1").split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in parts if name.strip()}


def body_hash(body: bytes, form: str) -> str:
    """RFC 6376, section 3.4.3 and 3.4.4, with SHA-256."""
    if form == "relaxed":
        lines = (re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
        body = b"\r\n".join(lines)
    end = len(body)
    while end >= 2 and body[end - 2 : end] == b"\r\n":
        end -= 2
    body = body[:end]
    if body or form == "simple":
        body += b"\r\n"
    return base64.b64encode(sha256(body)).decode()


def header_form(field: bytes, form: str) -> bytes:
    """RFC 6376, section 3.4.1 and 3.4.2, without the line's end."""
    if form != "relaxed":
        return field
    name, _, value = field.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip().lower() + b":" + value


def covered(fields: list[tuple[str, bytes]], own: bytes, tags: dict[str, str]) -> bytes:
    """What a DKIM signature signs (section 3.7): the fields that it names, from the last up, and itself without b=."""
    form = tags.get("c", "simple").split("/")[0]
    left, parts = list(fields), []
    for name in tags["h"].lower().split(":"):
        place = next((at for at in range(len(left) - 1, -1, -1) if left[at][0] == name), None)
        if place is not None:
            parts.append(header_form(left.pop(place)[1], form) + b"\r\n")
    bare = re.sub(rb"([;:][ \t\r\n]*b[ \t\r\n]*=)[^;]*", rb"\1", own, count=1)
    return b"".join(parts) + header_form(bare, form)


# --- the pack ---------------------------------------------------------------------------------------

Facts = list[tuple[int, str, dict[str, Any]]]

NAMING = ("message.archived", "message.sighted", "message.brought", "message.authenticated")
"""Kinds of entries that name a message by its SHA-256. Any one proves that the ledger knew it."""


class Pack:
    """The folder, and what was found so far."""

    def __init__(self, folder: Path, key: str, dkim: str) -> None:
        self.folder, self.key, self.dkim = folder, key, dkim
        self.bad = 0
        self.size, self.root, self.origin = 0, b"", ""
        self.facts: Facts = []
        self.proven: dict[int, bytes] = {}
        self.texts: dict[int, bytes] = {}

    def say(self, word: str, what: str) -> None:
        self.bad += word == "BAD"
        safe = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in what)
        sys.stdout.write(word + ": " + safe.encode("ascii", "backslashreplace").decode() + "\n")

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def digest(self, name: str) -> str:
        found = hashlib.sha256()
        with (self.folder / name).open("rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                found.update(piece)
        return found.hexdigest()

    def names(self) -> Iterator[str]:
        for path in self.folder.rglob("*"):
            if path.is_symlink() or not path.is_dir():
                yield path.relative_to(self.folder).as_posix()

    def check_manifest(self) -> None:
        listed: dict[str, str] = {}
        for number, line in enumerate(self.read(MANIFEST).split(b"\n")[:-1], 1):
            match = re.match(rb"([0-9a-f]{64})  ([A-Za-z0-9_./-]+)\Z", line)
            name = match.group(2).decode() if match else ""
            if match is None or ".." in name.split("/") or name.startswith("/") or name in listed:
                self.say("BAD", f"line {number} of {MANIFEST} is not one that levelhead writes")
            else:
                listed[name] = match.group(1).decode()
        if not self.read(MANIFEST).endswith(b"\n"):
            self.say("BAD", MANIFEST + " is cut off")
        there, before = set(self.names()) - {MANIFEST}, self.bad
        for name in sorted(there - set(listed)):
            self.say("BAD", f"{name} is here and not in {MANIFEST}")
        for name in sorted(set(listed) - there):
            self.say("BAD", f"{name} is in {MANIFEST} and not here")
        for name in sorted(there & set(listed)):
            if self.digest(name) != listed[name]:
                self.say("BAD", f"{name} is not the file that {MANIFEST} lists: one of the two was changed")
        if self.bad == before:
            self.say("ok", f"{len(there)} files are those of {MANIFEST} (SHA-256 {self.digest(MANIFEST)})")

    def check_checkpoint(self) -> None:
        text = self.read("ledger/checkpoint.txt").decode()
        origin, self.size, self.root, signatures = read_checkpoint(text)
        self.origin = origin
        about = json.loads(self.read("pack.json"))
        if about["schema"] != SCHEMA:
            raise ValueError(f"the pack has form {about['schema']!r}, and this program knows form {SCHEMA}")
        said = about["checkpoint"]
        if (said["origin"], said["size"], said["root"]) != (origin, self.size, self.root.hex()):
            self.say("BAD", "pack.json and ledger/checkpoint.txt speak of two checkpoints")
        if said["signed"] != bool(signatures):
            self.say("BAD", "ledger/checkpoint.txt has lost its signature, or got one that was not there")
        if not signatures:
            self.say(
                "not checked here",
                f"who vouches for the root {self.root.hex()}: the checkpoint is not signed",
            )
            return
        self.check_note("ledger/checkpoint.txt", text, must=True)

    def check_note(self, name: str, text: str, must: bool = False) -> None:
        """Whether a note is signed by one of the pack's keys; the pack's own one by the given key, when one is."""
        keys = self.read("ledger/keys.txt").decode().splitlines()
        whys = {key: why_not_signed(text, key) for key in keys}
        right = [key for key, why in whys.items() if not why]
        if must and self.key and self.key not in right:
            self.say("BAD", f"{name} is not signed by the key that was given by --key")
        if not right:
            self.say("BAD", f"{name}: " + ("; ".join(whys.values()) or "ledger/keys.txt holds no key"))
            return
        self.say("ok", f"{name} is signed by {right[0]} (Ed25519)")
        if right[0] != self.key:
            self.say(
                "not checked here", f"whether {right[0]} is its owner's key: compare it, or give it by --key"
            )

    def check_entries(self) -> None:
        before, count, closed = self.bad, 0, 0
        for number, line in enumerate(self.read("ledger/entries.jsonl").split(b"\n")[:-1], 1):
            where = f"line {number} of ledger/entries.jsonl"
            try:
                entry = json.loads(line)
                leaf, seq = json.loads(entry["leaf"]), entry["seq"]
                path = [base64.b64decode(one, validate=True) for one in entry["path"]]
                why = self.why_not(entry, leaf, path)
                count, closed = count + 1, closed + (entry["payload"] is None)
                if not why and entry["payload"] is not None:
                    self.facts.append((seq, leaf["type"], json.loads(entry["payload"])))
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                why = f"it cannot be read ({type(exc).__name__})"
            if why:
                self.say("BAD", f"{where}: {why}")
        if self.bad == before:
            self.say("ok", f"{count} entries stand in the tree of {self.size} entries under the root")
            if closed:
                self.say("not checked here", f"what {closed} entries say: they also speak of other mail")

    def why_not(self, entry: dict[str, Any], leaf: dict[str, Any], path: list[bytes]) -> str:
        if leaf["seq"] != entry["seq"]:
            return "the leaf is that of entry {!r}".format(leaf["seq"])
        if not included(sha256(b"\x00" + entry["leaf"].encode()), entry["seq"], self.size, path, self.root):
            return f"entry {entry['seq']} does not stand in the tree"
        if entry["payload"] is not None:
            salted = bytes.fromhex(entry["salt"]) + entry["payload"].encode()
            if sha256(salted).hex() != leaf["commit"]:
                return f"the payload of entry {entry['seq']} is not what its leaf commits to"
        return ""

    def check_messages(self) -> None:
        before = self.bad
        archived = {fact["id"]: seq for seq, kind, fact in self.facts if kind in NAMING}
        opened = {fact["id"] for _, kind, fact in self.facts if kind == "message.archived"}
        found = {one: self.digest(one) for one in sorted(self.names()) if one.startswith("messages/")}
        listed = {one["file"]: one for one in json.loads(self.read("pack.json"))["messages"]}
        for name, digest in found.items():
            if digest not in archived:
                self.say("BAD", f"{name} is no message that the ledger's entries tell of")
            if listed.get(name, {}).get("id") != digest:
                self.say("BAD", f"{name} is not the message that pack.json names")
        for id, seq in sorted(archived.items(), key=lambda pair: pair[1]):
            if id not in found.values():
                self.say("BAD", f"the message {id} of entry {seq} is not in messages/")
        for name in sorted(set(listed) - set(found)):
            self.say("BAD", f"{name} is in pack.json and not here")
        if self.bad == before:
            self.say(
                "ok", f"{len(found)} messages are those that the ledger's entries tell of, by their digests"
            )
        for name, digest in found.items():
            if digest in archived and digest not in opened:
                what = f"what the entry that archived {name} says: it names other mail and is withheld"
                self.say("not checked here", f"{what}; entry {archived[digest]} proves the message")
        self.check_attachments(listed)

    def check_attachments(self, listed: dict[str, Any]) -> None:
        right, unknown = 0, []
        for name, one in sorted(listed.items()):
            parts = [part for part in one["attachments"] if part and self.has(part)]
            if not parts or not self.has(name):
                continue
            digests: set[str] = set()
            try:
                for part in email.message_from_bytes(self.read(name)).walk():
                    body = part.get_payload(decode=True)
                    if isinstance(body, bytes):
                        digests.add(sha256(body).hex())
            except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
                pass  # its attachments are then not checked here
            for part_name in parts:
                body = self.read(part_name)
                # A message within a message stands there as it is.
                if sha256(body).hex() in digests or (len(body) > 64 and body in self.read(name)):
                    right += 1
                else:
                    unknown.append(part_name)
        if right:
            self.say("ok", f"{right} attachments are parts of their messages")
        for part_name in unknown:
            self.say(
                "not checked here", f"whether {part_name} is a part of its message, which is read otherwise"
            )

    def check_consistency(self) -> None:
        if not self.has("ledger/consistency.jsonl"):
            return
        for number, line in enumerate(self.read("ledger/consistency.jsonl").split(b"\n")[:-1], 1):
            one = json.loads(line)
            old, root = one["size"], base64.b64decode(one["root"], validate=True)
            path = [base64.b64decode(part, validate=True) for part in one["path"]]
            if not consistent(old, self.size, root, self.root, path):
                self.say(
                    "BAD",
                    f"line {number} of ledger/consistency.jsonl: the tree did not grow from {old}",
                )
                continue
            self.proven[old] = root
            self.say("ok", f"the ledger of {old} entries is the beginning of this one")
            name = f"ledger/checkpoints/{old:012}.txt"
            if self.has(name):
                text = self.read(name).decode()
                _, size, said, _ = read_checkpoint(text)
                if (size, said) != (old, root):
                    self.say("BAD", name + " is of another size or root")
                self.texts[old] = self.read(name)
                self.check_note(name, text)

    def check_witnesses(self) -> None:
        for seq, kind, fact in self.facts:
            if kind == "anchor.witnessed":
                size, root, by = fact["size"], fact["root"], fact["channel"]
                if self.proven.get(size, b"").hex() != root:
                    self.say("BAD", f"entry {seq} tells of a witness to a root that is not proven here")
                    continue
                what = f"whether the witness {by!r} (entry {seq}) was told of {size} entries"
                self.say("not checked here", f"{what}; ask who got the message for this root: {root}")

    def check_names(self) -> None:
        """That each file is one that a pack has: what pack.json and the ledger's part do not list was put in later."""
        about = json.loads(self.read("pack.json"))
        known = ALWAYS | SOMETIMES | {f"ledger/checkpoints/{size:012}.txt" for size in self.proven}
        known |= {
            f"timestamps/{fact['size']:012}-{seq}.tsr"
            for seq, kind, fact in self.facts
            if kind == "anchor.stamped"
        }
        known |= {one for one in about["pdf"]["files"] if re.match(r"bundle(-[0-9]+)?\.pdf\Z", one)}
        for one in about["messages"]:
            known.add(one["file"])
            start = f"attachments/{one['exhibit']}-"
            known |= {
                part
                for part in one["attachments"]
                if part.startswith(start) and re.match(r"[0-9]{3,}-[A-Za-z0-9_.-]+\Z", part[len(start) :])
            }
        there = set(self.names())
        for name in sorted(there - known):
            self.say(
                "BAD", f"{name} is no file of this pack: neither pack.json nor the ledger's part lists it"
            )
        for name in sorted(ALWAYS - there):
            self.say("BAD", f"{name} is not here, and every pack has it")

    def check_stamps(self) -> None:
        for seq, kind, fact in self.facts:
            if kind != "anchor.stamped":
                continue
            name = f"timestamps/{fact['size']:012}-{seq}.tsr"
            token, root = self.read(name), self.proven.get(fact["size"], b"")
            if token != base64.b64decode(fact["token"]) or root.hex() != fact["root"]:
                self.say("BAD", f"{name} is not the time stamp of entry {seq}")
                continue
            try:
                method, digest, when = imprint(token)
            except (ValueError, IndexError):
                self.say("not checked here", f"{name}: its form is not read here")
                continue
            text = self.texts.get(fact["size"], b"")
            base = base64.b64encode(root).decode()
            body = f"{self.origin}\n{fact['size']}\n{base}\n".encode()  # what a signed note begins with
            stamped = [
                one for one in (text, body, root) if method and hashlib.new(method, one).digest() == digest
            ]
            if not method:
                self.say("not checked here", f"{name}: its hash is not known here")
            elif not stamped:
                self.say("BAD", f"{name} is a stamp on something else than the checkpoint of {fact['size']}")
            else:
                self.say(
                    "ok",
                    f"{name} is a stamp on the checkpoint of {fact['size']} entries; it says {when}",
                )
            command = f"openssl ts -verify -digest {digest.hex()} -in {name} -CAfile AUTHORITY.pem"
            self.say("not checked here", f"the authority's signature on {name}; this does it: {command}")

    def check_dkim(self) -> None:
        files = {self.digest(one): one for one in self.names() if one.startswith("messages/")}
        for _, kind, fact in self.facts:
            if kind != "message.authenticated" or fact["id"] not in files:
                continue
            name = files[fact["id"]]
            data = self.read(name)
            data = re.sub(rb"\r?\n", b"\r\n", data)
            head, _, body = data.partition(b"\r\n\r\n")
            fields = fields_of(head + b"\r\n")
            own = [one for which, one in fields if which == "dkim-signature"]
            keys = {key["name"]: key["record"] for key in fact["keys"]}
            for number, said in enumerate(fact["signatures"], 1):
                about = f"signature {number} of {name} ({said['domain']}, on record: {said['result']})"
                match = [
                    one
                    for one in own
                    if (tags_of(one).get("d"), tags_of(one).get("s")) == (said["domain"], said["selector"])
                ]
                if said["result"] != "pass" or len(match) != 1:
                    self.say("not checked here", about)
                    continue
                self.check_signature(about, match[0], fields, body, said, keys.get(said["key"], ""))

    def check_signature(
        self,
        about: str,
        own: bytes,
        fields: list[tuple[str, bytes]],
        body: bytes,
        said: dict[str, Any],
        record: str,
    ) -> None:
        tags = tags_of(own)
        form = (tags.get("c", "simple/simple") + "/simple").split("/")[1]
        if "l" in tags or tags.get("a") not in ("rsa-sha256", "ed25519-sha256"):
            self.say("not checked here", about + ": it is of a kind that is not looked at here")
            return
        right = body_hash(body, form) == tags.get("bh")
        self.say(
            "ok" if right else "BAD",
            about + (": the body is the signed one" if right else ": the body is another"),
        )
        about += ": the signature itself"
        key = tags_of(b"k:" + base64.b64decode(record)).get("p", "")
        if not key:
            self.say("not checked here", about + "; the key that it was checked by is not on record")
        elif not self.dkim:
            self.say("not checked here", about + "; --dkim DIR writes what openssl needs for it")
        else:
            start = str(Path(self.dkim) / re.sub(r"[^A-Za-z0-9]+", "-", about.partition(" (")[0]))
            command = self.write_for_openssl(start, tags, key, covered(fields, own, tags))
            self.say("not checked here", about + "; this does it: " + command)

    def write_for_openssl(self, start: str, tags: dict[str, str], key: str, data: bytes) -> str:
        """Write key, signature and what was signed; returns the command. For Ed25519 (RFC 8463) that is a hash."""
        command = f"openssl dgst -sha256 -verify {start}.pem -signature {start}.sig {start}.data"
        if tags["a"] == "ed25519-sha256":
            key = base64.b64encode(bytes.fromhex(ED25519) + base64.b64decode(key)).decode()
            data = sha256(data)
            command = f"openssl pkeyutl -verify -pubin -inkey {start}.pem -sigfile {start}.sig -rawin -in {start}.data"
        lines = "\n".join(re.findall(".{1,64}", key))
        pem = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"
        Path(start + ".pem").write_bytes(pem.encode())
        Path(start + ".sig").write_bytes(base64.b64decode(tags["b"]))
        Path(start + ".data").write_bytes(data)
        return command


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks a pack that levelhead made.")
    parser.add_argument("--key", default="", help="the public key that its owner published")
    parser.add_argument(
        "--dkim", default="", help="a folder for the files that openssl needs to check DKIM signatures"
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked = parser.parse_args(words)
    pack = Pack(asked.folder, asked.key.strip(), asked.dkim)
    steps = (
        ("manifest.sha256", pack.check_manifest),
        ("ledger/checkpoint.txt, ledger/keys.txt or pack.json", pack.check_checkpoint),
        ("ledger/entries.jsonl", pack.check_entries),
        ("messages/ or pack.json", pack.check_messages),
        ("ledger/consistency.jsonl or ledger/checkpoints/", pack.check_consistency),
        ("timestamps/", pack.check_stamps),
        ("ledger/entries.jsonl", pack.check_witnesses),
        ("pack.json", pack.check_names),
        ("the signatures of sending domains", pack.check_dkim),
    )
    for what, step in steps:
        try:
            step()
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, RecursionError) as exc:
            pack.say("BAD", f"{what} cannot be read: {type(exc).__name__}: {exc}")
    for what in (
        "that bundle and tables say what the messages say; read the messages",
        "that the pack is complete, and when anything was written unless a time stamp says so",
    ):
        pack.say("not checked here", what)
    sys.stdout.write(f"{pack.bad} problems\n" if pack.bad else "nothing is bad\n")
    return 1 if pack.bad else 0


if __name__ == "__main__":
    sys.exit(main())
