"""What came out: images enter the archive, and no image there is changed.

It is what the last module made, and what each job of the SDK kept.

A module may give back images that it got, or other images under their UIDs. The first are known
already; the second, and parts of a series, become series of their own with new UIDs: PS3.3 C.7.6.1
and PS3.5 9.1 ask for that of derived images. Their UIDs follow from the run, so that doing it again
makes nothing twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pydicom
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import reading
from workflow_manager.cases.service import get_case
from workflow_manager.cleaner.repository import instance_uids
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.processing import folders, repository
from workflow_manager.processing.computing import output_of
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.rules import StepState, source_of
from workflow_manager.wiring import Wiring

Answer = dict[str, Any]
_Known = Mapping[str, tuple[str, UUID]]


@dataclass(frozen=True, slots=True)
class _Image:
    path: Path
    header: Header

    @property
    def place(self) -> tuple[str, str]:
        """Study and series."""
        return self.header.study_instance_uid, self.header.series_instance_uid


async def index(wiring: Wiring, run: ProcessingRun) -> Answer:
    """Bring images into the archive.

    Returns:
        How many; `known` series that came out as they are; series that an earlier run of the case
        began, and that came out `again`; the names of other files.
    """
    root = wiring.lake.root
    async with reading(wiring.sessions) as session:
        case = await get_case(session, run.case_id)
        steps = (await repository.list_steps(session, [run.id]))[run.id]
        output = await output_of(session, root, run, len(steps))
        jobs = [
            await output_of(session, root, run, step.position)
            for step in steps[:-1]
            if step.job and step.state is not StepState.SKIPPED
        ]
    images, others, problem = await asyncio.to_thread(_sort, output)
    for earlier in jobs:
        made, _, wrong = await asyncio.to_thread(_sort, earlier)
        images, problem = _with_new(images, made), problem or wrong
    if problem:
        return {"failed": problem}
    async with reading(wiring.sessions) as session:
        plan = await _plan(session, run, images)
    origin = Origin(source=source_of(run.id.hex), task_id=case.task_id, exam_id=case.exam_id)
    renamed = folders.run_folder(root, run.id) / "renamed"
    for image in plan.store:
        path = image.path
        if image.place in plan.rename:
            path = await asyncio.to_thread(_rename, image, renamed, run.id)
        stored = await wiring.store.store_instance(path, origin)
        if path is not image.path:
            await asyncio.to_thread(path.unlink)
        if stored.outcome not in {Outcome.STORED, Outcome.DUPLICATE}:
            return {"failed": f"Image {image.path.name} cannot be indexed: {stored.detail}"}
    kept = folders.files_folder(root, run.id)
    names = await asyncio.to_thread(folders.keep_files, output, kept, others)
    return {
        "images": len(images),
        "known": sorted(plan.known),
        "again": sorted(plan.again),
        "files": names,
    }


def _with_new(images: list[_Image], made: Sequence[_Image]) -> list[_Image]:
    """Add what a job of the chain handed over; what was passed on is there already."""
    there = {(one.header.sop_instance_uid, one.header.sha256) for one in images}
    new = [one for one in made if (one.header.sop_instance_uid, one.header.sha256) not in there]
    return [*images, *new]


def _sort(output: Path) -> tuple[list[_Image], list[Path], str]:
    """Return images and other files; or what is wrong with one that should be an image."""
    images: list[_Image] = []
    others: list[Path] = []
    if not output.exists():
        return images, others, "What the last module made is not here any more."
    for path, name in folders.outputs(output):
        if path.suffix == ".tags":
            continue
        try:
            images.append(_Image(path, read_header(path)))
        except NotStorableError as error:
            if path.suffix.lower() == ".dcm":
                return images, others, f"{name} of the last module cannot be indexed: {error}"
            others.append(path)
    return images, others, ""


@dataclass(frozen=True, slots=True)
class _Plan:
    store: Sequence[_Image]
    rename: Collection[tuple[str, str]]
    """Series whose images get other UIDs."""
    known: Collection[str]
    """Ids of series that were in the archive, and came out as they are there."""
    again: Collection[str]
    """Ids of series that an earlier run of this case has made, or began to."""


async def _plan(session: AsyncSession, run: ProcessingRun, images: Sequence[_Image]) -> _Plan:
    """Say what becomes of each series that came out, all its images together."""
    groups: defaultdict[tuple[str, str], list[_Image]] = defaultdict(list)
    for image in images:
        groups[image.place].append(image)
    known = await repository.find_instances(
        session, [image.header.sop_instance_uid for image in images]
    )
    places = await repository.sources_of(session, [series for _, series in groups])
    runs = await repository.list_runs(session, case_id=run.case_id, limit=1000)
    earlier = {source_of(one.id.hex) for one in runs} - {source_of(run.id.hex)}
    store: list[_Image] = []
    rename, unchanged, again = set(), set(), set()
    for place, group in groups.items():
        source, series_id = places.get(place, ("", None))
        foreign = series_id is not None and source != source_of(run.id.hex)
        whole = foreign and await _has_all_of(session, series_id, group, known)
        if whole and source in earlier:
            again.add(str(series_id))
        elif whole and len(group) == await _size(session, series_id):
            unchanged.add(str(series_id))
            continue
        elif foreign or _is_taken(group, known, series_id):
            rename.add(place)
        store += group
    return _Plan(store, rename, unchanged, again)


async def _has_all_of(
    session: AsyncSession, series_id: UUID | None, group: Sequence[_Image], known: _Known
) -> bool:
    """Say whether a group has all images of a series of the archive, unchanged."""
    if series_id is None:
        return False
    same = {
        image.header.sop_instance_uid
        for image in group
        if known.get(image.header.sop_instance_uid) == (image.header.sha256, series_id)
    }
    return same == await instance_uids(session, series_id)


async def _size(session: AsyncSession, series_id: UUID | None) -> int:
    return 0 if series_id is None else len(await instance_uids(session, series_id))


def _is_taken(group: Sequence[_Image], known: _Known, series_id: UUID | None) -> bool:
    """Say whether another object has the UID of one of these images."""
    for image in group:
        there = known.get(image.header.sop_instance_uid)
        if there is not None and there != (image.header.sha256, series_id):
            return True
    return False


def _rename(image: _Image, folder: Path, run_id: UUID) -> Path:
    """Write an image with UIDs of its own; blocking."""
    dataset = pydicom.dcmread(image.path)
    dataset.SeriesInstanceUID = _uid(run_id, image.header.series_instance_uid)
    dataset.SOPInstanceUID = _uid(run_id, image.header.sop_instance_uid)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def _uid(run_id: UUID, before: str) -> str:
    """Return the UID that an image gets in this run (PS3.5 B.2)."""
    return f"2.25.{uuid5(run_id, before).int}"
