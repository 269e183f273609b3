"""A setting may lie in a file that the environment names."""

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict, SettingsError

from scanhub_libraries.file_settings import FileSettings


class Settings(FileSettings):
    model_config = SettingsConfigDict(env_prefix="TEST_", frozen=True)

    url: str = "none"
    key: SecretStr | None = None
    names: tuple[str, ...] = ()


def test_what_a_file_holds_is_the_setting_without_the_end_of_its_line(tmp_path, monkeypatch):
    values = {"URL": "postgresql://exam:pass word@db/exam\n", "KEY": "k", "NAMES": '["a", "b"]\n'}
    for name, value in values.items():
        (tmp_path / name).write_text(value)
        monkeypatch.setenv(f"TEST_{name}_FILE", str(tmp_path / name))
    settings = Settings()
    assert settings.url == "postgresql://exam:pass word@db/exam"
    assert settings.key == SecretStr("k")
    assert settings.names == ("a", "b")
    assert Settings(url="given").url == "given"


def test_a_setting_given_both_ways_is_refused(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("one")
    monkeypatch.setenv("TEST_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("TEST_URL", "another")
    with pytest.raises(SettingsError, match=r"TEST_URL and TEST_URL_FILE are both set"):
        Settings()


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path, monkeypatch):
    path = tmp_path / "url"
    monkeypatch.setenv("TEST_URL_FILE", str(path))
    with pytest.raises(SettingsError, match=r"TEST_URL_FILE: .*url cannot be read: No such file"):
        Settings()
    path.write_bytes(b"\xff\xfe\x00secret")
    with pytest.raises(SettingsError, match=r"cannot be read: it is no text") as raised:
        Settings()
    assert "secret" not in str(raised.value)
