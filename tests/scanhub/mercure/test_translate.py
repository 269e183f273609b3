"""What a mercure.json becomes, and what is said of the rest."""

import json
from pathlib import Path

import pytest

from scanhub.mercure.translate import read_configuration, translate
from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import RuleOptions
from scanhub_libraries.models.target import TARGET_CLASSES
from workflow_manager.settings import WorkflowManagerSettings

SAMPLE = Path(__file__).parent / "mercure.json"


@pytest.fixture(scope="module")
def found():
    return read_configuration(SAMPLE)


def _left(found) -> dict[str, str]:
    return {left.what: left.why for left in found.left_behind}


def test_every_type_of_target_is_taken_over(found):
    targets = {target.name: target for target in found.targets}
    assert {name: target.target_type for name, target in targets.items()} == {
        "pacs": "dicom",
        "reply": "dicom",
        "cloud": "dicomweb",
        "share": "folder",
        "research": "sftp",
        "backup": "rsync",
        "disk": "folder",
        "bucket": "s3",
        "xnat": "xnat",
        "nowhere": "dummy",
        "token": "dicomweb",
    }
    assert targets["pacs"].port == 104
    assert targets["pacs"].pass_sender_aet
    assert targets["reply"].ip == "sender"
    assert targets["share"].folder == "/data/share"
    assert targets["research"].file_filter == ["*.json", "*.tags"]
    assert targets["research"].password.get_secret_value() == "sftp-secret"


def test_a_target_that_cannot_be_is_named_with_its_reason(found):
    left = _left(found)
    assert "pigeon" in left["target pigeon"]
    assert left["target broken"].startswith("port: ")
    assert "import it where it is" in left["target secure"]
    for name in ("research", "backup"):  # mercure's file has no key of a host
        assert "the connection test shows it" in left[f"target {name}: host_key"]


def test_certificates_are_read_from_their_files(tmp_path):
    for name in ("key", "cert", "ca"):
        (tmp_path / name).write_text(f"-----BEGIN {name}-----")
    secure = json.loads(SAMPLE.read_text())["targets"]["secure"]
    secure |= {"tls_key": str(tmp_path / "key"), "tls_cert": str(tmp_path / "cert")}
    secure |= {"ca_cert": str(tmp_path / "ca")}
    [target] = translate({"targets": {"secure": secure}}).targets
    assert target.tls_key.get_secret_value() == "-----BEGIN key-----"
    assert (target.tls_cert, target.ca_cert) == ("-----BEGIN cert-----", "-----BEGIN ca-----")


def test_rules_keep_their_options_and_their_order(found):
    assert [rule.name for rule in found.rules] == [
        "heads",
        "phantoms",
        "told",
        "studies",
        "segment",
        "rest",
    ]
    rules = {rule.name: rule for rule in found.rules}
    assert rules["heads"].target == ["pacs", "disk"]
    assert (rules["heads"].disabled, rules["rest"].fallback) == (False, True)
    assert rules["heads"].priority == "urgent"
    assert rules["segment"].processing_settings == {"threshold": 3}
    assert rules["told"].notification_trigger_completion
    assert rules["studies"].study_trigger_series == "'T1' and ('T2' or 'PD')"


def test_modules_keep_their_settings_and_what_cannot_be_is_named(found):
    segmentation, plain = found.modules
    assert (segmentation.name, segmentation.docker_tag) == (
        "segmentation",
        "example/segmentation:1",
    )
    assert segmentation.additional_volumes["/opt/mercure/models"]["bind"] == "/models"
    assert segmentation.docker_arguments == {"mem_limit": "8g"}
    values = {key: value.get_secret_value() for key, value in segmentation.environment.items()}
    assert values == {"LICENCE": "licence-secret", "THREADS": "4"}
    assert (segmentation.requires_root, segmentation.requires_persistence) == (False, True)
    assert (segmentation.network_enabled, plain.network_enabled) == (False, True)
    left = _left(found)
    assert left["module segmentation"].startswith("taken over; POST /modules/")
    assert left["module plain: owner"] == "a module has no such setting here"
    assert "privileged: a module may not ask for that" in left["module escape"]
    assert left["module garbled"] == "settings: it is no JSON"


def names_of(cls: str) -> set[str]:
    """The members of a class of mercure, by the list that docs/coverage.md is held to."""
    lines = (Path(__file__).parents[2] / "repository" / "mercure_names.txt").read_text().split()
    prefix = f"common.types.{cls}."
    return {line.removeprefix(prefix) for line in lines if line.startswith(prefix)}


def test_the_sample_has_every_option_setting_and_type_of_mercure():
    document = json.loads(SAMPLE.read_text())
    used = {option for rule in document["rules"].values() for option in rule}
    ours = {"shadow", "processing_review", "processing_gates", "processing_deadline_s"}
    assert used == set(RuleOptions.model_fields) - ours | {"owner"}
    assert names_of("Rule") <= used
    assert names_of("Config") <= set(document)
    by_type: dict[str, set[str]] = {}
    for target in document["targets"].values():
        by_type.setdefault(target.get("target_type", "dicom"), set()).update(target)
    assert set(TARGET_CLASSES) <= set(by_type)
    for cls, kind in MERCURE_TARGETS.items():
        assert names_of(cls) <= by_type[kind], cls
    assert names_of("Module") <= set(document["modules"]["segmentation"])


MERCURE_TARGETS = {
    "DicomTarget": "dicom",
    "DicomTLSTarget": "dicomtls",
    "DicomWebTarget": "dicomweb",
    "DummyTarget": "dummy",
    "FolderTarget": "folder",
    "RsyncTarget": "rsync",
    "S3Target": "s3",
    "SftpTarget": "sftp",
    "XnatTarget": "xnat",
}
VARIABLES = {
    "SCANHUB_DICOM_PORT": "11112",
    "SCANHUB_WORKFLOW_SERIES_QUIET_S": "60",
    "SCANHUB_WORKFLOW_STUDY_COMPLETE_S": "900",
    "SCANHUB_WORKFLOW_STUDY_FORCE_S": "5400",
    "SCANHUB_WORKFLOW_OFFPEAK_START": "22:00",
    "SCANHUB_WORKFLOW_OFFPEAK_END": "06:00",
    "SCANHUB_WORKFLOW_OFFPEAK_TIME_ZONE": "Europe/Berlin",
    "SCANHUB_WORKFLOW_EMAIL_FROM": "mri@example.org",
    "SCANHUB_WORKFLOW_PHI_NOTIFICATIONS": "false",
    "SCANHUB_WORKFLOW_WEBHOOK_CA_FILE": "/etc/ssl/clinic.pem",
    "SCANHUB_WORKFLOW_CLEAN_ABOVE_PERCENT": "90",
    "SCANHUB_WORKFLOW_CLEAN_SENT_DAYS": "3",
    "SCANHUB_WORKFLOW_CLEAN_DISCARDED_DAYS": "3",
    "SCANHUB_WORKFLOW_CLEAN_OFFPEAK_ONLY": "true",
    "SCANHUB_WORKFLOW_DICOM_EXTRA_TAGS": '["AcquisitionComments", "00191030"]',
    "SCANHUB_WORKFLOW_DISPATCH_BACKOFF_S": "[900.0, 900.0, 900.0, 900.0]",
}
TAKEN = {
    *("targets", "rules", "modules", "retry_delay", "retry_max", "port", "retention"),
    "dicom_receiver",
    *("offpeak_start", "offpeak_end", "server_time", "emergency_clean_percentage"),
    *("series_complete_trigger", "study_complete_trigger", "study_forcecomplete_trigger"),
    *("email_notification_from", "phi_notifications", "webhook_certificate_location"),
}


def test_nothing_of_the_file_disappears_without_a_word(found):
    left = _left(found)
    assert left["rule heads: owner"] == "there is no such option"
    assert left["rule no name!"].startswith("name: ")
    document = json.loads(SAMPLE.read_text())
    assert set(document) - TAKEN <= set(left)
    assert not set(left) & TAKEN
    assert "there is no such setting here" not in left.values()
    assert "module segmentation" in left
    assert "is no attribute" in left["dicom_receiver: NoSuchTag"]


def test_settings_become_variables_that_there_are(found):
    assert found.settings == VARIABLES
    known = {f"SCANHUB_{name}".upper() for name in InstallationSettings.model_fields}
    known |= {f"SCANHUB_WORKFLOW_{name}".upper() for name in WorkflowManagerSettings.model_fields}
    assert set(found.settings) <= known


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("offpeak_start", "25:00", "22:00"),
        ("server_time", "Mars/North", "Europe/Berlin"),
        ("port", 70000, "65535"),
        ("port", "eleven", "no number"),
        ("series_complete_trigger", 0, "greater than 0"),
        ("email_notification_from", "", "empty"),
        ("phi_notifications", "perhaps", "boolean"),
        ("unheard_of", 1, "no such setting"),
    ],
)
def test_a_value_that_would_keep_the_server_from_starting_is_left_with_its_reason(
    setting, value, word
):
    found = translate({setting: value})
    assert found.settings == {}
    (left,) = found.left_behind
    assert left.what == setting
    assert word in left.why


SECRETS = (
    *("sftp-secret", "s3-secret", "xnat-secret", "cloud-secret", "bearer-secret", "rsync-secret"),
    *("a-key-that-nobody", "a-token-that-nobody"),
)


def test_no_secret_of_the_file_is_told(found):
    told = repr(found.left_behind) + repr(found.settings) + repr(found.targets)
    for secret in SECRETS:
        assert secret not in told


@pytest.mark.parametrize("content", ["[]", "no json", b"\xff\xfe"])
def test_what_is_no_configuration_is_refused(tmp_path, content):
    path = tmp_path / "mercure.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnprocessableError, match=r"mercure\.json"):
        read_configuration(path)


@pytest.mark.parametrize("part", ["targets", "rules", "modules"])
@pytest.mark.parametrize("value", [[1], {"a": 3}])
def test_a_part_of_another_form_is_named(part, value):
    found = translate({part: value})
    assert found.left_behind
    assert not found.targets
    assert not found.rules
    assert not found.modules
