import pytest

from scanhub_libraries.wording import counted


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (11, "11 images")]
)
def test_one_is_told_as_one(count, text):
    assert counted(count, "image") == text


def test_what_has_another_plural_gets_it():
    assert counted(1, "study", "studies") == "1 study"
    assert counted(3, "study", "studies") == "3 studies"
