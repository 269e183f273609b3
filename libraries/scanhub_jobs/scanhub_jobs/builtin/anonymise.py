"""The job `anonymise`: images without what leads to the patient (PS3.15 annex E)."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydicom.dataset import Dataset

from scanhub_jobs.declaring import job
from scanhub_jobs.deidentification.deidentifying import (
    Deidentifier,
    NotDeidentifiedError,
    warnings_of,
)
from scanhub_jobs.deidentification.profile import Options
from scanhub_jobs.deidentification.pseudonyms import Pseudonyms
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.parameters import JobParameters

_PRIVATE = re.compile(r"([0-9A-Fa-f]{3}[13579BDFbdf]),([0-9A-Fa-f]{2}),(\S.*)")


def _private(value: str) -> str:
    if not _PRIVATE.fullmatch(value):
        raise ValueError(
            "a private element is GROUP,LAST BYTE,CREATOR, as 0019,0C,SIEMENS MR HEADER"
        )
    return value


class Anonymising(JobParameters):
    """What `anonymise` can be told."""

    salt: SecretStr | None = Field(
        None,
        min_length=16,
        max_length=200,
        title="Secret",
        description="Whoever has it can tell which pseudonym a patient has. With the same one a "
        "patient gets the same pseudonym, UIDs and dates each time; without, only within one "
        "session",
    )
    prefix: str = Field(
        "ANON",
        pattern=r"^[A-Za-z0-9_-]{1,20}$",
        title="Prefix",
        description="Of the ids that patients get; twelve letters and digits follow",
    )
    dates: Literal["remove", "shift", "keep"] = Field(
        "remove",
        title="Dates",
        description="Remove them, move all dates of a patient by the same number of days, or keep "
        "them. The birth date goes in any case",
    )
    most_days: int = Field(
        365,
        ge=1,
        le=36500,
        title="Moved by at most",
        description="How far dates are moved, towards the past; the secret decides how far",
        json_schema_extra={"unit": "d"},
    )
    retain_uids: bool = Field(
        False,
        title="Keep UIDs",
        description="The objects then stay what they are: an archive that has the originals takes "
        "them for the same",
    )
    retain_patient_characteristics: bool = Field(
        False, title="Keep age, sex, size and weight", description="And other traits"
    )
    retain_device_identity: bool = Field(
        False, title="Keep the device", description="Its serial number and station name"
    )
    retain_institution_identity: bool = Field(
        False, title="Keep the institution", description="Its name, address and department"
    )
    descriptors: Literal["remove", "clean"] = Field(
        "remove",
        title="Descriptions and comments",
        description="Remove them, or leave out names, ids, numbers and dates that are found in "
        "them. No program finds all: have a look before you give them away",
    )
    safe_private: list[Annotated[str, AfterValidator(_private)]] = Field(
        default=[],
        max_length=200,
        title="Private elements to keep",
        description="Those that you know to name nobody, each as GROUP,LAST BYTE,CREATOR, such as "
        "0019,0C,SIEMENS MR HEADER; all others go",
    )
    burned_in: Literal["leave_out", "warn"] = Field(
        "leave_out",
        title="Images that say that they show a name",
        description="Leave them out, or only warn; pixels are never changed",
    )

    def options(self) -> Options:
        """Return them as options of the profile."""
        found = (_PRIVATE.fullmatch(value) for value in self.safe_private)
        return Options(
            uids=self.retain_uids,
            dates=self.dates,
            patient=self.retain_patient_characteristics,
            device=self.retain_device_identity,
            institution=self.retain_institution_identity,
            descriptors=self.descriptors == "clean",
            safe_private=frozenset(
                (int(m[1], 16), int(m[2], 16), m[3].strip()) for m in found if m is not None
            ),
        )


@dataclass
class _Report:
    """What became of the images; nothing in it leads to the patient."""

    codes: list[str]
    written: int = 0
    left_out: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return dict(vars(self))


@job("anonymise", version="1.0.0", timeout="1h")
def anonymise(ctx: JobContext[Anonymising]) -> dict[str, Any]:
    """Make a copy of a series without what leads to the patient (PS3.15, Basic Profile)."""
    params = ctx.params
    deidentifier = Deidentifier(
        params.options(),
        Pseudonyms(_secret(ctx), prefix=params.prefix, most_days=params.most_days),
    )
    report = _Report([value for value, _ in params.options().codes()])
    for dataset in _made(ctx, deidentifier, report):
        ctx.keep([dataset])
        report.written += 1
    content = json.dumps(report.document(), indent=2).encode()
    ctx.files.put("report.json", content, content_type="application/json")
    for told in report.warnings:
        ctx.log.warning("image %d: %s", told["image"], told["warning"])
    if not report.written:
        why = report.left_out[0]["reason"]
        raise JobInputError(f"No image of the series could be made anonymous. {why}")
    return report.document()


def _made(
    ctx: JobContext[Anonymising], deidentifier: Deidentifier, report: _Report
) -> Iterator[Dataset]:
    for number, dataset in enumerate(ctx.series.datasets(), start=1):
        ctx.check_cancelled()
        ctx.progress((number - 1) / len(ctx.series), f"image {number}")
        found = warnings_of(dataset)
        report.warnings += [{"image": number, "warning": warning} for warning in found]
        named = dataset.get("BurnedInAnnotation") == "YES"
        if named and ctx.params.burned_in == "leave_out":
            report.left_out.append({"image": number, "reason": found[0]})
            continue
        try:
            yield deidentifier.apply(dataset)
        except NotDeidentifiedError as error:
            report.left_out.append({"image": number, "reason": str(error)})


def _secret(ctx: JobContext[Anonymising]) -> bytes:
    """Return what pseudonyms are made with: the salt, or what this session alone has."""
    salt = ctx.params.salt
    given = f"session {ctx.session.id}" if salt is None else f"salt {salt.get_secret_value()}"
    return hashlib.sha256(given.encode()).digest()
