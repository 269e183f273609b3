"""Pure rules: which state follows which, who may start, what a file may be called."""

from itertools import product
from uuid import UUID

import pytest

from device_manager.acquisitions.rules import (
    OPEN_STATES,
    AcquisitionState,
    DeviceSituation,
    may_become,
    raise_refusals,
    start_refusals,
)
from device_manager.uploads.rules import check_header, result_id_of, result_type
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    ScanHubError,
    UnavailableError,
    UnprocessableError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import AcquisitionTaskOut, DeviceStatus, ItemStatus

S = AcquisitionState
ALLOWED = {
    *product([S.REQUESTED], [S.ACCEPTED, S.RUNNING, S.STOPPING]),
    *product([S.ACCEPTED], [S.RUNNING, S.LOST, S.STOPPING]),
    *product([S.RUNNING], [S.PAUSED, S.LOST, S.STOPPING]),
    *product([S.PAUSED], [S.RUNNING, S.LOST, S.STOPPING]),
    *product([S.LOST], [S.ACCEPTED, S.RUNNING, S.PAUSED, S.STOPPING]),
    *product(OPEN_STATES, [S.FINISHED, S.STOPPED, S.FAILED]),
}


@pytest.mark.parametrize(("state", "to"), list(product(S, S)))
def test_every_pair_of_states(state, to):
    assert may_become(state, to) is ((state, to) in ALLOWED)


def make_task(**changes) -> AcquisitionTaskOut:
    return AcquisitionTaskOut.model_validate(
        {
            "id": new_id(),
            "name": "GRE",
            "workflow_id": new_id(),
            "device_id": new_id(),
            "sequence_id": "a sequence",
            "creator": "test",
            "datetime_created": utc_now(),
            "position": 0,
            "version": 1,
            **changes,
        }
    )


def situation(**changes) -> DeviceSituation:
    ready = {
        "name": "MR 1",
        "status": DeviceStatus.ONLINE,
        "status_detail": None,
        "online": True,
        "open_task_id": None,
    }
    return DeviceSituation(**{**ready, **changes})


def refused(task, device, *, sequence_found=True) -> ScanHubError:
    with pytest.raises(ScanHubError) as error:
        raise_refusals(start_refusals(task, device, sequence_found=sequence_found))
    return error.value


def test_a_good_task_on_a_ready_device_may_start():
    assert start_refusals(make_task(), situation(), sequence_found=True) == []
    calibration = make_task(sequence_id=None, calibration=["frequency"])
    assert start_refusals(calibration, situation(), sequence_found=True) == []


@pytest.mark.parametrize(
    ("task", "device", "error"),
    [
        ({"device_id": None}, None, NotFoundError),
        ({}, None, NotFoundError),
        ({"sequence_id": None}, {}, UnprocessableError),
        ({"is_template": True}, {}, UnprocessableError),
        ({"workflow_id": None}, {}, UnprocessableError),
        ({"status": ItemStatus.INPROGRESS}, {}, ConflictError),
        ({}, {"online": False, "status": DeviceStatus.OFFLINE}, UnavailableError),
        ({}, {"open_task_id": UUID(int=7)}, ConflictError),
        ({}, {"status": DeviceStatus.BUSY}, ConflictError),
        ({}, {"status": DeviceStatus.ERROR}, ConflictError),
    ],
)
def test_each_reason_has_its_status(task, device, error):
    found = refused(make_task(**task), None if device is None else situation(**device))
    assert type(found) is error
    assert len(found.extensions["reasons"]) == 1


def test_all_reasons_are_named_at_once():
    found = refused(
        make_task(is_template=True, status=ItemStatus.STARTED),
        situation(online=False, status=DeviceStatus.OFFLINE, open_task_id=UUID(int=7)),
        sequence_found=False,
    )
    assert type(found) is NotFoundError
    assert len(found.extensions["reasons"]) == 5


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("a.dcm", "DICOM"),
        ("a.DICOM", "DICOM"),
        ("a.mrd", "MRD"),
        ("a.h5", "MRD"),
        ("a.npy", "NUMPY"),
        ("a.json", "CALIBRATION"),
        ("a.txt", "NOT_SET"),
        ("a", "NOT_SET"),
    ],
)
def test_the_end_of_its_name_says_what_a_file_is(filename, kind):
    assert result_type(filename) == kind


@pytest.mark.parametrize(
    "filename",
    ["", "..", "../x", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\n", ".hidden", "x.part",
     "device_parameter.json", "x" * 300, "x.", "CON:"],
)  # fmt: skip
def test_names_that_are_no_file_names_are_refused(filename):
    with pytest.raises(UnprocessableError):
        check_header(filename, 10, largest=100)


def test_sizes_are_checked():
    assert check_header("data.mrd", 100, largest=100) == "data.mrd"
    with pytest.raises(PayloadTooLargeError):
        check_header("data.mrd", 101, largest=100)
    for size in (0, -1):
        with pytest.raises(UnprocessableError):
            check_header("data.mrd", size, largest=100)


def test_the_same_file_of_the_same_scan_makes_the_same_result():
    one, other = new_id(), new_id()
    assert result_id_of(one, "a") == result_id_of(one, "a")
    assert len({result_id_of(one, "a"), result_id_of(one, "b"), result_id_of(other, "a")}) == 3
