"""STOW-RS behind `send`: to Orthanc, and to a server that answers as it is told."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pydicom
import pytest
from orthanc_beside import orthanc
from ports import a_port
from pydicom.uid import RLELossless
from series_files import SERIES, image, series

from scanhub_jobs import JobContext, WebPeer
from scanhub_jobs.errors import SendError
from scanhub_jobs.local.backend import LocalPeers, peers_of


def web(url, **changes):
    return WebPeer(**{"name": "web", "url": url, **changes})


@contextmanager
def server(*answers):
    """An HTTP server that gives one answer after the other; also what it was sent."""
    left, got = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            content = bytearray()
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            got.append((self.path, dict(self.headers), bytes(content)))
            status, document = left.pop(0)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/dicom-web", got
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def said(tag, *uids, **more):
    items = [{"00081155": {"vr": "UI", "Value": [uid]}, **more} for uid in uids]
    return {tag: {"vr": "SQ", "Value": items}}


def stored(*numbers, **more):
    return said("00081199", *(f"{SERIES}.{n}" for n in numbers), **more)


def failed(reason, *numbers):
    why = {"00081197": {"vr": "US", "Value": [reason]}}
    return said("00081198", *(f"{SERIES}.{n}" for n in numbers), **why)


def test_orthanc_stores_files_and_data_sets_over_the_web(tmp_path):
    (tmp_path / "password").write_text("secret\n")
    with orthanc(tmp_path / "orthanc", user=("jobs", "secret")) as (_, client):
        url = f"{client.base_url}/dicom-web/"
        peer = web(url, user="jobs", password_file=tmp_path / "password")
        assert peer.echo().ok
        stranger = web(url).echo()
        assert (stranger.ok, stranger.status) == (False, 401)
        folder = series(tmp_path / "dicom", 2)
        (folder / "notes.txt").write_text("no image")
        report = peer.send([folder, image(3)]).raise_for_failures()
        assert (len(report.sent), len(report.skipped)) == (3, 1)
        (found,) = client.post("/tools/lookup", content=f"{SERIES}.2").json()
        content = client.get(f"/instances/{found['ID']}/file").content
        assert np.array_equal(pydicom.dcmread(BytesIO(content)).pixel_array, image(2).pixel_array)


def test_each_instance_has_what_the_server_said_of_it(tmp_path):
    minds = {"00081196": {"vr": "US", "Value": [0xB000]}}
    answer = {**stored(1), **failed(0x0122, 2)}
    answer["00081199"]["Value"] += stored(3, **minds)["00081199"]["Value"]
    (tmp_path / "broken.dcm").write_bytes(b"no")
    with server((202, answer)) as (url, got):
        things = [image(1), image(2), image(3), image(4), tmp_path / "broken.dcm"]
        report = web(url).send(things, retries=0)
    assert [r.outcome for r in report.instances] == [
        "sent", "refused", "warning", "failed", "failed",
    ]  # fmt: skip
    assert report.instances[1].reason.endswith("this SOP class is not supported.")
    assert (
        report.instances[3].reason
        == "The server answered HTTP 202 and says nothing of this instance."
    )
    ((path, headers, body),) = got
    assert path == "/dicom-web/studies"
    assert headers["Content-Type"].startswith('multipart/related; type="application/dicom"')
    assert body.count(b"Content-Type: application/dicom\r\n") == 4


def test_a_busy_server_is_asked_again_and_a_token_goes_along(tmp_path):
    (tmp_path / "token").write_text("abc\n")
    with server((503, b"busy"), (200, {**stored(1), **failed(0xA700, 2)}), (200, stored(2))) as (
        url,
        got,
    ):
        peer = web(url, token_file=tmp_path / "token")
        report = peer.send([image(1), image(2)], backoff_s=0.01)
    assert [(r.outcome, r.attempts) for r in report.instances] == [("sent", 2), ("sent", 3)]
    assert {headers["Authorization"] for _, headers, _ in got} == {"Bearer abc"}


def test_what_is_not_taken_compressed_is_decompressed_where_asked():
    packed = image(1, shape=(32, 32))
    packed.compress(RLELossless, generate_instance_uid=False)
    with server((409, failed(0xC122, 1)), (409, failed(0xC122, 1)), (200, stored(1))) as (url, got):
        assert web(url).send(packed, retries=0).instances[0].outcome == "refused"
        assert web(url).send(packed, retries=0, transcode=True).instances[0].outcome == "sent"
    content = got[2][2].split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 2)[0]
    assert pydicom.dcmread(BytesIO(content)).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert packed.file_meta.TransferSyntaxUID == RLELossless


def test_a_server_that_is_not_there_is_an_error(tmp_path):
    peer = web(f"http://127.0.0.1:{a_port()}", connect_timeout_s=2)
    with pytest.raises(SendError, match="Nothing was sent: The server cannot be reached") as caught:
        peer.send([image(1)], retries=1, backoff_s=0.01)
    assert caught.value.report.instances[0].attempts == 2
    assert not peer.echo().ok
    with pytest.raises(SendError, match="secret of web cannot be read"):
        web("http://127.0.0.1", token_file=tmp_path / "none").send(image(1))


def test_a_server_is_a_peer_like_another(tmp_path):
    ctx = JobContext.local(
        series(tmp_path / "dicom", 1),
        peers={
            "web": {"url": "https://pacs.example/dicom-web"},
            "pacs": {"host": "h", "port": 104, "ae_title": "PACS"},
        },
        sender="web",
    )
    assert isinstance(ctx.peers["web"], WebPeer)
    assert ctx.sender == ctx.peers["web"]
    assert ctx.peers["pacs"].port == 104
    book = peers_of({"web": web("http://h")})
    assert LocalPeers.model_validate_json(book.model_dump_json()) == book
