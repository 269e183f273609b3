"""The draft of the deployment sets what exists."""

from pathlib import Path

import yaml

from scanhub.settings import InstallationSettings

ROOT = Path(__file__).resolve().parents[2]


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
