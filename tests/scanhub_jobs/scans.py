"""Raw data of the simulated scanner, and the truth about what it scanned."""

import threading
from pathlib import Path

import numpy as np

from scanhub_device.simulator import ScanPlan, SimulatorSettings, phantom_image, plan_scan
from scanhub_device.simulator.acquire import acquire
from scanhub_device.simulator.coils import ring_of_coils
from scanhub_device.simulator.mrd import Labels
from scanhub_device.simulator.sequences import write_gre


def scan(path: Path, text: str, *, coils: int = 1, noise: float = 0.0) -> ScanPlan:
    """Play a Pulseq file on the phantom."""
    plan = plan_scan(text)
    assert acquire(
        plan,
        SimulatorSettings(coils, noise=noise, time_scale=0),
        path,
        labels=Labels("task-1"),
        offset_m=np.zeros(3),
        stop=threading.Event(),
        progress=lambda _: None,
    )
    return plan


def gre(folder: Path, matrix: int = 64, **changes) -> str:
    write_gre(folder / "gre.seq", matrix=matrix, dummies=0, **changes)
    return (folder / "gre.seq").read_text()


def truth(plan: ScanPlan, matrix: int, *, coils: int = 1, height_m: float = 0.0) -> np.ndarray:
    """The magnitude of an axial slice, seen by the coils together, in units of the phantom."""
    return truth_of((matrix, matrix), plan, coils=coils, height_m=height_m)


def truth_of(
    matrix: tuple[int, int], plan: ScanPlan, *, coils: int = 1, height_m: float = 0.0
) -> np.ndarray:
    """The same with any number of pixels (read, phase)."""
    fov = plan.recon_fov_m[:2]
    image = phantom_image(
        matrix, fov, contrast=plan.contrast, position_m=(0, 0, height_m), supersampling=8
    )
    x, y = ((np.arange(n) - n // 2) * f / n for n, f in zip(matrix, fov, strict=True))
    points = np.zeros((*image.shape, 3))
    points[..., 0], points[..., 1] = x[None, :], y[:, None]
    seen = np.sqrt((np.abs(ring_of_coils(coils).sensitivity(points)) ** 2).sum(axis=0))
    return image * seen


def error(image: np.ndarray, true: np.ndarray) -> float:
    """Normalised error |a image - true| / |true|, with the factor a that makes it least."""
    factor = np.vdot(image, true) / np.vdot(image, image)
    return float(np.linalg.norm(factor * image - true) / np.linalg.norm(true))
