"""Connections that are kept for the next file, as long as they are any good."""

import socket
from contextlib import contextmanager

import pytest

from scanhub_device import ClientSettings
from scanhub_device._connections import Connections


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.getsockname()[1]}/uploads"


@contextmanager
def opened(connections, url, server):
    """Open a connection; yield it, and the other end of it."""
    connection = connections.new(url)
    connection.connect()
    other, _ = server.accept()
    with other:
        yield connection, other
    connection.close()


def test_one_that_was_given_back_is_taken_again_and_by_one_user_only(server, url):
    with Connections(ClientSettings(), None) as connections:
        assert connections.take(url) is None
        with opened(connections, url, server) as (connection, _):
            connections.give_back(url, connection)
            assert connections.take("http://127.0.0.1:1/uploads") is None
            assert connections.take(url) is connection
            assert connections.take(url) is None


@pytest.mark.parametrize("word", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_one_whose_other_end_has_ended_or_spoken_is_not_lent(server, url, word):
    connections = Connections(ClientSettings(), None)
    with connections, opened(connections, url, server) as (connection, other):
        connections.give_back(url, connection)
        other.sendall(word)
        other.shutdown(socket.SHUT_WR)
        connection.sock.recv(1, socket.MSG_PEEK)  # until it has come
        assert connections.take(url) is None
        assert connection.sock is None


def test_one_that_idled_for_too_long_is_not_lent(server, url):
    connections = Connections(ClientSettings(idle_connection_s=0), None)
    with connections, opened(connections, url, server) as (connection, _):
        connections.give_back(url, connection)
        assert connections.take(url) is None


def test_few_are_kept_and_none_after_the_end(server, url):
    with Connections(ClientSettings(), None) as connections:
        made = []
        for _ in range(3):
            connection = connections.new(url)
            connection.connect()
            made.append(connection)
        for connection in made:
            connections.give_back(url, connection)
        assert [connection.sock is None for connection in made] == [True, False, False]
        taken = connections.take(url)
    assert all(connection.sock is None for connection in made if connection is not taken)
    connections.give_back(url, taken)
    assert taken.sock is None
