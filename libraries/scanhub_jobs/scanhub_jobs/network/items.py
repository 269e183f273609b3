"""What is to be sent: data sets, files, folders, a DICOMDIR; each read when its turn comes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from scanhub_jobs.errors import DicomFileError

Where = Callable[[Dataset], bool]
_PREAMBLE = 128
_UNDEFINED = 0xFFFFFFFF
_READING = (InvalidDicomError, OSError, ValueError, TypeError, AttributeError, EOFError, KeyError)


@dataclass(frozen=True)
class Item:
    """One instance, or a file that is broken."""

    source: str
    path: Path | None = None
    dataset: Dataset | None = None
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    transfer_syntax_uid: str = ""
    trouble: str = ""

    def read(self) -> Dataset:
        """Return the whole data set.

        Raises:
            DicomFileError: It cannot be read.
        """
        if self.dataset is not None:
            return self.dataset
        try:
            return _read(self.path or Path(), whole=True)
        except _READING as error:
            raise DicomFileError(f"The file cannot be read: {error}") from error


def _read(path: Path, *, whole: bool) -> Dataset:
    dataset = pydicom.dcmread(path, stop_before_pixels=not whole)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    if whole:
        _check_whole(dataset)
    return dataset


def _check_whole(dataset: Dataset) -> None:
    """Find a file that ends amid its last element: pydicom reads what is there."""
    tags = sorted(dataset.keys())
    last = dataset.get_item(tags[-1]) if tags else None
    if not isinstance(last, RawDataElement) or last.length == _UNDEFINED:
        return
    if len(last.value or b"") < last.length:
        raise EOFError(f"it ends within {last.tag}")


def collect(things: Any, *, where: Where | None, recursive: bool, skipped: list[str]) -> list[Item]:
    """Return the instances that are meant, in order.

    Args:
        things: A data set, a path, or several of them. A folder means the DICOM files in it, a
            DICOMDIR those that it names.
        where: Only those whose header passes.
        recursive: Folders with the folders in them.
        skipped: Gets the files of folders that are no DICOM.
    """
    items = list(_collect(things, recursive=recursive, skipped=skipped))
    if where is None:
        return items
    return [item for item in items if item.trouble or where(_header(item))]


def _header(item: Item) -> Dataset:
    return item.dataset if item.dataset is not None else _read(item.path or Path(), whole=False)


def _collect(things: Any, *, recursive: bool, skipped: list[str]) -> Iterator[Item]:
    if isinstance(things, Dataset):
        yield _of_dataset(things, 1)
    elif isinstance(things, str | Path):
        yield from _of_path(Path(things), recursive=recursive, skipped=skipped)
    elif isinstance(things, Iterable):
        for number, thing in enumerate(things, start=1):
            if isinstance(thing, Dataset):
                yield _of_dataset(thing, number)
            else:
                yield from _collect(thing, recursive=recursive, skipped=skipped)
    else:
        raise DicomFileError(f"A {type(things).__name__} cannot be sent.")


def _of_dataset(dataset: Dataset, number: int) -> Item:
    source = f"data set {number}"
    meta = getattr(dataset, "file_meta", Dataset())
    syntax = str(meta.get("TransferSyntaxUID") or ExplicitVRLittleEndian)
    uids = [str(dataset.get(k) or "") for k in ("SOPInstanceUID", "SOPClassUID")]
    trouble = "" if all(uids) else "It has no SOPInstanceUID or no SOPClassUID."
    return Item(source, None, dataset, uids[0], uids[1], syntax, trouble)


def _of_path(path: Path, *, recursive: bool, skipped: list[str]) -> Iterator[Item]:
    if not path.is_dir():
        yield from _of_file(path)
        return
    for file in sorted(path.rglob("*") if recursive else path.iterdir()):
        if not file.is_file() or file.name == "DICOMDIR":
            continue
        if _is_dicom(file):
            yield _of_instance(file)
        else:
            skipped.append(str(file))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError:
        return True  # it is there and cannot be read: that is to be told


def _of_file(path: Path) -> Iterator[Item]:
    item = _of_instance(path)
    if item.sop_class_uid != MediaStorageDirectoryStorage:
        yield item
        return
    records = _read(path, whole=True).get("DirectoryRecordSequence") or ()
    for record in records:
        named = record.get("ReferencedFileID")
        if named:
            parts = [named] if isinstance(named, str) else list(named)
            yield _of_instance(path.parent.joinpath(*parts))


def _of_instance(path: Path) -> Item:
    try:
        header = _read(path, whole=False)
        meta = header.file_meta
        syntax = str(meta.TransferSyntaxUID)
        if meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return Item(str(path), path, None, "", MediaStorageDirectoryStorage, syntax)
        uids = (str(header.SOPInstanceUID), str(header.SOPClassUID))
    except _READING as error:
        return Item(str(path), path, trouble=f"The file cannot be read: {error}")
    return Item(str(path), path, None, *uids, syntax)
