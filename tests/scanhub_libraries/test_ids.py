import time

from scanhub_libraries.ids import dicom_uid, new_id


def test_ids_are_version_7_and_sort_by_time():
    first = new_id()
    time.sleep(0.002)
    second = new_id()
    assert first.version == second.version == 7
    assert first.variant == "specified in RFC 4122"
    assert first < second
    assert abs((first.int >> 80) / 1000 - time.time()) < 5


def test_ten_thousand_ids_are_all_different():
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_dicom_uid_of_an_id_is_valid():
    uid = dicom_uid(new_id())
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    assert uid[5] != "0"
