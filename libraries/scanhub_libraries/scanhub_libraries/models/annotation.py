"""What people draw on images: lengths, angles, regions, arrows with words."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from scanhub_libraries.models.fields import WireModel, WithoutNul

AnnotationKind = Literal["length", "angle", "ellipse", "rectangle", "arrow"]
POINTS_OF: dict[AnnotationKind, int] = {
    "length": 2,
    "angle": 3,
    "ellipse": 4,
    "rectangle": 4,
    "arrow": 2,
}
"""How many points each kind has: ends; end, corner, end; ends of one axis and of the other;
corners one after the other; tip and tail."""
_FARTHEST = 1e6
Shape = list[tuple[float, float]]

Point = Annotated[
    tuple[
        Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)],
        Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)],
    ],
    Field(description="Column and row [pixel of the stored image]"),
]
Points = Annotated[
    list[Point],
    Field(
        min_length=2,
        max_length=4,
        description="Column and row of each point in pixels of the stored image, with fractions: "
        "0, 0 is the upper left corner of its first pixel and 0.5, 0.5 the middle of that pixel "
        "(PS3.3 C.18.6.1.1). length: both ends; angle: end, corner, end; ellipse: both ends of one "
        "axis, both ends of the other; rectangle: its corners in turn; arrow: tip, tail",
    ),
]
Words = Annotated[
    str,
    StringConstraints(max_length=200, strip_whitespace=True),
    WithoutNul,
    Field(description="What is said of it; an arrow needs some"),
]


class AnnotationIn(WireModel):
    """Something to keep that was drawn on an image."""

    sop_instance_uid: Annotated[str, Field(max_length=64, description="The image"), WithoutNul]
    frame: Annotated[int, Field(ge=1, le=10**9, description="Number of the frame, from 1")] = 1
    kind: AnnotationKind
    points: Points
    text: Annotated[Words, Field(validate_default=True)] = ""

    @field_validator("points")
    @classmethod
    def _make_the_shape(cls, points: Shape, info: ValidationInfo) -> Shape:
        # A kind that was refused is not among the data: that is said already.
        return check_points(info.data["kind"], points) if "kind" in info.data else points

    @field_validator("text")
    @classmethod
    def _says_what_it_points_at(cls, text: str, info: ValidationInfo) -> str:
        return check_words(info.data["kind"], text) if "kind" in info.data else text


class AnnotationChange(WireModel):
    """Where it is from now on, and what it says."""

    points: Points
    text: Words = ""


class AnnotationOut(WireModel):
    """What somebody drew on an image."""

    id: UUID
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    frame: Annotated[int, Field(description="Number of the frame, from 1")]
    kind: AnnotationKind
    points: Points
    text: Words
    version: Annotated[int, Field(description="Counts the edits; the ETag for If-Match")]
    current: Annotated[
        bool,
        Field(
            description="Whether the image is the one that it was drawn on. False: it is gone, or "
            "another object has its UID by now; draw it on no image"
        ),
    ]
    created_by: Annotated[str, Field(description="Who drew it: `user:ada`")]
    created_at: datetime
    updated_by: Annotated[str | None, Field(description="Who changed it last")]
    updated_at: datetime | None
    deleted_by: Annotated[str | None, Field(description="Who deleted it; null: it is there")]
    deleted_at: datetime | None


def check_points(kind: AnnotationKind, points: Shape) -> Shape:
    """Refuse points that make no such shape.

    Raises:
        ValueError: It says how many are needed.
    """
    if len(points) != POINTS_OF[kind]:
        raise ValueError(f"{kind} takes {POINTS_OF[kind]} points, not {len(points)}")
    return points


def check_words(kind: AnnotationKind, text: str) -> str:
    """Refuse an arrow that says nothing.

    Raises:
        ValueError: It has no words.
    """
    if kind == "arrow" and not text:
        raise ValueError("an arrow needs words")
    return text
