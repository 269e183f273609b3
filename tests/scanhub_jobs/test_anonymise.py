"""`anonymise`: nothing that leads to the patient is left, and what is left is a sound image."""

import json
import os
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from programs_of_dicom import checked, program
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage
from series_files import SERIES, STUDY, image, write

from scanhub_jobs import JobContext, State, execute
from scanhub_jobs.builtin.anonymise import anonymise
from scanhub_jobs.deidentification.deidentifying import Deidentifier
from scanhub_jobs.deidentification.profile import Options, table
from scanhub_jobs.deidentification.pseudonyms import Pseudonyms, moved_date
from scanhub_jobs.deidentification.texts import cleaned, identifying_words
from scanhub_jobs.errors import ParameterError
from scanhub_jobs.local.backend import peers_of
from scanhub_jobs.local.session import LocalSession
from scanhub_jobs.making.files import dicom_bytes, save_dicom
from scanhub_jobs.parameters import shown

SALT = "a secret of sixteen letters and more"
MARK = "XQMARK"
VALUES = {"DA": "19710203", "TM": "112233", "DT": "19710203112233", "AS": "071Y", "UI": "1.2.3.71"}


def identified(number=1, **changes):
    """An image that names its patient in every way that scanners know."""
    dataset = image(
        number,
        InstitutionName="Spital Weiß",
        StationName="MR17",
        OperatorsName="Who^Scanned",
        PatientAge="046Y",
        PatientWeight="71",
        AcquisitionDate="20260102",
        ProtocolName="T2 Müller",
        SeriesDescription="T2 of Zoë, Dr. Weiß 12345, tra",
        ImageComments="call 0711-123456",
    )
    dataset.file_meta.SourceApplicationEntityTitle = "MR17"
    asked = Dataset()
    asked.RequestedProcedureID, asked.ScheduledProcedureStepDescription = "RP-7", "Knee Müller"
    dataset.RequestAttributesSequence = [asked]
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = f"{SERIES}.1"
    dataset.SourceImageSequence = [source]
    for group, creator in ((0x0019, "SIEMENS MR HEADER"), (0x0029, "VENDOR CSA")):
        block = dataset.private_block(group, creator, create=True)
        block.add_new(0x0C, "IS", "1000")
        block.add_new(0x10, "LO", "Müller")
    dataset.add_new(0x60003000, "OW", b"\1\0")
    dataset.add_new(0x60000010, "US", 1)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def run(tmp_path, datasets, **params):
    """Run the job and return its context, its result and the images that it kept."""
    folder = write(tmp_path / "dicom", *datasets)
    ctx = JobContext.local(
        folder, job=anonymise, params=params, out=tmp_path / "out", series=SERIES
    )
    result = execute(anonymise, ctx)
    paths = sorted((tmp_path / "out").rglob("dicom/*/*.dcm"))
    made = sorted(map(pydicom.dcmread, paths), key=lambda d: d.InstanceNumber)
    return ctx, result, made


def test_an_image_is_left_that_names_nobody(tmp_path):
    originals = [identified(1), identified(2)]
    ctx, result, made = run(tmp_path, originals)
    assert (result.state, result.returned["written"]) == (State.SUCCEEDED, 2), result.failure
    for dataset, original in zip(made, originals, strict=True):
        content = dicom_bytes(dataset)
        for secret in (
            "Müller",
            "Zo",
            "Wei",
            "P-1",
            "MR17",
            "S-1",
            "A-7",
            "19800229",
            "20260102",
            STUDY,
        ):
            assert secret.encode("latin-1") not in content, secret
        assert str(dataset.PatientName) == dataset.PatientID
        assert dataset.PatientID.startswith("ANON-")
        assert (dataset.PatientIdentityRemoved, dataset.PatientBirthDate) == ("YES", "")
        codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
        assert codes == result.returned["codes"] == ["113100"]
        assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
        assert not [e for e in dataset if e.tag.is_private or e.tag.group == 0x6000]
        assert np.array_equal(dataset.pixel_array, original.pixel_array)
        assert dataset.ImagePositionPatient == original.ImagePositionPatient
        assert dataset.EchoTime == 12.5
    checked(made, tmp_path / "check", "MRImage")
    assert json.loads(ctx.files.get("report.json")) == result.returned
    (referenced,) = made[1].SourceImageSequence
    assert referenced.ReferencedSOPInstanceUID == made[0].SOPInstanceUID


def test_whatever_the_table_names_is_gone(tmp_path):
    dataset = image(1, PatientName=f"{MARK}^A", SpecificCharacterSet="ISO_IR 192")
    named = 0
    for tag in table():
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            continue
        if tag >> 16 in {0x0000, 0x0002, 0x0004} or vr in {"SQ", "US", "DS", "IS", "UN", "OB"}:
            continue
        if tag not in dataset:
            dataset.add_new(tag, vr, VALUES.get(vr, MARK))
            named += 1
    assert named > 400
    inner = Dataset()
    inner.update({e.tag: e for e in dataset if e.keyword != "PixelData"})
    dataset.AnatomicRegionSequence = [inner]
    dataset.RadiopharmaceuticalInformationSequence = [Dataset()]
    dataset.RadiopharmaceuticalInformationSequence[0].PersonName = MARK
    made = Deidentifier(Options(), Pseudonyms(b"x")).apply(dataset)
    content = dicom_bytes(made)
    for secret in (MARK, *VALUES.values(), SERIES, STUDY):
        assert secret.encode() not in content, secret
    assert len(made.AnatomicRegionSequence[0]) > 50


def test_options_keep_what_they_name_and_no_more(tmp_path):
    _, result, (made,) = run(
        tmp_path,
        [identified()],
        salt=SALT,
        dates="shift",
        retain_patient_characteristics=True,
        retain_device_identity=True,
        retain_institution_identity=True,
        descriptors="clean",
        safe_private=["0019,0C,SIEMENS MR HEADER"],
        prefix="TRIAL7",
    )
    assert result.returned["codes"] == [
        "113100", "113105", "113107", "113108", "113109", "113111", "113112",
    ]  # fmt: skip
    assert (made.PatientAge, made.PatientWeight, made.PatientSex) == ("046Y", 71, "F")
    assert (made.DeviceSerialNumber, made.StationName) == ("17", "MR17")
    assert (made.InstitutionName, made.PatientBirthDate) == ("Spital Weiß", "")
    assert made.SeriesDescription == "T2 of, tra"
    assert made.ProtocolName == "T2"
    assert made[0x0019100C].value == 1000
    assert 0x00291010 not in made
    assert 0x00191010 not in made
    assert made.StudyDate == made.AcquisitionDate < "20260102"
    assert made.StudyTime == "101112"
    assert made.PatientID.startswith("TRIAL7-")


def test_the_same_secret_gives_the_same_and_another_gives_others(tmp_path):
    later = image(1, series=f"{SERIES}.5", study=f"{STUDY}.5", StudyDate="20260112")
    other = image(1, PatientID="P-2")

    def made(dataset, salt):
        deidentifier = Deidentifier(Options(dates="shift"), Pseudonyms(salt))
        return deidentifier.apply(dataset)

    first, second = made(image(1), b"one"), made(later, b"one")
    assert first == made(image(1), b"one")
    assert first.PatientID == second.PatientID
    assert first.StudyInstanceUID != second.StudyInstanceUID
    days = [date.fromisoformat(d.StudyDate) for d in (first, second)]
    assert (days[1] - days[0]).days == 10
    assert made(other, b"one").PatientID != first.PatientID
    for elsewhere in (made(image(1), b"two"), made(image(1), b"three")):
        assert elsewhere.PatientID != first.PatientID
        assert elsewhere.SOPInstanceUID != first.SOPInstanceUID
    kept = Deidentifier(Options(uids=True, dates="keep"), Pseudonyms(b"one")).apply(image(1))
    assert (kept.SOPInstanceUID, kept.StudyDate) == (f"{SERIES}.1", "20260102")
    assert kept.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_names_in_the_pixels_are_left_out_or_told(tmp_path):
    datasets = [identified(1, BurnedInAnnotation="YES"), identified(2, Modality="US")]
    _, result, made = run(tmp_path, datasets)
    assert [d.InstanceNumber for d in made] == [2]
    assert [told["image"] for told in result.returned["left_out"]] == [1]
    assert [told["image"] for told in result.returned["warnings"]] == [1, 2]
    _, _, both = run(tmp_path / "both", datasets, burned_in="warn")
    assert len(both) == 2


def test_documents_and_reports_are_refused(tmp_path):
    document = image(SOPClassUID=EncapsulatedPDFStorage, EncapsulatedDocument=b"%PDF-1 Mueller")
    _, result, made = run(tmp_path, [document])
    assert (result.state, made) == (State.FAILED, [])
    assert "holds a document, which may name the patient" in result.failure.message


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"salt": "short"}, "salt: "),
        ({"safe_private": ["0018,0C,X"]}, "GROUP,LAST BYTE,CREATOR"),
        ({"dates": "no"}, "dates: "),
    ],
)
def test_parameters_that_cannot_be_are_named_and_the_secret_is_not_told(params, why):
    with pytest.raises(ParameterError, match=why) as caught:
        anonymise.parameters(params)
    assert "short" not in str(caught.value)
    shown = anonymise.params_type(salt=SALT).model_dump_json()
    assert SALT not in shown
    assert anonymise.manifest.parameters["properties"]["salt"]["anyOf"][0]["writeOnly"] is True


@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "liver_1frame.dcm"]
)
def test_files_of_scanners_are_no_less_sound_than_they_were(tmp_path, name):
    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    original = pydicom.dcmread(path)
    original.setdefault("PatientID", "1CT1")
    made = Deidentifier(Options(), Pseudonyms(b"x")).apply(original)
    save_dicom(made, tmp_path / name)
    assert not errors_of(tmp_path / name) - errors_of(path)
    assert str(original.PatientName) not in str(made)
    assert made.PixelData == original.PixelData


def errors_of(path):
    found = subprocess.run(
        [program("dciodvfy"), "-new", path], check=False, capture_output=True, text=True
    )
    said = (found.stdout + found.stderr).splitlines()
    return {line for line in said if line.startswith("Error")}


@pytest.mark.parametrize("name", [pytest.param("ge-epi", marks=pytest.mark.long), "siemens-mosaic"])
def test_dcm2niix_sees_the_same_volumes_of_a_scanner(tmp_path, name):
    samples = os.environ.get("SCANHUB_SAMPLES")
    if not samples:
        pytest.skip("SCANHUB_SAMPLES names no real images")
    folder = Path(samples) / "dicom" / name
    kept = ["0051,0B,SIEMENS MR HEADER", "0019,0A,SIEMENS MR HEADER"]  # mosaics need no more
    kept += [f"0029,{n},SIEMENS CSA HEADER" for n in ("10", "20")]
    ctx = JobContext.local(
        folder, job=anonymise, params={"safe_private": kept}, out=tmp_path / "out"
    )
    result = execute(anonymise, ctx)
    assert result.state is State.SUCCEEDED, result.failure
    (made,) = (ctx.backend.folder / "dicom").iterdir()
    volumes = [JobContext.local(f).series.to_nifti().primary().load() for f in (folder, made)]
    assert np.allclose(volumes[0].affine, volumes[1].affine)
    assert np.array_equal(volumes[0].get_fdata(), volumes[1].get_fdata())


def test_the_secret_stands_in_no_result_however_the_job_ends(tmp_path):
    folder = write(tmp_path / "dicom", image(SOPClassUID=EncapsulatedPDFStorage))
    session = LocalSession(folder, tmp_path / "out", peers_of(None), lambda *_: None)
    (result,) = session.run(anonymise, {"salt": SALT})
    assert result.state is State.SUCCEEDED, result.failure
    assert result.parameters["salt"] == "***"
    found = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert not [p.name for p in found if SALT.encode() in p.read_bytes()]
    assert shown(anonymise.manifest.parameters, {"salt": None, "prefix": "A"}) == {
        "salt": None, "prefix": "A",
    }  # fmt: skip


def test_texts_lose_names_numbers_dates_and_addresses():
    words = identifying_words(image())
    assert {"müller", "zoë", "rosa", "19800229"} <= words
    for text, rest in (
        ("T2_tra_MÜLLER_fs", "T2_tra_fs"),
        ("Knee left, 2026-01-02, a@b.c", "Knee left"),
        ("Mr. Meier: head", "head"),
        ("b1000 3T", "3T"),
    ):
        assert cleaned(text, words) == rest


def test_dates_are_moved_by_days():
    assert moved_date("20260301", -1) == "20260228"
    assert moved_date("20260301112233.5+0100", -1) == "20260228112233.5+0100"
    assert moved_date("2026.03.01", -1) == "20260228"
    assert [moved_date(text, -1) for text in ("", "2026", "nonsense", "00010101")] == [""] * 4
