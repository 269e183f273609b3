"""The OpenAPI documents of the services, committed so that every change of the API is seen."""

import json
from pathlib import Path
from typing import Any

from scanhub.main import build_apps
from scanhub.settings import SERVICES, InstallationSettings


def documents() -> dict[str, dict[str, Any]]:
    """Return the OpenAPI document of every service by its name. Nothing is opened for it."""
    apps = build_apps(InstallationSettings(data_dir=Path("never-opened")), offline=True)
    return {service: apps[service].openapi() for service in SERVICES}


def _render(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_documents(folder: Path) -> list[Path]:
    """Write the documents; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for service, document in documents().items():
        path = folder / f"{service}.json"
        path.write_text(_render(document))
        written.append(path)
    return written


def stale_documents(folder: Path) -> list[Path]:
    """Return the paths of the documents that are not what the code says."""
    return [
        path
        for service, document in documents().items()
        if not (path := folder / f"{service}.json").is_file()
        or path.read_text() != _render(document)
    ]
