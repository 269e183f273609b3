"""What an installation is set to."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class SettingOut(WireModel):
    """One setting of a running program."""

    variable: Annotated[str, Field(description="The variable of the environment that sets it")]
    description: str
    source: Annotated[
        Literal["environment", "file", "given", "default"],
        Field(
            description="Where the value is from. `given`: the command line, or whoever started it"
        ),
    ]
    secret: Annotated[bool, Field(description="The value is never told, only whether there is one")]
    is_set: Annotated[bool, Field(description="There is a value")]
    value: Annotated[Any, Field(description="null: none, or a secret")] = None
    default: Annotated[Any, Field(description="null: none, or a secret")] = None


class SettingsOut(WireModel):
    """The settings of one program or service."""

    title: str
    history: Annotated[
        str, Field(description="Under this name its history is kept; empty: it has none")
    ] = ""
    settings: list[SettingOut]


class SettingsVersionOut(WireModel):
    """What a program was set to from one start on."""

    version: Annotated[int, Field(description="From 1; the newest is in force")]
    release: Annotated[str, Field(description="Version of the software: defaults may be others")]
    created_at: datetime
