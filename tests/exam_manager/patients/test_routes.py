import asyncio
from datetime import date, timedelta

import pytest

from exam_manager.patients import rules
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import Gender

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"


def person(**changes):
    return {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "birth_date": "1985-12-10",
        "sex": "FEMALE",
        "height": 165.5,
        "weight": 61.9,
        "issuer": "clinic",
        **changes,
    }


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


FLAGS = {
    "implants": ["Pacemaker, MR conditional to 1.5 T"],
    "allergies": ["Gadobutrol"],
    "medical_alerts": ["MRSA"],
    "pregnancy_status": "UNKNOWN",
}


async def test_what_a_scan_has_to_mind_is_kept_by_who_does_not_know_of_it(either):
    plain = await either.patient()
    assert [plain[name] for name in FLAGS] == [None, [], [], None]
    made = await either.patient(**FLAGS)
    assert {name: made[name] for name in FLAGS} == FLAGS
    url = f"{PATIENT}/{made['id']}"
    stranger = {name: value for name, value in made.items() if name not in FLAGS}
    kept = (await either.call("PUT", url, json=stranger, expect=200)).json()
    assert {name: kept[name] for name in FLAGS} == FLAGS
    none = {**stranger, "implants": [], "allergies": [], "pregnancy_status": None}
    after = (await either.call("PUT", url, json=none, expect=200)).json()
    assert [after[name] for name in FLAGS] == [[], [], ["MRSA"], None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"implants": [" "]},
        {"implants": ["a\\b"]},
        {"allergies": ["x" * 65]},
        {"medical_alerts": ["x"] * 17},
        {"pregnancy_status": "PERHAPS"},
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
    assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{next(iter(wrong))}")


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


async def test_an_edit_of_a_patient_names_the_version_it_is_of(either):
    made = await either.patient()
    url = f"{PATIENT}/{made['id']}"
    assert (await either.call("GET", url)).headers["ETag"] == '"1"'
    stale = {**either.medical, "If-Match": '"1"'}
    after = await either.call("PUT", url, json={**made, "weight": 70}, headers=stale, expect=200)
    assert (after.headers["ETag"], after.json()["version"]) == ('"2"', 2)
    await either.call("PUT", url, json=made, headers=stale, expect=412)
    await either.call("DELETE", url, headers=stale, expect=412)
    assert (await either.call("GET", url)).json() == after.json()
    current = {**either.medical, "If-Match": '"2"'}
    await either.call("DELETE", url, headers=current, expect=204)


async def test_a_number_of_the_hospital_is_one_person(either):
    ada = await either.patient(patient_id="  P-100 ")
    assert ada["patient_id"] == "P-100"
    body = {**ada, "first_name": "Grace"}
    refused = await either.call("POST", f"{PATIENT}/", json=body, expect=409)
    assert (refused.json()["field"], refused.json()["patient"]) == ("patient_id", ada["id"])
    assert ada["id"] in refused.json()["detail"]
    grace = await either.patient(patient_id="")
    assert grace["patient_id"] is None
    await either.patient()  # any number of people may have none
    url = f"{PATIENT}/{grace['id']}"
    await either.call("PUT", url, json={**grace, "patient_id": "P-100"}, expect=409)
    await either.call("PUT", url, json={**grace, "patient_id": "P-101"}, expect=200)
    # A client that does not know of numbers leaves them alone.
    old_client = {name: value for name, value in ada.items() if name != "patient_id"}
    after = await either.call("PUT", f"{PATIENT}/{ada['id']}", json=old_client, expect=200)
    assert after.json()["patient_id"] == "P-100"
    both = await asyncio.gather(
        *(either.call("POST", f"{PATIENT}/", json=person(patient_id="P-7")) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in both) == [201, 409, 409, 409, 409]


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("last_name", "Love^lace", "separate"),
        ("last_name", "Love=lace", "separate"),
        ("first_name", "A\\da", "separate"),
        ("first_name", "A\nda", "control"),
        ("first_name", "x" * 65, "64"),
        ("last_name", "x" * 61, "64"),  # with ^Ada one too many
        ("patient_id", "1\\2", "separate"),
        ("patient_id", "1\t2", "control"),
        ("patient_id", "x" * 65, "64"),
        ("last_name", "Ada\u202ecalevoL", "turns"),
        ("patient_id", "\u202e001", "turns"),
        ("first_name", "\u200b\u00a0", "shows nothing"),
        ("patient_id", "\ufeff", "shows nothing"),
    ],
)
async def test_what_no_dicom_value_can_hold_is_refused_in_words(platform, field, value, word):
    body = person(**{field: value})
    answer = await platform.call("POST", f"{PATIENT}/", json=body, expect=422)
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"/body/{field}"
    assert word in error["detail"]


async def test_who_is_born_where_the_day_begins_first_is_taken(platform):
    tomorrow = (utc_now() + timedelta(hours=14)).date()
    made = await platform.patient(birth_date=tomorrow.isoformat(), last_name="مریم\u200cپور")
    assert rules.age_years(date.fromisoformat(made["birth_date"]), utc_now().date()) == 0
    after = (tomorrow + timedelta(days=1)).isoformat()
    body = {**made, "birth_date": after}
    await platform.call("PUT", f"{PATIENT}/{made['id']}", json=body, expect=422)


async def test_a_name_that_just_fits_is_taken(platform):
    made = await platform.patient(last_name="x" * 60, first_name="Ada", patient_id="Ö" * 64)
    assert (made["last_name"], made["patient_id"]) == ("x" * 60, "Ö" * 64)


async def test_the_list_is_filtered_ordered_and_paged(either):
    people = [
        ("Zoe", "Adams", "1990-01-02", "A-1"),
        ("Bob", "adams", "1980-05-05", "A-2"),
        ("Cid", "Baker", "1980-05-05", "B_1"),
        ("Dan", "Cole", "2000-12-31", None),
    ]
    for first, last, born, number in people:
        await either.patient(first_name=first, last_name=last, birth_date=born, patient_id=number)

    async def found(**params):
        answer = await either.call("GET", f"{PATIENT}/", params=params, expect=200)
        return [patient["first_name"] for patient in answer.json()]

    async def paged(**params):
        names, url = [], f"{PATIENT}/"
        while url:
            answer = await either.call("GET", url, params=params, expect=200)
            names += [patient["first_name"] for patient in answer.json()]
            link, params = answer.headers.get("Link"), None
            url = link and link[1 : link.index(">")]
        return names

    for order, expected in (
        ("created", ["Zoe", "Bob", "Cid", "Dan"]),
        ("-created", ["Dan", "Cid", "Bob", "Zoe"]),
        ("name", ["Bob", "Zoe", "Cid", "Dan"]),
    ):
        assert await found(order=order) == expected
        for limit in (1, 3):
            assert await paged(order=order, limit=limit) == expected
    by_birth = await paged(order="birth_date", limit=1)
    assert (set(by_birth[:2]), by_birth[2:]) == ({"Bob", "Cid"}, ["Zoe", "Dan"])
    assert await found(patient_id="a-") == ["Zoe", "Bob"]
    assert await found(patient_id="B_") == ["Cid"]
    assert await found(patient_id="%") == []
    assert await found(birth_date="1980-05-05", search="adams") == ["Bob"]
    await either.call("GET", f"{PATIENT}/", params={"order": "weight"}, expect=422)
    await either.call("GET", f"{PATIENT}/", params={"birth_date": "x"}, expect=422)
