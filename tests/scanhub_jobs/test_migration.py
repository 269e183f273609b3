"""The old names of dcm-processor's service SDK do what they promised."""

import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from dicom_nodes import node, peer_at
from programs_of_dicom import program
from sample_jobs import denoise, segment
from series_files import SERIES, image, series

import scanhub_jobs.migration as old
from scanhub_jobs import JobContext, Peer, State, execute
from scanhub_jobs.errors import (
    InvalidDocumentError,
    JobDefinitionError,
    JobError,
    ParameterError,
    UnknownJobError,
)
from scanhub_jobs.finding import find_job, jobs_beside
from scanhub_jobs.local.backend import peers_of
from scanhub_jobs.local.session import LocalSession

PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n")
NAMES = (
    "set_session_data",
    "get_session_data",
    "has_session_data",
    "remove_session_data",
    "upload_session_file",
    "download_session_file",
    "get_session_file",
    "has_session_file",
    "remove_session_file",
    "get_peer",
    "get_dicom_sender",
    "get_series_dicom",
    "get_series_nifti",
    "dicom_series_to_nifti",
    "get_simplified_json",
    "nifti_to_dicom",
    "make_series_dicom",
    "make_pdf_dicom",
    "run_pre_services",
    "run_post_services",
)


@pytest.fixture
def folder(tmp_path):
    return series(tmp_path / "dicom")


@pytest.fixture
def ctx(folder, tmp_path):
    peer = {"host": "127.0.0.1", "port": 11112, "ae_title": "PACS"}
    context = JobContext.local(folder, out=tmp_path / "out", peers={"pacs": peer}, sender="pacs")
    with context.entered():
        yield context


def test_all_names_are_there():
    assert len(NAMES) == 20
    assert set(NAMES) <= set(old.__all__)
    assert all(callable(getattr(old, name)) for name in old.__all__)


def test_session_data_and_files(ctx, tmp_path):
    old.set_session_data("a", {"n": 1})
    assert old.get_session_data("a") == {"n": 1}
    assert (old.get_session_data("b", 7), old.has_session_data("b")) == (7, False)
    assert [old.remove_session_data("a") for _ in range(2)] == [1, 0]
    stream, meta = io.BytesIO(b"%PDF-"), {"k": 1}
    assert old.upload_session_file(stream, "f", meta=meta, ext=".pdf") == "f"
    assert (stream.closed, meta) == (False, {"k": 1})
    assert old.download_session_file("f").getvalue() == b"%PDF-"
    assert old.download_session_file("f", tmp_path / "f") is None
    assert (tmp_path / "f").read_bytes() == b"%PDF-"
    assert old.get_session_file("f", ["content_type"]) == {"content_type": "application/pdf"}
    assert old.get_session_file("f")["meta"] == {"k": 1, "ext": ".pdf"}
    old.remove_session_file("f")
    assert (old.has_session_file("f"), old.get_session_file("f")) == (False, None)
    assert old.download_session_file("f") is None


def test_what_another_job_left_is_read_by_its_name(folder, tmp_path):
    with JobContext.local(folder, job=denoise, out=tmp_path / "out").entered():
        old.set_session_data("count", 4)
        old.upload_session_file(b"abc", "a.txt")
    later = JobContext.local(folder, job=segment, out=tmp_path / "out")
    with later.entered():
        assert old.get_session_data("count", job_name="denoise") == 4
        assert old.has_session_data("count", job_name="denoise")
        assert not old.has_session_data("count")
        assert old.has_session_file("a.txt", job_name="denoise")
        assert old.get_session_file("a.txt", job_name="denoise")["size"] == 3
        assert old.download_session_file("a.txt", job_name="denoise").getvalue() == b"abc"
        with pytest.raises(UnknownJobError):
            old.get_session_data("count", job_name="a job that is not in needs")


def test_who_the_job_is(ctx):
    assert (old.get_job_name(), old.get_job_event()) == ("local", "stable-series")
    assert old.get_session_id() == ctx.session.id
    assert (old.get_job_id(), old.get_peer_id()) == (ctx.job.id, "pacs")
    assert old.get_job_service_name() == "scanhub_jobs"
    with pytest.raises(JobError, match="no access to a database"):
        old.get_db_info()
    old.run_pre_services(session_id="x")
    old.run_post_services()
    assert len(ctx.series) == 4


def test_series_as_data_sets_and_nifti(ctx, folder, tmp_path):
    assert len(old.get_series_dicom(SERIES)) == 4
    assert len(old.get_series_dicom(SERIES, tmp_path / "files")) == 4
    assert old.get_series_dicom("1.2.3") is None
    loaded, sidecar, values = old.get_series_nifti(SERIES)
    assert (loaded.shape, values.dtype, sidecar["Modality"]) == ((8, 6, 4), np.float32, "MR")
    (tmp_path / "out.nii.d").mkdir()
    nii, told, _ = old.get_series_nifti(SERIES, tmp_path / "out.nii.d" / "x.nii.gz")
    assert told == nii.removesuffix(".nii.gz") + ".json"
    assert old.dicom_series_to_nifti(folder, tmp_path / "one.nii.gz") == 4
    (tmp_path / "empty").mkdir()
    assert old.dicom_series_to_nifti(tmp_path / "empty", tmp_path / "two.nii.gz") == 0
    found = old.get_simplified_json(image(PatientAge="006M"), n_slices=3)
    assert (found["PatientAge"], found["Slices"], found["PatientName"]) == (0, 3, "Müller^Zoë")


def test_objects_are_made_with_and_without_a_job(ctx, folder):
    loaded, _, _ = old.get_series_nifti(SERIES)
    assert len(old.nifti_to_dicom(loaded, "MR", "again")) == 4
    enhanced = old.nifti_to_dicom(loaded, "MR", sop_class_uid="1.2.840.10008.5.1.4.1.1.4.1")
    assert [d.NumberOfFrames for d in enhanced] == [4]
    assert {d.Modality for d in old.nifti_to_dicom(loaded, "CT")} == {"CT"}
    with pytest.raises(ParameterError, match="MR and CT objects"):
        old.nifti_to_dicom(loaded, "PT")
    made = [image(1), image(2)]
    assert old.make_series_dicom(image(3), made, "derived")[0] is made[0]
    assert (made[0].SeriesDescription, made[0].ImageType[0]) == ("derived", "DERIVED")
    assert old.make_pdf_dicom(image(), PDF, "Report", 9).SeriesNumber == 9
    with pytest.raises(InvalidDocumentError):
        old.make_pdf_dicom(image(), base64.b64encode(b"no"))


def test_outside_a_job_objects_are_made_too(monkeypatch):
    monkeypatch.delenv("SCANHUB_JOB_RUN", raising=False)
    bare = old.generate_dicom_from_pdf(PDF.decode())
    assert bare.ConceptNameCodeSequence[0].CodeValue == "18748-4"
    (one,) = old.nifti_to_dicom((np.ones((2, 2, 1)), np.eye(4)), "MR", study_instance_uid="1.2.3")
    assert one.StudyInstanceUID == "1.2.3"


def test_the_sender_gives_a_status_for_each(ctx, folder, monkeypatch):
    assert old.get_peer("pacs")["aet"] == old.get_peer()["aet"] == "PACS"
    assert (old.get_peer("other"), old.get_dicom_sender("other")) == (None, None)
    assert old.get_dicom_sender().peer == ctx.sender
    with node() as (port, got, _):
        sender = old.DicomSender("OURS", "127.0.0.1", 1, "PACS")
        assert sender.send_echo(port=port).Status == 0
        statuses = sender.send_dicom_from_path(folder, lambda d: d.InstanceNumber > 1, port=port)
        assert [s.Status for s in statuses] == [0, 0, 0]
        other = image(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
        to_there = {"port": port, "aet": "ELSE"}
        found = sender.send_dicom_from_dataset([image(), other], **to_there)
        assert [s.Status for s in found] == [0, 0xC001]
        assert sender.send_dicom_from_filelist([folder / "000.dcm"], port=port)[0].Status == 0
    assert {calling for _, calling, _ in got} == {"OURS", "ELSE"}
    assert isinstance(peer_at(1), Peer)


def test_the_sender_reads_a_dicomdir(tmp_path):
    folder = tmp_path / "medium"
    folder.mkdir()
    for number in (1, 2):
        image(number).save_as(folder / f"IMG{number}", enforce_file_format=True)
    command = [program("dcmmkdir"), "+r", "+I", "-Nxc", "+D", "DICOMDIR"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with node() as (port, got, _):
        sender = old.DicomSender("OURS", "127.0.0.1", port, "PACS")
        statuses = sender.send_dicom_from_dicomdir(folder / "DICOMDIR")
    assert [s.Status for s in statuses] == [0, 0]
    assert len(got) == 2


def _worker(**keywords):
    old.set_session_data("seen", {k: keywords[k] for k in ("job_name", "params", "event")})
    return len(keywords["headers"]["Instances"])


def _registry(params, **_):
    return params.get("run", True), {"level": 3}


def test_an_old_worker_entry_is_a_job(folder, tmp_path):
    made = old.job_of(_worker, name="legacy", registry_entry=_registry)
    context = JobContext.local(folder, job=made, params={"x": 1}, out=tmp_path / "out")
    result = execute(made, context)
    assert (result.state, result.returned) == (State.SUCCEEDED, 4)
    seen = context.data["seen"]
    assert seen == {
        "job_name": "legacy",
        "params": {"x": 1, "level": 3},
        "event": "stable-series",
    }
    refused = JobContext.local(folder, job=made, params={"run": False}, out=tmp_path / "no")
    assert execute(made, refused).state is State.SKIPPED


MANIFEST = {
    "name": "brains",
    "version": "0.0.1",
    "service": {
        "registry": "registry_of_brains",
        "module": "module_of_brains",
        "jobs": [
            {
                "jobName": "Report It",
                "workerEntry": "worker",
                "registryEntry": "callback",
                "events": ["stable-study"],
                "dependsOn": "Segment",
                "sortPosition": 2,
            },
            {
                "jobName": "Segment",
                "workerEntry": "worker",
                "registryEntry": "callback",
                "events": ["stable-series"],
                "dependsOn": [],
                "worker": "brains",
                "timeout": "1h",
                "params": {"level": 3, "run": True},
                "sortPosition": 1,
                "description": "Find the brain",
            },
            {
                "jobName": "old",
                "workerEntry": "worker",
                "registryEntry": "callback",
                "events": ["stable-patient"],
                "disabled": True,
            },
        ],
    },
}
SERVICE = {
    "registry_of_brains/__init__.py": "def callback(**_):\n    return True, {'told': 'yes'}\n",
    "module_of_brains/__init__.py": "from module_of_brains.main import worker\n",
    "module_of_brains/main.py": "def worker(job_name, params, **_): return [job_name, params]\n",
    "brains.py": "from pathlib import Path\nfrom scanhub_jobs.migration import jobs_of\n"
    "globals().update(jobs_of(Path(__file__).with_name('dcm-processor.json'), __name__))\n",
}


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A service as dcm-processor's generator lays it out, with the one file that is added."""
    for name, text in SERVICE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "dcm-processor.json").write_text(json.dumps(MANIFEST))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if "brains" in name]:
        del sys.modules[name]


def test_a_manifest_becomes_jobs_with_all_their_fields(service, folder, tmp_path, monkeypatch):
    segment = find_job("brains:segment")
    assert list(jobs_beside(segment)) == ["segment", "report-it"]
    told = segment.manifest
    assert (told.name, told.description, told.timeout_s) == ("segment", "Find the brain", 3600)
    assert (told.events, told.entry) == (["stable-series"], "brains:segment")
    assert find_job("brains:report_it").manifest.needs == ["segment"]
    monkeypatch.setenv("PYTHONPATH", ":".join([str(service), *sys.path]))
    session = LocalSession(folder, tmp_path / "out", peers_of(None), lambda *_: None)
    results = session.run(find_job("brains:report_it"), {"own": 1})
    assert [r.returned for r in results] == [
        ["segment", {"level": 3, "run": True, "told": "yes"}],
        ["report-it", {"own": 1, "told": "yes"}],
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"jobs": []}, "service.jobs: List should have at least 1"),
        ({"module": "nothing_there"}, "'nothing_there' cannot be imported"),
        ({"jobs": [{**MANIFEST["service"]["jobs"][0], "workerEntry": "x"}]}, "no function 'x'"),
        ({"jobs": [{**MANIFEST["service"]["jobs"][0], "events": ["often"]}]}, "events.0: "),
    ],
)
def test_a_manifest_that_is_none_is_told(service, change, why):
    wrong = {"service": {**MANIFEST["service"], **change}}
    (service / "wrong.json").write_text(json.dumps(wrong))
    with pytest.raises(JobDefinitionError, match=why):
        old.jobs_of(service / "wrong.json", "brains")
