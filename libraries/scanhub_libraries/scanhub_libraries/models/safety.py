"""The safety gate: what was found before a scan, and who confirmed what."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.models.fields import ShortText, WireModel
from scanhub_libraries.models.run import RunTurn
from scanhub_libraries.models.sequence_facts import PeakPerAxis
from scanhub_libraries.models.system_limits import SystemLimits
from scanhub_libraries.models.task import (
    AcquisitionLimits,
    AcquisitionParameter,
    AcquisitionTaskOut,
)

Number = float | None
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SafetySeverity(StrEnum):
    """What a reason means for a start."""

    REFUSE = "refuse"
    CONFIRM = "confirm"
    NOTE = "note"


class SafetyOutcome(StrEnum):
    """What all reasons together mean: the gravest one decides."""

    PASS = "pass"  # noqa: S105 - the gate opens; no password
    CONFIRM = "confirm"
    REFUSE = "refuse"


class OperatingMode(StrEnum):
    """Operating modes of IEC 60601-2-33."""

    NORMAL = "normal"
    FIRST_LEVEL = "first_level"
    BEYOND = "beyond_first_level"


class SafetyReason(WireModel):
    """One thing that was found."""

    code: Annotated[str, Field(description="Word for programs", examples=["max-gradient"])]
    severity: Annotated[
        SafetySeverity,
        Field(description="refuse: never; confirm: a named person has to; note: for information"),
    ]
    text: Annotated[str, Field(description="What, value, limit, unit, and what to do")]
    quantity: Annotated[
        str | None, Field(description="What was compared", examples=["peak_gradient_mt_per_m.x"])
    ] = None
    value: Annotated[Number, Field(description="None: it is not known")] = None
    limit: Number = None
    unit: Annotated[str | None, Field(description="Of value and limit")] = None
    standard: Annotated[str | None, Field(description="Where the limit comes from")] = None


class SafetyEstimates(WireModel):
    """What the scan would do, as far as it can be told. None: it cannot."""

    peak_gradient_mt_per_m: Annotated[
        PeakPerAxis | None, Field(description="Upper bound with the field of view placed [mT/m]")
    ] = None
    peak_slew_t_per_m_per_s: Annotated[
        PeakPerAxis | None, Field(description="Upper bound with the field of view placed [T/m/s]")
    ] = None
    b1_rms_10s_ut: Annotated[
        Number, Field(description="B1+rms over 10 s; a shorter scan counts as repeated [uT]")
    ] = None
    b1_rms_6min_ut: Annotated[
        Number, Field(description="B1+rms over 6 min; a shorter scan counts as repeated [uT]")
    ] = None
    sar_10s_w_per_kg: Annotated[
        Number, Field(description="Whole-body SAR averaged over 10 s [W/kg]")
    ] = None
    sar_6min_w_per_kg: Annotated[
        Number, Field(description="Whole-body SAR averaged over 6 min [W/kg]")
    ] = None
    pns_percent: Annotated[
        Number, Field(description="Peripheral nerve stimulation [% of the threshold]")
    ] = None
    pns_model: Annotated[str | None, Field(description="By which model and coil")] = None


class SafetyBasis(WireModel):
    """What a verdict is about: another sequence, patient or device is another verdict."""

    task_id: UUID
    device_id: UUID
    sequence_id: str | None = None
    sequence_sha256: Annotated[
        str | None, Field(description="Content hash of the sequence file; None: no sequence")
    ] = None
    analysis_version: Annotated[
        int | None, Field(description="Which analysis told the facts of the sequence")
    ] = None
    patient: AcquisitionLimits | None = None
    acquisition_parameter: AcquisitionParameter | None = None
    system_limits: SystemLimits | None = None
    sar_coefficient: Annotated[
        Number, Field(description="Absorbed power over B1+rms squared [W/uT^2]")
    ] = None


class SafetyVerdict(WireModel):
    """Every reason for and against a start, and what it is based on."""

    outcome: SafetyOutcome
    operating_mode: Annotated[
        OperatingMode | None,
        Field(description="Of IEC 60601-2-33; None: too little is known to tell"),
    ] = None
    reasons: list[SafetyReason] = []
    estimates: SafetyEstimates = SafetyEstimates()
    basis: SafetyBasis
    fingerprint: Annotated[
        str, Field(description="SHA-256 of the basis: a confirmation names it, and holds for it")
    ]
    evaluated_at: datetime


class ConfirmSafety(WireModel):
    """A named person takes over what the gate will not pass by itself."""

    fingerprint: Annotated[
        Digest, Field(description="`fingerprint` of the verdict that the person has read")
    ]
    reason: Annotated[
        str, Field(min_length=3, max_length=1000, description="Why the scan is worth it")
    ]


class SafetyConfirmation(WireModel):
    """Who confirmed what, and when."""

    confirmed_by: Annotated[str, Field(description="Name of the user")]
    role: UserRole
    confirmed_at: datetime
    reason: str
    fingerprint: str
    sequence_sha256: str | None
    patient: AcquisitionLimits | None
    codes: Annotated[list[str], Field(description="The reasons that were confirmed")]


class SafetyRecord(WireModel):
    """What is kept with an acquisition."""

    verdict: SafetyVerdict
    confirmation: SafetyConfirmation | None = None


class SafetyRequest(WireModel):
    """Which task to judge, and with which draft of what it plays."""

    task_id: UUID
    acquisition_parameter: Annotated[
        AcquisitionParameter | None,
        Field(description="Not yet stored; without it that of the task counts"),
    ] = None
    sequence_id: Annotated[
        ShortText | None,
        Field(description="Another sequence, not yet stored; without it that of the task counts"),
    ] = None


class StartTask(AcquisitionTaskOut):
    """A task to be started, as ScanHub's clients send it, with what is confirmed."""

    safety_confirmation: ConfirmSafety | None = None


class TriggerRequest(RunTurn):
    """What can be said with a start; priority and deadline are for jobs, a scan begins at once."""

    safety_confirmation: ConfirmSafety | None = None
