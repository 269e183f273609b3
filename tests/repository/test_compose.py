"""The draft of the deployment sets what exists."""

from pathlib import Path

import yaml
from typer.main import get_command

from scanhub.cli import app
from scanhub.settings import InstallationSettings
from workflow_manager.engine.names import QUEUE_NAMES

ROOT = Path(__file__).resolve().parents[2]


def test_a_worker_of_the_compose_file_is_what_the_command_line_takes() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    worker, server = compose["services"]["worker"], compose["services"]["scanhub"]
    known = {f"SCANHUB_{name}".upper() for name in InstallationSettings.model_fields}
    assert set(worker["environment"]) <= known
    assert server["environment"].items() <= worker["environment"].items()
    assert worker["volumes"] == server["volumes"]
    command = get_command(app).commands["worker"]
    with command.make_context("worker", worker["command"][1:]) as context:
        queues, drain_s = context.params["queues"], context.params["drain"]
    assert set(queues.split(",")) <= set(QUEUE_NAMES)
    assert drain_s < float(worker["stop_grace_period"].removesuffix("s"))


def test_the_compose_file_sets_only_settings_that_exist_and_a_database_for_each_url() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    environment = compose["services"]["scanhub"]["environment"]
    fields = InstallationSettings.model_fields
    known = {f"SCANHUB_{name}".upper(): name for name in fields}
    assert set(environment) <= set(known)
    databases = compose["configs"]["databases"]["content"]
    urls = [value for name, value in environment.items() if name.endswith("_DATABASE_URL")]
    assert len(urls) == sum(name.endswith("_database_url") for name in fields)
    assert all(f"CREATE DATABASE {url.rpartition('/')[2]};" in databases for url in urls)
