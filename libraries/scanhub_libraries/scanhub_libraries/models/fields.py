"""Field types that several wire models share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ShortText = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Percent = Annotated[int, Field(ge=0, le=100, description="Percent, 0 to 100")]


class WireModel(BaseModel):
    """A document on the wire. Unknown fields are ignored, as ScanHub's clients expect."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class XYZ(WireModel):
    """Three numbers along the axes of the scanner."""

    x: float
    y: float
    z: float
