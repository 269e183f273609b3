import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scanhub_libraries.security.secret_files import SecretFileError, read_or_create
from scanhub_libraries.security.tokens import generate_keys, load_or_create_keys, load_public_key

START = """
import sys
from pathlib import Path
from scanhub_libraries.security.tokens import load_or_create_keys
sys.stdin.read()
keys = load_or_create_keys(Path(sys.argv[1]))
print(keys.private_pem, keys.public_pem)
"""


def test_of_services_that_start_at_once_all_have_the_same_keys(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path / "keys")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    for process in started:
        process.stdin.close()
    told = set()
    for process in started:
        with process.stdout as output:
            told.add(output.read())
    assert [process.wait() for process in started] == [0] * 4
    assert len(told) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "signing.pem",
        "signing.pub.pem",
    ]


def test_the_public_half_is_that_of_the_private_key_whatever_lies_beside_it(tmp_path):
    keys = load_or_create_keys(tmp_path)
    (tmp_path / "signing.pub.pem").write_text(generate_keys().public_pem)
    assert load_or_create_keys(tmp_path) == keys
    assert (tmp_path / "signing.pub.pem").read_text() == keys.public_pem


def test_a_secret_that_others_could_read_is_closed_to_them(tmp_path):
    path = tmp_path / "x.secret"
    path.write_text("secret")
    path.chmod(0o644)
    assert read_or_create(path, str) == "secret"
    assert path.stat().st_mode & 0o777 == 0o600


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.mark.parametrize(
    "text",
    ["", "guess me", generate_keys().public_pem, pem(ec.generate_private_key(ec.SECP384R1()))],
)
def test_what_is_no_signing_key_is_refused_and_the_file_is_named(tmp_path, text):
    (tmp_path / "signing.pem").write_text(text)
    with pytest.raises(SecretFileError, match=r"signing\.pem is no private key"):
        load_or_create_keys(tmp_path)


def test_a_service_that_signs_nothing_needs_the_public_key_alone(tmp_path):
    keys = generate_keys()
    (tmp_path / "signing.pub.pem").write_text(keys.public_pem)
    assert load_public_key(tmp_path) == keys.public_pem
    assert [path.name for path in tmp_path.iterdir()] == ["signing.pub.pem"]
    (tmp_path / "signing.pub.pem").write_text("no key")
    with pytest.raises(SecretFileError, match=r"signing.pub.pem is no public key"):
        load_public_key(tmp_path)


def test_where_no_key_is_the_first_one_makes_both(tmp_path):
    public_pem = load_public_key(tmp_path / "keys")
    assert load_or_create_keys(tmp_path / "keys").public_pem == public_pem
