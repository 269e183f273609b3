"""The table of what programs were set to."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table


class SettingsVersion(Table, table=True):
    """What a program was set to when it was started; a start that changes nothing makes none."""

    __tablename__ = "settings_version"

    name: str = Field(primary_key=True, max_length=300, description="Of the program")
    version: int = Field(primary_key=True)
    document: dict[str, Any] = Field(
        sa_type=JSONDocument, description="Value by variable; of secrets only that they are set"
    )
    release: str = Field(max_length=64, description="Version of the software")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
