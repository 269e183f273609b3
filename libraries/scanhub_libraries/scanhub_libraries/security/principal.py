"""The principal: who a request comes from."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from scanhub_libraries.models.enums import UserRole


class PrincipalKind(StrEnum):
    """What kind of credential was shown."""

    ANONYMOUS = "anonymous"
    USER = "user"
    SERVICE = "service"
    TASK = "task"
    JOB = "job"
    STEP = "step"
    """A job of the SDK within a run of modules; `session_id` is its session's."""
    KEY = "key"
    """A program of others that shows a shared key; `subject` says what the key is for."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, as the token says.

    A task token speaks for one device about one task; a job token for one run about one task; the
    token of a step for one job of a run of modules about its session.
    """

    kind: PrincipalKind
    subject: str
    role: UserRole | None = None
    session_id: UUID | None = None
    task_id: UUID | None = None
    claim_id: UUID | None = None
    device_id: UUID | None = None
    must_change_password: bool = False
    issued_at: int = 0
    expires_at: int = 0
    token: str = ""

    @property
    def actor(self) -> str:
        """How events and the audit name this principal."""
        return f"{self.kind}:{self.subject}"

    @property
    def is_user(self) -> bool:
        """Say whether a person is asking."""
        return self.kind is PrincipalKind.USER

    def __repr__(self) -> str:
        return f"Principal({self.actor})"


ANONYMOUS = Principal(kind=PrincipalKind.ANONYMOUS, subject="")
