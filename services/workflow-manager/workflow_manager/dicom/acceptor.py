"""Accept connections on a socket that somebody else opened, and make associations of them.

The socket outlives this process: what connects while a listener is started anew waits in its queue.
"""

import itertools
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.provider import OpenStore, Serve, StoreAssociation
from workflow_manager.dicom.transport import ClosingSocket

logger = get_logger(__name__)
_NUMBERS = itertools.count(1)
"""Of associations in this process."""
_THREADS_PER_ASSOCIATION = 4
"""Two that it needs, and as many for connections that only knock."""
_COURTESY_S, _MOST_COURTESY_S = 0.003, 0.05
"""How long a process leaves a connection to others, for each association that it has [s]."""


class AssociationServer(ThreadedAssociationServer):
    """pynetdicom's server, with the data path of ours."""

    daemon_threads = True

    def __init__(
        self,
        ae: Any,
        listening: socket.socket,
        tls: ssl.SSLContext | None,
        *,
        handlers: list[Any],
        open_store: OpenStore,
        on_end: Callable[[StoreAssociation], None],
        served: Mapping[type[Any], Serve],
        has_company: bool = False,
    ) -> None:
        self._listening = listening
        self._has_company = has_company
        self._tls = tls
        self.open_store = open_store
        self.on_end = on_end
        self.served = served
        address = listening.getsockname()
        super().__init__(ae, address, ae.ae_title, [], None, handlers, _Accepted)

    def server_bind(self) -> None:
        """Take the socket that is there."""
        if self.socket is not None:
            self.socket.close()
        self.socket = self._listening
        self.socket.setblocking(False)  # another process may be faster
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """It listens already."""

    def server_close(self) -> None:
        """Close the socket; where other processes have it too, it lives on."""
        self._listening.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; a handshake that may take long comes later, in the connection's thread.

        Of several processes the one with fewer associations goes first: a process computes in one
        thread at a time, so two that meet in one while another rests take turns for nothing.
        """
        if self._has_company and (busy := _associations()):
            time.sleep(min(busy * _COURTESY_S, _MOST_COURTESY_S))
        connection, address = self._listening.accept()
        connection.settimeout(self.ae.network_timeout)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - theirs
        """Refuse connections beyond all bounds, before they cost a thread."""
        return threading.active_count() < _THREADS_PER_ASSOCIATION * (
            self.ae.maximum_associations + 2
        )

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS if asked for, then begin the association."""
        if self._tls is not None:
            request.settimeout(self.ae.acse_timeout)
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except OSError as error:
                logger.warning("a TLS handshake failed", peer=client_address[0], error=str(error))
                request.close()
                return
            request.settimeout(self.ae.network_timeout)
        super().finish_request(request, client_address)

    def shutdown(self) -> None:
        """Stop accepting; associations go on."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()


def _associations() -> int:
    return sum(isinstance(each, StoreAssociation) for each in threading.enumerate())


class _Accepted(RequestHandler):
    """Makes the association of a connection, as pynetdicom's own does."""

    def _create_association(self) -> Any:
        server: Any = self.server
        association = StoreAssociation(server.ae, server.open_store, server.on_end, server.served)
        association.number = next(_NUMBERS)
        association.name = f"AcceptorThread-{association.number}"  # pynetdicom counts by this name
        association._server = server  # noqa: SLF001 - as the original does
        association.set_socket(ClosingSocket(association, client_socket=self.request))
        acceptor = association.acceptor
        acceptor.maximum_length = server.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = server.ae.implementation_class_uid
        acceptor.implementation_version_name = server.ae.implementation_version_name
        acceptor.supported_contexts = []
        association.requestor.address_info = self.remote
        for event, bound in server._handlers.items():  # noqa: SLF001 - as the original does
            if not event.is_intervention:
                for handler, arguments in bound:
                    association.bind(event, handler, arguments)
            elif bound:
                association.bind(event, *bound)
        return association
