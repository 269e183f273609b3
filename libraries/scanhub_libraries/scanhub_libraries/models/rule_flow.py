"""What comes of what a rule decided: how much is where, for the picture of the rule."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

Count = Annotated[int, Field(ge=0)]


class FlowStepOut(WireModel):
    """How the last runs of the cases stand at one module."""

    position: Annotated[int, Field(description="In the chain of the rule, from 1")]
    module: str
    waiting: Annotated[int, Field(description="Not begun, and will be")]
    running: Count
    done: Count
    skipped: Annotated[int, Field(description="A job that was not wanted")]
    failed: Annotated[int, Field(description="Or stopped, or took too long")]


class FlowReviewOut(WireModel):
    """What people decided, or are to decide."""

    waiting: Count
    overdue: Annotated[int, Field(description="Of those that wait")]
    approved: Count
    rejected: Count


class FlowGateOut(FlowReviewOut):
    """What people decided between two modules, or are to decide."""

    after: Annotated[int, Field(description="Behind which module it stands, from 1")]


class FlowTargetOut(WireModel):
    """Series on their way to one target."""

    target: str
    waiting: Annotated[int, Field(description="Queued, or wait for another attempt")]
    sending: Count
    sent: Count
    failed: Annotated[int, Field(description="Or given up")]


class FlowTellingOut(WireModel):
    """Messages of one kind."""

    channel: Annotated[str, Field(description="webhook or email")]
    waiting: Count
    sent: Count
    failed: Count


class RuleFlowOut(WireModel):
    """Where the cases of a rule are: those that came of late, and all that have not ended."""

    rule: str
    since: Annotated[datetime, Field(description="Cases that have ended count if they came later")]
    series: Annotated[int, Field(description="Received, of these cases")]
    images: Count
    cases: Annotated[dict[str, int], Field(description="How many, by state; none: not there")]
    steps: Annotated[list[FlowStepOut], Field(description="Modules of the rule as it is by now")]
    review: FlowReviewOut
    gates: Annotated[list[FlowGateOut], Field(description="Of the rule as it is by now")] = []
    targets: Annotated[
        list[FlowTargetOut], Field(description="Those of the rule, and those that modules chose")
    ]
    notifications: list[FlowTellingOut]
