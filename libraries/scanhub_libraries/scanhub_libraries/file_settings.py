"""Settings whose values lie in files: what is secret is mounted into a container, not told.

`SCANHUB_EXAM_DATABASE_URL_FILE=/run/secrets/exam-url` says that the value of
`SCANHUB_EXAM_DATABASE_URL` is what the file holds, without the end of its last line.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

SUFFIX = "_FILE"


class _Files(EnvSettingsSource):
    """Reads the files that `<SETTING>_FILE` names, as if the environment had what they hold."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found: dict[str, str | None] = {}
        for field in self.settings_cls.model_fields:
            variable = f"{self.env_prefix}{field}".upper()
            path = os.environ.get(variable + SUFFIX)
            if path is None:
                continue
            if variable in os.environ:
                raise SettingsError(f"{variable} and {variable}{SUFFIX} are both set: remove one.")
            found[variable.lower()] = _read(variable + SUFFIX, Path(path))
        return found


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{variable}: {path} cannot be read: {reason}.") from None


class FileSettings(BaseSettings):
    """Settings from arguments, the environment, and files that the environment names.

    What each means is said by the string below it: `settings_meanings` reads them.

    Raises:
        SettingsError: A file cannot be read, or a setting is given both ways.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from; the first that has one is believed."""
        files = _Files(settings_cls)
        return init_settings, env_settings, files, dotenv_settings, file_secret_settings
