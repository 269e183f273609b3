"""How long an installation waits for studies, and keeps what was discarded."""

from workflow_manager.cases.rules import CaseTimes
from workflow_manager.settings import WorkflowManagerSettings


def times_of(settings: WorkflowManagerSettings) -> CaseTimes:
    """Return the times of cases."""
    return CaseTimes(
        complete_s=settings.study_complete_s,
        force_s=settings.study_force_s,
        keep_s=settings.discard_keep_s,
    )
