"""New keys log nobody out, and no secret is lost on the way."""

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from device_manager.devices.tokens import DeviceTokens
from scanhub.cli import app
from scanhub.rotation import begin_rotation, finish_rotation
from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import ConflictError, TokenInvalidError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import (
    FORMER_LIFETIME,
    TokenSigner,
    TokenVerifier,
    former_keys,
    load_or_create_keys,
)
from workflow_manager.modules.models import Module
from workflow_manager.targets.models import Target
from workflow_manager.targets.secret_box import SecretBox


def say(_text):
    pass


def box_of(settings):
    return SecretBox(SecretStr(settings.target_secrets_key()))


@pytest.fixture
def settings(tmp_path):
    settings = InstallationSettings(data_dir=tmp_path)
    load_or_create_keys(settings.keys_dir)
    settings.device_token_key()
    settings.target_secrets_key()
    return settings


def sign(settings):
    signer = TokenSigner(load_or_create_keys(settings.keys_dir).private_pem)
    return signer.user_token("ada", UserRole.ADMIN, new_id())


def verify(settings, token):
    keys = load_or_create_keys(settings.keys_dir)
    return TokenVerifier(keys.public_pem, former=keys.former).verify(token)


def test_who_is_logged_in_stays_logged_in_and_new_tokens_have_the_new_key(settings):
    before = sign(settings)
    old = load_or_create_keys(settings.keys_dir)
    begin_rotation(settings, at_once=False, say=say)
    assert verify(settings, before).subject == "ada"
    after = sign(settings)
    assert verify(settings, after).subject == "ada"
    with pytest.raises(TokenInvalidError):
        TokenVerifier(old.public_pem).verify(after)


def test_after_a_theft_nothing_that_the_old_key_signed_is_believed(settings):
    before = sign(settings)
    begin_rotation(settings, at_once=True, say=say)
    with pytest.raises(TokenInvalidError):
        verify(settings, before)


def test_a_former_key_is_believed_for_a_while(settings):
    begin_rotation(settings, at_once=False, say=say)
    (key,) = former_keys(settings.keys_dir)
    assert key.startswith("-----BEGIN PUBLIC KEY-----")
    later = (settings.keys_dir / "signing.former.pub.pem").stat().st_mtime
    later += FORMER_LIFETIME.total_seconds() + 60
    assert former_keys(settings.keys_dir, now=later) == ()


def test_a_device_is_known_by_the_old_key_and_then_by_the_new_one(settings):
    token, stored = DeviceTokens(settings.device_token_key()).make()
    begin_rotation(settings, at_once=False, say=say)
    tokens = DeviceTokens(settings.device_token_key())
    assert tokens.matches(token, stored)
    assert tokens.stored(token) != stored
    assert tokens.matches(token, tokens.stored(token))
    assert not tokens.matches("0" * 64, stored)


def test_a_rotation_is_finished_before_the_next_one(settings):
    begin_rotation(settings, at_once=False, say=say)
    with pytest.raises(ConflictError, match="not finished"):
        begin_rotation(settings, at_once=False, say=say)


async def test_secrets_are_sealed_anew_and_the_old_key_is_dropped(house):
    settings = house.settings
    load_or_create_keys(settings.keys_dir)
    box = box_of(settings)
    await house.execute(
        Target(name="sftp", target_type="sftp", document={}, sealed={"password": box.seal("a")}),
        Module(name="m", document={}, sealed={"KEY": box.seal("b")}),
    )
    begin_rotation(settings, at_once=False, say=say)
    told = []
    await finish_rotation(settings, say=told.append)
    assert told[0].startswith("2 secrets")
    assert len(settings.target_secrets_key().split()) == 1
    rows = [*await house.rows(Target), *await house.rows(Module)]
    opened = [box_of(settings).open(next(iter(row.sealed.values()))) for row in rows]
    assert [one.get_secret_value() for one in opened] == ["a", "b"]
    with pytest.raises(ConflictError, match="nothing to finish"):
        await finish_rotation(settings, say=say)


def test_keys_stay_closed_to_others_and_a_folder_without_keys_is_told(settings, tmp_path):
    done = CliRunner().invoke(app, ["rotate-keys", "--data-dir", str(settings.data_dir)])
    assert (done.exit_code, "Restart all servers" in done.output) == (0, True)
    for path in settings.keys_dir.rglob("*.key"):
        assert path.stat().st_mode & 0o077 == 0
    done = CliRunner().invoke(app, ["rotate-keys", "--data-dir", str(tmp_path / "none")])
    assert done.exit_code == 1


async def test_keys_of_containers_stay_readable_for_them(house):
    """Each container has some of the files, as another user than who they belong to."""
    settings = house.settings
    load_or_create_keys(settings.keys_dir)
    begin_rotation(settings, at_once=False, say=say, shared=True)
    changed = ("signing.pem", "signing.pub.pem", "signing.former.pub.pem", "device-tokens.key")
    for name in (*changed, "target-secrets.key"):
        assert (settings.keys_dir / name).stat().st_mode & 0o777 == 0o444, name
    await finish_rotation(settings, say=say, shared=True)
    assert (settings.keys_dir / "target-secrets.key").stat().st_mode & 0o777 == 0o444
