"""The receiving side of the DICOM node: sockets, listener processes, and what they leave behind."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.intake import Intake
from workflow_manager.dicom.leftovers import Leftovers
from workflow_manager.dicom.listener_process import tls_context
from workflow_manager.dicom.listeners import Answer, ListenerError, ListenerProcess
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.quick_statements import STATEMENTS
from workflow_manager.dicom.receiving import Receiving
from workflow_manager.dicom.transport import listen
from workflow_manager.journal.service import append, own_event
from workflow_manager.notes import Topic, tell
from workflow_manager.query.desk import QueryDesk
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.secret_box import SecretBox

logger = get_logger(__name__)
_SWEEP_S = 60.0
_PORT_PATIENCE_S, _PORT_PAUSE_S = 5.0, 0.1
_LISTENERS = 2
"""Processes that receive, where nobody says how many: Python computes in one thread of each."""
_DOOR = "-door"
"""Of the file beside a database that its listeners lock in turn."""


class DicomNode:
    """Receives, if a port is configured; sweeps what was left behind in any case."""

    def __init__(
        self,
        settings: WorkflowManagerSettings,
        sessions: Sessions,
        lake: LocalLake,
        *,
        answers: Mapping[str, Answer] | None = None,
        receiving: Receiving | None = None,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """Make the node.

        Args:
            settings: What the installation decides.
            sessions: Where the index is.
            lake: Where files go.
            answers: Who answers what listeners ask, by what it is; the rest are queries.
            receiving: What puts files into the index, also for others, until its owner stops it;
                None: the node has its own.
            on_closed: Hears that an association ended cleanly, once its series know of it.
        """
        self._settings = settings
        self._answers = answers or {}
        self._on_closed = on_closed
        self._queries = QueryDesk(
            sessions, lake, SecretBox(settings.secrets_key), settings.dicom_extra_tags
        )
        self._sessions = sessions
        self._lake = lake
        self._is_alone = receiving is None
        self.receiving = receiving or Receiving(
            sessions, lake, settings.dicom_durability, settings.dicom_extra_tags
        )
        self.leftovers = Leftovers(lake, self.receiving)
        self.intake = Intake(self.receiving)
        self._sweep = Repeating(
            "indexing received files", self.leftovers.recover, _SWEEP_S, begin_after=SOON_S
        )
        self._sockets: dict[str, socket.socket] = {}
        self.listeners: list[ListenerProcess] = []

    @property
    def port(self) -> int | None:
        """The port that it listens on without TLS."""
        plain = self._sockets.get("plain")
        return None if plain is None else int(plain.getsockname()[1])

    @property
    def tls_port(self) -> int | None:
        """The port that it listens on with TLS."""
        tls = self._sockets.get("tls")
        return None if tls is None else int(tls.getsockname()[1])

    @property
    def listens(self) -> bool:
        """Whether there are listeners, and each of them lives."""
        return bool(self.listeners) and all(each.listens for each in self.listeners)

    async def start(self) -> None:
        """Open the sockets and start the processes.

        Raises:
            ListenerError: A port is taken, a certificate cannot be read, or a process ends at once.
        """
        await asyncio.to_thread(self.leftovers.restore)
        self.receiving.start()
        self._sweep.start()
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise

    async def _listen(self) -> None:
        settings = self._settings
        await self._open("plain", settings.dicom_port)
        if settings.dicom_tls_port is not None:
            self._check_tls()
            await self._open("tls", settings.dicom_tls_port)
        if not self._sockets:
            return
        count = settings.dicom_listeners or min(_LISTENERS, os.cpu_count() or 1)
        options = {
            **_options(settings),
            "index": self._straight_index(several=count > 1),
            "several": count > 1,
        }
        self.listeners = [
            ListenerProcess(
                options,
                self._sockets,
                self.intake,
                self.leftovers,
                on_restart=self._note_restart,
                on_closed=self._note_closed,
                answer=self._answer,
            )
            for _ in range(count)
        ]
        await asyncio.gather(*(listener.start() for listener in self.listeners))
        logger.info("dicom listener", port=self.port, tls_port=self.tls_port)

    def _straight_index(self, *, several: bool) -> dict[str, Any] | None:
        """Return what listeners need to index usual images; None: they hand all of them over."""
        writer = self.receiving.writer
        if writer is None or self._settings.dicom_durability is Durability.UNSYNCED:
            return None
        database = str(writer.path.absolute())
        return {
            "database": database,
            "root": str(self._lake.root.absolute()),
            "door": database + _DOOR if several else None,
            "statements": STATEMENTS,
        }

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        answer = self._answers.get(question["what"], self._queries.answer)
        return await answer(question)

    async def stop(self) -> None:
        """Stop listening; what was handed over is put away."""
        for opened in self._sockets.values():
            opened.close()
        with suppress(OSError):
            await asyncio.gather(*(listener.stop() for listener in self.listeners))
        await self.intake.close()
        await self._sweep.stop()
        if self._is_alone:
            await self.receiving.stop()
        else:
            await asyncio.to_thread(self.receiving.put_away.flush)
        await asyncio.to_thread(self.leftovers.release)

    async def _open(self, name: str, port: int | None) -> None:
        """Take a port; listeners of a service that was killed hold it until they have noticed."""
        if port is None:
            return
        host, clock = self._settings.dicom_host, asyncio.get_running_loop().time
        until = clock() + _PORT_PATIENCE_S
        while True:
            try:
                self._sockets[name] = listen(host, port)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and clock() < until:
                    await asyncio.sleep(_PORT_PAUSE_S)
                    continue
                raise ListenerError(
                    f"The DICOM port {port} on {host} cannot be used: {error}. Give another one, "
                    "or end the program that has it."
                ) from error
            return

    def _check_tls(self) -> None:
        try:
            tls_context(**_tls_files(self._settings))
        except OSError as error:
            raise ListenerError(
                f"The certificate, key or client CA of the DICOM listener cannot be used: {error}."
            ) from error

    async def _note_restart(self, reason: str) -> None:
        async with transaction(self._sessions) as session:
            data = {"reason": reason}
            event = own_event(EventType.DICOM_LISTENER_RESTARTED, "dicom-listener", data)
            await append(session, [event])

    async def _note_closed(self, series: set[tuple[str, str]]) -> None:
        """Tell series that the association which brought their images ended cleanly."""
        table = DicomSeries
        place = sa.tuple_(table.study_instance_uid, table.series_instance_uid)
        update = sa.update(table).where(place.in_(sorted(series))).values(closed_at=utc_now())
        async with transaction(self._sessions) as session:
            await session.execute(update)
            await tell(session, Topic.RECEIVED)
        if self._on_closed is not None:
            self._on_closed()


def _tls_files(settings: WorkflowManagerSettings) -> dict[str, str]:
    files = {
        "certificate": settings.dicom_tls_certificate,
        "key": settings.dicom_tls_key,
        "client_ca": settings.dicom_tls_client_ca,
    }
    return {name: "" if path is None else str(path) for name, path in files.items()}


def _options(settings: WorkflowManagerSettings) -> dict[str, Any]:
    return {
        "durability": settings.dicom_durability,
        "extra_tags": settings.dicom_extra_tags,
        "tls_files": _tls_files(settings),
        "listener": {
            "ae_title": settings.dicom_ae_title,
            "max_associations": settings.dicom_max_associations,
            "max_pdu": settings.dicom_max_pdu_bytes,
            "timeout_s": settings.dicom_timeout_s,
            "network_timeout_s": settings.dicom_network_timeout_s,
        },
        "admission": {
            "called_ae_titles": settings.dicom_called_ae_titles,
            "calling_ae_titles": settings.dicom_calling_ae_titles,
            "networks": [str(network) for network in settings.dicom_allowed_networks],
            "sop_classes": settings.dicom_sop_classes,
            "transfer_syntaxes": settings.dicom_transfer_syntaxes,
            "free_bytes": settings.dicom_min_free_bytes,
        },
    }
