"""The DICOM listener: C-ECHO and C-STORE. Bytes go on as they came, never decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.transport import ThreadedAssociationServer

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.rules import OUT_OF_RESOURCES
from workflow_manager.dicom.transport import without_delays

logger = get_logger(__name__)
_MAX_ASSOCIATIONS = 64
_MAX_PDU = 131_072
_VERIFICATION = "1.2.840.10008.1.1"


@dataclass(frozen=True, slots=True)
class Received:
    """One C-STORE request."""

    calling_ae: str
    address: str
    data: bytes
    """A DICOM file: preamble and file meta of ours, the data set as it came."""


Handler = Callable[[Received], int]
"""Stores an instance and returns the DICOM status; called in the association's thread."""


class DicomListener:
    """Listens in threads of its own; the handler decides what becomes of an instance."""

    def __init__(
        self, *, ae_title: str, host: str, port: int, handler: Handler, timeout_s: float = 30.0
    ) -> None:
        self._handler = handler
        self._address = (host, port)
        self._server: ThreadedAssociationServer | None = None
        self._ae = AE(ae_title)
        self._ae.maximum_associations = _MAX_ASSOCIATIONS
        self._ae.maximum_pdu_size = _MAX_PDU
        self._ae.acse_timeout = self._ae.dimse_timeout = timeout_s
        self._ae.network_timeout = max(60.0, timeout_s)
        self._ae.add_supported_context(_VERIFICATION)
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)

    @property
    def port(self) -> int:
        """The port that the system gave, where 0 was asked for."""
        if self._server is None:
            return self._address[1]
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, without_delays),
            (evt.EVT_C_STORE, self._store),
        ]
        self._server = self._ae.start_server(self._address, block=False, evt_handlers=handlers)

    def stop(self) -> None:
        """Stop listening and end the associations."""
        self._ae.shutdown()
        self._server = None

    def _store(self, event: evt.Event) -> int:
        """Never raises: a broken object costs one status, not the association."""
        try:
            requestor = event.assoc.requestor
            received = Received(
                calling_ae=str(requestor.ae_title).strip(),
                address=str(requestor.address),
                data=event.encoded_dataset(),
            )
            return self._handler(received)
        except Exception as error:
            logger.exception("an instance could not be stored", error=repr(error))
            return OUT_OF_RESOURCES
