"""People are found however their names and numbers are typed, on either database."""

import unicodedata

import pytest

from exam_manager.searching import folded, search_terms
from exam_manager.sequences import rules as sequence_rules
from scanhub_libraries.models import BaseMRISequence

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"


def composed(text):
    return unicodedata.normalize("NFC", text)


def decomposed(text):
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize("text", ["Müller", "MÜLLER", decomposed("Müller"), "ﬁ", "Straße", "İ"])
def test_what_looks_the_same_is_folded_to_the_same(text):
    assert folded(text) == folded(decomposed(text)) == folded(folded(text))
    assert search_terms(text) == [folded(text)]


def test_sequences_are_searched_in_the_same_way():
    body = BaseMRISequence(name=decomposed("Schädel"), description="100%", tags=["Größe"])
    text = sequence_rules.search_text(body)
    assert folded("Schädel") in text
    for search, tag in (
        ("schÄdel", None),
        (decomposed("SCHÄ"), None),
        (None, decomposed("GRÖSSE")),
    ):
        for pattern in sequence_rules.search_patterns(search, tag):
            assert pattern.strip("%") in text
    assert sequence_rules.search_patterns("0%", None) == ["%0\\%%"]


async def found(platform, path, **params):
    return {item["id"] for item in (await platform.call("GET", path, params=params)).json()}


async def test_a_name_is_found_however_its_accents_are_typed(either):
    people = {
        (await either.patient(last_name=spelled("Müller")))["id"]
        for spelled in (composed, decomposed)
    }
    for typed in ("Müller", "MÜLLER", "müll"):
        for spelled in (composed, decomposed):
            assert await found(either, f"{PATIENT}/", search=spelled(typed)) == people, typed


async def test_a_number_is_one_person_however_it_is_typed(either):
    made = await either.patient(patient_id=decomposed("Äb-1"))
    assert made["patient_id"] == composed("Äb-1")
    for typed in ("Äb-1", "äB-1", "ÄB", decomposed("äb")):
        assert await found(either, f"{PATIENT}/", patient_id=typed) == {made["id"]}, typed
    for typed in ("ÄB-1", "äb-1 ", decomposed("Äb-1")):
        body = {**made, "patient_id": typed}
        refused = await either.call("POST", f"{PATIENT}/", json=body, expect=409)
        assert refused.json()["patient"] == made["id"]
    await either.call("PUT", f"{PATIENT}/{made['id']}", json={**made, "patient_id": "äb-1"})
    assert await found(either, f"{PATIENT}/", patient_id="ÄB-1") == {made["id"]}


async def test_signs_of_like_stand_for_themselves(either):
    made = await either.patient(last_name="50%_x", patient_id="1_%")
    await either.patient(last_name="500 x", patient_id="123")
    for params in ({"search": "%"}, {"search": "_"}, {"patient_id": "1_"}, {"patient_id": "1_%"}):
        assert await found(either, f"{PATIENT}/", **params) == {made["id"]}, params


async def test_an_exam_is_found_by_name_and_accession_number(either):
    made = await either.exam(name=decomposed("Schädel"), accession_number=" Ö%7 ")
    await either.exam(accession_number="Öx7")
    assert made["accession_number"] == "Ö%7"
    for typed in ("schädel", "SCHÄDEL", decomposed("Schäd"), "ö%", "Ö%7", decomposed("ö%7")):
        for path in (f"{EXAM}/list", f"{EXAM}/all/{made['patient_id']}"):
            assert await found(either, path, search=typed) == {made["id"]}, typed
    body = {**made, "accession_number": "N-1", "status": "UPDATED"}
    await either.call("PUT", f"{EXAM}/{made['id']}", json=body, expect=200)
    assert await found(either, f"{EXAM}/list", search="n-1") == {made["id"]}
    assert await found(either, f"{EXAM}/list", search="ö%7") == set()


@pytest.mark.parametrize("number", ["x" * 17, "a\\b", "a\nb"])
async def test_an_accession_number_that_images_cannot_bear_is_refused(platform, number):
    patient = await platform.patient()
    body = {"patient_id": patient["id"], "name": "Head", "accession_number": number}
    answer = await platform.call("POST", f"{EXAM}/new", json=body, expect=422)
    assert answer.json()["errors"][0]["pointer"] == "/body/accession_number"


async def test_who_does_not_know_of_accession_numbers_leaves_them(platform):
    exam = await platform.exam(accession_number="A-1")
    names = ("patient_id", "name", "description", "indication", "comment", "is_template")
    body = {name: exam[name] for name in names} | {"status": "UPDATED"}
    url = f"{EXAM}/{exam['id']}"
    kept = await platform.call("PUT", url, json=body, expect=200)
    assert kept.json()["accession_number"] == "A-1"
    body["accession_number"] = None
    cleared = await platform.call("PUT", url, json=body, expect=200)
    assert cleared.json()["accession_number"] is None
