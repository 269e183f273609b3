"""Series to NIfTI with dcm2niix: every output, each with what it is."""

import json
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.uid import UID

from scanhub_jobs.errors import ConversionError
from scanhub_jobs.extras import load
from scanhub_jobs.making.files import save_dicom

if TYPE_CHECKING:
    from scanhub_jobs.images.series import Images

ENGINE = "dcm2niix"
_NAME = "image"
_ENDING = ".nii.gz"
_VERSION = re.compile(r"version (v\S+)")
_SEVERAL_VOLUMES = 4
_MEANING = {  # of exit codes, from dcm2niix's ERRORS.md
    2: "it found no DICOM images",
    4: "a file is damaged",
    5: "the input folder cannot be read",
    6: "the output folder cannot be written",
    7: "a file cannot be written",
    8: "it converted some images and not others",
}


class Role(StrEnum):
    """What the voxels of an output are."""

    MAGNITUDE = "magnitude"
    PHASE = "phase"
    REAL = "real"
    IMAGINARY = "imaginary"
    ADC = "adc"
    RESAMPLED = "resampled"
    """Slices that were not equidistant, or a gantry that was tilted, made regular."""
    DERIVED = "derived"


# Suffixes of file names and words of ImageType, the first that is there tells.
_SUFFIXES = (
    (re.compile(r"_ADC"), Role.ADC),
    (re.compile(r"_(Eq|Tilt)"), Role.RESAMPLED),
    (re.compile(r"_ph"), Role.PHASE),
    (re.compile(r"_real"), Role.REAL),
    (re.compile(r"_imaginary"), Role.IMAGINARY),
)
_WORDS = (
    ({"ADC"}, Role.ADC),
    ({"P", "PHASE", "PHASE MAP"}, Role.PHASE),
    ({"R", "REAL"}, Role.REAL),
    ({"I", "IMAGINARY"}, Role.IMAGINARY),
    ({"DERIVED", "MPR", "PROJECTION IMAGE"}, Role.DERIVED),
)


class Scratch:
    """A folder that goes when nobody holds it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="scanhub-nifti-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class NiftiFile:
    """One output of a conversion: a NIfTI file and what stands beside it."""

    path: Path
    sidecar: Path | None
    """The BIDS sidecar"""
    bval: Path | None
    bvec: Path | None
    role: Role
    echo: int
    """Number of the echo, from 1"""
    shape: tuple[int, ...]
    held: Scratch | None = field(default=None, repr=False, compare=False)
    """The folder that it is in, where that is to go with it"""

    @property
    def slices(self) -> int:
        """How many slices a volume has."""
        return self.shape[2] if len(self.shape) > 2 else 1  # noqa: PLR2004 - i, j, k

    @property
    def volumes(self) -> int:
        """How many volumes there are."""
        return self.shape[3] if len(self.shape) >= _SEVERAL_VOLUMES else 1

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the sidecar says."""
        return _sidecar(self.sidecar)

    def load(self) -> Any:
        """Return a nibabel image whose voxels are in memory; it outlives the file."""
        nibabel = load("nibabel")
        return nibabel.Nifti1Image.from_bytes(load("gzip").decompress(self.path.read_bytes()))


class NiftiSet(Sequence[NiftiFile]):
    """All outputs of a conversion, by name."""

    def __init__(self, files: Sequence[NiftiFile], version: str, log: str) -> None:
        self._files = files
        self.engine = ENGINE
        self.version = version
        """Of the engine"""
        self.log = log
        """What the engine said"""

    def __getitem__(self, index: Any) -> Any:
        return self._files[index]

    def __iter__(self) -> Iterator[NiftiFile]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def primary(self) -> NiftiFile:
        """Return the output that most jobs mean.

        Magnitude before all else, measured before computed; then the first echo; then the one with
        most voxels; then the first by name.
        """
        return min(
            self._files,
            key=lambda f: (f.role is not Role.MAGNITUDE, f.echo, -_voxels(f), f.path.name),
        )

    def of(self, role: Role) -> list[NiftiFile]:
        """Return the outputs of a role, by echo."""
        return sorted((f for f in self._files if f.role is role), key=lambda f: f.echo)


def _voxels(file: NiftiFile) -> int:
    total = 1
    for size in file.shape:
        total *= size
    return total


def to_nifti(
    images: "Images", folder: Path | str | None = None, *, timeout_s: float = 600.0
) -> NiftiSet:
    """Convert images with dcm2niix.

    Images that it cannot decompress are decompressed here, and it is asked again.

    Args:
        images: One series, as a rule.
        folder: Where the files go, made if it is not there; none: they go when nobody holds them.
        timeout_s: How long it may take.

    Raises:
        ConversionError: Not all images could be converted; its log says more.
    """
    own = Scratch() if folder is None else None
    target = Path(folder or ".") if own is None else own.path
    target.mkdir(parents=True, exist_ok=True)
    compressed = any(UID(i.transfer_syntax_uid).is_compressed for i in images.instances)
    with tempfile.TemporaryDirectory(prefix="scanhub-nifti-") as scratch:
        source = Path(scratch) / "dicom"
        images.export(source)
        try:
            log = _convert(source, target, timeout_s)
        except ConversionError as error:
            if not compressed or not _decompress(source):
                raise
            log = error.log + _convert(source, target, timeout_s)
    version = _VERSION.search(log)
    files = [_output(path, own) for path in sorted(target.glob(f"{_NAME}*{_ENDING}"))]
    return NiftiSet(files, version[1] if version else "", log)


def _convert(source: Path, target: Path, timeout_s: float) -> str:
    """Run dcm2niix; return what it said."""
    program = str(load("dcm2niix").bin)
    options = ["-z", "i", "-b", "y", "-ba", "y", "-w", "2", "-g", "i", "-f", _NAME]
    for old in target.glob(f"{_NAME}*"):
        old.unlink()
    try:
        done = subprocess.run(  # noqa: S603 - a program that is installed with us
            [program, *options, "-o", str(target), str(source)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        raise ConversionError(f"dcm2niix took longer than {timeout_s:g} s.", log=said) from error
    log = done.stdout.decode(errors="replace")
    if done.returncode != 0 or not list(target.glob(f"{_NAME}*{_ENDING}")):
        meaning = _MEANING.get(done.returncode, "see its log")
        raise ConversionError(
            f"dcm2niix ended with {done.returncode}: {meaning}.",
            exit_code=done.returncode,
            log=log,
        )
    return log


def _decompress(folder: Path) -> bool:
    """Decompress the files of a folder in place; say whether that went."""
    try:
        for path in folder.iterdir():
            dataset = pydicom.dcmread(path)
            if dataset.file_meta.TransferSyntaxUID.is_compressed:
                dataset.decompress()
                save_dicom(dataset, path)
    except (RuntimeError, ValueError, AttributeError, NotImplementedError):
        return False
    return True


def _output(path: Path, held: Scratch | None) -> NiftiFile:
    stem = path.name.removesuffix(_ENDING)
    beside = {end: path.with_name(f"{stem}.{end}") for end in ("json", "bval", "bvec")}
    there = {end: file if file.is_file() else None for end, file in beside.items()}
    metadata = _sidecar(there["json"])
    numbered = re.search(r"_e(\d+)", stem)
    return NiftiFile(
        path=path,
        sidecar=there["json"],
        bval=there["bval"],
        bvec=there["bvec"],
        role=_role(stem.removeprefix(_NAME), metadata),
        echo=int(numbered[1]) if numbered else int(metadata.get("EchoNumber", 1)),
        shape=tuple(int(n) for n in load("nibabel").load(path).shape),
        held=held,
    )


def _sidecar(path: Path | None) -> dict[str, Any]:
    return {} if path is None else dict(json.loads(path.read_bytes()))


def _role(suffix: str, metadata: dict[str, Any]) -> Role:
    for pattern, role in _SUFFIXES:
        if pattern.search(suffix):
            return role
    words = {str(word).upper() for word in metadata.get("ImageType", ())}
    return next((role for some, role in _WORDS if words & some), Role.MAGNITUDE)
