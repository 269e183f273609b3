"""What a job may know, read and write, on a folder of DICOM files."""

import hashlib
import io
import json
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from sample_jobs import Params, denoise, segment
from series_files import AXIAL, SERIES, STUDY, image, series, write

from scanhub_jobs import Event, JobCancelledError, JobContext, job
from scanhub_jobs.errors import (
    AmbiguousUpstreamError,
    ArtifactNameError,
    ArtifactNotFoundError,
    ImageFolderError,
    JobDefinitionError,
    MissingExtraError,
    NotInJobError,
    ParameterError,
    PeerNotFoundError,
    ReadOnlyError,
    SeriesNotFoundError,
    UnknownJobError,
    ValueRefusedError,
)
from scanhub_jobs.values import MOST_BYTES


@pytest.fixture
def folder(tmp_path):
    return series(tmp_path / "dicom")


@pytest.fixture
def ctx(folder, tmp_path):
    with JobContext.local(folder, out=tmp_path / "out") as context:
        yield context


def test_a_job_knows_who_it_is(folder, tmp_path):
    context = JobContext.local(folder, job=segment, params={"threshold": 0.1}, out=tmp_path)
    assert (context.job.name, context.job.version, context.job.attempt) == ("segment", "1.0.0", 1)
    assert (context.job.event, context.job.service) == (Event.STUDY_STABLE, "sample_jobs")
    assert context.job.deadline is not None
    assert context.params == Params(threshold=0.1)
    assert context.subject.study_instance_uid == STUDY
    again = JobContext.local(folder, job=denoise, out=tmp_path)
    assert again.session == context.session


def test_outside_a_job_there_is_no_context(ctx, monkeypatch):
    monkeypatch.delenv("SCANHUB_JOB_RUN", raising=False)
    with pytest.raises(NotInJobError, match="No job runs here"):
        JobContext.current()
    with ctx.entered():
        assert JobContext.current() is ctx


def test_wrong_parameters_are_named(folder):
    with pytest.raises(ParameterError, match=r"threshold: .*less than or equal to 1"):
        JobContext.local(folder, job=segment, params={"threshold": 2})
    with pytest.raises(ParameterError, match="speed: Extra inputs"):
        JobContext.local(folder, job=denoise, params={"speed": 2})


def test_session_data_come_back_as_they_went_in(ctx):
    nested = {"a": [1, 2.5, None, True], "ü": {"名": "😀"}}
    ctx.data["nested"] = nested
    ctx.data["none"] = None
    ctx.data["../odd name"] = np.float32(0.5)
    ctx.data["N" * 200] = (np.int64(3), 4)
    assert ctx.data["nested"] == nested
    assert ctx.data["none"] is None
    assert ctx.data.get("missing", "default") == "default"
    assert ctx.data["../odd name"] == 0.5
    assert ctx.data["N" * 200] == [3, 4]
    assert set(ctx.data) == {"nested", "none", "../odd name", "N" * 200}
    del ctx.data["none"]
    assert "none" not in ctx.data
    with pytest.raises(KeyError, match="no session data 'none'"):
        ctx.data["none"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.zeros(3), "belongs into a file"),
        ({1: 2}, "keys of JSON objects are strings"),
        ([float("nan")], r"x\[0\] is nan"),
        (object(), "is a object, which JSON does not have"),
        ("é" * MOST_BYTES, "put it into a file"),
    ],
)
def test_what_is_no_json_is_refused_when_it_is_set(ctx, value, why):
    with pytest.raises(ValueRefusedError, match=why):
        ctx.data["x"] = value
    assert "x" not in ctx.data


def test_of_many_who_set_a_name_one_value_stays(ctx):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: ctx.data.__setitem__("same", n), range(50)))
    assert list(ctx.data) == ["same"]
    assert ctx.data["same"] in range(50)


def test_files_are_the_same_from_bytes_path_and_stream(ctx, tmp_path):
    content = b"%PDF-1.4 " + bytes(range(256))
    (tmp_path / "f").write_bytes(content)
    stream = io.BytesIO(content)
    infos = [
        ctx.files.put("a", content),
        ctx.files.put("b ü.bin", tmp_path / "f", meta={"n": 1}),
        ctx.files.put("c", stream, content_type="text/x"),
    ]
    assert not stream.closed
    assert {i.sha256 for i in infos} == {hashlib.sha256(content).hexdigest()}
    assert [i.content_type for i in infos] == ["application/pdf", "application/pdf", "text/x"]
    assert set(ctx.files) == {"a", "b ü.bin", "c"}
    assert ctx.files.get("b ü.bin") == content
    assert ctx.files.stat("b ü.bin").meta == {"n": 1}
    assert ctx.files.save("c", tmp_path / "saved").read_bytes() == content


def test_a_file_is_replaced_and_removed(ctx):
    ctx.files.put("a.json", b"{}", meta={"n": 1})
    info = ctx.files.put("a.json", b"[1]")
    assert (len(ctx.files), ctx.files.get("a.json")) == (1, b"[1]")
    assert (info.content_type, info.meta, info.size) == ("application/json", {}, 3)
    del ctx.files["a.json"]
    assert "a.json" not in ctx.files
    with pytest.raises(ArtifactNotFoundError, match=r"no file 'a\.json'"):
        ctx.files.get("a.json")
    ctx.files.discard("a.json")


def test_a_large_file_is_never_in_memory_as_a_whole(ctx, tmp_path):
    size = 48 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        info = ctx.files.put("large", tmp_path / "large")
        ctx.files.save("large", tmp_path / "saved")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert (info.size, (tmp_path / "saved").stat().st_size) == (size, size)


def test_what_is_not_installed_is_named_with_its_extra(ctx, monkeypatch):
    monkeypatch.setitem(sys.modules, "dcm2niix", None)
    with pytest.raises(MissingExtraError, match=r"pip install scanhub-jobs\[imaging\]"):
        ctx.series.to_nifti()


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", ".hidden", "", "a\n", "x" * 151])
def test_a_path_is_no_name_of_a_file(ctx, name):
    with pytest.raises(ArtifactNameError):
        ctx.files.put(name, b"")


def test_a_broken_stream_leaves_the_file_that_was_there(ctx):
    class Broken(io.RawIOBase):
        def read(self, _size=-1):
            raise OSError("gone")

    ctx.files.put("a", b"1")
    with pytest.raises(OSError, match="gone"):
        ctx.files.put("a", Broken())
    assert ctx.files.get("a") == b"1"
    assert len(list(ctx.backend.folder.joinpath("files").iterdir())) == 1


def test_one_job_reads_what_another_left(tmp_path):
    folder = series(tmp_path / "dicom", 2)
    series(folder, 3, series=f"{SERIES}.2")
    out = tmp_path / "out"
    for uid in (SERIES, f"{SERIES}.2"):
        denoise(JobContext.local(folder, job=denoise, series=uid, out=out))
    context = JobContext.local(folder, job=segment, out=out)
    found = context.upstream("denoise")
    assert sorted(up.data["count"] for up in found) == [2, 3]
    assert {up.files.get("uid.txt").decode() for up in found} == {SERIES, f"{SERIES}.2"}
    with pytest.raises(AmbiguousUpstreamError, match="ran 2 times"):
        found.data["count"]
    only = context.upstream("denoise", series=SERIES)
    assert (only.data["count"], dict(only.data)) == (2, {"count": 2})
    for change in (
        lambda: only.data.__setitem__("count", 9),
        lambda: only.data.__delitem__("count"),
        lambda: only.files.put("uid.txt", b""),
        lambda: only.files.__delitem__("uid.txt"),
    ):
        with pytest.raises(ReadOnlyError):
            change()
    with pytest.raises(UnknownJobError, match="put it into its needs"):
        context.upstream("other")
    with pytest.raises(UnknownJobError, match="has not run"):
        context.upstream("denoise", event=Event.PATIENT_STABLE)
    assert segment(context)["total"] == 5


def test_a_series_comes_sorted_by_place_and_unchanged(tmp_path):
    images = [image(n, InstanceNumber=10 - n) for n in (3, 1, 4, 2)]
    folder = write(tmp_path / "dicom", *images)
    (folder / "notes.txt").write_text("no image")
    context = JobContext.local(folder)
    depths = [float(d.ImagePositionPatient[2]) for d in context.series.datasets()]
    assert depths == sorted(depths)
    headers = list(context.series.datasets(stop_before_pixels=True))
    assert not any("PixelData" in h for h in headers)
    paths = context.series.export(tmp_path / "export")
    assert [pydicom.dcmread(p).InstanceNumber for p in paths] == [9, 8, 7, 6]
    sent = {hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.dcm")}
    assert {hashlib.sha256(p.read_bytes()).hexdigest() for p in paths} == sent
    paths[0].unlink()
    paths[1].write_bytes(b"kept")
    context.series.export(tmp_path / "export")
    assert (paths[0].stat().st_size > 4, paths[1].read_bytes()) == (True, b"kept")


def test_images_without_place_are_sorted_by_number_and_a_localiser_by_plane(tmp_path):
    gone = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    folder = write(tmp_path / "a", *(image(n, **gone) for n in (3, 1, 2)))
    numbers = [d.InstanceNumber for d in JobContext.local(folder).series.datasets()]
    assert numbers == [1, 2, 3]
    coronal = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    mixed = [image(n, orientation=AXIAL if n % 2 else coronal) for n in range(1, 7)]
    ordered = list(JobContext.local(write(tmp_path / "b", *mixed)).series.datasets())
    assert [d.InstanceNumber for d in ordered] == [1, 3, 5, 2, 4, 6]


def test_study_and_patient_hold_their_series(tmp_path):
    folder = series(tmp_path / "dicom", 2)
    series(folder, 1, series=f"{SERIES}.2", study=f"{STUDY}.2")
    write(folder, image(1, series=f"{SERIES}.3", study=f"{STUDY}.3", PatientID="other"))
    with pytest.raises(SeriesNotFoundError, match="Say which by series="):
        JobContext.local(folder)
    context = JobContext.local(folder, event=Event.PATIENT_STABLE, study=STUDY)
    assert [s.uid for s in context.patient.studies] == [STUDY, f"{STUDY}.2"]
    assert [len(s) for s in context.patient.series] == [2, 1]
    with pytest.raises(SeriesNotFoundError, match="2 studies"):
        context.study  # noqa: B018 - reading it is the point
    with pytest.raises(SeriesNotFoundError, match=r"no series 1\.2\.3"):
        context.patient.find_series("1.2.3")
    with pytest.raises(ImageFolderError, match="no DICOM images"):
        JobContext.local(tmp_path / "nothing")


def test_peers_are_named_and_say_nothing_secret(folder, tmp_path):
    peers = {"pacs": {"host": "pacs.local", "port": 104, "ae_title": "PACS"}}
    context = JobContext.local(folder, peers=peers, sender="pacs")
    assert (context.peers["pacs"].ae_title, list(context.peers)) == ("PACS", ["pacs"])
    assert context.sender == context.peers["pacs"]
    assert JobContext.local(folder).sender is None
    with pytest.raises(PeerNotFoundError, match="no peer 'other'; there are: pacs"):
        context.peers["other"]
    with pytest.raises(Exception, match=r"pacs\.ae_title: .*1 to 16 printable"):
        JobContext.local(folder, peers={"pacs": {**peers["pacs"], "ae_title": "x" * 17}})


def test_progress_log_and_cancelling_are_heard(ctx):
    ctx.progress(0.4, "half")
    ctx.progress(7)
    ctx.log.warning("%s is odd", "this")
    assert ctx.backend.reporter.told == [(0.4, "half"), (1.0, "")]
    assert ctx.backend.reporter.lines == [(30, "this is odd")]
    ctx.check_cancelled()
    ctx.backend.reporter.wanted_to_stop = True
    with pytest.raises(JobCancelledError, match="was cancelled"):
        ctx.check_cancelled()


def test_what_is_not_kept_goes_with_the_context(folder):
    with JobContext.local(folder) as context:
        work, out = context.work, context.backend.out
        assert work.is_dir()
        assert out.is_dir()
    assert not work.exists()
    assert not out.exists()


def test_a_manifest_tells_a_platform_all_of_a_job():
    manifest = json.loads(segment.manifest.model_dump_json())
    assert manifest["parameters"]["properties"]["threshold"]["maximum"] == 1
    assert {**manifest, "parameters": None} == {
        "name": "segment",
        "version": "1.0.0",
        "description": "Add up what came before.",
        "entry": "sample_jobs:segment",
        "events": ["stable-study"],
        "needs": ["denoise"],
        "reads": "images",
        "timeout_s": 1800,
        "retries": 2,
        "gpus": 0,
        "parameters": None,
        "retention": {"success_s": None, "failure_s": None, "hold": False},
    }


def test_what_is_no_job_is_refused_where_it_is_declared():
    for wrong in (
        {"name": "No Name"},
        {"name": "x", "version": "1"},
        {"name": "x", "timeout": "soon"},
        {"name": "x", "retries": -1},
        {"name": "x", "gpus": 17},
        {"name": "x", "reads": "minds"},
    ):
        with pytest.raises(JobDefinitionError):
            job(wrong.pop("name"), **wrong)(lambda _ctx: None)

    def two(ctx: JobContext, other: int) -> None: ...

    def odd(ctx: JobContext[int]) -> None: ...

    for function in (two, odd):
        with pytest.raises(JobDefinitionError):
            job("x")(function)


pytest_plugins = ["scanhub_jobs.pytest_plugin"]


def test_the_fixture_makes_contexts_that_share_a_session(job_context, folder):
    denoise(job_context(folder, job=denoise))
    assert job_context(folder, job=segment).upstream("denoise").data["count"] == 4
