"""Makes DICOM objects of what a job computed: `ctx.dicom`."""

from typing import Any


class DicomMaker:
    """Makes DICOM objects in the study of what the job works on."""

    def __init__(self, context: Any) -> None:
        self._context = context
