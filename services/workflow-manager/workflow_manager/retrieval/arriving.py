"""Images that a source sends over our association go to disk as they come (C-GET).

pynetdicom would have each in memory until it is whole, several times over.
"""

import errno
import threading
from io import BytesIO
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage

from workflow_manager.dicom.incoming import IncomingFile
from workflow_manager.retrieval.inbox import Inbox


class Image(BytesIO):
    """The data set of a message. That of a C-STORE request goes to a file; any other stays here."""

    def __init__(self, message: DIMSEMessage, arriving: "Arriving") -> None:
        super().__init__()
        self.message = message
        self._arriving = arriving
        self.file: IncomingFile | None = None
        self.error: OSError | None = None
        """Why the disk does not take it; then it is read, and dropped."""

    def write(self, data: Any) -> int:
        """Take a fragment."""
        if not isinstance(self.message, C_STORE_RQ):
            return super().write(data)
        if self.error is None:
            try:
                self._arriving.write(self, memoryview(data))
            except OSError as error:
                self.error = error
        return len(data)


class Arriving:
    """What is on its way over one association."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._association: Association | None = None
        self._lock = threading.Lock()
        self._files: set[IncomingFile] = set()
        self._has_ended = False

    def receive(self, association: Association) -> None:
        """Take what comes over an association."""
        self._association = association
        dimse: Any = association.dimse
        receive = dimse.receive_primitive

        def to_disk(primitive: Any) -> None:
            if dimse.message is None:
                dimse.message = message = DIMSEMessage()
                message.data_set = Image(message, self)
            receive(primitive)

        dimse.receive_primitive = to_disk

    def write(self, image: Image, data: memoryview) -> None:
        """Write what came of an image, unless nobody wants it any more.

        Raises:
            OSError: The disk does not take it.
        """
        with self._lock:  # its file is not closed meanwhile
            if image.file is None:
                self._begin(image)
            if image.file is not None:
                image.file.write(data)

    def _begin(self, image: Image) -> None:
        if self._association is None or self._has_ended:
            return
        command: Any = image.message.command_set
        contexts = self._association._accepted_cx  # noqa: SLF001 - no public way by id
        context = contexts.get(image.message.context_id or 0)
        if context is None:
            return  # it is refused, and nobody asks for it
        image.file = self._inbox.begin(
            str(command.AffectedSOPClassUID),
            str(command.AffectedSOPInstanceUID),
            str(context.transfer_syntax[0]),
        )
        self._files.add(image.file)

    def take(self, image: Image, transfer_syntax_uid: str) -> None:
        """Hand on an image that is whole.

        Raises:
            OSError: The disk does not take it.
        """
        with self._lock:
            if image.file is None:  # no fragment came
                self._begin(image)
            file = image.file
            if file is not None:
                self._files.discard(file)
        if image.error is not None or file is None:
            if file is not None:
                file.discard()
            raise image.error or OSError(errno.ECANCELED, "The association has ended")
        self._inbox.end(file, transfer_syntax_uid)

    def discard(self) -> None:
        """Remove what was not handed on; the association has ended."""
        with self._lock:
            self._has_ended = True
            files, self._files = self._files, set()
            for file in files:
                file.discard()
