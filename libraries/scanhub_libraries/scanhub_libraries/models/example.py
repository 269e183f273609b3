"""Ready protocols that the platform brings along."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel


class ExampleProtocol(WireModel):
    """A ready protocol that the platform brings along."""

    key: Annotated[str, Field(description="Its name in addresses")]
    name: str
    description: str
    tasks: Annotated[list[str], Field(description="Names of its tasks, in order")]
    exam_id: Annotated[
        UUID | None, Field(description="Its newest version here, once it was taken in")
    ] = None


class TakeExample(WireModel):
    """How a ready protocol is taken in."""

    device_id: Annotated[
        UUID | None, Field(description="What its scans are planned on; none: chosen in each exam")
    ] = None
