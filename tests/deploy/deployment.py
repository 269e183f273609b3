"""Builds the images, brings the compose file up, and does to containers what accidents do."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from effort import IN_CI
from ports import a_port

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SCANHUB_DEPLOY_FOLDER", "/var/tmp/scanhub-deploy"))
PROJECT = "scanhub-test"
TARGETS = (
    *("migrate", "exam-manager", "device-manager", "workflow-manager"),
    *("dicom-listener", "worker", "gateway"),
)
SERVICES = (
    *("exam-manager", "workflow-manager", "device-manager-1", "device-manager-2"),
    *("dicom-listener", "worker-1", "worker-2", "module-worker", "gateway"),
)
FILES = ("docker-compose.yml", "docker-compose.modules.yml", "tests/deploy/override.yml")
USER = 10001
START_S = 240.0
BACK_S = 60.0
BASES = ("PYTHON=localhost/python:3.11", "DEBIAN=localhost/debian:12")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def unavailable(reason: str) -> None:
    """Skip, or fail where CI must not skip."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def why_not() -> str | None:
    """Return why containers cannot run here; None: they can."""
    if shutil.which("podman") is None:
        return "podman is not installed"
    if os.geteuid() != 0:
        return "podman has to run as root here: networks of containers need it"
    return None


def prepared() -> dict[str, str]:
    """Return the variables with which podman works here; base images are there afterwards."""
    if (reason := why_not()) is not None:
        unavailable(reason)
    done = _run([ROOT / "deploy" / "local-podman", FOLDER], timeout=900)
    pairs = (word.split("=", 1) for word in done.stdout.split() if "=" in word)
    return {**os.environ, **{name: value.strip("'") for name, value in pairs}}


def _run(
    command: list[Any], *, variables: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout
    )
    if done.returncode != 0:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{told}")
    return done


def until(what: str, condition: Callable[[], T], seconds: float) -> T:
    """Wait until something is so; what goes wrong meanwhile is told at the end."""
    deadline, trouble = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (httpx.HTTPError, OSError, AssertionError) as error:
            trouble = repr(error)
        time.sleep(0.5)
    raise AssertionError(f"{what}: not so after {seconds:.0f} s. {trouble}")


@dataclass
class Deployment:
    """An installation in containers.

    Args:
        variables: With which podman works here.
        folder: For secrets and what tests make.
    """

    variables: dict[str, str] = field(repr=False)
    folder: Path
    https_port: int = field(default_factory=a_port)
    http_port: int = field(default_factory=a_port)
    dicom_port: int = field(default_factory=a_port)

    @property
    def url(self) -> str:
        """What people open."""
        return f"https://localhost:{self.https_port}"

    @property
    def secrets(self) -> Path:
        """Where the secrets are."""
        return Path(self.variables["SCANHUB_SECRETS"])

    @property
    def backups(self) -> Path:
        """Where backups go."""
        return self.folder / "backups"

    @property
    def certificate(self) -> Path:
        """Of the gateway; it signs itself."""
        return self.secrets / "tls.pem"

    @property
    def trust(self) -> ssl.SSLContext:
        """What believes the gateway, and nobody else."""
        return ssl.create_default_context(cafile=self.certificate)

    def client(self) -> httpx.Client:
        """Return a client that begins at the gateway."""
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=30)

    # --- containers -------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """Build and start it; stop it and remove what it wrote."""
        self._build()
        self.backups.mkdir(mode=0o700)
        os.chown(self.backups, USER, USER)
        self.variables |= {
            "SCANHUB_BACKUPS": str(self.backups),
            "SCANHUB_ADDRESS": "127.0.0.1",
            "SCANHUB_HTTPS_PORT": str(self.https_port),
            "SCANHUB_HTTP_PORT": str(self.http_port),
            "SCANHUB_DICOM_PORT": str(self.dicom_port),
        }
        self._make_secrets("secrets")
        self._name_who_signs_for_devices()
        self.variables["SCANHUB_DOCKER_GROUP"] = str(USER)
        self.compose("down", "--volumes", "--timeout", "2")
        try:
            with self._containers_served():
                self.start()
                yield
        finally:
            self._keep_logs()
            self.compose("down", "--volumes", "--timeout", "2")

    def _make_secrets(self, name: str, *options: str | Path) -> None:
        self.variables["SCANHUB_SECRETS"] = str(self.folder / name)
        command = [ROOT / "deploy" / "make-secrets", *options, "localhost"]
        _run(command, variables=self.variables)

    def _name_who_signs_for_devices(self) -> None:
        certificate, key = self.folder / "device-ca.pem", self.folder / "device-ca.key"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]
        _run(["openssl", "req", "-x509", *curve, "-subj", "/CN=Devices", "-out", certificate])
        shutil.copyfile(certificate, self.secrets / "device-ca.pem")

    @contextmanager
    def _containers_served(self) -> Iterator[None]:
        """Let podman be for the worker of modules what docker is on other machines."""
        socket, program = self.folder / "docker.sock", self.folder / "docker"
        command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
        with subprocess.Popen(command, env=self.variables) as service:
            try:
                until("podman listens", socket.exists, BACK_S)
                os.chown(socket, 0, USER)
                socket.chmod(0o660)
                self._take_program(program)
                store = self.podman("info", "--format", "{{.Store.VolumePath}}").strip()
                self.variables |= {
                    "SCANHUB_DOCKER": str(program),
                    "SCANHUB_DOCKER_SOCKET": str(socket),
                    "SCANHUB_FILES": f"{store}/{PROJECT}_files/_data",
                }
                yield
            finally:
                service.terminate()

    def _take_program(self, target: Path) -> None:
        """Take Debian's docker out of the image that has it."""
        made = self.podman("create", "scanhub-test/module").strip()
        self.podman("cp", f"{made}:/docker", str(target))
        self.podman("rm", made)

    def begin_anew(self, *, keys: Path) -> None:
        """Lose everything but the backups, and prepare another machine with these keys."""
        self.compose("down", "--volumes", "--timeout", "2")
        self._make_secrets("secrets-of-another-machine", "--keys", keys)
        self.compose("up", "--detach", "--no-build", "--no-deps", "database")
        self._make_databases()

    def run(self, service: str, *command: str) -> str:
        """Let a container that is no server do its work; returns what it says."""
        options = ("run", "-T", "--rm", "--no-deps")
        return self.compose("--profile", service, *options, service, *command, timeout=300)

    def start(self) -> None:
        """Start it in the order of the file: podman of Debian 12 knows no conditions."""
        up = ("up", "--detach", "--no-build", "--no-deps")
        self.compose(*up, "database", "archive")
        self._make_databases()
        self.compose(*up, "migrate")
        until("the databases are of this version", lambda: self._done("migrate"), START_S)
        self.compose(*up, *SERVICES, timeout=600)
        until("a login page over https", self._answers, START_S)

    def _make_databases(self) -> None:
        until("the database answers", lambda: self.healthy("database"), START_S)
        self.compose("up", "--detach", "--no-build", "--no-deps", "roles")
        until("databases and roles are there", lambda: self._done("roles"), START_S)

    def _done(self, service: str) -> bool:
        """Return whether a container has done its work and ended."""
        state = self.state(service)
        return (state["Status"], state["ExitCode"]) == ("exited", 0)

    def _answers(self) -> bool:
        with self.client() as client:
            paths = ("exam", "device", "workflowmanager")
            answers = [client.get(f"/api/v1/{path}/health/readiness") for path in paths]
        return all(answer.is_success for answer in answers)

    def _build(self) -> None:
        if os.environ.get("SCANHUB_DEPLOY_BUILD") == "0":  # somebody tries again and again
            return
        options = ["--isolation=chroot", "--network=host"]
        options += [word for base in BASES for word in ("--build-arg", base)]
        if _CERTIFICATES.exists():  # a machine may have authorities that an image does not know
            options += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
            for name in ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
                options += ["--env", f"{name}={_CERTIFICATES}"]
        build = ["podman", "build", "--quiet", *options]
        for target in TARGETS:
            named = ["--target", target, "--tag", f"scanhub/{target}"]
            _run([*build, *named, "."], variables=self.variables, timeout=1800)
        for name in ("database", "module"):
            recipe = ["--file", f"tests/deploy/{name}.Dockerfile", "--tag", f"scanhub-test/{name}"]
            _run([*build, *recipe, "."], variables=self.variables, timeout=900)

    @cached_property
    def _compose(self) -> Path:
        venv = FOLDER / "podman-compose"
        program = venv / "bin" / "podman-compose"
        if not program.exists():
            _run([sys.executable, "-m", "venv", "--clear", venv])
            lock = ROOT / "scripts" / "podman-compose-requirements.lock"
            install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
            _run([venv / "bin" / "python", *install], timeout=300)
        return program

    def compose(self, *arguments: str, timeout: float = 180) -> str:
        """Let podman-compose do something with the two files."""
        files = [word for name in FILES for word in ("-f", ROOT / name)]
        command = [self._compose, "-p", PROJECT, "--profile", "modules", *files, *arguments]
        path = f"{self._compose.parent}:{self.variables['PATH']}"
        return _run(command, variables={**self.variables, "PATH": path}, timeout=timeout).stdout

    def podman(self, *arguments: str) -> str:
        """Let podman do something."""
        return _run(["podman", *arguments], variables=self.variables).stdout

    def container(self, service: str) -> str:
        """Return the name of the container of a service."""
        return f"{PROJECT}_{service}_1"

    def state(self, service: str) -> dict[str, Any]:
        """Return what podman knows of a container now."""
        state: dict[str, Any] = json.loads(self.podman("inspect", self.container(service)))[0][
            "State"
        ]
        return state

    def healthy(self, service: str) -> bool:
        """Run the health check of a container."""
        command = ["podman", "healthcheck", "run", self.container(service)]
        done = subprocess.run(command, env=self.variables, capture_output=True, check=False)
        return done.returncode == 0

    def kill(self, service: str) -> float:
        """End the process of a container as an accident does, with SIGKILL; return when [s]."""
        pid = int(self.state(service)["Pid"])
        os.kill(pid, signal.SIGKILL)
        return time.monotonic()

    def back(self, service: str, killed_at: float) -> float:
        """Wait until a container that was killed is well again; return how long it took [s]."""
        left = BACK_S - (time.monotonic() - killed_at)
        until(f"{service} is healthy again", lambda: self.healthy(service), left)
        return time.monotonic() - killed_at

    def _keep_logs(self) -> None:
        kept = Path(os.environ.get("SCANHUB_DEPLOY_LOGS", self.folder))
        kept.mkdir(parents=True, exist_ok=True)
        names = self.podman("ps", "--all", "--format", "{{.Names}}").split()
        for name in names:
            with (kept / f"{name}.log").open("w") as log:
                command = ["podman", "logs", name]
                subprocess.run(command, env=self.variables, stdout=log, stderr=log, check=False)
