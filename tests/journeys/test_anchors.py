"""The real daemon and its anchors over three days (libfaketime): stamped, witnessed, and held up by nobody."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evidence import authority as timestamps
from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

pytestmark = [pytest.mark.sweep, pytest.mark.server]


def test_each_days_checkpoint_is_stamped_and_witnessed_beside_an_authority_that_never_answers(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., bytes], heated: str
) -> None:
    require("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        lacking("libfaketimeMT.so.1 is not installed: install the package libfaketime to run this test")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("FAKETIME", "-3d")
    (tmp_path / "maker").mkdir()
    maker = timestamps.Maker(tmp_path / "maker")
    with timestamps.serving(maker) as tsa, socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        dead, never = "http://127.0.0.1:9/", f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for day, other in enumerate((dead, dead, never)):
            monkeypatch.setenv("FAKETIME", f"{day - 2:+}d")  # Dovecot dates no mail in the future
            home.write_config(
                cooldown="1h",
                more=f'[evidence]\nkey_file = "key"\n[anchors]\nauthorities = ["{tsa.url}", "{other}"]\n'
                f'ca_file = "{maker.root}"\nwitnesses = ["phone"]\n',
            )
            home.start()
            if other == dead:
                home.until(lambda day=day: home.count("anchor.witnessed") == day + 1)  # type: ignore[misc]
                home.until(lambda day=day: home.count("anchor.stamped") == day + 1)  # type: ignore[misc]
            else:
                # Whoever waits for the silent one does so in a loop of its own, and lets go when told to.
                asked, _ = silent.accept()
                home.account.append("INBOX", write(heated))
                held = home.until(lambda: home.count("draft.held"))
                print(f"judged and held {held:.1f} s after it came, beside an authority that never answers")
            began = time.monotonic()
            assert home.stop() == 0
            assert time.monotonic() - began < 8
        asked.close()
    signed = [fact.size for fact in home.of("checkpoint.signed")]
    for kind in ("anchor.stamped", "anchor.witnessed"):
        assert [fact.size for fact in home.of(kind)][:2] == signed[:2]
    kept = [row for row in home.phone.received if row["title"].startswith("Please keep this")]
    assert len({row["title"] for row in kept}) >= 2
    assert [fact.anchor for fact in home.of("anchor.failed")][:2] == [dead, dead]
    found = home.json("verify", "--deep")
    assert found["ok"] and found["time_stamps"]["checked"] == home.count("anchor.stamped")
    assert (
        list(found["time_stamps"]["signers"]) == ["CN=clock"]
        and not found["time_stamps"]["signatures_unchecked"]
    )
    told = {one["name"]: one for one in home.json("status")["anchors"]}
    assert told[tsa.url]["size"] >= signed[1] and told[never]["last_success"] is None
