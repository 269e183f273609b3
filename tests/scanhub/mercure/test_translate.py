"""What a mercure.json becomes, and what is said of the rest."""

import json
from pathlib import Path

import pytest

from scanhub.mercure.translate import read_configuration, translate
from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import UnprocessableError
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


def test_nothing_of_the_file_disappears_without_a_word(found):
    left = _left(found)
    assert left["rule heads: owner"] == "there is no such option"
    assert left["rule no name!"].startswith("name: ")
    document = json.loads(SAMPLE.read_text())
    taken = {"targets", "rules", "modules", "retry_delay", "retry_max", "port", "offpeak_start"}
    taken |= {"offpeak_end", "series_complete_trigger", "study_complete_trigger"}
    taken |= {"study_forcecomplete_trigger"}
    assert set(document) - taken <= set(left)
    assert "module segmentation" in left


def test_settings_become_variables_that_there_are(found):
    assert found.settings == {
        "SCANHUB_DICOM_PORT": "11112",
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "60",
        "SCANHUB_WORKFLOW_STUDY_COMPLETE_S": "900",
        "SCANHUB_WORKFLOW_STUDY_FORCE_S": "5400",
        "SCANHUB_WORKFLOW_OFFPEAK_START": "22:00",
        "SCANHUB_WORKFLOW_OFFPEAK_END": "06:00",
        "SCANHUB_WORKFLOW_DISPATCH_BACKOFF_S": "[900.0, 900.0, 900.0, 900.0]",
    }
    known = {f"SCANHUB_{name}".upper() for name in InstallationSettings.model_fields}
    known |= {f"SCANHUB_WORKFLOW_{name}".upper() for name in WorkflowManagerSettings.model_fields}
    assert set(found.settings) <= known


def test_no_secret_of_the_file_is_told(found):
    told = repr(found.left_behind) + repr(found.settings) + repr(found.targets)
    for secret in ("sftp-secret", "s3-secret", "xnat-secret", "cloud-secret", "a-key-that-nobody"):
        assert secret not in told


@pytest.mark.parametrize("content", ["[]", "no json", b"\xff\xfe"])
def test_what_is_no_configuration_is_refused(tmp_path, content):
    path = tmp_path / "mercure.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnprocessableError, match=r"mercure\.json"):
        read_configuration(path)


@pytest.mark.parametrize("part", ["targets", "rules"])
@pytest.mark.parametrize("value", [[1], {"a": 3}])
def test_a_part_of_another_form_is_named(part, value):
    found = translate({part: value})
    assert found.left_behind
    assert not found.targets
    assert not found.rules
