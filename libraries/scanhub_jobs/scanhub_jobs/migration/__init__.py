"""The names of dcm-processor's service SDK, on top of ours: change one import and go on.

Names, arguments and results are those of `dcm_processor_service`; what was broken there works:
files can be read back, `job_name=` finds other jobs (those in `needs`), geometry, values and names
are kept. New code uses `scanhub_jobs` itself; docs/jobs.md has the table of what became of what.
"""

from scanhub_jobs.migration.converters import (
    dicom_series_to_nifti,
    generate_dicom_from_pdf,
    get_series_dicom,
    get_series_nifti,
    get_simplified_json,
    make_pdf_dicom,
    make_series_dicom,
    nifti_to_dicom,
)
from scanhub_jobs.migration.entries import job_of, session_hooks
from scanhub_jobs.migration.manifest import jobs_of
from scanhub_jobs.migration.peers import DicomSender, get_dicom_sender, get_peer
from scanhub_jobs.migration.session import (
    download_session_file,
    get_db_info,
    get_job_event,
    get_job_id,
    get_job_name,
    get_job_service_name,
    get_peer_id,
    get_session_data,
    get_session_file,
    get_session_id,
    has_session_data,
    has_session_file,
    remove_session_data,
    remove_session_file,
    run_post_services,
    run_pre_services,
    set_session_data,
    upload_session_file,
)

__all__ = [
    "DicomSender",
    "dicom_series_to_nifti",
    "download_session_file",
    "generate_dicom_from_pdf",
    "get_db_info",
    "get_dicom_sender",
    "get_job_event",
    "get_job_id",
    "get_job_name",
    "get_job_service_name",
    "get_peer",
    "get_peer_id",
    "get_series_dicom",
    "get_series_nifti",
    "get_session_data",
    "get_session_file",
    "get_session_id",
    "get_simplified_json",
    "has_session_data",
    "has_session_file",
    "job_of",
    "jobs_of",
    "make_pdf_dicom",
    "make_series_dicom",
    "nifti_to_dicom",
    "remove_session_data",
    "remove_session_file",
    "run_post_services",
    "run_pre_services",
    "session_hooks",
    "set_session_data",
    "upload_session_file",
]
