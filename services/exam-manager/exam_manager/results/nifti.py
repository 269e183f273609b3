"""Images as NIfTI: dcm2niix, in a process with limits, in a folder that is gone afterwards."""

import asyncio
import os
import signal
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import dcm2niix  # type: ignore[import-untyped]

from exam_manager.results.places import Places
from exam_manager.results.scratch import Scratch
from scanhub_libraries.errors import PayloadTooLargeError, UnavailableError, UnprocessableError
from scanhub_libraries.threads import to_the_end

MOST_BYTES = 2 * 2**30
_MEMORY = 6 * 2**30
_AT_ONCE = 2
_MOST_WAITING = 8
_WANTED = (".nii.gz", ".bval", ".bvec")
_SAID = 500
_OPTIONS = ("-g", "i", "-b", "n", "-ba", "y", "-z", "n", "-f", "image-%s", "-o")
"""Defaults of a user ignored; no sidecar, which repeats what the DICOM header says; not compressed,
as the header is cleaned first; names without anything about the patient."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversion may take."""

    seconds: float = 120.0
    memory: int = _MEMORY
    """Address space [byte]."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A file without a name in the file system: it is gone as soon as it is closed."""

    file: IO[bytes]
    size: int
    ending: str
    media_type: str


class NiftiConverter:
    """Converts images with dcm2niix, few at a time."""

    def __init__(
        self, scratch: Scratch, limits: Limits | None = None, program: Path | None = None
    ) -> None:
        self._scratch = scratch
        self._limits = limits or Limits()
        self._program = program or Path(dcm2niix.bin_path)
        self.places = Places(_AT_ONCE, _MOST_WAITING)

    async def __call__(self, files: Mapping[str, Path]) -> Converted:
        """Return the images of DICOM files as .nii.gz, or a zip of several.

        Raises:
            PayloadTooLargeError: The files are more than is converted.
            UnprocessableError: They are no images that can be converted.
            UnavailableError: This installation lacks dcm2niix, or too many wait already.
        """
        async with self.places, self._scratch.folder() as folder:
            source, target = await to_the_end(_prepare, folder, files)
            if not self._program.exists():
                raise UnavailableError("dcm2niix is not installed here.")
            said = await self._run(folder, str(self._program), *_OPTIONS, str(target), str(source))
            clean = (sys.executable, "-I", "-m", "exam_manager.results.nifti_header")
            await self._run(folder, *clean, str(target))
            return await to_the_end(_collect, target, said, discard=_discard)

    async def _run(self, folder: Path, *command: str) -> str:
        """Run a program with limits; return what it said.

        Raises:
            UnprocessableError: It failed, or took too long.
        """
        process = await self._start(folder, *command)
        try:
            async with asyncio.timeout(self._limits.seconds):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise UnprocessableError(
                f"The images could not be converted within {self._limits.seconds:g} s."
            ) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        said = output.decode(errors="replace").replace(f"{folder}/", "")
        if process.returncode != 0:
            raise UnprocessableError(f"The images cannot be converted: {_reason(said)}")
        return said

    async def _start(self, folder: Path, *command: str) -> asyncio.subprocess.Process:
        limits = self._limits
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "exam_manager.results.limited"),
            str(max(1, round(limits.seconds))),
            *(str(limits.memory), str(2 * MOST_BYTES), str(os.getpid())),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C"},
            start_new_session=True,
        )


def _prepare(folder: Path, files: Mapping[str, Path]) -> tuple[Path, Path]:
    size = sum(path.stat().st_size for path in files.values())
    if size > MOST_BYTES:
        raise PayloadTooLargeError(
            f"The images have {size / 2**30:.1f} GiB; {MOST_BYTES // 2**30} GiB at most are "
            "converted. Download them as zip."
        )
    source, target = folder / "in", folder / "out"
    source.mkdir()
    target.mkdir()
    for number, path in enumerate(files.values()):
        (source / f"{number:06d}.dcm").symlink_to(path)
    return source, target


def _collect(target: Path, said: str) -> Converted:
    made = sorted(path for path in target.iterdir() if path.name.endswith(_WANTED))
    if not any(path.name.endswith(".nii.gz") for path in made):
        raise UnprocessableError(f"dcm2niix made no image of the files: {_reason(said)}")
    if len(made) == 1:
        return Converted(made[0].open("rb"), made[0].stat().st_size, ".nii.gz", "application/gzip")
    path = target / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in made:
            archive.write(file, file.name)
    return Converted(path.open("rb"), path.stat().st_size, ".nii.zip", "application/zip")


def _discard(made: Converted) -> None:
    made.file.close()


def _reason(said: str) -> str:
    """Return the errors that the program told, or else what it said last."""
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return " ".join(errors or lines[-1:])[:_SAID] or "it gave no reason."
