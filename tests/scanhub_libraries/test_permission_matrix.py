"""Who may do what, written down a second time: a change of the table is seen and meant.

A admin, M medical, S scientist, E engineer; s another service; t the task's device, j its run, x a
job of the SDK about itself; k who has the shared key; p also before a demanded change of password.
"""

import pytest

from scanhub_libraries.security.access import Access
from scanhub_libraries.security.permissions import PERMISSIONS

LETTERS = "AMSEstjkpx"
MATRIX = {
    "AMSEp": """
        PUT userlogin/changepassword
        GET userlogin/getcurrentuser
        POST userlogin/logout
        DELETE userlogin/sessions
        GET userlogin/sessions
        DELETE userlogin/sessions/{session_id}
    """,
    "A": """
        POST workflowmanager/studies/{study_instance_uid}/remove
        GET workflowmanager/backups
        GET workflowmanager/settings
        POST workflowmanager/backups
        POST workflowmanager/modules
        PUT workflowmanager/modules/{name}/persistence
        PUT workflowmanager/modules/{name}
        DELETE workflowmanager/modules/{name}
        POST workflowmanager/modules/{name}/versions/{version}/revert
        POST workflowmanager/targets
        DELETE workflowmanager/targets/{name}
        PUT workflowmanager/targets/{name}
        POST workflowmanager/targets/{name}/versions/{version}/revert
        DELETE device/{device_id}/certificate
        DELETE workflowmanager/rules/{rule_name}
        POST workflowmanager/rules
        POST workflowmanager/notifications/test
        POST workflowmanager/rules/{rule_name}/versions/{version}/revert
        PUT device/{device_id}/certificate
        PUT workflowmanager/rules-order
        PUT workflowmanager/rules/{rule_name}
        GET userlogin/audit
        GET userlogin/audit.csv
        GET userlogin/audit.jsonl
        POST userlogin/createuser
        DELETE userlogin/deleteuser
        GET userlogin/getallusers
        POST userlogin/unlockuser
        PUT userlogin/updateuser
    """,
    "s": """
        GET userlogin/revocations
        POST exam/task/reports
        POST workflowmanager/journal/events
    """,
    "x": """
        GET workflowmanager/job/{session_id}/run
        PUT workflowmanager/job/{session_id}/progress
        GET workflowmanager/job/{session_id}/cancelled
        PUT workflowmanager/job/{session_id}/report
        GET workflowmanager/job/{session_id}/producers
        GET workflowmanager/job/{session_id}/peers
        GET workflowmanager/job/{session_id}/peers/{name}
        GET workflowmanager/job/{session_id}/instances
        GET workflowmanager/job/{session_id}/instances/{uid}/header
        GET workflowmanager/job/{session_id}/instances/{uid}/file
        PUT workflowmanager/job/{session_id}/images/{uid}
        GET workflowmanager/job/{session_id}/data
        GET workflowmanager/job/{session_id}/value
        PUT workflowmanager/job/{session_id}/value
        DELETE workflowmanager/job/{session_id}/value
        GET workflowmanager/job/{session_id}/files
        GET workflowmanager/job/{session_id}/file-info
        GET workflowmanager/job/{session_id}/file
        PUT workflowmanager/job/{session_id}/file
        DELETE workflowmanager/job/{session_id}/file
        PUT workflowmanager/job/{session_id}/uploads/{upload}
    """,
    "AMSEs": """
        GET workflowmanager/processing/{processing_id}/data
        GET workflowmanager/processing/{processing_id}/session-files
        GET workflowmanager/processing/{processing_id}/session-files/{key}/file
        GET workflowmanager/processing
        GET workflowmanager/processing/{processing_id}
        GET workflowmanager/processing/{processing_id}/files/{name:path}
        GET workflowmanager/previews/{task_id}
        GET workflowmanager/previews/{task_id}/{acquisition_id}/{number}
        GET workflowmanager/targets/{name}/diff
        GET workflowmanager/targets/{name}/versions
        GET workflowmanager/targets/{name}/versions/{version}
        GET workflowmanager/rules
        GET workflowmanager/rules/{rule_name}
        GET workflowmanager/rules/{rule_name}/diff
        GET workflowmanager/rules/{rule_name}/versions
        GET workflowmanager/rules/{rule_name}/versions/{version}
        GET workflowmanager/notifications/settings
        GET workflowmanager/rules-vocabulary
        GET workflowmanager/series/{series_instance_uid}/decision
        GET device/
        GET device/acquisitions
        GET device/acquisitions/{acquisition_id}
        GET device/uploads
        GET device/parameter-schemas
        GET device/parameter-schemas/{device_type}
        GET device/{device_id}
        GET device/{device_id}/calibrations
        GET device/{device_id}/calibrations/{calibration_id}
        GET device/{device_id}/parameter
        GET device/{device_id}/parameter/diff
        GET device/{device_id}/parameter/versions
        GET device/{device_id}/parameter/versions/{version}
        POST device/{device_id}/pause
        POST device/{device_id}/resume
        POST device/{device_id}/safety
        POST device/{device_id}/stop
        GET exam/all/{patient_id}
        GET exam/dcm/{workflow_id}/{task_id}/{result_id}/{filename}
        GET exam/list
        GET exam/mrd/{workflow_id}/{task_id}/{result_id}/data
        GET exam/mrd/{workflow_id}/{task_id}/{result_id}/download
        GET exam/mrd/{workflow_id}/{task_id}/{result_id}/kspace
        GET exam/mrd/{workflow_id}/{task_id}/{result_id}/meta
        GET exam/protocols
        GET exam/result/{result_id}/nifti
        GET exam/result/{result_id}/zip
        GET exam/sequence/{sequence_id}/blocks
        GET exam/sequence/{sequence_id}/file
        GET exam/sequence/{sequence_id}/header
        GET exam/sequence/{sequence_id}/plot
        GET exam/sequence/{sequence_id}/tasks
        GET exam/sequence/{sequence_id}/versions
        GET exam/sequences/all
        GET exam/sequences/diff
        GET exam/task/all/{workflow_id}
        GET exam/task/templates/all
        POST exam/task/{task_id}/claim
        GET exam/templates/all
        GET exam/templates/diff
        GET exam/templates/{exam_id}/versions
        GET exam/workflow/all/{exam_id}
        GET exam/workflow/templates/all
        GET exam/workflow/{workflow_id}
        GET exam/worklist
        GET exam/protocols/examples
        GET device/simulators
        GET exam/{exam_id}
        GET exam/{exam_id}/deviations
        GET exam/{exam_id}/timeline
        GET patient/
        GET patient/{patient_id}
        GET patient/{patient_id}/timeline
        GET workflowmanager/cases
        GET workflowmanager/cleaner
        GET workflowmanager/cleaner/preview
        GET workflowmanager/holds
        GET workflowmanager/jobs
        GET workflowmanager/queues
        GET workflowmanager/jobs/{job_id}
        GET workflowmanager/selftests
        GET workflowmanager/selftests/{selftest_id}
        GET workflowmanager/cases/{case_id}
        GET workflowmanager/commitments
        GET workflowmanager/commitments/{request_id}
        GET workflowmanager/dispatches
        GET workflowmanager/dispatches/{dispatch_id}
        GET workflowmanager/events
        GET workflowmanager/health/detail
        GET workflowmanager/dicomweb/instances
        GET workflowmanager/dicomweb/series
        GET workflowmanager/dicomweb/studies
        POST workflowmanager/dicomweb/studies
        POST workflowmanager/dicomweb/studies/{study}
        GET workflowmanager/dicomweb/studies/{study}/instances
        GET workflowmanager/dicomweb/studies/{study}/series
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances
        GET workflowmanager/dicomweb/studies/{study}
        GET workflowmanager/dicomweb/studies/{study}/metadata
        GET workflowmanager/dicomweb/studies/{study}/rendered
        GET workflowmanager/dicomweb/studies/{study}/thumbnail
        GET workflowmanager/dicomweb/studies/{study}/series/{series}
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/metadata
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/rendered
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/thumbnail
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/metadata
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/rendered
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/thumbnail
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frame}/rendered
        GET workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/bulkdata/{place:path}
        GET workflowmanager/notifications
        GET workflowmanager/instances/{sop_instance_uid}/file
        GET workflowmanager/kept-aside
        GET workflowmanager/kept-aside/{aside_id}/file
        GET workflowmanager/journal
        GET workflowmanager/runs
        GET workflowmanager/runs/{run_id}
        GET workflowmanager/series
        GET workflowmanager/series/{series_instance_uid}/instances
        POST workflowmanager/stop_task/{task_id}/
        GET workflowmanager/modules
        GET workflowmanager/modules/{name}
        GET workflowmanager/modules/{name}/versions
        GET workflowmanager/modules/{name}/versions/{version}
        GET workflowmanager/modules/{name}/diff
        GET workflowmanager/targets
        GET workflowmanager/targets/{name}
        GET workflowmanager/dispatches/pauses
        GET workflowmanager/datasets
        GET workflowmanager/datasets/{dataset_id}
        GET workflowmanager/imports
        GET workflowmanager/imports/{import_id}
        GET workflowmanager/imports/{import_id}/files
        GET workflowmanager/retrievals
        GET workflowmanager/retrievals/{retrieval_id}
        GET workflowmanager/retrievals/{retrieval_id}/accessions
        GET workflowmanager/tasks/
    """,  # noqa: E501 - the paths of DICOMweb are long
    "AMS": """
        POST exam/protocols/examples/{key}
        POST exam/templates/{exam_id}/release
        POST exam/templates/{exam_id}/retire
        DELETE exam/{exam_id}
        POST patient/
        DELETE patient/{patient_id}
        PUT patient/{patient_id}
    """,
    "AMSE": """
        POST workflowmanager/cases/{case_id}/processing/cancel
        POST workflowmanager/cases/{case_id}/processing/retry
        POST workflowmanager/cases/{case_id}/processing/review
        POST workflowmanager/runs/{run_id}/cancel
        POST workflowmanager/runs/{run_id}/retry
        POST device/acquisitions/{acquisition_id}/abandon
        POST device/start_scan_via_websocket
        POST device/{device_id}/calibrate
        POST exam/
        POST exam/new
        GET exam/protocols/export
        POST exam/protocols/import
        POST exam/sequence
        DELETE exam/sequence/{sequence_id}
        PUT exam/sequence/{sequence_id}
        POST exam/task
        POST exam/task/new
        PUT exam/task/reorder
        POST exam/task/{task_id}/duplicate
        DELETE exam/task/{task_id}
        GET exam/templates/{exam_id}/export
        POST exam/templates/{exam_id}/revise
        POST exam/workflow
        POST exam/workflow/new
        DELETE exam/workflow/{workflow_id}
        PUT exam/workflow/{workflow_id}
        POST exam/xnat/upload/{workflow_id}/{task_id}/{result_id}/{filename}
        PUT exam/{exam_id}
        POST workflowmanager/cases/{case_id}/complete
        POST workflowmanager/cases/{case_id}/discard
        POST workflowmanager/cases/{case_id}/retry
        POST workflowmanager/commitments/{request_id}/retry
        POST workflowmanager/dispatches/{dispatch_id}/retry
        POST workflowmanager/notifications/{notification_id}/retry
        POST workflowmanager/series/{series_instance_uid}/complete
        POST workflowmanager/dispatches
        POST workflowmanager/dispatches/pause
        PUT workflowmanager/studies/{study_instance_uid}/hold
        DELETE workflowmanager/studies/{study_instance_uid}/hold
        POST workflowmanager/dispatches/resume
        POST workflowmanager/dispatches/{dispatch_id}/cancel
        DELETE workflowmanager/datasets/{dataset_id}
        POST workflowmanager/datasets/{dataset_id}/replay
        POST workflowmanager/imports
        POST workflowmanager/imports/folder
        GET workflowmanager/imports/folders
        POST workflowmanager/imports/{import_id}/cancel
        POST workflowmanager/imports/{import_id}/retry
        POST workflowmanager/retrievals
        POST workflowmanager/retrievals/search
        POST workflowmanager/retrievals/{retrieval_id}/cancel
        POST workflowmanager/retrievals/{retrieval_id}/pause
        POST workflowmanager/retrievals/{retrieval_id}/resume
        POST workflowmanager/retrievals/{retrieval_id}/retry
        POST workflowmanager/dispatches/{dispatch_id}/redirect
        POST workflowmanager/targets/{name}/pause
        POST workflowmanager/targets/{name}/resume
        POST workflowmanager/trigger_task/{task_id}/
    """,
    "AMSEstj": """
        GET device/uploads/{upload_id}
        HEAD device/uploads/{upload_id}
        GET exam/result/all/{task_id}
        GET exam/result/{result_id}
        GET exam/sequence/{sequence_id}
        GET exam/task/{task_id}
        PUT exam/task/{task_id}
        POST exam/task/{task_id}/release
    """,
    "stj": """
        POST exam/result
        PUT exam/result/{result_id}
        POST exam/task/{task_id}/finish
        POST exam/task/{task_id}/report
    """,
    "AMSstj": """
        DELETE exam/result/{result_id}
    """,
    "t": """
        POST device/acquisitions/{acquisition_id}/stream
        POST device/uploads
        PATCH device/uploads/{upload_id}
    """,
    "AEt": """
        DELETE device/uploads/{upload_id}
    """,
    "AE": """
        GET workflowmanager/workers
        POST workflowmanager/queues/{name}/pause
        POST workflowmanager/queues/{name}/resume
        POST workflowmanager/modules/{name}/test
        GET workflowmanager/processing/{processing_id}/steps/{position}/log
        GET workflowmanager/modules/{name}/persistence
        GET workflowmanager/runs/{run_id}/log
        POST workflowmanager/rules/dry-run
        POST workflowmanager/notifications/preview
        POST workflowmanager/rules/file-tags
        GET workflowmanager/series/{series_instance_uid}/tags
        POST workflowmanager/kept-aside/{aside_id}/recover
        POST workflowmanager/selftests
        POST workflowmanager/rules/select
        POST workflowmanager/rules/test
        POST workflowmanager/rules/test-completion
        POST device/createdevice
        POST device/simulators
        DELETE device/simulators/{device_id}
        DELETE device/parameter-schemas/{device_type}
        PUT device/parameter-schemas/{device_type}
        DELETE device/{device_id}
        PUT device/{device_id}
        PUT device/{device_id}/parameter
        POST device/{device_id}/parameter/versions/{version}/restore
        POST device/{device_id}/rotate-token
        GET exam/lake/sweep
        POST workflowmanager/targets/{name}/test
    """,
    "k": """
        POST workflowmanager/bookkeeper/mercure-event
        POST workflowmanager/bookkeeper/webgui-event
        POST workflowmanager/bookkeeper/register-dicom
        POST workflowmanager/bookkeeper/register-series
        POST workflowmanager/bookkeeper/register-task
        POST workflowmanager/bookkeeper/update-task
        POST workflowmanager/bookkeeper/task-event
        POST workflowmanager/bookkeeper/processor-logs
        POST workflowmanager/bookkeeper/store-processor-output
        POST workflowmanager/bookkeeper/test-begin
        POST workflowmanager/bookkeeper/test-end
    """,
    "Ak": """
        GET device/metrics
        GET exam/metrics
        GET workflowmanager/metrics
    """,
    "AMSEk": """
        GET workflowmanager/bookkeeper/query/series
        GET workflowmanager/bookkeeper/query/tasks
        GET workflowmanager/bookkeeper/query/tests
        GET workflowmanager/bookkeeper/query/task-events
        GET workflowmanager/bookkeeper/query/dicom-files
        GET workflowmanager/bookkeeper/query/task_process_logs
        GET workflowmanager/bookkeeper/query/task_process_results
        GET workflowmanager/bookkeeper/query/find_task
        GET workflowmanager/bookkeeper/query/get_task_info
    """,
    "AEs": """
        PUT device/parameter/{device_id}
    """,
}
WRITTEN = {
    f"{method} /api/v1/{path}": letters
    for letters, rows in MATRIX.items()
    for method, path in (row.split() for row in rows.strip().splitlines())
}


def letters_of(access: Access) -> str:
    roles = {role.value[0].upper() for role in access.roles}
    others = {"s": access.services, "t": access.tasks, "j": access.jobs, "x": access.steps}
    others |= {"k": access.key is not None, "p": access.before_password_change}
    return "".join(letter for letter in LETTERS if letter in roles or others.get(letter, False))


@pytest.mark.parametrize("row", sorted(WRITTEN))
def test_a_row_says_what_is_written_here(row):
    assert letters_of(PERMISSIONS[row]) == WRITTEN[row]


def test_every_row_is_written_here():
    assert {row for row, access in PERMISSIONS.items() if not access.public} == set(WRITTEN)
