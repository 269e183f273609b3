"""Ports for servers that are told theirs before they start."""

import secrets
import socket

_FIRST, _COUNT = 20_000, 12_000


def a_port() -> int:
    """Return a port that nobody has and that the system gives to nobody else.

    Not one of those that connections get (on Linux from 32,768 on): a busy machine may have given
    it to one before the server listens.
    """
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
