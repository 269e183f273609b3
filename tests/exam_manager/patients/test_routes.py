from datetime import date

import pytest

from exam_manager.patients import rules
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import Gender

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"


def test_the_age_counts_birthdays():
    born = date(2000, 2, 29)
    assert rules.age_years(born, date(2026, 2, 28)) == 25
    assert rules.age_years(born, date(2026, 3, 1)) == 26
    assert rules.age_years(born, date(2028, 2, 29)) == 28
    assert rules.age_years(born, born) == 0


def test_the_weight_is_rounded_to_the_safe_side():
    limits = rules.acquisition_limits(
        height=180.5,
        weight=79.99,
        sex=Gender.MALE,
        birth_date=date(1990, 1, 1),
        today=date(2026, 1, 1),
    )
    assert (limits.patient_weight, limits.patient_height, limits.patient_age) == (79, 180.5, 36)


@pytest.mark.parametrize(
    ("height", "weight", "count"),
    [(170, 70, 0), (None, 70, 1), (0, 70, 1), (170, None, 1), (170, 0.9, 1), (None, None, 2)],
)
def test_what_bounds_the_scan_must_be_known(height, weight, count):
    assert len(rules.limit_reasons(height, weight)) == count


def test_a_patient_with_exams_stays():
    rules.check_no_exams([])
    exam = new_id()
    with pytest.raises(ConflictError) as caught:
        rules.check_no_exams([exam])
    assert caught.value.extensions["exams"] == [str(exam)]


async def test_a_patient_is_made_changed_and_deleted(either):
    made = await either.patient()
    url = f"{PATIENT}/{made['id']}"
    assert (await either.call("GET", url, expect=200)).json() == made
    changed = {**made, "weight": 70.25, "comment": "claustrophobic"}
    after = (await either.call("PUT", url, json=changed, expect=200)).json()
    assert (after["weight"], after["comment"]) == (70.25, "claustrophobic")
    assert after["datetime_updated"] is not None
    await either.call("DELETE", url, expect=204)
    await either.call("GET", url, expect=404)
    await either.call("PUT", url, json=changed, expect=404)
    await either.call("DELETE", url, expect=404)
    kinds = [event.type for event in await either.events()]
    assert kinds == ["patient.created", "patient.updated", "patient.deleted"]
    # Events go to the journal: ids, no names.
    assert "Lovelace" not in str([event.data for event in await either.events()])


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_name": ""},
        {"last_name": "   "},
        {"birth_date": "2999-01-01"},
        {"birth_date": "1700-01-01"},
        {"height": -3},
        {"height": 1000},
        {"weight": 0},
        {"weight": "NaN"},
        {"sex": "X"},
        {"first_name": "a\x00b"},
    ],
)
async def test_impossible_values_are_refused(platform, wrong):
    right = {k: v for k, v in (await platform.patient()).items() if k != "id"}
    answer = await platform.call("POST", f"{PATIENT}/", json={**right, **wrong}, expect=422)
    assert answer.json()["errors"][0]["pointer"] == f"/body/{next(iter(wrong))}"


async def test_a_patient_with_exams_is_not_deleted(platform):
    exam = await platform.exam()
    url = f"{PATIENT}/{exam['patient_id']}"
    refused = (await platform.call("DELETE", url, expect=409)).json()
    assert refused["exams"] == [exam["id"]]
    await platform.call("DELETE", f"{EXAM}/{exam['id']}", expect=204)
    await platform.call("DELETE", url, expect=204)


async def test_the_list_is_searched_and_paged(either):
    names = [("Jürgen", "Müller"), ("Ada", "Lovelace"), ("ÖZGE", "100%_Test")]
    ids = [(await either.patient(first_name=f, last_name=n))["id"] for f, n in names]

    async def found(**params):
        answer = await either.call("GET", f"{PATIENT}/", params=params, expect=200)
        return [ids.index(patient["id"]) for patient in answer.json()]

    assert await found() == [0, 1, 2]
    assert await found(search="MÜLLER jür") == [0]
    assert await found(search="özge") == [2]
    assert await found(search="0%_t") == [2]
    assert await found(search="%") == [2]
    assert await found(search="nobody") == []
    assert await found(limit=2) == [0, 1]
    assert await found(limit=2, after=ids[1]) == [2]
