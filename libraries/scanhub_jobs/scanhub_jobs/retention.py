"""How long what a session left is kept: data, files and images of its jobs, never its input."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from scanhub_jobs.backend import Document
from scanhub_jobs.durations import seconds_of


class Retention(Document):
    """How long a job's data, files and images are kept once its session has ended.

    By default they are kept until somebody removes them.
    """

    success_s: float | None = Field(
        None, ge=0, description="After a session that succeeded [s]; none: for good"
    )
    failure_s: float | None = Field(
        None, ge=0, description="After any other end [s]; none: for good, to be looked at"
    )
    hold: bool = Field(False, description="Nothing is removed until somebody says so")

    @classmethod
    def of(
        cls,
        success: str | float | timedelta | None = None,
        failure: str | float | timedelta | None = None,
        *,
        hold: bool = False,
    ) -> Self:
        """Return one of durations as people write them.

        Args:
            success: "0s" removes at once, "7d" after a week; none: kept for good.
            failure: The same, after any other end.
            hold: Nothing is removed until somebody says so.

        Raises:
            JobDefinitionError: One is no duration.
        """
        given = {"success": success, "failure": failure}
        seconds = {
            f"{name}_s": None if value is None else seconds_of(value, name=name, zero=True)
            for name, value in given.items()
        }
        return cls(hold=hold, **seconds)

    def __or__(self, other: "Retention") -> "Retention":
        """Return one that keeps as long as either does."""
        return Retention(
            success_s=_longer(self.success_s, other.success_s),
            failure_s=_longer(self.failure_s, other.failure_s),
            hold=self.hold or other.hold,
        )

    def until(self, ended_at: datetime, *, succeeded: bool) -> datetime | None:
        """Return when what a session left may be removed; None: it is kept for good."""
        seconds = self.success_s if succeeded else self.failure_s
        return None if seconds is None else ended_at + timedelta(seconds=seconds)


def _longer(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


class Kept(Document):
    """What is noted of a session that has ended."""

    succeeded: bool
    ended_at: datetime
    until: datetime | None = Field(None, description="None: for good")
    hold: bool = False
    reason: str = Field("", description="Why it is held")

    def expired(self, now: datetime) -> bool:
        """Say whether what the session left may be removed now."""
        return not self.hold and self.until is not None and now >= self.until
