"""The floor: what it takes to get the bytes of a mailbox at all, and do nothing with them. Run as a program.

`python bench/drains.py WAY HOST PORT CA USER PASSWORD`, WAY being `socket`, `imaplib` or `imapclient`: TLS, log in,
open INBOX without changing it, fetch every message. It says how many messages and bytes there were.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
import sys
from collections.abc import Callable

AT_ONCE = 200
"""Messages in a batch."""


def by_socket(host: str, port: int, context: ssl.SSLContext, user: str, password: str) -> tuple[int, int]:
    """One FETCH of everything, read in pieces that nobody looks at but for the end."""
    connection = context.wrap_socket(socket.create_connection((host, port)), server_hostname=host)
    connection.sendall(f'a LOGIN "{user}" "{password}"\r\nb EXAMINE INBOX\r\n'.encode())
    said = b""
    while b"\r\nb OK" not in said:
        said += connection.recv(65536)
    found = re.search(rb"\* (\d+) EXISTS", said)
    count = int(found.group(1)) if found else 0
    connection.sendall(b"c UID FETCH 1:* BODY.PEEK[]\r\n")
    total, end = 0, b""
    while b"\r\nc OK" not in end:
        piece = connection.recv(262144)
        total += len(piece)
        end = (end + piece)[-100:]
    connection.close()
    return count, total


def by_imaplib(host: str, port: int, context: ssl.SSLContext, user: str, password: str) -> tuple[int, int]:
    """The standard library's, in batches; its literals are taken as they come."""
    client = imaplib.IMAP4_SSL(host, port, ssl_context=context)
    client.login(user, password)
    client.select("INBOX", readonly=True)
    uids = client.uid("SEARCH", "ALL")[1][0].split()
    count = total = 0
    for start in range(0, len(uids), AT_ONCE):
        batch = b",".join(uids[start : start + AT_ONCE]).decode()
        for part in client.uid("FETCH", batch, "(UID BODY.PEEK[])")[1]:
            if isinstance(part, tuple):
                count, total = count + 1, total + len(part[1])
    client.logout()
    return count, total


def by_imapclient(host: str, port: int, context: ssl.SSLContext, user: str, password: str) -> tuple[int, int]:
    """IMAPClient, in batches, with the debugging off that it switches on in imaplib."""
    from imapclient import IMAPClient

    client = IMAPClient(host, port=port, ssl_context=context)
    client._imap.debug = 0
    client.login(user, password)
    client.select_folder("INBOX", readonly=True)
    uids = client.search("ALL")
    count = total = 0
    for start in range(0, len(uids), AT_ONCE):
        for row in client.fetch(uids[start : start + AT_ONCE], ["BODY.PEEK[]"]).values():
            count, total = count + 1, total + len(row[b"BODY[]"])
    client.logout()
    return count, total


WAYS: dict[str, Callable[..., tuple[int, int]]] = {
    "socket": by_socket,
    "imaplib": by_imaplib,
    "imapclient": by_imapclient,
}

if __name__ == "__main__":
    way, host, port, ca, user, password = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    print(*WAYS[way](host, int(port), context, user, password))
