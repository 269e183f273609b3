"""What is given to Prometheus and Grafana asks for metrics that a server has."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scanhub.main import ScanHub
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import TokenSigner, load_or_create_keys

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
NAME = re.compile(r"\b(?:scanhub|process)_\w+")
PATHS = [f"/api/v1/{name}/metrics" for name in ("exam", "device", "workflowmanager")]


def expressions():
    """Yield what the alerts and the dashboard ask for."""
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
async def names(house):
    """The names of all metrics of a server, with a backup."""
    await house.back_up()
    settings = house.settings.model_copy(update={"backup_dir": house.place.root})
    application = ScanHub(settings)
    signer = TokenSigner(load_or_create_keys(settings.keys_dir).private_pem)
    headers = {"Authorization": f"Bearer {signer.user_token('ada', UserRole.ADMIN, new_id())}"}
    transport = httpx.ASGITransport(application.asgi)
    found = set()
    async with (
        application._lifespan(None),
        httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as http,
    ):
        for path in PATHS:
            answer = await http.get(path)
            assert answer.status_code == 200, answer.text
            for family in text_string_to_metric_families(answer.text):
                found |= {family.name, f"{family.name}_total"}
    return found


async def test_alerts_and_dashboard_ask_for_what_there_is(names):
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) > 20
    assert asked - names == set()


def test_prometheus_looks_where_the_metrics_are():
    document = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert {job["metrics_path"] for job in document["scrape_configs"]} == set(PATHS)


def test_each_alert_says_where_its_steps_are():
    text = (ROOT / "docs" / "operations.md").read_text()
    anchors = {
        line.removeprefix("## ").lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("## ")
    }
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert (page, anchor in anchors) == ("docs/operations.md", True), rule["alert"]
