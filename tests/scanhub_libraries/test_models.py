from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from scanhub_libraries.clock import utc_now
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import (
    AcquisitionPayload,
    BaseAcquisitionTask,
    BaseDAGTask,
    BaseExam,
    BasePatient,
    ClaimTask,
    MRISequenceOut,
    TaskIn,
)

PATIENT = {
    "first_name": "Ada",
    "last_name": "Phantom",
    "birth_date": "1985-12-10",
    "sex": "FEMALE",
    "height": 168,
    "weight": 62,
    "issuer": "x",
}
TASK = TypeAdapter(TaskIn)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", "  "),
        ("last_name", ""),
        ("height", -3),
        ("weight", 0),
        ("weight", 501),
        ("birth_date", "1800-01-01"),
        ("birth_date", (utc_now() + timedelta(days=2)).date().isoformat()),
        ("sex", "X"),
    ],
)
def test_a_patient_with_a_wrong_value_is_refused_by_the_name_of_the_field(field, value):
    assert BasePatient.model_validate(PATIENT)
    with pytest.raises(ValidationError) as caught:
        BasePatient.model_validate({**PATIENT, field: value})
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_the_type_of_a_task_chooses_its_model():
    acquisition = TASK.validate_python({"name": "a", "task_type": "ACQUISITION"})
    assert isinstance(acquisition, BaseAcquisitionTask)
    dag = {"name": "a", "task_type": "DAG", "dag_type": "PROCESSING", "dag_id": "x"}
    assert isinstance(TASK.validate_python(dag), BaseDAGTask)
    with pytest.raises(ValidationError):
        TASK.validate_python({"name": "a", "task_type": "COFFEE"})


@pytest.mark.parametrize("progress", [-1, 101])
def test_progress_is_a_percentage(progress):
    with pytest.raises(ValidationError):
        TASK.validate_python({"name": "a", "task_type": "ACQUISITION", "progress": progress})


def test_the_id_of_a_sequence_is_called_underscore_id_on_the_wire():
    sequence = MRISequenceOut(id="abc", name="gre", created_at=utc_now())
    document = sequence.model_dump(mode="json", by_alias=True)
    assert document["_id"] == "abc"
    assert MRISequenceOut.model_validate(document) == sequence


def test_the_payload_of_a_start_carries_sequence_and_token():
    payload = AcquisitionPayload(
        id=new_id(),
        name="gre",
        creator="ada",
        datetime_created=utc_now(),
        position=0,
        version=1,
        access_token="t",
        sequence=MRISequenceOut(id="abc", name="gre", created_at=utc_now(), seq_file="x"),
    )
    document = payload.model_dump(mode="json", by_alias=True)
    assert document["task_type"] == "ACQUISITION"
    assert document["sequence"]["seq_file"] == "x"
    assert AcquisitionPayload.model_validate(document) == payload


def test_a_claim_names_exactly_one_claimant():
    for claimant in ({}, {"device_id": new_id(), "run_id": new_id()}):
        with pytest.raises(ValidationError):
            ClaimTask(claim_id=new_id(), **claimant)


@pytest.mark.parametrize(
    ("model", "whole", "field"),
    [
        (BaseExam, {"name": "Head"}, "accession_number"),
        (BasePatient, PATIENT, "patient_id"),
        (BasePatient, PATIENT, "last_name"),
    ],
)
def test_half_a_character_is_none(model, whole, field):
    with pytest.raises(ValidationError):
        model.model_validate({**whole, field: "a\ud800"})
    assert model.model_validate({**whole, field: "a😀"})
