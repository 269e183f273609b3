"""Write what this software is made of (CycloneDX 1.6) from the lock files; nothing is fetched."""

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA_DEV = "(pyproject.toml:dev)"


def python_components(text: str) -> Iterator[dict[str, Any]]:
    """Yield what requirements.lock pins."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        found = _PIN.match(block)
        if found is None:
            continue
        name, version = found[1].lower().replace("_", "-").replace(".", "-"), found[2]
        via = [line.strip().lstrip("# ") for line in block.splitlines() if line.strip()[:1] == "#"]
        only_dev = [line for line in via if line not in {"via", ""}]
        yield {
            **_component(f"pkg:pypi/{name}@{version}", name, version),
            "scope": "excluded" if _is_for_developers(only_dev) else "required",
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": f"pkg:pypi/{name}@{version}",
                    "hashes": [
                        {"alg": "SHA-256", "content": digest} for digest in _HASH.findall(block)
                    ],
                }
            ],
        }


def _is_for_developers(via: list[str]) -> bool:
    reasons = [line.removeprefix("via").strip() for line in via]
    return bool(reasons) and all(reason.endswith(_VIA_DEV) for reason in reasons if reason)


def npm_components(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what package-lock.json pins."""
    for path, package in document["packages"].items():
        if not path or "version" not in package:
            continue
        name, version = path.rpartition("node_modules/")[2], package["version"]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
        component = {
            **_component(purl, name, version),
            "scope": "excluded" if package.get("dev") else "required",
        }
        if licence := package.get("license"):
            component["licenses"] = [{"expression": str(licence)}]
        algorithm, _, digest = package.get("integrity", "").partition("-")
        if algorithm == "sha512":
            content = base64.b64decode(digest).hex()
            component["hashes"] = [{"alg": "SHA-512", "content": content}]
        yield component


def _component(purl: str, name: str, version: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }


def bill(root: Path = ROOT) -> dict[str, Any]:
    """Return the whole document; the same lock files give the same document."""
    project = (root / "services/scanhub/pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "([^"]+)"', project, re.MULTILINE)
    components = {
        component["bom-ref"]: component
        for component in (
            *python_components((root / "requirements.lock").read_text(encoding="utf-8")),
            *npm_components(json.loads((root / "frontend/package-lock.json").read_text())),
        )
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "scanhub",
                "name": "scanhub",
                "version": version[1] if version else "0",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [components[ref] for ref in sorted(components)],
    }


def main() -> int:
    """Write the bill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "sbom.json")
    output: Path = parser.parse_args().output
    document = bill()
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{output}: {len(document['components'])} components\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
