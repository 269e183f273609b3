"""Settings as an administrator may see them: what, from where, and no secrets."""

import os
import re
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python
from pydantic_settings import BaseSettings

from scanhub_libraries.file_settings import SUFFIX
from scanhub_libraries.models.setting import SettingOut, SettingsOut
from scanhub_libraries.settings_meanings import meanings

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
"""In an URL: who logs in, and with which password."""


def tell_settings(title: str, settings: BaseSettings) -> SettingsOut:
    """Return what a program is set to; of secrets only that they are set."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    told = meanings(type(settings))
    return SettingsOut(
        title=title,
        settings=[
            _tell(f"{prefix}{name}".upper(), told[name], field, getattr(settings, name))
            for name, field in type(settings).model_fields.items()
        ],
    )


def _tell(variable: str, meaning: str, field: FieldInfo, value: Any) -> SettingOut:
    secret = "Secret" in str(field.annotation)
    default = field.get_default(call_default_factory=True, validated_data={})
    default = None if default is PydanticUndefined else default
    return SettingOut(
        variable=variable,
        description=meaning,
        source=_source(variable, is_default=value == default),
        secret=secret,
        is_set=value not in (None, "", [], {}, ()),
        value=None if secret else _plain(value),
        default=None if secret else _plain(default),
    )


def _source(variable: str, *, is_default: bool) -> Any:
    if variable in os.environ:
        return "environment"
    if f"{variable}{SUFFIX}" in os.environ:
        return "file"
    return "default" if is_default else "given"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; URLs without who logs in."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    value = to_jsonable_python(value, fallback=str)
    if isinstance(value, str):
        return _USER_INFO.sub("***@", value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
