"""Receivers that do nothing but what cannot be left out: what is possible on this machine.

`drop` answers and forgets: sender, loopback and answers alone. `keep` promises what `synced` does:
a file in its place, its bytes synced (as a copy in blocks that were written before) and a row
committed, then the answer. Neither looks at a header, makes a checksum, knows a patient or survives
nonsense. A process an association, as storescp has it.
"""

import fcntl
import os
import socket
import sqlite3
import sys
from mmap import mmap
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_RELEASE_RP
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from workflow_manager.dicom.commands import StoreRequest, store_response
from workflow_manager.dicom.framing import P_DATA, as_pdu

KEEP, DROP = "keep", "drop"
_REQUEST, _PDU_HEADER, _CONTROL, _LAST_OF_DATA = 1, 6, 11, 2
_ROOM, _BLOCK, _SEGMENT = 2**20, 4096, 16 * 2**20
_TABLE = "CREATE TABLE image (uid TEXT PRIMARY KEY, place TEXT, size INTEGER)"


def _accepted() -> bytes:
    answer = A_ASSOCIATE()
    answer.application_context_name = "1.2.840.10008.3.1.1.1"
    answer.calling_ae_title, answer.called_ae_title = "BENCH", "BARE"
    answer.result, answer.result_source = 0, 1
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 131_072
    implementation.implementation_class_uid = "2.25.1"
    answer.user_information = [length, implementation]
    context = build_context(MRImageStorage, [ExplicitVRLittleEndian])
    context.context_id, context.result = 1, 0
    answer.presentation_context_definition_results_list = [context]
    message = A_ASSOCIATE_AC()
    message.from_primitive(answer)
    encoded: bytes = message.encode()
    return encoded


_STORED = as_pdu(
    1,
    is_command=True,
    is_last=True,
    data=store_response(StoreRequest(1, 1, MRImageStorage, "1.2.3", has_data_set=True), 0),
)


class _Keeper:
    """Puts bytes where a power cut does not take them, and a row into an index."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = self._place = 0
        self._segment = os.open(folder / f"{os.getpid()}.copy", os.O_RDWR | os.O_CREAT)
        for begin in range(0, _SEGMENT, 2**20):
            os.pwrite(self._segment, bytes(2**20), begin)
        os.fsync(self._segment)
        os.close(self._segment)
        self._segment = os.open(folder / f"{os.getpid()}.copy", os.O_RDWR | os.O_DIRECT)
        self._door = os.open(folder / "door", os.O_RDWR | os.O_CREAT)
        self._index = sqlite3.connect(folder / "index.sqlite", isolation_level=None)
        self._index.execute("PRAGMA synchronous=NORMAL")
        self._index.execute("PRAGMA wal_autocheckpoint=16384")

    def keep(self, memory: mmap, size: int) -> None:
        """Keep what is in memory."""
        self._number += 1
        place = f"{self._folder}/in/{os.getpid()}-{self._number}"
        file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, memoryview(memory)[:size])
        os.close(file)
        room = -(-size // _BLOCK) * _BLOCK
        if self._place + room > _SEGMENT:
            self._place = 0
        os.pwritev(self._segment, [memoryview(memory)[:room]], self._place, os.RWF_DSYNC)
        self._place += room
        fcntl.flock(self._door, fcntl.LOCK_EX)
        self._index.execute("INSERT INTO image VALUES (?, ?, ?)", (place, place, size))
        fcntl.flock(self._door, fcntl.LOCK_UN)


def _serve(connection: socket.socket, keeper: _Keeper | None) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    memory = mmap(-1, _ROOM)
    view, begin, end = memoryview(memory), 0, 0
    while count := connection.recv_into(view[end:]):
        end += count
        while (behind := _behind_pdu(memory, begin)) <= end:
            kind, control = memory[begin], memory[begin + _CONTROL]
            begin = behind
            if kind != P_DATA:
                connection.sendall(_accepted() if kind == _REQUEST else A_RELEASE_RP().encode())
            elif control == _LAST_OF_DATA:
                if keeper is not None:
                    keeper.keep(memory, end)
                connection.sendall(_STORED)
                begin = end = 0
                break


def _behind_pdu(memory: mmap, begin: int) -> int:
    """Return where a PDU ends. Behind what was read stand bytes of before, or zeros."""
    return begin + _PDU_HEADER + int.from_bytes(memory[begin + 2 : begin + 6], "big")


def main() -> None:
    """Receive in a folder until ended: PORT FOLDER drop|keep."""
    port, folder, kind = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    (folder / "in").mkdir()
    with sqlite3.connect(folder / "index.sqlite") as index:
        index.execute("PRAGMA journal_mode=WAL")
        index.execute(_TABLE)
    index.close()
    listening = socket.create_server(("127.0.0.1", port))
    os.register_at_fork(after_in_child=listening.close)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            _serve(connection, _Keeper(folder) if kind == KEEP else None)
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    main()
