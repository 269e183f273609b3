"""Connections whose other side is gone without a word, as when a cable is pulled.

Who waits for an answer over one would wait for a quarter of an hour, or for ever.
"""

import socket
from typing import Any

_OPTIONS_S = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5}
_SIGNS_OF_LIFE = 3
_UNACKNOWLEDGED_MS = 30_000


def notice_loss(connection: Any, _record: Any) -> None:
    """Let the system end a connection of asyncpg that nobody answers; SQLAlchemy calls it.

    After half a minute: what was sent is not acknowledged, or there is no sign of life. However
    long a statement takes that the server works on, its machine gives those.

    Args:
        connection: A new one, as SQLAlchemy wraps it.
        _record: Of the pool.
    """
    transport = connection.driver_connection._transport  # noqa: SLF001 - no public way to it
    connected = transport.get_extra_info("socket")
    if connected.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {**_OPTIONS_S, "TCP_KEEPCNT": _SIGNS_OF_LIFE, "TCP_USER_TIMEOUT": _UNACKNOWLEDGED_MS}
    for name, value in wanted.items():
        option = getattr(socket, name, None)  # not every system has each
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
