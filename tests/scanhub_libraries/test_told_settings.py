"""What an administrator sees of settings: values and where they are from, never a secret."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from scanhub_libraries.file_settings import FileSettings
from scanhub_libraries.told_settings import tell_settings


class Some(FileSettings):
    model_config = SettingsConfigDict(env_prefix="SOME_", frozen=True)

    url: Annotated[str, Field(description="Where it is")] = "http://localhost"
    key: Annotated[SecretStr | None, Field(description="Opens it")] = None
    keys: Annotated[dict[str, SecretStr], Field(description="Of others")] = {}
    seconds: float = 5.0
    """How long [s]."""
    count: int = 1


def test_a_value_is_told_with_its_source_and_a_secret_only_as_set(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("open sesame")
    monkeypatch.setenv("SOME_URL", "postgresql://ada:very-secret@host/db")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    told = tell_settings("some", Some(count=3, keys={"a": SecretStr("hidden")}))
    by_name = {item.variable: item for item in told.settings}
    assert by_name["SOME_URL"].value == "postgresql://***@host/db"
    assert (by_name["SOME_URL"].source, by_name["SOME_COUNT"].source) == ("environment", "given")
    key = by_name["SOME_KEY"]
    assert (key.source, key.secret, key.is_set, key.value) == ("file", True, True, None)
    assert (by_name["SOME_SECONDS"].source, by_name["SOME_SECONDS"].value) == ("default", 5.0)
    assert by_name["SOME_SECONDS"].description == "How long [s]."
    words = told.model_dump_json()
    assert not any(secret in words for secret in ("very-secret", "open sesame", "hidden"))
