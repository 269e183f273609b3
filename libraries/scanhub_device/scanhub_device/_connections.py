"""Connections for files, kept open from one file to the next.

To open one costs a file as much as some hundred kilobytes of it, over TLS and a long way more.
"""

import http.client
import select
import ssl as ssl_module
import threading
import time
from typing import Self
from urllib.parse import urlsplit

from scanhub_device.settings import ClientSettings

_MOST_IDLE = 2


def connection_to(
    url: str, settings: ClientSettings, ssl: ssl_module.SSLContext | None
) -> http.client.HTTPConnection:
    """Return a connection to the server of an address; it is not open yet."""
    place, timeout = urlsplit(url), settings.open_timeout_s
    host = place.hostname or ""
    if place.scheme == "https":
        context = ssl or ssl_module.create_default_context()
        return http.client.HTTPSConnection(host, place.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, place.port, timeout=timeout)


class Connections:
    """Lends connections, each to one user at a time; for several threads.

    The other end, or a gateway, may close one that idles at any moment. One that it has closed is
    not lent; one that it closes just then breaks, and who has it tries again with a new one.
    """

    def __init__(self, settings: ClientSettings, ssl: ssl_module.SSLContext | None) -> None:
        self._settings = settings
        self._ssl = ssl
        self._lock = threading.Lock()
        self._idle: list[tuple[tuple[str, str], float, http.client.HTTPConnection]] = []
        self._closed = False

    def __enter__(self) -> Self:
        """Lend connections until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what idles."""
        self.close()

    def new(self, url: str) -> http.client.HTTPConnection:
        """Return one that is not open yet."""
        return connection_to(url, self._settings, self._ssl)

    def take(self, url: str) -> http.client.HTTPConnection | None:
        """Return one that is open, the one that was used last; None: there is none."""
        while (found := self._take_latest(_origin(url))) is not None:
            since, connection = found
            is_young = time.monotonic() - since < self._settings.idle_connection_s
            if is_young and _is_open(connection):
                connection.sock.settimeout(self._settings.open_timeout_s)
                return connection
            connection.close()
        return None

    def give_back(self, url: str, connection: http.client.HTTPConnection) -> None:
        """Keep one over which a request and its answer have passed, both to their end."""
        with self._lock:
            keep = not self._closed and connection.sock is not None
            if keep:
                self._idle.append((_origin(url), time.monotonic(), connection))
            old = self._idle[:-_MOST_IDLE]
            del self._idle[:-_MOST_IDLE]
        for _, _, other in old:
            other.close()
        if not keep:
            connection.close()

    def close(self) -> None:
        """Close what idles, and keep nothing any more."""
        with self._lock:
            self._closed, idle = True, self._idle
            self._idle = []
        for _, _, connection in idle:
            connection.close()

    def _take_latest(
        self, origin: tuple[str, str]
    ) -> tuple[float, http.client.HTTPConnection] | None:
        with self._lock:
            for number in reversed(range(len(self._idle))):
                if self._idle[number][0] == origin:
                    _, since, connection = self._idle.pop(number)
                    return since, connection
        return None


def _origin(url: str) -> tuple[str, str]:
    place = urlsplit(url)
    return place.scheme, place.netloc


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """Say whether nothing has come: an end, or words that nobody has asked for."""
    look = select.poll()
    look.register(connection.sock, select.POLLIN)
    return not look.poll(0)
