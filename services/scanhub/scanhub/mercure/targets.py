"""Targets of mercure to targets of ours: the same names of settings, not always the same values."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from scanhub.mercure.found import Found
from scanhub_libraries.models.target import (
    TARGET_CLASSES,
    RsyncTarget,
    SftpTarget,
    TargetDocument,
)

_FILES = {"tls_key", "tls_cert", "ca_cert"}
"""Settings that name a file in mercure, and hold what is in it here."""
_HOST_KEY = (
    "mercure trusts the first key that a host shows; here nothing is sent there until the key is "
    "set: the connection test shows it, compare it first"
)
_BETWEEN = re.compile(r"[,;\s]+")


def translate_targets(targets: Any, found: Found) -> None:
    """Translate the part `targets` of a configuration.

    Args:
        targets: Name to settings, as in the file.
        found: Takes the targets, and what was left behind.
    """
    if not isinstance(targets, dict):
        found.leave("targets", "it is no object of names and settings")
        return
    for name, settings in targets.items():
        if not isinstance(settings, dict):
            found.leave(f"target {name}", "it is no object of settings")
            continue
        target = _translate(str(name), settings, found)
        if target is not None:
            found.targets.append(target)


def _translate(name: str, settings: dict[str, Any], found: Found) -> TargetDocument | None:
    what = f"target {name}"
    document = {key: value for key, value in settings.items() if value not in ("", None)}
    kind = str(document.pop("target_type", "dicom"))
    if kind == "dicomweb" and str(document.get("url", "")).startswith("file://"):
        kind = "folder"
        document["folder"] = unquote(urlsplit(str(document.pop("url"))).path)
        found.leave(f"{what}: url", "a folder is a target of the type folder here: made one")
    cls = TARGET_CLASSES.get(kind)
    if cls is None:
        found.leave(what, f"its type {kind!r} is none of {', '.join(TARGET_CLASSES)}")
        return None
    for key in sorted(set(document) - set(cls.model_fields)):
        found.leave(f"{what}: {key}", f"a target of the type {kind} has no such setting here")
        del document[key]
    if not _read_files(what, document, found):
        return None
    filters = document.get("file_filter")
    if isinstance(filters, str):
        document["file_filter"] = [part for part in _BETWEEN.split(filters) if part]
    try:
        target = cls.model_validate({**document, "name": name, "target_type": kind})
    except ValidationError as error:
        found.leave(what, why_not(error))
        return None
    if isinstance(target, SftpTarget | RsyncTarget) and not target.host_key:
        found.leave(f"{what}: host_key", _HOST_KEY)
    return target


def _read_files(what: str, document: dict[str, Any], found: Found) -> bool:
    """Put certificates and keys in the place of their paths; False if one cannot be read."""
    for key in sorted(_FILES & set(document)):
        path = Path(str(document[key]))
        try:
            document[key] = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no PEM file"
            found.leave(
                what, f"{key}: {path} cannot be read here ({reason}); import it where it is"
            )
            return False
    return True


def why_not(error: ValidationError) -> str:
    """Return what is wrong with a document, by field; never a value, it may be secret."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
        for item in found
    )
