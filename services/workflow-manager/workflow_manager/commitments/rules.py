"""What is said of each instance that a node asks about. Pure."""

from dataclasses import dataclass
from enum import StrEnum

# Failure Reason (0008,1197), PS3.3 section C.14.1.1.
PROCESSING_FAILURE, NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0110, 0x0112, 0x0119


IN_WORDS = {
    NO_SUCH_INSTANCE: "It is not in the archive.",
    CLASS_CONFLICT: "The archive has it as another SOP class.",
    PROCESSING_FAILURE: "Its file is not as the archive says.",
}
"""What a Failure Reason says, for people."""


class CommitmentState(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    """For its report: the node has not heard yet."""
    REPORTED = "reported"
    FAILED = "failed"
    """Every attempt to report was in vain."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the archive has under a SOP Instance UID."""

    sop_class_uid: str
    is_whole: bool
    """Its file is there, as long as the index says, and on the disk."""


def failure_of(sop_class_uid: str, held: Held | None) -> int | None:
    """Return why we do not commit ourselves to keep an instance; None: we do.

    Args:
        sop_class_uid: As which the node knows it.
        held: What we have; None: nothing.
    """
    if held is None:
        return NO_SUCH_INSTANCE
    if held.sop_class_uid != sop_class_uid:
        return CLASS_CONFLICT
    return None if held.is_whole else PROCESSING_FAILURE
