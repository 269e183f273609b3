"""A mercure.json with every option of rules and modules and every type of target."""

import json
from pathlib import Path

from images import SERIES

RULE_OPTIONS = {
    "rule", "target", "disabled", "fallback", "contact", "comment", "tags", "action",
    "action_trigger", "study_trigger_condition", "study_trigger_series",
    "study_force_completion_action", "priority", "processing_module", "processing_settings",
    "processing_retain_images", "notification_webhook", "notification_payload",
    "notification_payload_body", "notification_email", "notification_email_body",
    "notification_email_type", "notification_trigger_reception", "notification_trigger_completion",
    "notification_trigger_completion_on_request", "notification_trigger_error", "dynamic_routing",
    "dynamic_routing_allowed_targets", "conditional_alternate_target",
}  # fmt: skip
"""mercure 0.4.1's."""
MODULE_OPTIONS = {
    "docker_tag", "additional_volumes", "environment", "docker_arguments", "settings", "contact",
    "comment", "constraints", "resources", "requires_root", "requires_persistence",
    "persistence_folder_name", "network_enabled",
}  # fmt: skip
TARGET_TYPES = {
    "dicom", "dicomtls", "dicomweb", "sftp", "rsync", "folder", "s3", "xnat", "dummy",
}  # fmt: skip
MADE = SERIES[:-1] + "7"
"""UID of the series that the module makes: as long as that which it is made of."""
MODULE = f"""
import json, os, pathlib
source, target, kept = (
    pathlib.Path(os.environ[name])
    for name in ("MERCURE_IN_DIR", "MERCURE_OUT_DIR", "MODULE_PERSISTENCE_DIR")
)
for path in source.glob("*.dcm"):
    made = path.read_bytes().replace({SERIES.encode()!r}, {MADE.encode()!r})
    (target / ("made-" + path.name.rpartition("#")[2])).write_bytes(made)
(kept / "count").write_text("1")
(target / "result.json").write_text(json.dumps({{
    "settings": json.loads((source / "task.json").read_text())["process"]["settings"],
    "licence": os.environ["LICENCE"],
    "model": pathlib.Path("/models/model.txt").read_text(),
    "__mercure_routing": {{"target": "disk"}},
    "__mercure_notification": {{"text": "all is well", "requested": True}},
}}))
"""


NODE = {"aet_target": "PEER", "aet_source": "MERCURE"}
TARGETS: dict[str, dict] = {
    "pacs": {"target_type": "dicom", **NODE, "pass_sender_aet": True, "contact": "radiology"},
    "reply": {"ip": "sender", **NODE, "pass_receiver_aet": False, "direction": "both"},
    "secure": {"target_type": "dicomtls", "ip": "127.0.0.1", **NODE},
    "cloud": {"target_type": "dicomweb", "http_user": "north", "http_password": "right"},
    "share": {"target_type": "dicomweb"},
    "research": {"target_type": "sftp", "file_filter": "*.json, *.tags"},
    "backup": {"target_type": "rsync", "file_filter": "*.tmp", "run_on_complete": True},
    "disk": {"target_type": "folder", "file_filter": ""},
    "bucket": {"target_type": "s3", "region": "eu-north-1", "bucket": "images"},
    "xnat": {"target_type": "xnat", "project_id": "north", "user": "u", "password": "pw"},
    "nowhere": {"target_type": "dummy", "comment": "Takes everything"},
}
RULES: dict[str, dict] = {
    "everywhere": {
        "rule": "('T2' in @SeriesDescription@) and tags.Modality == 'MR'",
        "disabled": "False",
        "fallback": False,
        "contact": "mr@example.org",
        "comment": "To whoever there is",
        "tags": "mr",
        "action": "route",
        "action_trigger": "series",
        "priority": "urgent",
    },
    "derive": {
        "rule": "tags.SeriesNumber == '4'",
        "target": "pacs",
        "action": "both",
        "processing_module": ["derive"],
        "processing_settings": '{"threshold": 7}',
        "processing_retain_images": True,
        "dynamic_routing": True,
        "dynamic_routing_allowed_targets": ["disk"],
        "conditional_alternate_target": "disk",
        "notification_payload": '"text": "{{ body }}", "event": "@event@"',
        "notification_payload_body": "{{ rule }}: {{ details }}",
        "notification_trigger_reception": False,
        "notification_trigger_completion": False,
        "notification_trigger_completion_on_request": True,
        "notification_trigger_error": True,
    },
    "told": {
        "rule": "'MR' in tags.Modality",
        "action": "notification",
        "notification_email": "a@example.org, b@example.org",
        "notification_email_body": "{{ rule }} {{ event }}",
        "notification_email_type": "plain",
        "notification_trigger_completion": "False",
    },
    "studies": {
        "rule": "tags.Modality == 'MR'",
        "target": ["nowhere"],
        "action": "route",
        "action_trigger": "study",
        "study_trigger_condition": "received_series",
        "study_trigger_series": "'T1' or 'T2'",
        "study_force_completion_action": "proceed",
    },
    "off": {"rule": "True", "target": "disk", "disabled": "True"},
    "phantoms": {"rule": "'phantom' in tags.PatientName.lower()", "action": "discard"},
    "rest": {"rule": "True", "target": "disk", "fallback": "true"},
}


def write_configuration(folder: Path, places: dict[str, dict], image: str, sink: str) -> Path:
    """Write the file.

    Args:
        folder: Where to.
        places: What is particular to each target here, by its name.
        image: That of the module.
        sink: Where webhooks go.
    """
    targets = {name: {**target, **places.get(name, {})} for name, target in TARGETS.items()}
    document = {
        "targets": targets,
        "rules": {
            **RULES,
            "everywhere": {**RULES["everywhere"], "target": [n for n in targets if n != "disk"]},
            "derive": {**RULES["derive"], "notification_webhook": sink},
        },
        "modules": {
            "derive": {
                "docker_tag": image,
                "additional_volumes": json.dumps(
                    {str(folder / "models"): {"bind": "/models", "mode": "ro"}}
                ),
                "environment": '{"LICENCE": "licence-secret", "THREADS": 4}',
                "docker_arguments": '{"mem_limit": "256m"}',
                "settings": {"threshold": 3, "name": "of the module"},
                "contact": "research",
                "comment": "Grey matter",
                "constraints": "gpu",
                "resources": "cpu = 4",
                "requires_root": "False",
                "requires_persistence": True,
                "persistence_folder_name": "derive",
                "network_enabled": False,
            }
        },
    }
    path = folder / "mercure.json"
    path.write_text(json.dumps(document))
    return path
