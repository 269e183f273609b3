"""Sending to real nodes: each instance has its answer, and nothing is left open."""

import copy
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import numpy as np
import pydicom
import pytest
from dicom_nodes import node, peer_at
from ports import a_port
from programs_of_dicom import program
from pydicom.uid import (
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SegmentationStorage,
)
from pynetdicom import AllStoragePresentationContexts
from series_files import image, series, write

from scanhub_jobs.errors import SendError
from scanhub_jobs.network.report import Outcome

PDF = b"%PDF-1.4\n%%EOF\n"


@contextmanager
def storescp(folder, *options):
    """DCMTK's receiver."""
    folder.mkdir()
    port = a_port()
    command = [program("storescp"), "-aet", "PACS", "-od", str(folder), *options, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


def listening(peer):
    """Wait until a node answers."""
    deadline = time.monotonic() + 30
    while not (result := peer.echo()).ok:
        assert time.monotonic() < deadline, result.reason
    return peer


def received(folder):
    found = [pydicom.dcmread(path) for path in folder.iterdir()]
    return {d.SOPInstanceUID: d for d in found}


def test_dcmtk_gets_what_was_sent_from_a_folder(tmp_path):
    folder = series(tmp_path / "dicom", 3)
    (folder / "notes.txt").write_text("no image")
    (folder / "deeper").mkdir()
    write(folder / "deeper", image(9))
    with storescp(tmp_path / "in") as port:
        peer = listening(peer_at(port))
        report = peer.send(folder).raise_for_failures()
        assert report.counts == {"sent": 4, "warning": 0, "refused": 0, "failed": 0}
        assert [name.rpartition("/")[2] for name in report.skipped] == ["notes.txt"]
        found = received(tmp_path / "in")
        assert set(found) == set(report.sent)
        assert np.array_equal(found[report.sent[0]].pixel_array, image(1).pixel_array)
        assert (
            len(peer.send(folder, recursive=False, where=lambda d: d.InstanceNumber > 1).sent) == 2
        )


def test_any_kind_is_sent_under_the_right_titles_without_configuration(tmp_path):
    kinds = (MRImageStorage, EnhancedMRImageStorage, SegmentationStorage, EncapsulatedPDFStorage,
             ComprehensiveSRStorage)  # fmt: skip
    datasets = [image(n, SOPClassUID=kind) for n, kind in enumerate(kinds, start=1)]
    before = [copy.deepcopy(d) for d in datasets]
    with node(kinds) as (port, got, _):
        report = peer_at(port).send(datasets)
    assert report.counts[Outcome.SENT] == 5
    assert {str(d.SOPClassUID) for d, _, _ in got} == {str(k) for k in kinds}
    assert {calling for _, calling, _ in got} == {"OURS"}
    assert datasets == before


def test_a_node_that_takes_implicit_only_gets_implicit():
    original = image(1)
    with node(syntaxes=(ImplicitVRLittleEndian,)) as (port, got, _):
        report = peer_at(port).send(original)
    (dataset, _, _), (sent,) = got[0], report.instances
    assert sent.transfer_syntax_uid == dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert str(dataset.PatientName) == "Müller^Zoë"
    assert np.array_equal(dataset.pixel_array, original.pixel_array)
    assert original.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_what_a_node_does_not_take_is_refused_alone_or_decompressed_where_asked(tmp_path):
    packed = image(1, shape=(32, 32))
    packed.compress(RLELossless, generate_instance_uid=False)
    plain = image(2)
    with node() as (port, got, _):
        report = peer_at(port).send([packed, plain, image(3, SOPClassUID=SegmentationStorage)])
        assert [r.outcome for r in report.instances] == ["refused", "sent", "refused"]
        assert "does not take MR Image Storage as RLE Lossless" in report.instances[0].reason
        with pytest.raises(SendError, match="2 of 3 not sent to pacs: data set 1"):
            report.raise_for_failures()
        assert peer_at(port).send(packed, transcode=True).counts[Outcome.SENT] == 1
    assert np.array_equal(got[-1][0].pixel_array, packed.pixel_array)
    assert packed.file_meta.TransferSyntaxUID == RLELossless


def test_a_broken_file_fails_alone(tmp_path):
    folder = series(tmp_path / "dicom", 4)
    broken = folder / "001.dcm"
    broken.write_bytes(broken.read_bytes()[:400])
    (folder / "002.dcm").write_bytes((folder / "002.dcm").read_bytes()[:-20])
    with node() as (port, got, server):
        report = peer_at(port).send([folder, tmp_path / "nothing.dcm"], retries=0)
        assert [r.outcome for r in report.instances] == [
            "sent",
            "failed",
            "failed",
            "sent",
            "failed",
        ]
        assert len(got) == 2
        assert all(r.reason for r in report.failures)
        deadline = time.monotonic() + 30
        while server.active_associations:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_dicomdir_names_what_is_sent(tmp_path):
    folder = tmp_path / "medium"
    folder.mkdir()
    for number in (1, 2, 3):
        image(number, ImageType=["ORIGINAL", "PRIMARY"]).save_as(
            folder / f"IMG{number}", enforce_file_format=True
        )
    subprocess.run(
        [program("dcmmkdir"), "+r", "+I", "-Nxc", "+D", "DICOMDIR"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if not (folder / "DICOMDIR").exists():
        subprocess.run(
            [program("dcmmkdir"), "+r", "+D", "DICOMDIR"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    with node() as (port, got, _):
        assert len(peer_at(port).send(folder / "DICOMDIR").raise_for_failures().sent) == 3
        assert len(peer_at(port).send(folder).sent) == 3
    assert len(got) == 6


def test_a_node_without_room_is_asked_again(tmp_path):
    with node(answer=lambda _, n: 0xA700 if n == 1 else 0xB000 if n == 2 else 0) as (port, _, _):
        report = peer_at(port).send([image(1), image(2)], backoff_s=0.01)
    assert [(r.outcome, r.attempts) for r in report.instances] == [("sent", 2), ("warning", 1)]
    with node(answer=lambda _event, _n: 0xC000) as (port, got, _):
        (failed,) = peer_at(port).send(image(1), backoff_s=0.01).instances
    assert (failed.outcome, failed.status, len(got)) == ("failed", 0xC000, 1)


def test_a_node_that_goes_away_amid_is_asked_again():
    def answer(event, number):
        if number == 2:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return 0

    with node(answer=answer) as (port, got, _):
        report = peer_at(port).send([image(n) for n in (1, 2, 3)], backoff_s=0.01)
    assert [r.outcome for r in report.instances] == ["sent"] * 3
    assert len(got) == 4


def test_a_node_that_is_not_there_is_an_error_and_named():
    peer = peer_at(a_port(), connect_timeout_s=2)
    with pytest.raises(
        SendError, match=r"Nothing was sent: pacs \(127.0.0.1:\d+\) cannot be"
    ) as caught:
        peer.send([image(1), image(2)], retries=1, backoff_s=0.01)
    assert [(r.outcome, r.attempts) for r in caught.value.report.instances] == [("failed", 2)] * 2
    assert not peer.echo().ok
    assert peer.send([]).instances == []
    assert threading.active_count() < 20


def test_more_kinds_than_one_association_carries_take_several():
    kinds = [str(c.abstract_syntax) for c in AllStoragePresentationContexts[:70]]
    datasets = [image(n, SOPClassUID=kind) for n, kind in enumerate(kinds, start=1)]
    with node(kinds) as (port, got, _):
        assert peer_at(port).send(datasets).counts[Outcome.SENT] == 70
    assert len({id(a) for _, _, a in got}) > 1


def certificate(folder, name, alternative):
    command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName={alternative}"]
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run([*command, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return key, pem


@pytest.mark.parametrize("client", [False, True])
def test_tls_with_and_without_a_certificate_of_ours(tmp_path, client):
    key, pem = certificate(tmp_path, "server", "IP:127.0.0.1")
    our_key, ours = certificate(tmp_path, "client", "DNS:client")
    asks = ("+cf", str(ours), "-rc") if client else ("-ic",)
    tls = {"ca": pem, **({"certificate": ours, "key": our_key} if client else {})}
    with storescp(tmp_path / "in", "+tls", str(key), str(pem), *asks) as port:
        peer = listening(peer_at(port, tls=tls))
        assert len(peer.send(image(1)).raise_for_failures().sent) == 1
        elsewhere = peer_at(port, host="localhost", tls=tls)
        assert "certificate is not accepted" in elsewhere.echo().reason
        stranger = peer_at(port, tls={"ca": ours})
        assert "certificate is not accepted" in stranger.echo().reason
        with pytest.raises(SendError, match="cannot be read"):
            peer_at(port, tls={"ca": tmp_path / "none"}).send(image(1), retries=0)
    assert len(received(tmp_path / "in")) == 1
