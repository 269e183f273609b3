"""Fills two indexes with the same 10,000 studies: 100,000 images, of which only the peer has files.

Ours is written as receiving would write it. The peer takes files of a few bytes over its own
interface, before anything is measured.
"""

import asyncio
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from typing import Any

import httpx

from bench.dicomweb_images import (
    FILLED,
    encoded,
    image_tags,
    new_dataset,
    series_uid,
    study_date,
    study_tags,
)
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.migrate import upgrade
from workflow_manager.database import Table
from workflow_manager.dicom.entries import (
    Arrival,
    Origin,
    instance_row,
    series_row,
    study_row,
)
from workflow_manager.dicom.part10 import Header, read_header

SERIES, INSTANCES = 2, 5
"""Series of a study and instances of a series."""
_EDGE = 2
_STUDIES_AT_ONCE = 200
_STUDIES_IN_ZIP, _CLIENTS = 50, 4
_TEMPLATE = 999_999


def studies_of(instances: int) -> range:
    """Return the numbers of the studies that have so many instances together."""
    return range(FILLED, FILLED + instances // (SERIES * INSTANCES))


# --- ours -----------------------------------------------------------------------------------------


async def fill_index(url: str, instances: int) -> None:
    """Write an index as receiving would, without files.

    Args:
        url: Of the database of workflow-manager; its tables are made if they are not there.
        instances: How many.
    """
    await asyncio.to_thread(upgrade, "workflow_manager", url)
    engine = create_engine(url)
    sessions, tables = create_sessions(engine), Table.metadata.tables
    template = read_header(_file(FILLED, 1, 1))
    studies = studies_of(instances)
    for start_at in studies[::_STUDIES_AT_ONCE]:
        rows = _rows(template, range(start_at, min(start_at + _STUDIES_AT_ONCE, studies.stop)))
        async with transaction(sessions) as session:
            for table, values in rows.items():
                await session.execute(tables[table].insert(), values)
    await engine.dispose()


def _rows(template: Header, studies: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    now = utc_now()
    for study in studies:
        for series in range(1, SERIES + 1):
            arrivals = [_arrival(template, study, series, n) for n in range(1, INSTANCES + 1)]
            if series == 1:
                rows.setdefault("dicom_study", []).append(study_row(arrivals[0], now))
            row = series_row(arrivals[0], now)
            row |= {"complete": True, "number_of_series_related_instances": INSTANCES}
            rows.setdefault("dicom_series", []).append(row)
            found = [instance_row(arrival, row["id"], now) for arrival in arrivals]
            rows.setdefault("dicom_instance", []).extend(found)
    return rows


def _arrival(template: Header, study: int, series: int, number: int) -> Arrival:
    tags = study_tags(study, series)
    uid = f"{series_uid(study, series)}.{number}"
    header = replace(
        template,
        study_instance_uid=tags["StudyInstanceUID"],
        series_instance_uid=tags["SeriesInstanceUID"],
        sop_instance_uid=uid,
        sha256=hashlib.sha256(uid.encode()).hexdigest(),
        tags={**template.tags, **tags, "InstanceNumber": number},
    )
    return Arrival(header, Origin("BENCH"))


# --- the peer -------------------------------------------------------------------------------------


def fill_orthanc(port: int, instances: int) -> None:
    """Bring the same images to Orthanc, many in a request."""
    templates = [
        _file(_TEMPLATE, series, number)
        for series in range(1, SERIES + 1)
        for number in range(1, INSTANCES + 1)
    ]
    studies = studies_of(instances)
    begins = studies[::_STUDIES_IN_ZIP]
    address = f"http://127.0.0.1:{port}/instances"

    def bring(begin: int) -> None:
        some = range(begin, min(begin + _STUDIES_IN_ZIP, studies.stop))
        content = _zipped(file for study in some for file in _files(templates, study))
        stored = httpx.post(address, content=content, auth=("bench", "bench"), timeout=120)
        if len(stored.raise_for_status().json()) != len(some) * len(templates):
            raise RuntimeError("Orthanc did not take all images")

    with ThreadPoolExecutor(_CLIENTS) as clients:
        for _ in clients.map(bring, begins):
            pass


def _files(templates: Sequence[bytes], study: int) -> Iterator[bytes]:
    """Yield the files of a study: all that differs has as many letters in each of them."""
    names = (
        (str(_TEMPLATE), str(study)),
        (f"Name{_TEMPLATE % 500:03d}", f"Name{study % 500:03d}"),
        (study_date(_TEMPLATE), study_date(study)),
    )
    for content in templates:
        for old, new in names:
            content = content.replace(old.encode(), new.encode())  # noqa: PLW2901 - step by step
        yield content


def _zipped(files: Iterator[bytes]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, content in enumerate(files):
            archive.writestr(f"{number}.dcm", content)
    return target.getvalue()


def _file(study: int, series: int, number: int) -> bytes:
    dataset = new_dataset(_EDGE)
    for keyword, value in {
        **study_tags(study, series),
        **image_tags(study, series, number),
    }.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = bytes(2 * _EDGE * _EDGE)
    return encoded(dataset)
