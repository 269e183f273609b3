"""The ready protocols of an installation are files that could be imported."""

from exam_manager.exams.protocol_checks import file_faults, numbered
from scanhub.examples import example_protocols


def test_each_ready_protocol_is_a_file_without_faults_with_a_job_for_every_scan():
    for file in example_protocols().values():
        assert file_faults(file) == []
        (protocol,) = file.protocols
        tasks = [task for _, task in numbered(protocol)]
        scans = [task.ref for task in tasks if task.task_type == "ACQUISITION"]
        read = [ref for task in tasks if task.task_type == "DAG" for ref in task.inputs]
        assert scans == read
