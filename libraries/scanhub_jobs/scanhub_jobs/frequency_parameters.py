"""What the frequency calibration can be told."""

from pydantic import Field

from scanhub_jobs.parameters import JobParameters


class FrequencyParameters(JobParameters):
    """Parameters of the frequency calibration."""

    zero_filling: int = Field(
        8, ge=1, le=64, title="Zero filling", description="How much finer the spectrum is made"
    )
    search_hz: float | None = Field(
        None,
        gt=0,
        title="Search range [Hz]",
        description="How far from the receiver's frequency the resonance is looked for; else "
        "everywhere",
    )
    least_snr: float = Field(
        5.0,
        ge=1,
        title="Least SNR",
        description="A peak that is lower, relative to the noise of the spectrum, is none",
    )
