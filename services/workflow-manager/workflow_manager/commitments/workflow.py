"""The report to a node that asked: over the association of the question, or by a durable workflow.

One short workflow for each attempt; what was in vain starts its successor, later.
"""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.target import DicomTarget, DicomTlsTarget
from workflow_manager.commitments import repository, service
from workflow_manager.commitments.models import CommitmentRequest
from workflow_manager.commitments.rules import CommitmentState
from workflow_manager.commitments.service import ATTEMPTS, attempt_of
from workflow_manager.dicom import promising
from workflow_manager.dicom.client_tls import UnreadablePemError
from workflow_manager.dispatch.rules import backoff_s, longest_wait_s
from workflow_manager.engine import Attempt, WorkflowBody
from workflow_manager.engine.attempts import parse_key
from workflow_manager.senders.dicom import SENDER, peer_of, secured
from workflow_manager.targets.repository import list_targets
from workflow_manager.targets.service import document_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
Json = dict[str, Any]
_HERE_S = 3 * promising.STAYS_S
"""The report over the association of the question has so long [s]; then we call."""


class Promises:
    """Answers the listeners, and reports to nodes that have gone meanwhile."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def answer(self, question: Json) -> Json:
        """Answer what a listener asks: about a new request, its report, or that it was heard."""
        if question["what"] == promising.ASKED:
            return await self._take(question)
        request_id = UUID(question["id"])
        if question["what"] == promising.TOLD:
            return await self._note_told(request_id, question["kept"], question["failed"])
        async with reading(self._wiring.sessions) as session:
            row = await session.get(CommitmentRequest, request_id)
        if row is None or row.state is not CommitmentState.WAITING:
            return {"problem": "It was reported already."}
        return await self._report(row)

    async def _take(self, question: Json) -> Json:
        async with transaction(self._wiring.sessions) as session:
            row = await service.take_request(
                session,
                peer_aet=question["calling_ae"],
                own_aet=question["called_ae"],
                address=question["address"],
                transaction_uid=question["transaction_uid"],
                references=question["references"],
            )
        if row is None:
            logger.warning("a Transaction UID was used twice", peer=question["calling_ae"])
            return {"problem": "This Transaction UID was used for other instances."}
        await ATTEMPTS.start(self._wiring.engine, attempt_of(row), delay_s=_HERE_S)
        return {"id": str(row.id)}

    async def _note_told(
        self, request_id: UUID, kept: int, failed: list[tuple[str, str, int]]
    ) -> Json:
        async with transaction(self._wiring.sessions) as session:
            row = await service.get_request(session, request_id, lock=True)
            if row.state is CommitmentState.WAITING:
                await service.note_told(session, row, kept, failed)
        return {}

    async def _report(self, row: CommitmentRequest) -> Json:
        """Return what is said of each instance; files are looked at, not only the index."""
        async with reading(self._wiring.sessions) as session:
            report, files = await service.judge(session, row)
        sync = not self._wiring.settings.dicom_durability.syncs_data
        root = self._wiring.lake.root
        broken = await asyncio.to_thread(service.broken_files, root, files, sync=sync)
        if broken:
            logger.error("files of the archive are not as the index says", count=len(broken))
        return service.without_broken(report, broken)

    async def tell(self, key: str) -> Json:
        """Make one attempt; return what comes next."""
        request_id, attempt = parse_key(key)
        async with reading(self._wiring.sessions) as session:
            row = await session.get(CommitmentRequest, request_id)
        if row is None or not _is_due(row, attempt):
            return {}
        report = await self._report(row)
        problem = await self._tell(row, report)
        async with transaction(self._wiring.sessions) as session:
            row = await service.get_request(session, row.id, lock=True)
            if not _is_due(row, attempt):
                return {}
            if problem is None:
                await service.note_told(session, row, len(report["kept"]), report["failed"])
                return {}
            delays_s = self._wiring.settings.dispatch_backoff_s
            wait_s = backoff_s(row.attempt, delays_s, str(row.id))
            await service.note_untold(session, row, problem, wait_s)
            if wait_s is None:
                return {}
            return attempt_of(row).as_next(wait_s)

    async def _tell(self, row: CommitmentRequest, report: Json) -> str | None:
        """Report over an association of ours; return what is wrong."""
        wiring = self._wiring
        async with reading(wiring.sessions) as session:
            target = await self._target(session, row)
        if target is None:
            return (
                f"No DICOM target that is enabled has the AE title {row.peer_aet!r}: configure "
                "one, so that its host and port are known."
            )
        peer = replace(
            peer_of(
                target,
                connect_timeout_s=wiring.senders.connect_timeout_s,
                timeout_s=wiring.senders.timeout_s,
            ),
            host=row.address if target.ip == SENDER else target.ip,
            aet_target=row.peer_aet,
            aet_source=row.own_aet,
        )

        def tell() -> str | None:
            try:
                return promising.tell(secured(peer, target), report)
            except UnreadablePemError as error:
                return f"Target {target.name!r} cannot be used. {error}"

        return await asyncio.get_running_loop().run_in_executor(wiring.senders.threads, tell)

    async def _target(
        self, session: AsyncSession, row: CommitmentRequest
    ) -> DicomTarget | DicomTlsTarget | None:
        """Return where a node listens; of several with its AE title the one that asked."""
        found: list[DicomTarget | DicomTlsTarget] = []
        for target in await list_targets(session, enabled_only=True):
            if target.document.get("aet_target") != row.peer_aet:
                continue
            try:
                document = document_of(target, self._wiring.secret_box)
            except ScanHubError as error:
                logger.warning("a target cannot be used", target=target.name, reason=error.detail)
                continue
            if isinstance(document, DicomTarget | DicomTlsTarget):
                found.append(document)
        return min(found, key=lambda one: one.ip != row.address, default=None)


def _is_due(row: CommitmentRequest, attempt: int) -> bool:
    return row.state is CommitmentState.WAITING and row.attempt == attempt


def commitment_workflow(do: Promises) -> WorkflowBody:
    """Return the workflow function of an attempt."""
    return ATTEMPTS.workflow("tell", do.tell)


async def start_missing_reports(wiring: Wiring) -> int:
    """Start the attempts that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        waiting = [attempt_of(row) for row in await repository.list_waiting(session)]
    longest_s = longest_wait_s(wiring.settings.dispatch_backoff_s)
    next_attempt = partial(_next_attempt, wiring)
    return await ATTEMPTS.start_missing(wiring.engine, waiting, next_attempt, longest_s=longest_s)


async def _next_attempt(wiring: Wiring, given_up: Attempt) -> Attempt | None:
    """The engine gave an attempt up: make the next one; None: it went on while we looked."""
    request_id, attempt = parse_key(given_up.key)
    async with transaction(wiring.sessions) as session:
        row = await service.get_request(session, request_id, lock=True)
        if not _is_due(row, attempt):
            return None
        row.attempt += 1
        row.next_attempt_at = None
    logger.warning("an attempt to report was given up", request_id=str(request_id))
    return attempt_of(row)
