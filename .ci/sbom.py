"""The bill of materials (CycloneDX 1.5, JSON) of a lock file: each package with its version and its files' digests.

    python .ci/sbom.py requirements.lock > dist/sbom.cdx.json

It is made from the lock alone, so the same lock gives the same bytes, and it holds no licences and no time of day.
A package has several files, one for each system, so it has several SHA-256 digests: any of them is that package.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==(?P<version>[\w.!+]+)(?: ; (?P<marker>.+?))?"
    r"(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


def bill(lock: str, version: str) -> dict[str, object]:
    """The bill of materials as JSON's values; ValueError for an entry that is not pinned to version and bytes."""
    lines = re.sub(r"\s*\\\n\s*", " ", lock).splitlines()
    parts = [_component(line) for line in lines if line.strip() and not line.startswith("#")]
    serial = uuid.uuid5(uuid.NAMESPACE_OID, f"levelhead {version}\n{lock}")
    product = {"type": "application", "bom-ref": "levelhead", "name": "levelhead", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": product},
        "components": parts,
        # The lock says what is there, not who asked for whom.
        "dependencies": [{"ref": "levelhead", "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def _component(line: str) -> dict[str, object]:
    entry = ENTRY.fullmatch(line.strip())
    if entry is None:
        raise ValueError(f"this entry of the lock is not pinned to a version and to bytes: {line[:60]}")
    name = re.sub(r"[-_.]+", "-", entry["name"]).lower()
    purl = f"pkg:pypi/{name}@{entry['version']}"
    part: dict[str, object] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": entry["version"],
        "purl": purl,
        "hashes": [
            {"alg": "SHA-256", "content": digest}
            for digest in sorted(set(re.findall(r"[0-9a-f]{64}", entry["hashes"])))
        ],
    }
    if entry["marker"]:
        part["properties"] = [{"name": "levelhead:only-where", "value": entry["marker"]}]
    return part


def main() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    lock = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "requirements.lock").read_text("utf-8")
    print(json.dumps(bill(lock, version), indent=2))


if __name__ == "__main__":
    main()
