"""The page about DICOMweb names what the code matches and serves, and nothing else."""

import re
from pathlib import Path

from workflow_manager.dicom.attributes import COLUMNS, SERIES_TAGS, STUDY_TAGS, Level
from workflow_manager.dicomweb import settling
from workflow_manager.dicomweb.searching import MOST
from workflow_manager.query import dimse, rules

PAGE = (Path(__file__).parents[2] / "docs" / "dicomweb.md").read_text()


def row(level, number):
    """The attributes in a row of the first or second table of that level."""
    rows = re.findall(rf"^\| {level} \| (.*) \|$", PAGE, re.MULTILINE)
    return {name.split(" ")[0] for name in rows[number].split(", ")}


def test_the_columns_are_on_the_page():
    for level in Level:
        expected = {a.keyword for a in COLUMNS if a.level is level}
        expected |= {keyword for keyword, (own, _) in rules.UIDS.items() if own is level}
        if level is Level.STUDY:
            expected.add(rules.MODALITIES)
        assert row(level.capitalize(), 0) == expected


def test_what_is_kept_beside_them_is_on_the_page():
    assert row("Study", 1) == set(STUDY_TAGS) - {"SpecificCharacterSet"}
    both = {"SpecificCharacterSet", *STUDY_TAGS}
    assert row("Series", 1) == set(SERIES_TAGS) - both


def test_services_limits_and_reasons_are_on_the_page():
    for uid in (*dimse.FIND, *dimse.MOVE, *dimse.GET):
        assert f"| {uid} " in PAGE
    assert f"at most {MOST} at once" in PAGE
    reasons = (settling.WRONG_STUDY, settling.DUPLICATE_UID, settling.CANNOT_UNDERSTAND)
    for reason in (*reasons, settling.PROCESSING_FAILURE):
        assert f"`{reason:04X}`" in PAGE
