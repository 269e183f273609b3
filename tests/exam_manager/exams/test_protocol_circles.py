"""Tasks of a file that would wait for one another, found in any graph."""

from hypothesis import given
from hypothesis import strategies as st

from exam_manager.exams.protocol_checks import file_faults
from scanhub_libraries.models import ProtocolsFile

REFS = [f"t{number}" for number in range(7)]
GRAPHS = st.fixed_dictionaries({ref: st.lists(st.sampled_from(REFS), max_size=3) for ref in REFS})


def file_of(graph):
    job = {"task_type": "DAG", "name": "R", "dag_type": "RECONSTRUCTION", "dag_id": "x"}
    tasks = [{**job, "ref": ref, "inputs": graph[ref]} for ref in REFS]
    protocol = {
        "protocol_id": "0190aaaa-0000-7000-8000-000000000001",
        "version": 1,
        "name": "P",
        "workflows": [{"name": "W", "tasks": tasks}],
    }
    content = {"format": "scanhub-protocols", "format_version": 1, "protocols": [protocol]}
    return ProtocolsFile.model_validate(content)


def reached(graph, ref):
    found, waiting = set(), list(graph[ref])
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += graph[item]
    return found


@given(GRAPHS)
def test_what_waits_for_itself_is_told_and_nothing_that_can_be_done(graph):
    places = {fault.pointer for fault in file_faults(file_of(graph))}
    told = {ref for n, ref in enumerate(REFS) if any(f"/tasks/{n}/inputs" in p for p in places)}
    circular = {ref for ref in REFS if ref in reached(graph, ref)}
    between = {
        ref
        for ref in REFS
        if circular & reached(graph, ref) and any(ref in reached(graph, item) for item in circular)
    }
    assert told == circular | between
