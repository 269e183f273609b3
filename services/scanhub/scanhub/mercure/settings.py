"""Settings of mercure to variables of ours; each one that has none gets its reason."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from scanhub.mercure.found import Found
from scanhub.mercure.targets import why_not
from workflow_manager.dicom.extra_tags import checked_names
from workflow_manager.settings import WorkflowManagerSettings

_WORKFLOW: Final = "SCANHUB_WORKFLOW_"


def _seconds(value: Any) -> str:
    return f"{float(value):g}"


def _truth(value: Any) -> str:
    return str(value).strip().lower()


_VARIABLES: Final[Mapping[str, tuple[str, Callable[[Any], str]]]] = {
    "port": ("SCANHUB_DICOM_PORT", lambda value: str(int(value))),
    "series_complete_trigger": (f"{_WORKFLOW}SERIES_QUIET_S", _seconds),
    "study_complete_trigger": (f"{_WORKFLOW}STUDY_COMPLETE_S", _seconds),
    "study_forcecomplete_trigger": (f"{_WORKFLOW}STUDY_FORCE_S", _seconds),
    "emergency_clean_percentage": (f"{_WORKFLOW}CLEAN_ABOVE_PERCENT", _seconds),
    "offpeak_start": (f"{_WORKFLOW}OFFPEAK_START", str),
    "offpeak_end": (f"{_WORKFLOW}OFFPEAK_END", str),
    "server_time": (f"{_WORKFLOW}OFFPEAK_TIME_ZONE", str),
    "email_notification_from": (f"{_WORKFLOW}EMAIL_FROM", str),
    "phi_notifications": (f"{_WORKFLOW}PHI_NOTIFICATIONS", _truth),
    "webhook_certificate_location": (f"{_WORKFLOW}WEBHOOK_CA_FILE", str),
}
_FOLDERS: Final = "images, results and databases live in the data folder (SCANHUB_DATA_DIR)"
_DAY_S: Final = 86_400
_ASKED_FOR: Final = "Prometheus asks for metrics here: docs/monitoring.md"
_NO_SCANS: Final = "nothing is polled here: work begins when something happens"
_REASONS: Final[Mapping[str, str]] = {
    "accept_compressed_images": "every transfer syntax is taken here",
    "bookkeeper": "it is a part of the server here, on its port",
    "bookkeeper_api_key": f"a secret: set {_WORKFLOW}BOOKKEEPER_KEY to it yourself",
    "dicom_retrieve": "make a target with the direction pull for each node",
    "appliance_name": "the journal is that of one installation",
    "appliance_color": "the browser has one colour",
    "graphite_ip": _ASKED_FOR,
    "graphite_port": _ASKED_FOR,
    "influxdb_host": _ASKED_FOR,
    "influxdb_org": _ASKED_FOR,
    "influxdb_token": _ASKED_FOR,
    "influxdb_bucket": _ASKED_FOR,
    "store_sample_dicom_tags": "the index keeps the tags of each image",
    "process_runner": f"podman or docker: {_WORKFLOW}MODULE_RUNTIME; Nomad is not used",
    "processing_runtime": f"a module names it: {_WORKFLOW}MODULE_OCI_RUNTIMES allows it",
    "processing_logs": f"logs of modules are kept for {_WORKFLOW}MODULE_KEEP_DAYS",
    "support_root_modules": f"{_WORKFLOW}MODULE_ROOT=true lets modules run as root",
    "local_time": "times are shown in the time zone of the browser",
    "features": "a target of the type dummy needs no switch here",
}
_TRANSLATED: Final = {"targets", "rules", "modules", "retry_delay", "retry_max", "retention"} | {
    "dicom_receiver"
}


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
            _translate_one(key, value, found)
        else:
            found.leave(key, _reason(key))
    _translate_retries(document, found)
    _translate_retention(document, found)
    _translate_tags(document.get("dicom_receiver"), found)


def _translate_one(key: str, value: Any, found: Found) -> None:
    """Take a setting over that the server would take."""
    name, write = _VARIABLES[key]
    if value is None or value == "":
        found.leave(key, "it is empty")
        return
    try:
        text = write(value)
    except (TypeError, ValueError):
        found.leave(key, "it is no number")
        return
    problem = _problem(name, text)
    if problem is None:
        found.settings[name] = text
    else:
        found.leave(key, problem)


def _problem(variable: str, text: str) -> str | None:
    """Say why the server would not start with a variable."""
    field = variable.removeprefix(_WORKFLOW).removeprefix("SCANHUB_").lower()
    needed = dict.fromkeys(("database_url", "engine_database_url", "lake_root"), "x")
    try:
        WorkflowManagerSettings.model_validate({**needed, field: text})
    except ValidationError as error:
        return why_not(error)
    return None


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


def _translate_retention(document: Mapping[str, Any], found: Found) -> None:
    """Remove what was sent or discarded after as long as in mercure, and when mercure did."""
    if "retention" not in document:
        return
    try:
        days = f"{float(document['retention']) / _DAY_S:g}"
    except (TypeError, ValueError):
        found.leave("retention", "it is no number")
        return
    for name in ("CLEAN_SENT_DAYS", "CLEAN_DISCARDED_DAYS"):
        found.settings[f"{_WORKFLOW}{name}"] = days
    found.settings[f"{_WORKFLOW}CLEAN_OFFPEAK_ONLY"] = "true"
    why = f"images that were sent nowhere are kept unless {_WORKFLOW}CLEAN_UNSENT_DAYS is set"
    found.leave("retention of what was sent nowhere", why)


def _translate_tags(receiver: Any, found: Found) -> None:
    """Keep the tags that mercure was told to keep; a name that is none costs itself alone."""
    wanted = receiver.get("additional_tags") if isinstance(receiver, dict) else None
    if not isinstance(wanted, dict):
        if receiver is not None:
            found.leave("dicom_receiver", "it holds no additional_tags")
        return
    names: list[str] = []
    for text in wanted:
        try:
            names += checked_names([str(text)])
        except ValueError as error:
            found.leave(f"dicom_receiver: {text}", str(error))
    if names:
        found.settings[f"{_WORKFLOW}DICOM_EXTRA_TAGS"] = json.dumps(list(dict.fromkeys(names)))
