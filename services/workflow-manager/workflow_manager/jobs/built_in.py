"""The jobs of the platform: modules of `scanhub_jobs`, each a process that is given files."""

from dataclasses import replace

from scanhub_jobs.frequency_parameters import FrequencyParameters
from scanhub_jobs.parameters import JobParameters
from scanhub_jobs.quality_parameters import QualityParameters
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters
from scanhub_libraries.models.job import JobData, JobInput
from workflow_manager.jobs.definitions import JobDefinition

_RAW_DATA = JobInput(kinds=[JobData.RAW_DATA])
_IMAGES_OR_RAW_DATA = JobInput(kinds=[JobData.IMAGES, JobData.RAW_DATA])


def schema_of(model: type[JobParameters]) -> dict[str, object]:
    """Return the JSON Schema of a job's parameters."""
    schema = model.model_json_schema()
    schema.pop("description", None)
    return schema


_RECONSTRUCTION = JobDefinition(
    id="reconstruction",
    name="Reconstruction",
    source="built-in",
    version="1.0.0",
    description="Images of raw data: Cartesian, EPI, radial, spiral and others, as the header of "
    "the data says.",
    parameters=schema_of(ReconstructionParameters),
    inputs=(_RAW_DATA,),
    outputs=(JobData.IMAGES,),
    module="scanhub_jobs.reconstruction",
)
BUILT_IN: dict[str, JobDefinition] = {
    job.id: job
    for job in (
        _RECONSTRUCTION,
        replace(
            _RECONSTRUCTION,
            id="cartesian_reconstruction",
            name="Cartesian reconstruction",
            description="The same job as `reconstruction`, by the name that older tasks have.",
        ),
        JobDefinition(
            id="frequency_calibration",
            name="Frequency calibration",
            source="built-in",
            version="1.0.0",
            description="The resonance in readouts without gradients, and how far the receiver is "
            "from it.",
            parameters=schema_of(FrequencyParameters),
            inputs=(_RAW_DATA,),
            outputs=(JobData.CALIBRATION,),
            module="scanhub_jobs.frequency",
        ),
        JobDefinition(
            id="quality_report",
            name="Quality report",
            source="built-in",
            version="1.0.0",
            description="Signal to noise, uniformity and ghosts of images of a homogeneous "
            "phantom.",
            parameters=schema_of(QualityParameters),
            inputs=(_IMAGES_OR_RAW_DATA,),
            outputs=(JobData.REPORT,),
            module="scanhub_jobs.quality",
        ),
    )
}
