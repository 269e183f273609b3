"""The table of self-tests."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table
from workflow_manager.selftest.rules import SelfTestKind, SelfTestMode, SelfTestState


class SelfTest(Table, table=True):
    """One self-test, and how far it came."""

    __tablename__ = "selftest"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: SelfTestKind = Field(sa_type=text_enum(SelfTestKind))
    mode: SelfTestMode = Field(default=SelfTestMode.ROUTE, sa_type=text_enum(SelfTestMode))
    state: SelfTestState = Field(
        default=SelfTestState.RUNNING, sa_type=text_enum(SelfTestState), index=True
    )
    study_instance_uid: str = Field(max_length=64, description="Of its images, and of no others")
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONDocument)
    started_by: str = Field(max_length=256)
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def name(self) -> str:
        """Name of its rule and of its target."""
        return f"selftest-{self.id.hex}"
