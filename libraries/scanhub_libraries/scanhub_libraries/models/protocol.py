"""Protocols: exam templates in versions, as a library, as a file, and compared."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from scanhub_libraries.models.enums import CalibrationType, DAGType, PatientPosition, TaskType
from scanhub_libraries.models.fields import Name, Parameter, ShortText, Text, WireModel
from scanhub_libraries.models.sequence import BaseMRISequence
from scanhub_libraries.models.task import AcquisitionParameter, Deviation

MOST_TASKS = 1000
"""Of one workflow: what a file of protocols takes, and a person can look through."""
MOST_WORKFLOWS = 200
"""Of one exam."""
FORMAT: Literal["scanhub-protocols"] = "scanhub-protocols"
FORMAT_VERSION: Literal[1] = 1


class Standing(StrEnum):
    """What an exam is, as far as plans go."""

    INSTANCE = "instance"
    """The exam of a patient."""
    DRAFT = "draft"
    """A template that is being worked on."""
    RELEASED = "released"
    """A template that somebody answers for: frozen."""
    RETIRED = "retired"
    """Was released; no new exams are made from it."""


class ReleaseProtocol(WireModel):
    """Why a version is released."""

    comment: Annotated[Text, Field(description="What was checked, what is new")] = ""


class ProtocolVersionOut(WireModel):
    """One version of a protocol, without its tree."""

    exam_id: UUID
    protocol_version: int
    standing: Standing
    name: str
    description: str
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    released_at: datetime | None = None
    released_by: str | None = None
    release_comment: str | None = None
    retired_at: datetime | None = None


class SequenceName(WireModel):
    """A sequence that a protocol uses."""

    id: str
    name: str


class ProtocolOut(WireModel):
    """One protocol of the library."""

    protocol_id: UUID
    name: str
    description: str
    newest: ProtocolVersionOut
    released: Annotated[
        ProtocolVersionOut | None, Field(description="The version to make exams from, if any")
    ] = None
    tasks: Annotated[int, Field(description="Number of tasks of the newest version")]
    sequences: Annotated[
        list[SequenceName], Field(description="What the newest version uses, by name")
    ]
    changed: Annotated[datetime, Field(description="Last edit of the newest version")]


class ChangeKind(StrEnum):
    """What became of a part of a protocol."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


class ProtocolChange(WireModel):
    """One difference between two protocols."""

    kind: ChangeKind
    what: Literal["exam", "workflow", "task"]
    name: Annotated[str, Field(description="Name on the right side; of what was removed: left")]
    workflow: Annotated[str | None, Field(description="Tasks: name of the workflow")] = None
    left_id: UUID | None = None
    right_id: UUID | None = None
    field: Annotated[str | None, Field(description="Which field changed")] = None
    before: Any = None
    after: Any = None


class ProtocolDiff(WireModel):
    """How the right protocol differs from the left one."""

    left: UUID
    right: UUID
    changes: list[ProtocolChange]


class TaskDeviations(WireModel):
    """The deviations of one task."""

    task_id: UUID
    name: str
    deviations: list[Deviation]


class ExamDeviations(WireModel):
    """Where an exam is not what its template says."""

    exam_id: UUID
    template_id: UUID | None
    template_version: int | None
    template_exists: Annotated[
        bool, Field(description="Without it, only edited values and strange tasks are told")
    ]
    tasks: Annotated[list[TaskDeviations], Field(description="Tasks with edited values")]
    parts: Annotated[
        list[ProtocolChange], Field(description="What was added, removed, moved or renamed")
    ]


# --- the file -------------------------------------------------------------------------------------

Reference = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]


class _FileModel(WireModel):
    """A part of the file. What the format does not know is refused: it would get lost unseen."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _FileTask(_FileModel):
    ref: Annotated[Reference, Field(description="Name within the file, for `inputs`")]
    name: Name
    description: Text = ""
    destination: ShortText = ""


class AcquisitionTaskFile(_FileTask):
    """An acquisition in a file."""

    task_type: Literal[TaskType.ACQUISITION]
    sequence: Annotated[
        Reference | None, Field(description="`ref` of one of the file's sequences")
    ] = None
    acquisition_parameter: AcquisitionParameter | None = None
    calibration: Annotated[list[CalibrationType], Field(max_length=16)] = []
    device_id: Annotated[
        UUID | None, Field(description="For the reader only: devices differ between installations")
    ] = None


class DAGTaskFile(_FileTask):
    """A job in a file."""

    task_type: Literal[TaskType.DAG]
    dag_type: DAGType
    dag_id: ShortText
    inputs: Annotated[
        list[Reference], Field(max_length=256, description="`ref` of tasks of the same protocol")
    ] = []
    parameter: Parameter | None = None


TaskFile = Annotated[AcquisitionTaskFile | DAGTaskFile, Field(discriminator="task_type")]


class WorkflowFile(_FileModel):
    """A workflow in a file, with its tasks in order."""

    name: Name
    description: Text = ""
    comment: Text | None = None
    tasks: Annotated[list[TaskFile], Field(max_length=MOST_TASKS)] = []


class ProtocolFile(_FileModel):
    """A version of a protocol in a file; never anything of a patient."""

    protocol_id: UUID
    version: Annotated[int, Field(ge=1, description="Its protocol_version where it was exported")]
    name: Name
    description: Text = ""
    indication: Text | None = None
    comment: Text | None = None
    patient_position: Annotated[
        PatientPosition | None,
        Field(description="How the patient lies (0018,5100); null: asked for with each exam"),
    ] = None
    released_at: AwareDatetime | None = None
    released_by: ShortText | None = None
    release_comment: Text | None = None
    workflows: Annotated[list[WorkflowFile], Field(max_length=MOST_WORKFLOWS)] = []


class SequenceFile(BaseMRISequence):
    """A sequence in a file, with the text of its Pulseq file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    ref: Reference
    sha256: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9a-f]{64}$"),
        Field(description="Of the Pulseq file in UTF-8"),
    ]
    seq_file: Annotated[str, Field(min_length=1, description="The Pulseq file")]
    xml_file: Annotated[str | None, Field(min_length=1, description="The MRD header")] = None


class ProtocolsFile(_FileModel):
    """Protocols with the sequences that they use, in one JSON file."""

    format: Literal["scanhub-protocols"]
    format_version: Literal[1]
    exported_at: AwareDatetime | None = None
    exported_by: ShortText | None = None
    protocols: Annotated[list[ProtocolFile], Field(min_length=1, max_length=200)]
    sequences: Annotated[list[SequenceFile], Field(max_length=500)] = []


class ImportedProtocol(WireModel):
    """What became of one protocol of the file: a draft."""

    name: str
    exam_id: UUID
    protocol_id: UUID
    protocol_version: int
    notes: Annotated[list[str], Field(description="What is not as in the file")] = []


class ImportedSequence(WireModel):
    """What became of one sequence of the file."""

    ref: str
    sequence_id: str
    created: Annotated[bool, Field(description="False: the same file was here already")]
    notes: Annotated[
        list[str], Field(description="Where the sequence that is used is not as in the file")
    ] = []


class ImportedProtocols(WireModel):
    """What an import made."""

    protocols: list[ImportedProtocol]
    sequences: list[ImportedSequence]
