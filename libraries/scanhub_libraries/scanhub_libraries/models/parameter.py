"""Parameters of devices: documents with versions, their schemas, and calibrations."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.enums import CalibrationType
from scanhub_libraries.models.fields import Parameter, Text, WireModel


class ParameterProblem(WireModel):
    """What is wrong with one member of a document."""

    field: Annotated[str, Field(description="Which member: `shims.0`; empty: the document")]
    problem: str


class ParameterChange(WireModel):
    """One member in which two documents differ."""

    field: Annotated[str, Field(description="Which member: `shims.0`")]
    before: Annotated[Any, Field(description="Null, too, where there was none")] = None
    after: Annotated[Any, Field(description="Null, too, where there is none")] = None


class ParameterVersion(WireModel):
    """One version of the parameters of a device, without the parameters."""

    version: Annotated[int, Field(description="0: none was ever set")]
    author: Annotated[
        str, Field(description="`user:ada`, `device:<id>`, or `calibration:frequency`")
    ] = ""
    comment: str = ""
    created_at: datetime | None = None


class DeviceParameterOut(ParameterVersion):
    """One version of the parameters of a device."""

    device_id: UUID
    device_type: Annotated[str | None, Field(description="Which schema they follow")] = None
    parameter: dict[str, Any]
    problems: Annotated[
        list[ParameterProblem], Field(description="Where they do not follow the schema")
    ] = []


class SetDeviceParameter(WireModel):
    """New parameters of a device."""

    parameter: Annotated[Parameter, Field(description="All of them, by their names")]
    comment: Annotated[Text, Field(description="Why they were changed")] = ""


class RestoreParameter(WireModel):
    """Why an older version is taken up again."""

    comment: Text = ""


class ParameterSchemaIn(WireModel):
    """A JSON Schema (2020-12) for the parameters of devices of one type."""

    document: Parameter


class DeviceProblems(WireModel):
    """A device whose parameters do not follow a schema."""

    device_id: UUID
    name: str
    problems: list[ParameterProblem]


class ParameterSchemaOut(ParameterSchemaIn):
    """A schema as stored."""

    device_type: str
    version: int
    author: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    invalid_devices: Annotated[
        list[DeviceProblems], Field(description="Devices whose parameters do not follow it")
    ] = []


class CalibrationState(StrEnum):
    """How far a calibration is."""

    REQUESTED = "requested"
    MEASURED = "measured"
    FAILED = "failed"


class CalibrateRequest(WireModel):
    """What to calibrate, one after the other."""

    kinds: Annotated[list[CalibrationType], Field(min_length=1, max_length=16)]


class CalibrationOut(WireModel):
    """One calibration: asked for, then measured or failed."""

    id: UUID
    device_id: UUID
    acquisition_id: Annotated[
        UUID | None, Field(description="The scan that asked for it; null: it was asked for alone")
    ] = None
    task_id: UUID | None = None
    kind: CalibrationType
    state: CalibrationState
    values: Annotated[
        dict[str, Any] | None, Field(description="What was measured, by names of the parameters")
    ] = None
    quality: Annotated[
        dict[str, Any] | None, Field(description="How good it is, as the device tells")
    ] = None
    problem: Annotated[
        str | None, Field(description="Why it failed, or why values were not taken over")
    ] = None
    parameter_version: Annotated[
        int | None, Field(description="The version of the parameters that it made")
    ] = None
    requested_by: str
    created_at: datetime
    ended_at: datetime | None = None
