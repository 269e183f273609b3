"""What the quality report can be told."""

from pydantic import Field

from scanhub_jobs.parameters import JobParameters


class QualityParameters(JobParameters):
    """Parameters of the quality report."""

    receive_coils: int = Field(
        1,
        ge=1,
        le=128,
        title="Receive coils",
        description="Combined by the root of the sum of squares: the noise of air depends on it",
    )
    margin_pixels: int = Field(
        2,
        ge=0,
        le=64,
        title="Margin [pixels]",
        description="Between the object, the regions beside it and the edges of the image",
    )
