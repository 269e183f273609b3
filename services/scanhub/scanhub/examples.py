"""The ready protocols of an installation: the simulated scanner's sequences, each with its job."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from scanhub_device.simulated import default_sequence, epi_sequence, radial_sequence
from scanhub_libraries.models import (
    AcquisitionTaskFile,
    DAGTaskFile,
    DAGType,
    ProtocolFile,
    ProtocolsFile,
    SequenceFile,
    TaskFile,
    TaskType,
    WorkflowFile,
)


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan with the reconstruction that reads it."""

    ref: str
    name: str
    kind: str
    description: str
    sequence: Path


def example_protocols() -> dict[str, ProtocolsFile]:
    """Return the ready protocols by their keys."""
    gre = _Scan("gre", "GRE axial", "GRE", "Spoiled gradient echo", default_sequence())
    epi = _Scan("epi", "EPI axial", "EPI", "All lines after one excitation", epi_sequence())
    radial = _Scan(
        "radial", "Radial axial", "RADIAL", "Spokes through the centre", radial_sequence()
    )
    return {
        "quick-look": _protocol(
            UUID("0190f1a5-0000-7000-8000-000000000001"),
            "Quick look",
            "One gradient echo of the head with its reconstruction: the shortest way to an image",
            [gre],
        ),
        "three-contrasts": _protocol(
            UUID("0190f1a5-0000-7000-8000-000000000002"),
            "Three ways through k-space",
            "Gradient echo, echo planar and radial, each with its reconstruction",
            [gre, epi, radial],
        ),
    }


def _protocol(protocol_id: UUID, name: str, description: str, scans: list[_Scan]) -> ProtocolsFile:
    tasks = [task for scan in scans for task in _tasks(scan)]
    protocol = ProtocolFile(
        protocol_id=protocol_id,
        version=1,
        name=name,
        description=description,
        workflows=[WorkflowFile(name="Head", tasks=tasks)],
    )
    return ProtocolsFile(
        format="scanhub-protocols",
        format_version=1,
        protocols=[protocol],
        sequences=[_sequence(scan) for scan in scans],
    )


def _tasks(scan: _Scan) -> list[TaskFile]:
    return [
        AcquisitionTaskFile(
            ref=scan.ref,
            name=scan.name,
            description=scan.description,
            task_type=TaskType.ACQUISITION,
            sequence=scan.ref,
        ),
        DAGTaskFile(
            ref=f"{scan.ref}-images",
            name=f"{scan.name.partition(' ')[0]} reconstruction",
            description="Whatever the header of the raw data says",
            task_type=TaskType.DAG,
            dag_type=DAGType.RECONSTRUCTION,
            dag_id="reconstruction",
            inputs=[scan.ref],
        ),
    ]


def _sequence(scan: _Scan) -> SequenceFile:
    text = scan.sequence.read_text("utf-8")
    return SequenceFile(
        ref=scan.ref,
        name=scan.sequence.stem,
        description=scan.description,
        sequence_type=scan.kind,
        sha256=sha256(text.encode()).hexdigest(),
        seq_file=text,
    )
