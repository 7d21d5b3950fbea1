"""A real Cyrus IMAP on loopback, of this test session alone."""

from __future__ import annotations

from servers.account import PASSWORD, Account, free_ports
from servers.jail import Jailed

IMAPD = """\
configdirectory: {root}/conf
partition-default: {root}/spool
defaultpartition: default
servername: localhost
admins: cyrus
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
autocreate_quota: 0
autocreate_inbox_folders: Drafts | Sent | Archive
xlist-drafts: Drafts
xlist-sent: Sent
xlist-archive: Archive
allowplaintext: yes
specialuse_protect: \\Drafts
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {root}/sasldb2
sasl_mech_list: PLAIN LOGIN
tls_server_cert: {root}/cert.pem
tls_server_key: {root}/key.pem
tls_client_ca_file: {root}/ca.pem
syslog_prefix: cyrus
"""

MASTER = """\
START {{
  recover cmd="ctl_cyrusdb -r"
  idled cmd="idled"
}}
SERVICES {{
  imaps cmd="imapd -s -U 50" listen="127.0.0.1:{port}" prefork=1
}}
EVENTS {{
}}
"""

POOL = 30
"""How many users a session can have."""


class Cyrus(Jailed):
    """A running Cyrus, with SPECIAL-USE told in lower case, and users whose folders it makes at the first login."""

    name = "cyrus"

    def __init__(self) -> None:
        super().__init__()
        (self.port,) = free_ports(1)
        self._used = 0
        self.users("cyrus:8301:8")
        etc = self.root / "etc"
        (etc / "imapd.conf").write_text(IMAPD.format(root=self.root))
        (etc / "cyrus.conf").write_text(MASTER.format(port=self.port))
        (self.root / "spool").mkdir()
        for folder in ("db", "socket", "proc", "lock"):
            (self.root / "conf" / folder).mkdir(parents=True)
        refused = self.once(
            f"set -e; for n in $(seq {POOL}); do echo '{PASSWORD}' | "
            f"saslpasswd2 -c -p -u localhost -f {self.root}/sasldb2 person$n; done; chown -R 8301:8 {self.root}"
        )
        assert not refused, refused
        self.start()

    def mounts(self) -> str:
        return "mkdir /run/cyrus && chown 8301:8 /run/cyrus"

    def command(self) -> str:
        return f"exec cyrmaster -D -C /etc/imapd.conf -M /etc/cyrus.conf -p {self.root}/pid"

    def user(self) -> Account:
        """A fresh user with empty folders."""
        self._used += 1
        assert self._used <= POOL, f"the test session used up its {POOL} users"
        return Account(server=self, user=f"person{self._used}")
