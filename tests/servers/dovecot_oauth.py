"""A Dovecot that takes access tokens of a provider of ours, which it asks about each (RFC 7662)."""

from __future__ import annotations

from servers.dovecot import Dovecot
from servers.provider import Provider

MORE = """
auth_mechanisms = xoauth2 oauthbearer
auth_cache_size = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
"""

ASKS = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
timeout_msecs = 5000
"""

TABLE = """
[[mailbox]]
name = "{name}"
host = "{server.host}"
port = {server.port}
ca_file = "{server.ca_file}"
user = "{user}"
[mailbox.oauth2]
provider = "custom"
client_id = "levelhead-of-tests"
token_url = "{token}"
auth_url = "{auth}"
device_url = "{device}"
scope = "mail"
"""


class OAuthDovecot(Dovecot):
    """A running Dovecot and the provider that it asks."""

    def __init__(self) -> None:
        self.provider = Provider()
        super().__init__()

    def _configure(self) -> None:
        super()._configure()
        with (self.root / "dovecot.conf").open("a") as conf:
            conf.write(MORE.format(root=self.root))
        asks = self.root / "oauth2.conf"
        asks.write_text(ASKS.format(url=self.provider.url("introspect")))
        asks.chmod(0o644)

    def table(self, name: str, user: str) -> str:
        """The configuration of a mailbox here that somebody has to sign in for."""
        urls = {what: self.provider.url(what) for what in ("token", "device")}
        return TABLE.format(name=name, server=self, user=user, auth=self.provider.url("authorize"), **urls)

    def close(self) -> None:
        super().close()
        self.provider.close()
