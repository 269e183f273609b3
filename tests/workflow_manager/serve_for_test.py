"""workflow-manager in a process of its own, to be killed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import uvicorn

from scanhub_libraries.clients import ServiceTokenSource
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.models import ServiceCredentials
from scanhub_libraries.security.tokens import TokenVerifier
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.main import create_app
from workflow_manager.settings import WorkflowManagerSettings


def main() -> None:
    folder, port, exam_manager = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if module := os.environ.get("TEST_JOB"):
        name = "cartesian_reconstruction"
        BUILT_IN[name] = replace(BUILT_IN[name], module=module)
    exam_client = httpx.AsyncClient(base_url=exam_manager, timeout=5)
    secret = os.environ["TEST_SECRET"]
    credentials = ServiceCredentials(service="workflow-manager", secret=secret)
    app = create_app(
        WorkflowManagerSettings(
            database_url=os.environ.get("TEST_DATABASE", sqlite_url(folder / "workflow.sqlite")),
            engine_database_url=os.environ.get("TEST_ENGINE", f"sqlite:///{folder}/engine.sqlite"),
            lake_root=folder / "lake",
            module_writes=(folder,),
        ),
        exam_manager=exam_client,
        device_manager=httpx.AsyncClient(base_url="http://127.0.0.1:9"),
        verifier=TokenVerifier((folder / "public.pem").read_text()),
        token_source=ServiceTokenSource(exam_client, credentials),
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
