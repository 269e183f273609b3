"""A whole `mercure.json` translated. Pure, but for the certificates that it names."""

import json
from pathlib import Path
from typing import Any

from scanhub.mercure.found import Found
from scanhub.mercure.modules import translate_modules
from scanhub.mercure.rules import translate_rules
from scanhub.mercure.settings import translate_settings
from scanhub.mercure.targets import translate_targets
from scanhub_libraries.errors import UnprocessableError


def read_configuration(path: Path) -> Found:
    """Read and translate a configuration of mercure.

    Raises:
        OSError: It cannot be read.
        UnprocessableError: It is no JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise UnprocessableError(f"{path.name} is no JSON file: {error}") from error
    if not isinstance(document, dict):
        raise UnprocessableError(f"{path.name} holds no JSON object: is it a mercure.json?")
    return translate(document)


def translate(document: dict[str, Any]) -> Found:
    """Translate a configuration; what cannot be taken over is named with the reason."""
    found = Found()
    translate_targets(document.get("targets") or {}, found)
    translate_rules(document.get("rules") or {}, found)
    translate_modules(document.get("modules") or {}, found)
    translate_settings(document, found)
    return found
