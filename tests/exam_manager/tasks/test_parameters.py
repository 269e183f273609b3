"""Whatever a person puts into a job's parameters: what is taken can be read again."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from scanhub_libraries.models import BaseDAGTask, DAGTaskOut

EXAM = "/api/v1/exam"
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**70, -(2**63) - 1, 10**4000, -0.0, 5e-324, 1.7976931348623157e308]),
)
LETTERS = st.text(st.characters(exclude_categories=[]))  # half surrogate pairs too
DOCUMENTS = st.dictionaries(
    LETTERS,
    st.recursive(
        st.none() | st.booleans() | NUMBERS | LETTERS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LETTERS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)
RAW = [
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "1" * 5000,
    '"\\ud800"',
    '"\\u0000"',
    "-0.0",
    "1e-9999",
]


@given(DOCUMENTS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_parameter_is_refused_or_stays_what_it_is(document):
    body = {"name": "R", "dag_type": "RECONSTRUCTION", "dag_id": "x", "parameter": document}
    try:
        taken = BaseDAGTask.model_validate(body).parameter
    except ValidationError:
        return
    stored = json.loads(json.dumps(taken))  # as the column does
    assert stored == document
    assert json.loads(to_json(stored)) == document  # as a tree does
    shown = DAGTaskOut.model_construct(parameter=stored).model_dump_json(include={"parameter"})
    assert json.loads(shown)["parameter"] == document


@pytest.mark.parametrize("value", RAW)
async def test_a_strange_value_never_makes_a_record_unreadable(either, value):
    exam = await either.exam(is_template=True)
    job = await either.job(await either.workflow(exam))
    body = json.dumps({**job, "parameter": {"a": "?", "b": ["?"]}}).replace('"?"', value)
    headers = {**either.medical, "Content-Type": "application/json"}
    url = f"{EXAM}/task/{job['id']}"
    put = await either.call("PUT", url, content=body, headers=headers)
    assert put.status_code in {200, 400, 422}, put.text
    for path in (url, f"{EXAM}/{exam['id']}", f"{EXAM}/{exam['id']}/timeline"):
        await either.call("GET", path, expect=200)
    again = (await either.call("GET", url)).json()
    assert (await either.call("PUT", url, json=again, expect=200)).json()["parameter"] == (
        again["parameter"]
    )
