"""What became of what was sent."""

from collections import Counter
from enum import StrEnum

from pydantic import BaseModel, Field

from scanhub_jobs.errors import SendError

_MOST_NAMED = 3


class Outcome(StrEnum):
    """What a node said to an instance."""

    SENT = "sent"
    WARNING = "warning"
    """It has it, and minds something"""
    REFUSED = "refused"
    """It does not take it"""
    FAILED = "failed"


GOOD = frozenset((Outcome.SENT, Outcome.WARNING))


class InstanceReport(BaseModel):
    """What became of one instance."""

    source: str = Field(description="The file, or which of the data sets")
    sop_instance_uid: str = ""
    outcome: Outcome
    status: int | None = Field(
        None,
        description="Of the C-STORE response (PS3.4 B.2.3); over STOW-RS of HTTP, or why it failed",
    )
    reason: str = ""
    transfer_syntax_uid: str = Field("", description="In which it was sent")
    attempts: int = 1
    committed: bool | None = Field(
        None, description="The node promised to keep it (PS3.4 annex J); none: it was not asked"
    )
    commit_reason: str = Field("", description="Why it did not")


class SendReport(BaseModel):
    """What became of all instances, in their order."""

    peer: str
    instances: list[InstanceReport] = []
    skipped: list[str] = Field([], description="Files of folders that are no DICOM")
    elapsed_s: float = Field(0.0, description="[s]")

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many instances had which outcome."""
        found = Counter(instance.outcome for instance in self.instances)
        return {outcome: found[outcome] for outcome in Outcome}

    @property
    def sent(self) -> list[str]:
        """SOP Instance UIDs that the node has."""
        return [i.sop_instance_uid for i in self.instances if i.outcome in GOOD]

    @property
    def failures(self) -> list[InstanceReport]:
        """The instances that the node does not have."""
        return [i for i in self.instances if i.outcome not in GOOD]

    @property
    def uncommitted(self) -> list[InstanceReport]:
        """The instances that the node has, and was asked and did not promise to keep."""
        return [i for i in self.instances if i.committed is False]

    def raise_for_failures(self) -> "SendReport":
        """Return the report if all was sent, and promised to be kept where that was asked.

        Raises:
            SendError: Something was not.
        """
        for found, what in (
            ([(i.source, i.reason) for i in self.failures], f"not sent to {self.peer}"),
            (
                [(i.source, i.commit_reason) for i in self.uncommitted],
                f"not promised to be kept by {self.peer}",
            ),
        ):
            if found:
                named = "; ".join(f"{source}: {why}" for source, why in found[:_MOST_NAMED])
                more = "; and others" if len(found) > _MOST_NAMED else ""
                count = f"{len(found)} of {len(self.instances)}"
                raise SendError(f"{count} {what}: {named}{more}", self)
        return self


class EchoResult(BaseModel):
    """What a node said to a C-ECHO."""

    ok: bool
    status: int | None = None
    reason: str = ""
    elapsed_s: float = Field(0.0, description="[s]")
