"""What mercure's own tests ask of its router, asked of ours, through the running service."""

import pytest
from images import instance
from test_dicomweb_retrieve import encoded

from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.routing_rules.series_tags import tags_of

SOON = {"series_quiet_s": 0.2}
TAG_FILE = """
    SpecificCharacterSet SeriesInstanceUID SOPInstanceUID SenderAddress SenderAET ReceiverAET
    Modality BodyPartExamined ProtocolName RetrieveAETitle StationAETitle Manufacturer
    ManufacturerModelName StudyDescription CodeValue CodeMeaning SeriesDescription PatientName
    PatientID PatientBirthDate PatientSex AccessionNumber ReferringPhysicianName StudyID
    SeriesNumber StudyInstanceUID SeriesDate SeriesTime AcquisitionDate AcquisitionTime
    SequenceName ScanningSequence SequenceVariant MagneticFieldStrength StationName
    DeviceSerialNumber DeviceUID SoftwareVersions ContrastBolusAgent ImageComments SliceThickness
    InstanceNumber AcquisitionNumber InstitutionName AcquisitionType ImageType
    MediaStorageSOPClassUID
"""
"""What mercure's receiver writes of each image, for the rules."""


async def test_two_rules_send_everything_to_both_targets_though_a_third_cannot_be_evaluated(
    serving, ward_of, node, tmp_path
):
    folder = tmp_path / "archive"
    folder.mkdir()
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        body = {"name": "archive", "target_type": "folder", "folder": str(folder)}
        await ward.post("/targets", body)
        await ward.add_rule("broken", "1/0")
        await ward.add_rule("first", "tags.Modality == 'MR'")
        await ward.add_rule("second", "'T2' in tags.SeriesDescription", target="archive")
        await ward.receive("1.1", 1, 2, 3)
        for rule in ("first", "second"):
            await ward.case("done", rule=rule)
        uids = ["1.1.1", "1.1.2", "1.1.3"]
        assert sorted(node.received) == uids
        assert sorted(path.stem for path in folder.rglob("*.dcm")) == uids
        decision = await service.get("/series/1.1/decision")
        outcomes = {rule["name"]: rule["outcome"] for rule in decision["selection"]["rules"]}
        assert outcomes == {"broken": "error", "first": "fired", "second": "fired"}
        (event,) = await service.get("/journal?type=dicom.series.decided")
        assert event["data"]["errors"] == ["broken"]


@pytest.mark.filterwarnings("ignore:Failed to decode", "ignore:Unknown encoding")
@pytest.mark.parametrize(("rule", "state"), [("tags.Modality == 'MR'", "done"), ("False", None)])
async def test_an_image_whose_text_no_character_set_has_is_routed_or_discarded_as_any_other(
    serving, ward_of, node, rule, state
):
    dataset = instance(1, series="1.1")
    dataset.SpecificCharacterSet, dataset.SeriesDescription = "ISO_IR 192", "@@@@"
    data = encoded(dataset).replace(b"@@@@", b"\xff\xfe\xc3(")
    async with serving(**SOON) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("mr", rule)
        await service.wiring.store.store_instance(data, Origin("SCANNER"))
        await ward.case(state or "discarded", series_instance_uid="1.1")
        assert node.received == (["1.1.1"] if state else [])
        (image,) = await service.get("/series/1.1/instances")
        assert image["size_bytes"] == len(data)


def test_rules_see_every_tag_that_mercures_receiver_writes():
    series = DicomSeries(study_instance_uid="1", series_instance_uid="1.1", source="SCANNER")
    image = DicomInstance(
        sop_instance_uid="1.1.1",
        series_id=series.id,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256="",
        size=0,
        key="",
    )
    assert set(TAG_FILE.split()) <= tags_of(series, image).keys()
