"""The deployment sets what exists: settings, commands, secrets, databases, headers of the UI."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings
from typer.main import get_command

from device_manager.settings import DeviceManagerSettings
from exam_manager.settings import ExamManagerSettings
from scanhub.cli import app
from scanhub.main import PREFIXES
from scanhub.settings import SERVICES, InstallationSettings
from scanhub.ui import _SECURITY_HEADERS
from scanhub_libraries.file_settings import SUFFIX
from scanhub_libraries.security.tokens import FORMER_KEYS
from workflow_manager.engine.names import QUEUE_NAMES
from workflow_manager.settings import WorkflowManagerSettings

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = (ROOT / "deploy" / "gateway" / "nginx.conf").read_text("utf-8")
_QUEUES = "SCANHUB_WORKFLOW_QUEUES"
SETTINGS: tuple[type[BaseSettings], ...] = (
    InstallationSettings,
    ExamManagerSettings,
    DeviceManagerSettings,
    WorkflowManagerSettings,
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services that run `scanhub`."""
    foreign = {"gateway", "database", "roles"}
    return {name: each for name, each in compose["services"].items() if name not in foreign}


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {
        f"{settings.model_config.get('env_prefix', '')}{name}".upper()
        for settings in SETTINGS
        for name in settings.model_fields
    }
    for name, service in ours(compose).items():
        set_here = {each for each in service["environment"] if each.startswith("SCANHUB_")}
        assert {each.removesuffix(SUFFIX) for each in set_here - known} <= known, name


def test_each_command_is_what_the_command_line_takes(compose: dict[str, Any]) -> None:
    targets = (ROOT / "Dockerfile").read_text("utf-8").split("FROM base AS ")[1:]
    commands = {
        text.split("\n", 1)[0]: yaml.safe_load(found[1])
        for text in targets
        if (found := re.search(r"^CMD (\[.*\])$", text, flags=re.MULTILINE))
    }
    for service in ours(compose).values():
        words = service.get("command") or commands[service["image"].removeprefix("scanhub/")]
        command = get_command(app).commands[words[0]]
        with command.make_context(words[0], words[1:]) as context:
            drain_s = context.params.get("drain", 0.0)
        assert drain_s < float(service.get("stop_grace_period", "0s").removesuffix("s"))


def test_one_service_alone_builds_an_image_and_no_registry_is_asked(
    compose: dict[str, Any],
) -> None:
    """Compose builds all at once, and two exports of one name end in "already exists"."""
    services = [each for each in compose["services"].values() if each["image"][:8] == "scanhub/"]
    built = [each["image"] for each in services if "build" in each]
    assert sorted(built) == sorted({each["image"] for each in services})
    assert {each["pull_policy"] for each in services} == {"never"}


def test_a_worker_serves_what_the_server_leaves(compose: dict[str, Any]) -> None:
    queues = {
        name: set(yaml.safe_load(service["environment"][_QUEUES]))
        for name, service in ours(compose).items()
        if _QUEUES in service["environment"]
    }
    assert queues["worker-1"] == queues["worker-2"]
    assert queues["worker-1"] | queues["workflow-manager"] == set(QUEUE_NAMES)


def test_one_worker_alone_runs_containers_and_nothing_but_modules(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.modules.yml").read_text("utf-8")
    assert "extends" not in text  # compose 2.24 refuses to extend what depends on something
    services = yaml.safe_load(text)["services"]
    added = yaml.safe_load(compose["services"]["module-worker"]["environment"][_QUEUES])
    queues = {
        name: set(yaml.safe_load(service["environment"][_QUEUES]))
        for name, service in services.items()
        if _QUEUES in service["environment"]
    }
    before = yaml.safe_load(compose["services"]["worker-1"]["environment"][_QUEUES])
    assert added == ["modules"]
    assert queues == {name: set(before) - {"modules"} for name in ("worker-1", "worker-2")}
    assert [name for name, each in services.items() if "volumes" in each] == ["module-worker"]


def test_a_service_has_the_secrets_that_it_reads_and_nothing_is_writable_but_its_files(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        given = {
            each if isinstance(each, str) else each["target"] for each in service.get("secrets", [])
        }
        read = {
            value.removeprefix("/run/secrets/")
            for value in service["environment"].values()
            if value.startswith("/run/secrets/")
        }
        folders = {each.partition("/")[0] for each in given}
        assert read <= given | folders, name
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
        assert "healthcheck" in service or name in {
            "migrate",
            "roles",
            "backup",
            "keys",
        }  # which end
    signing = [name for name, each in compose["services"].items() if "signing.pem" in _made(each)]
    assert signing == ["exam-manager", "backup"]
    for name, service in compose["services"].items():
        made = _made(service)
        assert ("signing-former" in made) == ("signing-public" in made), name


def _made(service: dict[str, Any]) -> set[str]:
    """Return which secrets a service gets, by their names in the file."""
    return {each if isinstance(each, str) else each["source"] for each in service["secrets"]}


def test_a_backup_has_every_key_and_no_other_secret_among_them(compose: dict[str, Any]) -> None:
    """What lies in its folder of keys is copied into each backup."""
    settings = InstallationSettings(keys_folder=Path("keys"))
    needed = {"signing.pem", "signing.pub.pem", "device-tokens.key", "target-secrets.key"}
    needed |= {FORMER_KEYS}
    needed |= {f"services/{name}.secret" for name in SERVICES}
    secrets = compose["services"]["backup"]["secrets"]
    targets = {each["target"] for each in secrets if not isinstance(each, str)}
    assert targets == {f"{settings.keys_dir}/{name}" for name in needed}


def test_one_command_makes_every_secret_and_replaces_none(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    command = [ROOT / "deploy" / "make-secrets", "mri.example.org"]
    environment = {"PATH": "/usr/bin:/bin", "SCANHUB_SECRETS": str(folder)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {secret["file"].rpartition("/")[2] for secret in compose["secrets"].values()} == set(
        made
    )
    assert folder.stat().st_mode & 0o077 == 0
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_another_machine_gets_the_keys_of_a_backup(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    (keys / "services").mkdir(parents=True)
    names = ("signing.pem", "signing.pub.pem", "device-tokens.key", "target-secrets.key")
    for name in (*names, *(f"services/{service}.secret" for service in SERVICES)):
        (keys / name).write_text(name)
    command = [ROOT / "deploy" / "make-secrets", "--keys", "keys", "mri.example.org"]
    environment = {"PATH": "/usr/bin:/bin", "SCANHUB_SECRETS": str(tmp_path / "secrets")}
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=tmp_path)
    for name in names:
        assert (tmp_path / "secrets" / name).read_text() == name
    assert (tmp_path / "secrets" / "exam-manager.secret").read_text().startswith("services/")


def test_the_gateway_knows_every_service_and_the_headers_of_the_ui() -> None:
    for prefixes in PREFIXES.values():
        assert all(f"location {prefix}/ " in GATEWAY for prefix in prefixes)
    start = (ROOT / "deploy" / "gateway" / "start").read_text("utf-8")
    for name, value in _SECURITY_HEADERS.items():
        quoted = f'"{value}"' if " " in value else value
        assert f"add_header {name} {quoted} always;" in start


def test_nobody_waits_to_stop_a_scan() -> None:
    """In a place with limits of its own nginx keeps none of those around it."""
    (pattern, body) = re.findall(r"location ~ (\S*stop\S*) \{(.*?)\}", GATEWAY, re.DOTALL)[0]
    for path in ("/api/v1/device/0190/stop", "/api/v1/device/0190/pause"):
        assert re.search(pattern, path)
    assert "limit_req zone=unlimited;" in body
    assert "limit_conn unlimited_connections " in body
    for zone in ("limit_req_zone $nobody zone=unlimited:", 'map "" $nobody { default ""; }'):
        assert zone in GATEWAY


def test_only_what_runs_is_installed_in_an_image(load_script: Any) -> None:
    script = load_script("runtime_requirements")
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    needed = script.needed(lock)
    names = {text.partition("==")[0] for text in needed}
    assert sum(text.startswith("numpy==") for text in needed) == lock.count("\nnumpy==")
    assert {"fastapi", "pynetdicom", "dbos", "asyncpg", "scipy", "ismrmrd"} <= names
    assert not names & {"pytest", "mypy", "ruff", "playwright", "schemathesis", "hypothesis"}
    simulator = {text.partition("==")[0] for text in script.needed_by_simulator(lock)}
    assert {"pypulseq", "matplotlib"} <= simulator
    assert not simulator & names


def test_an_image_has_what_runs_of_a_library_and_nothing_twice(
    load_script: Any, tmp_path: Path
) -> None:
    package, content = tmp_path / "package", bytes(200_000)
    (package / "tests").mkdir(parents=True)
    for name in ("__init__.py", "fast.pyx", "fast.h", "typed.pyi", "tests/test_it.py"):
        (package / name).write_text("x" * 10)
    for name in ("libfast.so", "libfast.so.3", "libfast.so.3.2"):
        (package / name).write_bytes(content)
    (package / "other.so").write_bytes(content[1:] + b"x")
    assert load_script("slim_packages").slim(tmp_path) == 4 * 10 + 2 * len(content)
    left = {path.name for path in package.iterdir()}
    assert left == {"__init__.py", "libfast.so", "libfast.so.3", "libfast.so.3.2", "other.so"}
    assert {path.read_bytes() for path in package.glob("libfast.so*")} == {content}
    assert (package / "other.so").read_bytes() != content
