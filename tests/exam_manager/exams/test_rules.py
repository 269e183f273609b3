from itertools import product

import pytest

from exam_manager.exams import rules
from exam_manager.exams.rules import MAY, Act
from scanhub_libraries.errors import BadRequestError, ConflictError
from scanhub_libraries.models import Standing, TaskType

# Written down a second time, as a person would say it.
EXPECTED = {
    Act.EDIT: {Standing.INSTANCE, Standing.DRAFT},
    Act.DELETE: {Standing.INSTANCE, Standing.DRAFT},
    Act.COPY: {Standing.DRAFT, Standing.RELEASED},
    Act.RELEASE: {Standing.DRAFT},
    Act.REVISE: {Standing.RELEASED, Standing.RETIRED},
    Act.RETIRE: {Standing.RELEASED},
    Act.EXPORT: {Standing.DRAFT, Standing.RELEASED, Standing.RETIRED},
    Act.CLAIM: {Standing.INSTANCE},
    Act.STORE_RESULT: {Standing.INSTANCE},
    Act.HAVE_PATIENT: {Standing.INSTANCE},
}


@pytest.mark.parametrize(("standing", "act"), list(product(Standing, Act)))
def test_what_may_be_done_with_a_template_is_this_table(standing, act):
    if standing in EXPECTED[act]:
        rules.check_act(standing, act)
    else:
        with pytest.raises(ConflictError) as caught:
            rules.check_act(standing, act)
        assert caught.value.extensions == {"standing": standing.value, "act": act.value}
        assert caught.value.detail.endswith(".")


def test_every_standing_and_act_is_in_the_table():
    assert set(MAY) == set(Standing)
    assert set(EXPECTED) == set(Act)


@pytest.mark.parametrize(
    ("is_template", "released", "retired", "standing"),
    [
        (False, False, False, Standing.INSTANCE),
        (True, False, False, Standing.DRAFT),
        (True, True, False, Standing.RELEASED),
        (True, True, True, Standing.RETIRED),
    ],
)
def test_the_standing_follows_from_what_happened(is_template, released, retired, standing):
    found = rules.standing(is_template=is_template, released=released, retired=retired)
    assert found is standing


def test_patients_and_sources_follow_the_table():
    rules.check_source(is_template=True, what="exam")
    with pytest.raises(BadRequestError):
        rules.check_source(is_template=False, what="exam")
    assert rules.template_may(Act.CLAIM, is_template=False)
    assert not rules.template_may(Act.STORE_RESULT, is_template=True)


def test_the_reasons_against_a_release():
    workflow = {"id": "w", "name": "Brain"}
    scan = {
        "id": "a",
        "name": "S",
        "workflow_id": "w",
        "task_type": TaskType.ACQUISITION,
        "sequence_id": "q",
        "calibration": [],
        "input_task_ids": [],
    }
    job = {**scan, "id": "b", "name": "R", "task_type": TaskType.DAG, "dag_id": "x"}

    def reasons(**changes):
        return rules.release_reasons([workflow], [scan, {**job, **changes}])

    assert reasons(input_task_ids=["a"]) == []
    assert rules.release_reasons([workflow], [{**scan, "calibration": ["shims"]}]) == []
    assert "no task of this template" in reasons(input_task_ids=["z"])[0]
    assert "its own result" in reasons(input_task_ids=["b"])[0]
    assert "no job" in reasons(dag_id="")[0]
    assert rules.release_reasons([], []) == ["There is no workflow."]


@pytest.mark.parametrize(
    ("version", "newest", "word"),
    [(1, None, None), (2, 2, None), (1, 2, "since"), (3, 2, "draft"), (None, 2, None)],
)
def test_a_copy_of_another_version_than_the_newest_says_so(version, newest, word):
    note = rules.copy_note(version, newest)
    assert (note is None) if word is None else (word in note)
