"""The key with which device tokens are hashed."""

import pytest

from scanhub.settings import InstallationSettings
from scanhub_libraries.security.secret_files import SecretFileError


def test_the_key_of_device_tokens_is_made_once_and_for_the_owner_alone(tmp_path):
    settings = InstallationSettings(data_dir=tmp_path)
    key = settings.device_token_key()
    assert len(bytes.fromhex(key)) == 32
    assert InstallationSettings(data_dir=tmp_path).device_token_key() == key
    file = tmp_path / "keys" / "device-tokens.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert key != settings.service_secret("device-manager")


def test_a_key_that_can_be_guessed_is_refused(tmp_path):
    file = tmp_path / "keys" / "device-tokens.key"
    file.parent.mkdir()
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(SecretFileError, match=r"device-tokens\.key"):
        InstallationSettings(data_dir=tmp_path).device_token_key()
