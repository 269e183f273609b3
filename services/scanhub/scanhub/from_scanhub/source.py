"""What an installation of ScanHub tells over HTTP (contract of version 1)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from scanhub.remote import Server
from scanhub_libraries.errors import ScanHubError

Document = Mapping[str, Any]


class ScanHubSource(Server):
    """The ScanHub that people move over from."""

    async def patients(self) -> list[Document]:
        """Return all patients."""
        return await self._list("/api/v1/patient/")

    async def exams(self, patient_id: UUID) -> list[Document]:
        """Return the exams of a patient with all below them."""
        return await self._list(f"/api/v1/exam/all/{patient_id}")

    async def exam_templates(self) -> list[Document]:
        """Return the templates of exams with all below them."""
        return await self._list("/api/v1/exam/templates/all")

    async def workflow_templates(self) -> list[Document]:
        """Return the templates of workflows, also those that stand in a template of an exam."""
        return await self._list("/api/v1/exam/workflow/templates/all")

    async def task_templates(self) -> list[Document]:
        """Return the templates of tasks, also those that stand in a template of a workflow."""
        return await self._list("/api/v1/exam/task/templates/all")

    async def sequences(self) -> list[Document]:
        """Return all sequences."""
        return await self._list("/api/v1/exam/sequences/all")

    async def sequence(self, sequence_id: str) -> Document:
        """Return a sequence with the text of its file."""
        found: Document = await self.ask("GET", f"/api/v1/exam/sequence/{sequence_id}")
        return found

    async def devices(self) -> list[Document]:
        """Return all devices."""
        return await self._list("/api/v1/device/")

    async def users(self) -> list[Document]:
        """Return all users."""
        return await self._list("/api/v1/userlogin/getallusers")

    async def _list(self, path: str) -> list[Document]:
        found = await self.ask("GET", path)
        if not isinstance(found, list):
            raise ScanHubError(f"{path} answers with no list: is this a ScanHub?")
        return [item for item in found if isinstance(item, Mapping)]
