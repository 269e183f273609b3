"""Settings of mercure to variables of ours; each one that has none gets its reason."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from scanhub.mercure.found import Found

_WORKFLOW: Final = "SCANHUB_WORKFLOW_"


def _seconds(value: Any) -> str:
    return f"{float(value):g}"


_VARIABLES: Final[Mapping[str, tuple[str, Callable[[Any], str]]]] = {
    "port": ("SCANHUB_DICOM_PORT", lambda value: str(int(value))),
    "series_complete_trigger": (f"{_WORKFLOW}SERIES_QUIET_S", _seconds),
    "study_complete_trigger": (f"{_WORKFLOW}STUDY_COMPLETE_S", _seconds),
    "study_forcecomplete_trigger": (f"{_WORKFLOW}STUDY_FORCE_S", _seconds),
    "offpeak_start": (f"{_WORKFLOW}OFFPEAK_START", str),
    "offpeak_end": (f"{_WORKFLOW}OFFPEAK_END", str),
    "server_time": (f"{_WORKFLOW}OFFPEAK_TIME_ZONE", str),
}
_FOLDERS: Final = "images, results and databases live in the data folder (SCANHUB_DATA_DIR)"
_NO_SCANS: Final = "nothing is polled here: work begins when something happens"
_REASONS: Final[Mapping[str, str]] = {
    "accept_compressed_images": "every transfer syntax is taken here",
    "bookkeeper": "it is a part of the server here, on its port",
    "bookkeeper_api_key": f"a secret: set {_WORKFLOW}BOOKKEEPER_KEY to it yourself",
    "dicom_retrieve": "images are not fetched from other nodes yet",
    "retention": "nothing is cleaned up yet: every image is kept",
    "emergency_clean_percentage": "nothing is cleaned up yet: every image is kept",
    "process_runner": "modules do not run here yet",
    "processing_runtime": "modules do not run here yet",
    "processing_logs": "modules do not run here yet",
    "support_root_modules": "modules do not run here yet",
    "local_time": "times are shown in the time zone of the browser",
    "features": "a target of the type dummy needs no switch here",
}
_TRANSLATED: Final = {"targets", "rules", "modules", "retry_delay", "retry_max"}


def translate_settings(document: Mapping[str, Any], found: Found) -> None:
    """Translate everything but targets, rules and modules.

    Args:
        document: The whole configuration.
        found: Takes the variables, and what was left behind.
    """
    for key, value in document.items():
        if key in _TRANSLATED:
            continue
        if key in _VARIABLES:
            name, write = _VARIABLES[key]
            try:
                found.settings[name] = write(value)
            except (TypeError, ValueError):
                found.leave(key, "it is no number")
        else:
            found.leave(key, _reason(key))
    _translate_retries(document, found)


def _reason(key: str) -> str:
    if key.endswith("_folder"):
        return _FOLDERS
    if key.endswith("_scan_interval"):
        return _NO_SCANS
    return _REASONS.get(key, "there is no such setting here")


def _translate_retries(document: Mapping[str, Any], found: Found) -> None:
    """As many attempts as in mercure, with the same wait between them."""
    if "retry_delay" not in document and "retry_max" not in document:
        return
    try:
        delay = float(document.get("retry_delay", 900))
        attempts = max(1, int(document.get("retry_max", 5)))
    except (TypeError, ValueError):
        found.leave("retry_delay, retry_max", "they are no numbers")
        return
    found.settings[f"{_WORKFLOW}DISPATCH_BACKOFF_S"] = json.dumps([delay] * (attempts - 1))
