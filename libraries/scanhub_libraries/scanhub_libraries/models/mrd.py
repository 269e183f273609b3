"""Raw data: what an ISMRMRD file says of its readouts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

Counter = Annotated[int, Field(ge=0, le=65535)]


class MRDEncodingCounters(WireModel):
    """Where in the measurement a readout belongs (ISMRMRD's EncodingCounters)."""

    kspace_encode_step_1: Counter
    kspace_encode_step_2: Counter
    average: Counter
    slice: Counter
    contrast: Counter
    phase: Counter
    repetition: Counter
    set: Counter
    segment: Counter


class MRDAcquisitionInfo(WireModel):
    """One readout."""

    acquisition_id: Annotated[int, Field(ge=0, description="Its place in the file, from 0")]
    num_samples: Annotated[int, Field(ge=1, description="Complex samples of each coil")]
    num_coils: Annotated[int, Field(ge=1)]
    dwell_time: Annotated[
        float,
        Field(ge=0, description="Time between samples [s], not rounded; 0: the file does not say"),
    ]
    flags: Annotated[
        int, Field(ge=0, description="ISMRMRD's acquisition flags; flag n is bit n - 1")
    ] = 0
    center_sample: Annotated[Counter, Field(description="The sample at the k-space centre")] = 0
    encoding_space_ref: Annotated[Counter, Field(description="Which encoding of the header")] = 0
    idx: MRDEncodingCounters | None = None


class MRDMetaResponse(WireModel):
    """The readouts of a file of raw data; those without samples are left out."""

    workflow_id: UUID
    task_id: UUID
    result_id: UUID
    dtype: Literal["fc32"] = "fc32"
    """Complex numbers of two float32."""
    filename: str = ""
    files: Annotated[list[str], Field(description="Every file of raw data of the result")] = []
    total: Annotated[int, Field(ge=0, description="Readouts in the file")] = 0
    acquisitions: list[MRDAcquisitionInfo]
