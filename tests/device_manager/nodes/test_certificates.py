"""Certificates of devices, with several processes: one word for all of them."""

import base64
import hashlib
import time

import pytest
from scanner_lab import DEVICE
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device_manager.certificates.asking import VOUCHED, read_vouched, vouch

CERTIFICATE, OTHER = (hashlib.sha256(word).hexdigest() for word in (b"one", b"other"))
HEADER = "Client-Cert"
BEHIND = {"certificate_header": HEADER, "trusted_proxies": "127.0.0.1"}
DATA = b"raw data of a scan"


async def bind(lab, credentials, sha256):
    path = f"{DEVICE}/{credentials['device_id']}/certificate"
    answer = await lab.http.put(path, json={"sha256": sha256})
    assert answer.status_code == 200, answer.text


@pytest.mark.long
async def test_a_link_of_another_process_is_closed_to_come_again_with_the_certificate(cluster):
    here, there = await cluster.join(**BEHIND), await cluster.join(**BEHIND)
    credentials = await here.create_device()
    async with there.scanner(credentials) as scanner:
        await bind(here, credentials, CERTIFICATE)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await scanner.hear(seconds=20)
        assert closed.value.rcvd.code == 1012
    with pytest.raises(InvalidStatus):
        async with there.connect(credentials):
            pass


async def test_a_process_vouches_for_the_certificate_of_what_it_passes_on(cluster):
    """The home of the device sees another process, and believes it: no header of a stranger."""
    home, gate = await cluster.join(), await cluster.join(**BEHIND)
    credentials = await home.create_device()
    async with home.scanner(credentials) as scanner:
        start = await home.started(scanner)
        # Bound behind the back of the link, which has shown none and would be closed.
        await cluster.query("UPDATE device SET certificate_sha256 = :sha256", sha256=CERTIFICATE)
        name = base64.b64encode(b"data.mrd").decode()
        headers = {
            "Authorization": f"Bearer {start['access_token']}",
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(DATA)),
            "Upload-Metadata": f"filename {name}",
            "Content-Type": "application/offset+octet-stream",
        }
        forged = vouch("x" * 32, CERTIFICATE, start["access_token"], time.time())
        for lab, shown in (
            (home, {}),
            (home, {HEADER: CERTIFICATE}),
            (home, {VOUCHED: forged}),
            (gate, {VOUCHED: forged}),
            (gate, {HEADER: OTHER}),
        ):
            refused = await lab.http.post(
                f"{DEVICE}/uploads", headers={**headers, **shown}, content=DATA
            )
            assert refused.status_code == 403, (shown, refused.text)
            assert refused.json()["type"] == "/problems/client-certificate"
        stored = await gate.http.post(
            f"{DEVICE}/uploads", headers={**headers, HEADER: CERTIFICATE}, content=DATA
        )
        assert (stored.status_code, stored.headers["Upload-Offset"]) == (201, str(len(DATA)))
    assert "data.mrd" in home.files()


def test_a_word_for_a_certificate_is_good_for_one_token_and_some_minutes():
    word = vouch("key", CERTIFICATE, "token", 1000.0)
    assert read_vouched("key", word, "token", 1100.0) == CERTIFICATE
    for key, said, token, now in (
        ("other", word, "token", 1100.0),
        ("key", word, "other", 1100.0),
        ("key", word, "token", 1301.0),
        ("key", word, "token", 600.0),
        ("key", word.replace(CERTIFICATE, OTHER), "token", 1100.0),
        ("key", word.replace("1000", "1001"), "token", 1100.0),
        ("key", "", "token", 1100.0),
        ("key", f"{CERTIFICATE}.now.ab", "token", 1100.0),
        ("key", f"{CERTIFICATE}.1000.\xe9", "token", 1100.0),
    ):
        assert read_vouched(key, said, token, now) is None, said
