"""The DICOM nodes that a job may send to: what it takes to call them, and no key."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_jobs.platform.documents import PeerList, PeerSettings
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models.target import DicomTarget, DicomTlsTarget
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.job_sessions.models import JobExecution
from workflow_manager.senders.dicom import SENDER
from workflow_manager.targets.models import Target
from workflow_manager.targets.repository import list_targets

_NODES: dict[str, type[DicomTarget | DicomTlsTarget]] = {
    "dicom": DicomTarget,
    "dicomtls": DicomTlsTarget,
}


async def list_peers(
    session: AsyncSession, execution: JobExecution, series: Iterable[str]
) -> PeerList:
    """Return the nodes that the module of a job names, as far as they are there.

    Args:
        session: To read.
        execution: The job.
        series: SeriesInstanceUIDs of its images, whose sender is looked for.
    """
    nodes = await _nodes(session, execution)
    query = select(DicomSeries).where(col(DicomSeries.series_instance_uid).in_(list(series)))
    rows = (await session.scalars(query)).all()
    addresses = {(row.source, row.sender_address) for row in rows}
    titles = {row.source for row in rows}
    there = [n.name for n in nodes if (n.aet_target, n.ip) in addresses]
    called = [n.name for n in nodes if n.aet_target in titles]
    return PeerList(names=[node.name for node in nodes], sender=next(iter([*there, *called]), None))


async def get_peer(session: AsyncSession, execution: JobExecution, name: str) -> PeerSettings:
    """Return what it takes to call a node.

    Raises:
        NotFoundError: The module does not name it, or there is none.
    """
    for node in await _nodes(session, execution):
        if node.name == name:
            return _settings(node)
    raise NotFoundError(f"The job may send to no peer {name[:100]!r}.")


async def _nodes(
    session: AsyncSession, execution: JobExecution
) -> list[DicomTarget | DicomTlsTarget]:
    rows = await list_targets(session, enabled_only=True)
    found = [_node(row) for row in rows if row.name in execution.peers]
    return [node for node in found if node is not None]


def _node(row: Target) -> DicomTarget | DicomTlsTarget | None:
    """Return a target as a node that can be sent to; None: it is none."""
    cls = _NODES.get(row.target_type)
    if cls is None:
        return None
    node = cls.model_validate(row.document | {"name": row.name, "target_type": row.target_type})
    return None if node.direction == "pull" or node.ip == SENDER else node


def _settings(node: DicomTarget | DicomTlsTarget) -> PeerSettings:
    tls = node if isinstance(node, DicomTlsTarget) else None
    return PeerSettings(
        name=node.name,
        host=node.ip,
        port=node.port,
        ae_title=node.aet_target,
        calling_ae_title=node.aet_source,
        tls=tls is not None,
        ca=tls.ca_cert if tls is not None else "",
        verify_host=tls.verify_host if tls is not None else True,
        keyless=tls is None or not tls.tls_cert,
    )
