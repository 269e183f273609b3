"""What headers say in JSON, and what they must not say unasked."""

import json

import pytest
from pydicom.dataset import Dataset
from series_files import image, series

from scanhub_jobs import JobContext, summary
from scanhub_jobs.images.metadata import full, parsed_age


def rich():
    dataset = image(
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", SpecificCharacterSet="ISO_IR 192"
    )
    item = Dataset()
    item.Modality, item.PatientName, item.PatientAge = "CT", "Other^One", "003W"
    dataset.RequestAttributesSequence = [item]
    dataset.ReferencedImageSequence = [item]
    dataset.PatientAge = "006M"
    dataset.add_new(0x00091010, "LO", "private")
    return dataset


def test_nested_elements_stay_nested():
    found = summary(rich(), patient=True)
    assert found["Modality"] == "MR"
    assert found["ReferencedImageSequence"][0]["Modality"] == "CT"
    assert found["PatientName"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert found["PatientAge"] == {"value": 6, "unit": "month"}
    assert found["ImageType"] == ["ORIGINAL", "PRIMARY", "M", "NONE"]
    assert (found["PixelSpacing"], found["EchoTime"], found["Rows"]) == ([3.0, 2.0], 12.5, 6)
    assert found["ScanOptions"] is None
    assert "PixelData" not in found
    json.dumps(found)


def test_the_patient_is_named_where_it_is_asked_for_only():
    for found in (summary(rich()), full(rich())):
        text = json.dumps(found, ensure_ascii=False)
        for secret in ("Yamada", "山田", "P-1", "19800229", "A-7", "Weiß", "Other^One", "S-1"):
            assert secret not in text
    assert summary(rich())["PatientAge"] == {"value": 6, "unit": "month"}
    assert "RequestAttributesSequence" not in summary(rich())


def test_the_full_form_has_private_elements_and_can_be_read_back():
    found = full(rich(), patient=True)
    again = Dataset.from_json(found)
    assert again[0x00091010].value == "private"
    assert str(again.PatientName.ideographic) == "山田^太郎"
    assert "7FE00010" not in found
    assert "PixelData" in rich()


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("006M", 6, "month"), ("045Y", 45, "year"), ("002W", 2, "week"), ("010D", 10, "day")],
)
def test_an_age_has_a_unit(text, value, unit):
    assert parsed_age(text).model_dump() == {"value": value, "unit": unit}


def test_what_is_no_age_is_none():
    assert [parsed_age(text) for text in ("", "Y", "6", "06X", "six")] == [None] * 5


def test_a_series_tells_what_it_is(tmp_path):
    found = JobContext.local(series(tmp_path / "dicom", PatientAge="045Y")).series.metadata()
    assert (found.modality, found.instances, found.rows, found.columns) == ("MR", 4, 6, 8)
    assert found.pixel_spacing_mm == (3.0, 2.0)
    assert found.image_type == ["ORIGINAL", "PRIMARY", "M", "NONE"]
    assert found.patient_age.value == 45
    assert "Müller" not in found.model_dump_json()


def test_metadata_of_images_with_odd_values_are_there_all_the_same(tmp_path):
    folder = series(tmp_path / "d", 1, SeriesNumber=None, PixelSpacing=None, SliceThickness=None)
    found = JobContext.local(folder).series.metadata()
    assert (found.series_number, found.pixel_spacing_mm, found.slice_thickness_mm) == (None,) * 3
