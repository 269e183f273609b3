"""The durable run engine. Nothing outside this package knows which one it is."""

from workflow_manager.engine.attempts import Answer, Attempt, Attempts
from workflow_manager.engine.port import (
    Engine,
    EngineError,
    Running,
    Steps,
    WorkflowBody,
    WorkflowState,
)
from workflow_manager.engine.stepping import RunEndedError, end, go

__all__ = [
    "Answer",
    "Attempt",
    "Attempts",
    "Engine",
    "EngineError",
    "RunEndedError",
    "Running",
    "Steps",
    "WorkflowBody",
    "WorkflowState",
    "end",
    "go",
]
