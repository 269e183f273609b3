"""The health check of a container says no as soon as what it looks at is not well."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scanhub.healthcheck import OLDEST_S, main, problem_of


@pytest.fixture
def route():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503 if self.path == "/starting" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_route_has_to_answer_with_success(route):
    assert problem_of(f"{route}/ready") is None
    assert "503" in problem_of(f"{route}/starting")
    assert "refused" in problem_of("http://127.0.0.1:1/ready")


def test_a_file_has_to_be_there_and_to_be_young(tmp_path):
    alive = tmp_path / "alive"
    assert "No such file" in problem_of(str(alive))
    alive.touch()
    assert problem_of(str(alive)) is None
    old = time.time() - OLDEST_S - 5
    os.utime(alive, (old, old))
    assert "was not touched for 25 s" in problem_of(str(alive))


def test_the_exit_code_tells(tmp_path, capsys):
    assert main([str(tmp_path / "alive")]) == 1
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "alive").touch()
    assert main([str(tmp_path / "alive")]) == 0
    assert main([]) == 1
