"""mercure's programs, as the bookkeeper hears of them."""

import httpx
from workflow_service import WORKFLOW

KEY = "a-key-of-the-installation"
BOOK = f"{WORKFLOW}/bookkeeper"
SERIES = "1.2.3.4"


class Mercure:
    """A program of mercure."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def report(self, path, *, status=200, **body):
        answer = await self.client.post(f"{BOOK}/{path}", **body)
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json() == {"ok": ""}
        return answer.json()

    async def ask(self, path, **params):
        answer = await self.client.get(f"{BOOK}/query/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def program_of(service, headers=None) -> httpx.AsyncClient:
    shown = {"Authorization": f"Token {KEY}"} if headers is None else headers
    return httpx.AsyncClient(
        transport=service.user._transport, base_url="http://test", headers=shown
    )


def task_json(task_id, **info):
    told = {"uid": SERIES, "uid_type": "series", "applied_rule": "head", **info}
    module = {"docker_tag": "x", "environment": {"PASSWORD": "secret"}}
    return {"id": task_id, "info": told, "process": [{"module_config": module}]}
