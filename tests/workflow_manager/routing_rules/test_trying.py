"""What helps to write a rule: the words it may use, the tags of files and series, its last case."""

import pydicom
import pytest
from images import SERIES, write_instance
from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.entries import Origin

RULES = f"{WORKFLOW}/rules"


async def test_a_test_names_the_place_and_what_could_never_be_stored(service):
    body = {"rule": "tags.Modality == 'MR' or nothing", "tags": {"Modality": "MR"}}
    told = (await service.user.post(f"{RULES}/test", json=body)).json()
    assert (told["triggered"], told["error"]) == (True, None)
    assert told["problem"] == "There is nothing called 'nothing'."
    assert told["place"] == {"start": 25, "end": 32}
    body = {"rule": "tags.Modality < 2", "tags": {"Modality": "MR"}}
    told = (await service.user.post(f"{RULES}/test", json=body)).json()
    assert (told["problem"], told["place"]) == (None, {"start": 0, "end": 17})


async def test_the_words_of_rules_are_listed(service):
    words = await service.get("/rules-vocabulary")
    assert {"Modality", "SeriesDescription", "SenderAET"} <= set(words["tags"])
    assert {"contains", "has", "len", "pi"} <= set(words["functions"])


async def test_a_file_shows_the_tags_that_its_series_will_have(service, tmp_path):
    path = write_instance(tmp_path, 1)
    dataset = pydicom.dcmread(path)
    dataset.SpecificCharacterSet, dataset.SeriesDescription = "ISO_IR 192", "Kopf ä"
    dataset.save_as(path)
    answer = await service.user.post(f"{RULES}/file-tags", content=path.read_bytes())
    assert answer.status_code == 200, answer.text
    of_file = answer.json()["tags"]
    assert of_file["SeriesDescription"] == "Kopf ä"
    origin = Origin(source="SCANNER", receiver_aet="HERE", sender_address="10.0.0.7")
    await service.wiring.store.store_instance(path, origin)
    of_series = (await service.get(f"/series/{SERIES}/tags"))["tags"]
    sender = {"SenderAET": "SCANNER", "ReceiverAET": "HERE", "SenderAddress": "10.0.0.7"}
    assert {**of_file, **sender} == of_series
    missing = await service.user.get(f"{WORKFLOW}/series/1.2.3/tags")
    assert missing.status_code == 404


async def test_what_an_installation_keeps_besides_is_offered_and_read(serving, tmp_path):
    path = write_instance(tmp_path, 1)
    dataset = pydicom.dcmread(path)
    dataset.ReceiveCoilName = "HEAD 32"
    dataset.save_as(path)
    async with serving(dicom_extra_tags=["ReceiveCoilName"]) as service:
        assert "ReceiveCoilName" in (await service.get("/rules-vocabulary"))["tags"]
        answer = await service.user.post(f"{RULES}/file-tags", content=path.read_bytes())
    assert answer.json()["tags"]["ReceiveCoilName"] == "HEAD 32"


@pytest.mark.parametrize("content", [b"", b"no DICOM file" * 100])
async def test_what_is_no_dicom_file_is_told(service, content):
    answer = await service.user.post(f"{RULES}/file-tags", content=content)
    assert answer.status_code == 422
    assert "DICOM" in answer.json()["detail"]


async def test_a_rule_tells_when_it_last_fired(serving, tmp_path, database_url):
    async with serving(series_quiet_s=0.2, database_url=database_url) as service:
        target = {"name": "PACS", "ip": "127.0.0.1", "port": a_port(), "aet_target": "PEER"}
        assert (await service.user.post(f"{WORKFLOW}/targets", json=target)).is_success
        for name, condition in (("all", "True"), ("none", "False")):
            body = {"name": name, "rule": condition, "action": "notification"}
            assert (await service.user.post(RULES, json=body)).is_success
        await service.wiring.store.store_instance(write_instance(tmp_path, 1), Origin(source="A"))

        async def fired():
            rules = {rule["name"]: rule["last_fired_at"] for rule in await service.get("/rules")}
            return rules if rules["all"] else None

        rules = await until(fired)
        (case,) = await service.get("/cases?rule=all")
        assert rules == {"all": case["opened_at"], "none": None}
