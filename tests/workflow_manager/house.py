"""Exam-manager and workflow-manager in one process; events travel by themselves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from clinic import Clinic
from fastapi import FastAPI
from workflow_service import WORKFLOW, until

from scanhub_libraries.clients import WorkflowManagerClient
from scanhub_libraries.security.tokens import SigningKeys, TokenSigner, TokenVerifier
from workflow_manager.main import create_app
from workflow_manager.settings import WorkflowManagerSettings


class House(Clinic):
    """Both services in one process."""

    async def job_in(self, *statuses: str) -> Any:
        async def reached() -> Any:
            found = await self.task(self.job)
            return found if found["status"] in statuses else None

        return await until(reached, 60)


@asynccontextmanager
async def open_house(
    keys: SigningKeys,
    headers: dict[str, str],
    settings: WorkflowManagerSettings,
    exam_manager: Callable[..., FastAPI],
    *,
    kind: type[House] = House,
) -> AsyncIterator[House]:
    """Run both services, with an exam planned."""
    apps: dict[str, FastAPI] = {}
    signer = TokenSigner(keys.private_pem)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        which = "workflow" if scope["path"].startswith(WORKFLOW) else "exam"
        await apps[which](scope, receive, send)

    async def own_token() -> str:
        return signer.service_token("workflow-manager")

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=route), base_url="http://house", timeout=30
    )
    journal = WorkflowManagerClient(client, own_token)
    apps["exam"] = exam_manager(deliver=journal.deliver)
    apps["workflow"] = create_app(
        settings,
        exam_manager=client,
        device_manager=client,
        verifier=TokenVerifier(keys.public_pem),
        token_source=own_token,
    )
    async with client, _open(apps["exam"]), _open(apps["workflow"]):
        house = kind(client, headers, keys, settings.lake_root)
        await house.plan()
        yield house


@asynccontextmanager
async def _open(app: FastAPI) -> AsyncIterator[None]:
    async with app.router.lifespan_context(app):
        yield
