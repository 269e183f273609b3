"""The DICOM listener: C-ECHO and C-STORE. Data sets go to files as they came, never decoded."""

import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, build_context, evt

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.acceptor import AssociationServer
from workflow_manager.dicom.commands import StoreRequest
from workflow_manager.dicom.incoming import (
    Durability,
    IncomingFile,
    IncomingFolder,
    Peer,
    Written,
    file_meta,
)
from workflow_manager.dicom.part10 import read_head
from workflow_manager.dicom.provider import Serve, StoreAssociation, Storing
from workflow_manager.dicom.redo import Redo
from workflow_manager.dicom.rules import OUT_OF_RESOURCES, Admission
from workflow_manager.dicom.transport import without_delays

logger = get_logger(__name__)
_VERIFICATION = "1.2.840.10008.1.1"


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One C-STORE request, whose file is whole. Whoever handles it owns the file."""

    peer: Peer
    association: int
    """Number of the association in this listener."""
    request: StoreRequest
    transfer_syntax_uid: str
    file: Written
    sync: Callable[[], None]
    """Syncs the file as the installation wants it; before the answer, whoever calls it."""
    is_alone: bool = False
    """Whether this listener receives nothing else at the moment."""
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    """What the handler wants to be done when the answer is out. Does not raise."""


Handler = Callable[[ReceivedFile], tuple[int, str]]
"""Decides what becomes of an instance; returns the DICOM status and a comment that goes with it.

Called in the thread of the association.
"""


@dataclass(frozen=True, slots=True)
class AssociationEnd:
    """An association that was accepted has ended."""

    peer: Peer
    association: int
    how: str
    """released; refused: released after an image was refused, which is sent again; or aborted: by a
    message, or because the connection was lost."""
    received: int
    """C-STORE requests that were answered."""


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """What an installation decides about the listener."""

    ae_title: str
    folder: Path
    """Where files are received; the listener alone writes there."""
    durability: Durability = Durability.SYNCED
    admission: Admission = field(default_factory=Admission)
    has_company: bool = False
    """Whether other processes accept on the same sockets: who has less to do goes first."""
    max_associations: int = 64
    max_pdu: int = 131_072
    timeout_s: float = 30.0
    """How long a peer may take for the next message of a handshake [s]."""
    network_timeout_s: float = 60.0
    """How long an association may be silent [s]."""
    services: Sequence[tuple[str, Any, Callable[..., Any]]] = ()
    """What else is served, by pynetdicom: abstract syntax, event, handler."""
    served: Sequence[tuple[str, type[Any], Serve]] = ()
    """What is served with the connection in our hands: abstract syntax, request, function."""


class StoreListener:
    """Listens in threads of its own; the handler decides what becomes of an instance."""

    def __init__(
        self,
        options: ListenerOptions,
        handler: Handler,
        on_end: Callable[[AssociationEnd], None] = lambda _end: None,
    ) -> None:
        self._options = options
        self.handler = handler
        self.on_end = on_end
        hashes = options.durability is not Durability.UNSYNCED
        self._redo = Redo(options.folder) if options.durability.syncs_data else None
        self.folder = IncomingFolder(
            options.folder,
            options.durability,
            hashes=hashes,
            redo=self._redo,
            read_head=read_head,
        )
        self._servers: list[AssociationServer] = []
        self._ae = ae = AE(options.ae_title)
        ae.maximum_associations = options.max_associations
        ae.maximum_pdu_size = options.max_pdu
        ae.acse_timeout = ae.dimse_timeout = options.timeout_s
        ae.network_timeout = max(options.network_timeout_s, options.timeout_s)

    @property
    def port(self) -> int:
        """The port of the first socket that it listens on."""
        return int(self._servers[0].server_address[1])

    def start(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Serve what connects to a socket; may be called for several."""
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, without_delays),
            (evt.EVT_REQUESTED, self._admit),
            *((event, handler) for _, event, handler in self._options.services),
        ]
        server = AssociationServer(
            self._ae,
            listening,
            tls,
            handlers=handlers,
            open_store=self._open_store,
            on_end=self._ended,
            served={request: serve for _, request, serve in self._options.served},
            has_company=self._options.has_company,
        )
        threading.Thread(target=server.serve_forever, name="dicom-listener", daemon=True).start()
        self._servers.append(server)

    def stop(self) -> None:
        """Stop listening and end the associations."""
        for server in self._servers:
            server.shutdown()
        self._servers.clear()
        self._ae.shutdown()
        if self._redo is not None:
            self._redo.close()

    def _admit(self, event: evt.Event) -> None:
        """Reject the association, or say what is served in it; before the contexts are settled."""
        association: Any = event.assoc
        options = self._options
        peer = _peer(association)
        refusal = options.admission.refusal(
            calling=peer.calling_ae,
            called=peer.called_ae,
            address=peer.address,
            free=shutil.disk_usage(options.folder).free,
        )
        if refusal is not None:
            logger.warning("an association is rejected", reason=refusal.reason, peer=peer.address)
            association.acse.send_reject(refusal.result, refusal.source, refusal.diagnostic)
            association.kill()
            return
        association.acceptor.supported_contexts = self._contexts(association)
        association.peer = peer

    def _contexts(self, association: Any) -> list[Any]:
        """Return what is accepted of what was proposed."""
        admission = self._options.admission
        proposed: dict[str, list[str]] = {}
        for context in association.requestor.primitive.presentation_context_definition_list:
            uids = proposed.setdefault(str(context.abstract_syntax), [])
            uids += [str(uid) for uid in context.transfer_syntax if str(uid) not in uids]
        others = (*self._options.services, *self._options.served)
        served = {_VERIFICATION, *(uid for uid, _, _ in others)}
        accepted = [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in served & proposed.keys()]
        roles = association.requestor.role_selection
        for context in accepted:
            if str(context.abstract_syntax) in roles:  # who commits itself reports as SCP (PS3.4 J)
                context.scu_role = context.scp_role = True
        for sop_class, offered in proposed.items():
            syntaxes = admission.syntaxes(offered)
            if sop_class in served or not syntaxes or not admission.stores(sop_class):
                continue
            context = build_context(sop_class, syntaxes)
            if sop_class in roles:  # who retrieves with C-GET takes what we send
                context.scu_role = context.scp_role = True
            accepted.append(context)
        return accepted

    def _open_store(
        self, association: StoreAssociation, request: StoreRequest, context_id: int
    ) -> Storing:
        context = association._accepted_cx[context_id]  # noqa: SLF001 - no public way by id
        peer = association.peer or _peer(association)
        return _Store(self, association, (peer, request, str(context.transfer_syntax[0])))

    def _ended(self, association: StoreAssociation) -> None:
        if association.peer is None:
            return
        how = "aborted"
        if association.is_released:
            how = "refused" if association.refused else "released"
        end = AssociationEnd(association.peer, association.number, how, association.stored)
        self.on_end(end)


class _Store:
    """One C-STORE. Trouble costs a status, not the association: the rest of the bytes is let go."""

    def __init__(
        self,
        listener: StoreListener,
        association: StoreAssociation,
        asked: tuple[Peer, StoreRequest, str],
    ) -> None:
        self._listener = listener
        self._association = association
        self._peer, self._request, self._syntax = peer, request, syntax = asked
        self._afterwards: list[Callable[[], None]] = []
        self._file: IncomingFile | None = None
        meta = file_meta(request.sop_class_uid, request.sop_instance_uid, syntax, peer)
        try:
            spare, association.spare = association.spare, None
            file = spare if isinstance(spare, IncomingFile) else listener.folder.prepare()
            self._file = file.begin(meta, syntax)
        except OSError as error:
            self._give_up(error)

    def write(self, data: memoryview) -> None:
        """Write a part."""
        if self._file is None:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._give_up(error)

    def finish(self) -> tuple[int, str]:
        """Let the handler decide."""
        if self._file is None:
            return OUT_OF_RESOURCES, "The disk does not take it"
        try:
            written = self._file.finish()
            sync, number = self._file.sync, self._association.number
            is_alone = len(self._listener.folder.under_way) == 1
            received = ReceivedFile(
                self._peer, number, self._request, self._syntax, written, sync, is_alone
            )
            self._afterwards = received.afterwards
            answer = self._listener.handler(received)
            sync()
        except OSError as error:
            self._give_up(error)
        except Exception as error:
            logger.exception("an instance could not be stored", error=repr(error))
        else:
            return answer
        return OUT_OF_RESOURCES, "It could not be stored"

    def answered(self) -> None:
        """Let go of the file, tell of it, and create the next one while the sender is busy."""
        if self._file is not None:
            self._file.close()
        for work in self._afterwards:
            work()
        with suppress(OSError):  # the next one says it
            self._association.spare = self._listener.folder.prepare()

    def discard(self) -> None:
        """Remove what there is of it."""
        if self._file is not None:
            self._file.discard()

    def _give_up(self, error: OSError) -> None:
        logger.error("an instance cannot be written", error=repr(error))
        self.discard()
        self._file = None


def _peer(association: Any) -> Peer:
    request = association.requestor.primitive
    return Peer(
        calling_ae=str(request.calling_ae_title).strip(),
        called_ae=str(request.called_ae_title).strip(),
        address=str(association.requestor.address),
    )
