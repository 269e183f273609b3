"""Whether a large installation answers as a small one does, and how many may watch it.

Two servers, one with few images indexed and one with many, are asked the same by turns, on SQLite
and on PostgreSQL. Then many people who are logged in follow the events of the large one, and
somebody does something.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.dicomweb_fill import studies_of
from bench.dicomweb_images import series_uid, study_date, study_tags
from bench.house import API, House, another_server, houses
from bench.measure import Row
from bench.scale_fill import LARGE, RULES, TARGETS, one_by_one
from bench.streams import watched_row

SMALL, MANY, QUICK = 10_000, 300_000, 100_000
_TIMES = 30
_FLAT: Final = 2.0
"""The most by which a median may grow."""
_SLACK_MS: Final = 2.0
"""Below that difference it is the machine."""
_IDLE_S, _IDLE_PERCENT = 30.0, 1.0
_WEB = f"{API}/dicomweb"


@dataclass(frozen=True)
class _Question:
    """What is asked.

    Attributes:
        name: In words.
        path: Of the request.
        looks: It looks at all there is, for no index can help: its time is told, and not judged.
        rest_s: Between two of them: what is asked sooner is answered from memory.
    """

    name: str
    path: str
    looks: bool = False
    rest_s: float = 0.0


def _questions(house: House) -> list[_Question]:
    """Return what is asked; a study in the middle, so that nothing is first or last."""
    studies = studies_of(one_by_one(house.images))
    study = studies[len(studies) // 2]
    tags, date = study_tags(study, 1), study_date(study)
    uid, name = tags["StudyInstanceUID"], str(tags["PatientName"])
    one_series = series_uid(study, 1)
    return [
        _Question("a study by its UID", f"{_WEB}/studies?StudyInstanceUID={uid}"),
        _Question("studies of a patient", f"{_WEB}/studies?PatientID={tags['PatientID']}"),
        _Question("studies by name", f"{_WEB}/studies?PatientName={name[:16]}*&limit=50"),
        _Question("a study by number", f"{_WEB}/studies?AccessionNumber={tags['AccessionNumber']}"),
        _Question("studies of a day", f"{_WEB}/studies?StudyDate={date}&limit=50"),
        _Question("studies of a modality", f"{_WEB}/studies?ModalitiesInStudy=MR&limit=50"),
        _Question("first page of studies", f"{_WEB}/studies?limit=50"),
        _Question("first page of series", f"{_WEB}/series?Modality=MR&limit=50"),
        _Question("series of a study", f"{_WEB}/studies/{uid}/series"),
        _Question("images of a series", f"{_WEB}/studies/{uid}/series/{one_series}/instances"),
        _Question("list of series", f"{API}/series?limit=50"),
        _Question("why a series went there", f"{API}/series/{one_series}/decision"),
        _Question("cases", f"{API}/cases?limit=50"),
        _Question("cases that failed", f"{API}/cases?state=failed&limit=50"),
        _Question("cases of a rule", f"{API}/cases?rule={RULES[1]}&limit=50"),
        _Question("cases of a series", f"{API}/cases?series_instance_uid={one_series}"),
        _Question("a case with its timeline", f"{API}/cases/{house.case}"),
        _Question("cases by part of a name", f"{API}/cases?text={name[8:]}&limit=50", looks=True),
        _Question("what is sent", f"{API}/dispatches?limit=50"),
        _Question("what was not sent", f"{API}/dispatches?status=failed&limit=50"),
        _Question("what a target got", f"{API}/dispatches?target={TARGETS[1]}&limit=50"),
        _Question("what of a series is sent", f"{API}/dispatches?series={one_series}"),
        _Question("journal, the newest", f"{API}/journal?newest=true&limit=50"),
        _Question("journal of a case", f"{API}/journal?case_id={house.case}&limit=50"),
        _Question("journal of a type", f"{API}/journal?type=case.failed&newest=true&limit=50"),
        _Question("health", f"{API}/health/detail", rest_s=2.1),
    ]


async def scale_rows(
    folder: Path, *, quick: bool, large: bool, images: int | None = None
) -> list[Row]:
    """Measure it on both databases.

    Args:
        folder: Where the servers keep their data.
        quick: With 100,000 images.
        large: With 1,000,000 images.
        images: With so many; with more than 1,000,000 on PostgreSQL alone.
    """
    sizes = (SMALL, images or (LARGE if large else QUICK if quick else MANY))
    rows = []
    for name in ("PostgreSQL",) if sizes[1] > LARGE else ("SQLite", "PostgreSQL"):
        inside = folder / name.lower()
        async with houses(inside, sizes, postgresql=name == "PostgreSQL") as (small, big):
            rows += await _flat(small, big, name)
            rows.append(await _idle(small, big, name))
            rows.append(await watched_row(big, name))
            if name == "PostgreSQL":
                async with another_server(big) as second:
                    rows.append(await watched_row(big, name, second))
    return rows


async def _flat(small: House, large: House, database: str) -> list[Row]:
    detail: dict[str, float] = {}
    worst, name_of_worst, looked = 0.0, "", ("", 0.0)
    for one, other in zip(_questions(small), _questions(large), strict=True):
        before, after = await _medians(small, one, large, other)
        detail |= {f"{one.name}, {small.images} [ms]": before}
        detail |= {f"{one.name}, {large.images} [ms]": after}
        if one.looks:
            looked = (one.name, after)
            continue
        grown = after / before if after - before > _SLACK_MS else min(after / before, 1.0)
        if grown >= worst:
            worst, name_of_worst = grown, one.name
    beside = f"{large.images:,} images beside {small.images:,}, {database}"
    return [
        Row(
            f"answers with {beside}",
            f"{worst:.2f} x at most ({name_of_worst})",
            f"<= {_FLAT:g} x, or {_SLACK_MS:g} ms more",
            worst <= _FLAT,
            detail=detail,
        ),
        Row(f"{looked[0]}, {large.images:,} images, {database}", f"{looked[1]:.0f} ms", "-", True),
    ]


async def _medians(
    small: House, one: _Question, large: House, other: _Question
) -> tuple[float, float]:
    """Ask both by turns; return the medians [ms]."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(_TIMES // 3 if one.rest_s else _TIMES):
        await asyncio.sleep(one.rest_s)
        for place, (house, question) in enumerate(((small, one), (large, other))):
            seconds = await house.seconds(question.path)
            if turn:  # the first one opens, reads and compiles
                taken[place].append(1000 * seconds)
    return statistics.median(taken[0]), statistics.median(taken[1])


async def _idle(small: House, large: House, database: str) -> Row:
    """Measure what they do when nobody asks: looking at what waits must cost little too."""
    pair = (small, large)
    before, began = [house.cpu_seconds() for house in pair], time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    seconds = time.perf_counter() - began
    used = [
        100 * (house.cpu_seconds() - cpu) / seconds for house, cpu in zip(pair, before, strict=True)
    ]
    most = max(_FLAT * used[0], used[0] + _IDLE_PERCENT)
    return Row(
        f"of a processor, when nothing happens, {large.images:,} images, {database}",
        f"{used[1]:.1f} % ({small.images:,}: {used[0]:.1f} %)",
        f"<= {_FLAT:g} x, or {_IDLE_PERCENT:g} % more",
        used[1] <= most,
        detail={f"{house.images} [%]": share for house, share in zip(pair, used, strict=True)},
    )
