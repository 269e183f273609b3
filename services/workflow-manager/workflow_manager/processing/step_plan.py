"""What one step of a run is about."""

from dataclasses import dataclass
from typing import Any

from scanhub_libraries.models.module import ModuleOut
from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.processing.models import ProcessingRun, ProcessingStep


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What one step is about."""

    run: ProcessingRun
    case: Case
    step: ProcessingStep
    steps: int
    module: ModuleOut
    variables: dict[str, str]
    settings: dict[str, Any]
    images: list[tuple[DicomSeries, DicomInstance]]
    """Of the case."""

    @property
    def words(self) -> str:
        """Which step it is, for people."""
        return f"Module {self.step.module}, step {self.step.position} of {self.steps}"
