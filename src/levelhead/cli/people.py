"""Who a person means by a name, and who that person is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.daemon.parts import Archive
    from levelhead.daemon.reading import Reading


def client_named(archive: Archive | Reading, text: str) -> str:
    """The name of the client that `text` means: a name in any case, or an address; raises UserError."""
    listed = [client.name for client in archive.directory.clients()]
    known = list(dict.fromkeys([*listed, *filter(None, archive.store.clients())]))
    if text in known:
        return text
    same = [name for name in known if name.casefold() == text.strip().casefold()]
    if same:
        return same[0]
    if "@" in text and (owner := archive.directory.client_of(text.strip())):
        return owner
    from difflib import get_close_matches

    near = get_close_matches(text.casefold(), [name.casefold() for name in known], n=3, cutoff=0.5)
    names = [name for name in known if name.casefold() in near] or known[:5]
    hint = f"did you mean {' or '.join(repr(name) for name in names)}?" if names else "no client is known yet"
    raise UserError(f"there is no client {text!r}: {hint}")


def actor() -> str:
    """Who acts, for the record: the name of the operating system's user."""
    import getpass

    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        # A container may run under a number that no name belongs to.
        return "somebody (command line)"
