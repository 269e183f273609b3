"""The grid that Cartesian readouts fill, and the one that the image has."""

from dataclasses import dataclass

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.mrd_header import Header

_MAX_VOXELS = 512 * 1024 * 1024
Triple = tuple[int, int, int]
Extent = tuple[float, float, float]


@dataclass(frozen=True)
class Encoding:
    """One Cartesian encoding; every triple is in the order x (read), y (phase), z (slab)."""

    matrix: Triple
    fov_mm: Extent
    recon_matrix: Triple
    recon_fov_mm: Extent
    centre: Triple
    """Counter of the k-space centre; x is unused, each readout states its own."""

    @property
    def three_dimensional(self) -> bool:
        """A second phase encoding replaces slice selection."""
        return self.matrix[2] > 1

    @property
    def grid(self) -> Triple:
        """Size of the k-space grid whose transform has the reconstructed voxel size."""
        x, y, z = (
            max(1, round(n * fov / recon_fov))
            for n, fov, recon_fov in zip(
                self.recon_matrix, self.fov_mm, self.recon_fov_mm, strict=True
            )
        )
        return x, y, z if self.three_dimensional else 1

    @property
    def voxel_mm(self) -> Extent:
        """Voxel size of the image."""
        x, y, z = (f / n for f, n in zip(self.recon_fov_mm, self.recon_matrix, strict=True))
        return x, y, z


def _centre(stated: int | None, size: int) -> int:
    return size // 2 if stated is None else stated


def cartesian_encoding(header: Header) -> Encoding:
    """Read the encoding of a header.

    Raises:
        JobInputError: It is not Cartesian, is accelerated, or makes no sense.
    """
    if header.trajectory != "cartesian":
        raise JobInputError(
            f"The data are {header.trajectory or 'of no stated trajectory'}; "
            "this is for Cartesian data only."
        )
    return grid_encoding(header)


def grid_encoding(header: Header) -> Encoding:
    """Read the encoding of a header, whatever its trajectory.

    Raises:
        JobInputError: It is accelerated, or makes no sense.
    """
    if header.acceleration > 1:
        raise JobInputError(
            "The data are accelerated (parallel imaging); this job needs all k-space lines."
        )
    matrix, recon = header.encoded.matrix, header.reconstructed.matrix
    encoding = Encoding(
        matrix=matrix,
        fov_mm=header.encoded.fov_mm,
        recon_matrix=recon if matrix[2] > 1 else (recon[0], recon[1], 1),
        recon_fov_mm=header.reconstructed.fov_mm,
        centre=(
            matrix[0] // 2,
            _centre(header.centres[0], matrix[1]),
            _centre(header.centres[1], matrix[2]),
        ),
    )
    _check(encoding)
    return encoding


def _check(encoding: Encoding) -> None:
    for axis, have, grid, recon in zip(
        "xyz", encoding.matrix, encoding.grid, encoding.recon_matrix, strict=True
    ):
        if grid < recon:
            raise JobInputError(f"The reconstructed FOV in {axis} is larger than the encoded one.")
        if grid > max(64, 8 * have):
            raise JobInputError(
                f"The encoded matrix and FOV do not fit the reconstructed ones in {axis}."
            )
    for x, y, z in (encoding.matrix, encoding.grid):
        if x * y * z > _MAX_VOXELS:
            raise JobInputError(f"The matrix {x} x {y} x {z} is too large for this job.")
