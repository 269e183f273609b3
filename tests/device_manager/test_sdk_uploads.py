"""The SDK's uploads over HTTP, through a gateway that does what networks do."""

import asyncio
import datetime
import hashlib
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from away import a_table_away
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from faulty_proxy import faulty_proxy
from http_uploads import Uploader

from scanhub_device import (
    Calibration,
    CalibrationResult,
    ClientSettings,
    DeviceClient,
    UploadError,
)
from scanhub_device._connections import Connections
from scanhub_device._http import HttpUpload
from scanhub_device._sum import Checksum
from scanhub_device.messages import DeviceDetails, FileTransfer

QUICK = ClientSettings(
    heartbeat_s=0.2,
    reconnect_base_s=0.05,
    reconnect_max_s=0.2,
    upload_retry_delays_s=(0.05, 0.05),
    http_upload_bytes=1,
)
SIZE = 24 << 20


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw.mrd"
    path.write_bytes(hashlib.shake_256(b"raw").digest(SIZE))
    return path


class FileScanner:
    """Uploads files, and keeps what became of them."""

    def __init__(self, *paths, device_parameter=None) -> None:
        self.details = DeviceDetails(device_name="files", parameter=device_parameter or {})
        self.paths = paths
        self.receipts = []
        self.problem = None

    async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
        return CalibrationResult(values={"larmor_frequency": 2_000_000})

    async def scan(self, scan) -> None:
        await scan.report_progress(50)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(scan.upload(path)) for path in self.paths]
        except* UploadError as errors:
            self.problem = str(errors.exceptions[0])
            raise errors.exceptions[0] from None
        self.receipts = [task.result() for task in tasks]


@asynccontextmanager
async def scanning(lab, scanner, *, tls=None, settings=QUICK):
    """Let the scanner run through a proxy and start its task; yield proxy and task."""
    credentials = await lab.create_device()
    async with faulty_proxy(lab.address, tls[0] if tls else None) as proxy:
        client = DeviceClient(
            f"{'wss' if tls else 'ws'}://localhost:{proxy.port}/api/v1/device/ws",
            credentials["device_id"],
            credentials["device_token"],
            scanner,
            settings=settings,
            ssl=tls[1] if tls else None,
        )
        running = asyncio.create_task(client.run())
        try:
            await lab.device_becomes(credentials["device_id"], "ONLINE")
            yield proxy, await lab.create_task(credentials["device_id"])
        finally:
            client.close()
            with suppress(asyncio.CancelledError):
                await running


async def assert_stored(lab, task, scanner, count=1):
    await lab.task_becomes(task["id"], "FINISHED", 60)

    def entered(found):
        return len(found["results"]) == count and all(item["meta"] for item in found["results"])

    done = await lab.eventually(lambda: lab.task(task["id"]), entered, 30)
    stored = {result["meta"]["sha256"] for result in done["results"]}
    assert stored == {hashlib.sha256(path.read_bytes()).hexdigest() for path in scanner.paths}

    async def receipts():
        return {receipt.result_id for receipt in scanner.receipts}

    await lab.eventually(receipts, lambda ids: ids == {item["id"] for item in done["results"]})
    assert not list((lab.lake_root / "uploads").glob("*"))


async def test_a_file_goes_over_http(lab, raw):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        assert (await lab.start(task)).status_code == 200
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 1
        assert proxy.passed >= SIZE - 65536  # the first ones come with the announcement


async def test_a_file_of_which_the_server_has_a_part_goes_on_there(lab, raw):
    """As after a crash of the device: its program does not know what had come."""
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        sender, data = Uploader(lab, start), raw.read_bytes()
        place = await sender.begin("raw.mrd", data, task_id=start["id"])
        assert (await sender.send(place, 0, data[: SIZE // 2])).status_code == 204
        sha256 = hashlib.sha256(data).hexdigest()
        header = FileTransfer(
            task_id=start["id"],
            user_access_token=start["access_token"],
            filename="raw.mrd",
            size_bytes=SIZE,
            content_type="application/octet-stream",
            sha256=sha256,
        )
        url = f"http://{lab.address}{start['upload_url']}"
        with Connections(QUICK, None) as connections:

            def sending():
                known = Checksum(raw, sha256)
                return HttpUpload(url, raw, header, known, settings=QUICK, connections=connections)

            job, again = sending(), sending()
            answer = await asyncio.to_thread(job.attempt)
            known = await asyncio.to_thread(again.attempt)
        assert (answer.status, answer.offset) == (204, SIZE)
        assert job.offset == SIZE // 2  # sent from there
        assert (known.status, known.result_id) == (201, answer.result_id)


@pytest.mark.parametrize("by", ["http", "link"])
async def test_a_server_without_its_database_is_no_reason_to_give_up(
    lab, tmp_path, two_files, caplog, by
):
    """Not even for a device that keeps no queue and tries nothing twice."""
    scanner = FileScanner(two_files[0])
    least = 1 if by == "http" else SIZE
    settings = replace(QUICK, upload_retry_delays_s=(), http_upload_bytes=least)
    async with scanning(lab, scanner, settings=settings) as (_, task):

        async def refusals():
            return [record for record in caplog.messages if "a.mrd not stored" in record]

        async with a_table_away(tmp_path, "upload"):
            await lab.start(task)
            await lab.eventually(refusals, bool)
        await assert_stored(lab, task, scanner)
        assert scanner.problem is None


async def test_several_files_go_at_once(lab, raw, tmp_path):
    others = [tmp_path / name for name in ("b.npy", "c.json")]
    for path in others:
        path.write_bytes(path.name.encode() * 100_000)
    scanner = FileScanner(raw, *others)
    async with scanning(lab, scanner) as (proxy, task):
        await lab.start(task)
        await assert_stored(lab, task, scanner, 3)
        assert proxy.pieces in (2, 3)  # two go at once; the third may take the connection of one


async def stored_by_turns(lab, scanner, between, tls=None):
    """Let files go one after the other, with something in between; return the proxy."""
    scanner.between = between
    async with scanning(lab, scanner, tls=tls) as (proxy, task):
        scanner.proxy = proxy
        await lab.start(task)
        await assert_stored(lab, task, scanner, len(scanner.paths))
        return proxy


class PatientScanner(FileScanner):
    """Uploads its files one after the other."""

    async def scan(self, scan) -> None:
        for path in self.paths:
            self.receipts.append(await scan.upload(path))
            await self.between(self.proxy)


@pytest.fixture
def two_files(tmp_path):
    paths = [tmp_path / name for name in ("a.mrd", "b.npy")]
    for path in paths:
        path.write_bytes(hashlib.shake_256(path.name.encode()).digest(300_000))
    return paths


async def test_the_next_file_takes_the_connection_of_the_one_before(lab, two_files):
    async def nothing(_proxy):
        pass

    proxy = await stored_by_turns(lab, PatientScanner(*two_files), nothing)
    assert proxy.pieces == 1


async def test_a_connection_that_was_cut_while_it_idled_costs_the_next_file_nothing(lab, two_files):
    async def cut(proxy):
        await proxy.cut_files()

    proxy = await stored_by_turns(lab, PatientScanner(*two_files), cut)
    assert proxy.pieces == 2


async def test_a_connection_that_breaks_under_the_next_file_is_replaced(lab, two_files):
    async def break_next(proxy):
        proxy.break_carried = True

    scanner = PatientScanner(*two_files)
    proxy = await stored_by_turns(lab, scanner, break_next)
    assert proxy.pieces == 2


async def test_a_connection_that_is_cut_again_and_again_goes_on_where_it_stopped(lab, raw):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        proxy.cut_after = [100, 5 << 20, 6 << 20, 0, 7 << 20]
        await lab.start(task)
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 6
        assert proxy.passed < 2 * SIZE  # it did not begin anew each time


async def test_a_bit_that_flips_on_the_way_is_noticed_and_the_file_sent_again(lab, raw):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        proxy.flip_at = [SIZE // 2]
        await lab.start(task)
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 2


@pytest.mark.parametrize(
    "refusal", [b"404 Not Found", b"405 Method Not Allowed", b"413 Request Entity Too Large"]
)
async def test_where_http_is_not_offered_the_link_takes_the_file(lab, raw, refusal):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        proxy.refuse_uploads = b"HTTP/1.1 " + refusal + b"\r\nContent-Length: 0\r\n\r\n"
        await lab.start(task)
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 0


async def test_where_every_connection_for_files_breaks_the_link_takes_them(lab, raw):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        proxy.cut_after = [0] * 20
        await lab.start(task)
        done = await lab.task_becomes(task["id"], "FINISHED", 60)
        assert len(done["results"]) == 1


async def test_parameters_that_fit_into_no_header_go_over_the_link(lab, raw):
    scanner = FileScanner(raw, device_parameter={"calibration": "x" * 10_000})
    async with scanning(lab, scanner) as (proxy, task):
        await lab.start(task)
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 0


async def test_a_full_lake_is_told_to_the_technician_and_the_file_stays(make_lab, raw):
    async with make_lab(min_free_bytes=1 << 60) as lab:
        scanner = FileScanner(raw)
        async with scanning(lab, scanner) as (_proxy, task):
            await lab.start(task)
            failed = await lab.task_becomes(task["id"], "ERROR", 60)
            assert "Keep the file" in failed["status_reason"]
            assert "Keep the file" in scanner.problem
            assert raw.stat().st_size == SIZE


async def test_a_stop_ends_an_upload_over_http_at_once(lab, raw):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner) as (proxy, task):
        proxy.pause = 0.02
        await lab.start(task)

        async def passed():
            return proxy.passed

        await lab.eventually(passed, lambda count: count > 1 << 20)
        answer = (await lab.stop(task["device_id"])).json()
        assert answer["confirmed"], answer
        assert proxy.passed < SIZE
        await lab.task_becomes(task["id"], "CANCELED")
        assert (await lab.task(task["id"]))["results"] == []


async def test_a_file_goes_over_tls(lab, raw, tmp_path):
    scanner = FileScanner(raw)
    async with scanning(lab, scanner, tls=certificates(tmp_path)) as (proxy, task):
        await lab.start(task)
        await assert_stored(lab, task, scanner)
        assert proxy.pieces == 1


def certificates(folder):
    """Return the context of a server with its own certificate, and of a device that knows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
