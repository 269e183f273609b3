import asyncio
import base64
import io
import zipfile
from urllib.parse import parse_qs

import httpx
import pydicom
import pytest
import respx
from dicom_files import dicom
from serving import serving

from exam_manager.settings import ExamManagerSettings

EXAM = "/api/v1/exam"
SETTINGS = {"USER": "sender", "PASSWORD": "not to be told", "PROJECT": "HEADS"}


class Xnat:
    """What XNAT's import service does, as its documentation describes it."""

    def __init__(self):
        self.got = []

    async def __call__(self, scope, receive, send):
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        query = parse_qs(scope["query_string"].decode())
        headers = dict(scope["headers"])
        expected = base64.b64encode(b"sender:not to be told")
        status, said = 200, b"/data/prearchive/projects/HEADS/20261121_100000/S1\r\n"
        if (scope["method"], scope["path"]) != ("POST", "/data/services/import"):
            status, said = 404, b"no such service"
        elif headers.get(b"authorization") != b"Basic " + expected:
            status, said = 401, b"<html><style>b{}</style><h1>Log in &amp; try again</h1></html>"
        elif query.get("inbody") != ["true"] or query.get("import-handler") != ["DICOM-zip"]:
            status, said = 400, b"what is that?"
        else:
            self.got.append((query, headers, body))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture
def configure(platform, monkeypatch):
    """Return a function that sets up the XNAT server by environment variables."""

    def set_up(url, **changes):
        for name, value in ({"URL": url} | SETTINGS | changes).items():
            monkeypatch.setenv(f"SCANHUB_EXAM_XNAT_{name}", value or "")
        old = platform.app.state.settings
        platform.app.state.settings = ExamManagerSettings(
            database_url=old.database_url, lake_root=old.lake_root, keys_folder=old.keys_folder
        )

    return set_up


@pytest.fixture
async def images(platform, store):
    patient = await platform.patient(first_name="Zoë", last_name="Müller", patient_id="P-77")
    exam = await platform.exam(patient_id=patient["id"], name="Head, native")
    task = await platform.acquisition(await platform.workflow(exam))
    files = {"im1.dcm": dicom(), "im2.dcm": dicom(SpecificCharacterSet="ISO_IR 100",
                                                  InstitutionName="Köln")}  # fmt: skip
    _, place = await store(files, "DICOM", task=task)
    return files, place


async def test_images_reach_xnat_with_the_names_of_the_record(platform, configure, images, capfd):
    files, place = images
    xnat = Xnat()
    async with serving(xnat) as address:
        configure(f"{address}/")
        url = f"{EXAM}/xnat/upload/{place}"
        one = await platform.call("POST", f"{url}/im2.dcm", expect=200)
        every = await platform.call("POST", f"{url}/*", expect=200)
    assert one.json() == {
        "files": ["im2.dcm"],
        "project": "HEADS",
        "location": "/data/prearchive/projects/HEADS/20261121_100000/S1",
    }
    assert every.json()["files"] == ["im1.dcm", "im2.dcm"]
    for (query, headers, body), names in zip(xnat.got, (["im2.dcm"], list(files)), strict=True):
        assert query["PROJECT_ID"] == ["HEADS"]
        assert "P-77" not in str(query)
        assert headers[b"content-type"] == b"application/zip"
        assert int(headers[b"content-length"]) == len(body)
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.namelist() == names
            for name in names:
                _check_copy(archive.read(name), files[name])
    for name, data in files.items():
        assert await platform.lake.read(f"lake/{place}/{name}") == data
    logged = "".join(capfd.readouterr())
    assert "xnat/upload" in logged
    for secret in ("not to be told", "P-77", "Zo", base64.b64encode(b"sender:").decode()[:8]):
        assert secret not in logged


def _check_copy(data: bytes, stored: bytes):
    sent, original = (pydicom.dcmread(io.BytesIO(item)) for item in (data, stored))
    assert str(sent.PatientName) == "Müller^Zoë"
    assert (sent.PatientID, sent.StudyDescription) == ("P-77", "Head, native")
    assert sent.SOPInstanceUID == original.SOPInstanceUID
    assert sent.PixelData == original.PixelData
    assert sent.get("InstitutionName") == original.get("InstitutionName")
    assert sent.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert original.PatientID == "0"


async def test_without_settings_the_answer_names_them(platform, configure, images):
    url = f"{EXAM}/xnat/upload/{images[1]}/im1.dcm"
    refused = await platform.call("POST", url, expect=501)
    for name in ("URL", "USER", "PASSWORD", "PROJECT"):
        assert f"SCANHUB_EXAM_XNAT_{name}" in refused.json()["detail"]
    configure("https://xnat.example", PASSWORD=None)
    refused = await platform.call("POST", url, expect=501)
    assert refused.json()["settings"] == ["SCANHUB_EXAM_XNAT_PASSWORD"]
    configure("ftp://xnat.example")
    await platform.call("POST", url, expect=501)


async def test_what_is_no_image_is_not_sent(platform, configure, store, images):
    configure("http://127.0.0.1:9")
    _, raw = await store({"data.mrd": b"x"})
    _, text = await store({"im1.dcm": b"no DICOM"}, "DICOM")
    workflow, _, result = images[1].split("/")
    for path, code in (
        (f"{raw}/data.mrd", 422),
        (f"{text}/im1.dcm", 422),
        (f"{images[1]}/im3.dcm", 404),
        (f"{workflow}/{workflow}/{result}/im1.dcm", 404),
        ("x/y/z/im1.dcm", 400),
    ):
        await platform.call("POST", f"{EXAM}/xnat/upload/{path}", expect=code)
    await platform.call("POST", f"{EXAM}/xnat/upload/{images[1]}/im1.dcm", headers={}, expect=401)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(400, text="not a zip"), "HTTP 400: not a zip"),
        (httpx.Response(401), "user and password"),
        (httpx.Response(302, headers={"Location": "https://else.example/"}), "else.example"),
        (httpx.Response(500, text="<p>out of &lt;disk&gt;" + "x" * 10**6), "out of <disk>"),
        (httpx.ConnectError("refused"), "ConnectError"),
        (httpx.ReadTimeout("slow"), "ReadTimeout"),
    ],
)
async def test_what_xnat_does_not_take_is_a_502_with_its_reason(
    platform, configure, images, answer, says
):
    configure("https://xnat.example/base")
    with respx.mock:
        route = respx.post("https://xnat.example/base/data/services/import")
        route.mock(side_effect=answer if isinstance(answer, Exception) else [answer])
        refused = await platform.call("POST", f"{EXAM}/xnat/upload/{images[1]}/im1.dcm", expect=502)
    assert says in refused.json()["detail"]
    assert len(refused.text) < 2000
    assert "not to be told" not in refused.text


async def test_a_wrong_password_is_passed_on_by_a_real_server(platform, configure, images):
    async with serving(Xnat()) as address:
        configure(address, PASSWORD="guess")
        url = f"{EXAM}/xnat/upload/{images[1]}/im1.dcm"
        refused, _ = await asyncio.gather(
            platform.call("POST", url, expect=502),
            platform.call("GET", f"{EXAM}/worklist", expect=200),
        )
    assert "HTTP 401: Log in & try again" in refused.json()["detail"]
