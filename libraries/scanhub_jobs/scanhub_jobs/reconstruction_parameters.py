"""What the reconstruction job can be told."""

from typing import Literal

from pydantic import Field

from scanhub_jobs.parameters import JobParameters

TrajectoryUnit = Literal["auto", "cycles_per_fov", "cycles_per_sample", "per_m"]


class ReconstructionParameters(JobParameters):
    """Parameters of the reconstruction; what does not concern a trajectory is not looked at."""

    coil_combination: Literal["rss", "adaptive"] = Field(
        "rss",
        title="Coil combination",
        description="Root of the sum of squares, or adaptive (Walsh et al., Magn Reson Med 2000), "
        "which leaves less noise where there is little signal and takes longer",
    )
    partial_fourier: Literal["pocs", "zero_fill"] = Field(
        "pocs",
        title="Partial Fourier",
        description="What was not measured of k-space: estimated by projection onto convex sets "
        "(Haacke et al., J Magn Reson 1991), or left empty",
    )
    partial_fourier_iterations: int = Field(
        8, ge=1, le=50, title="Partial Fourier iterations", description="Of the projection"
    )
    apodization: Literal["none", "hann"] = Field(
        "none",
        title="Apodization",
        description="Hann weights k-space down towards its edge: less ringing, less resolution",
    )
    prewhitening: bool = Field(
        True,
        title="Noise prewhitening",
        description="Make the noise of the coils alike and independent, where the file holds noise "
        "readouts",
    )
    phase_correction: Literal["navigator", "none"] = Field(
        "navigator",
        title="EPI phase correction",
        description="Take out the phase between forward and backward lines that navigator readouts "
        "show, where there are some",
    )
    trajectory_unit: TrajectoryUnit = Field(
        "auto",
        title="Unit of the trajectory",
        description="Cycles per encoded field of view, cycles per sample (0.5 at the edge), or "
        "1/m; auto: as the header says, else by how far it reaches",
    )
    density_compensation: Literal["iterative", "ramp", "none"] = Field(
        "iterative",
        title="Density compensation",
        description="Of samples on no grid: iterative (Pipe and Menon, Magn Reson Med 1999) for "
        "any trajectory, ramp for evenly turned spokes",
    )
    memory_gib: float = Field(
        8.0,
        gt=0,
        le=4096,
        title="Memory for k-space [GiB]",
        description="Volumes are read together as long as they fit; one that does not is refused",
    )
