"""Routes that resolve nothing refuse what others refuse, and take no more than they can give."""

import pytest
from fastapi import APIRouter, Request
from workflow_service import WORKFLOW

from workflow_manager.dicomweb.direct import DirectRoute

INSTANCE = f"{WORKFLOW}/dicomweb/studies/1.2/series/1.3/instances"


async def test_who_does_not_log_in_gets_nothing_and_no_byte_of_a_body_is_read(service):
    async def body():
        raise AssertionError("it was read")
        yield b""

    strange = {"Authorization": "Bearer nonsense"}
    kind = {"Content-Type": "application/dicom"}
    for headers in ({"Authorization": ""}, strange):
        answer = await service.user.get(f"{INSTANCE}/1.4", headers=headers)
        assert answer.status_code == 401
        answer = await service.user.post(
            f"{WORKFLOW}/dicomweb/studies", content=body(), headers={**kind, **headers}
        )
        assert answer.status_code == 401


async def test_what_is_no_uid_is_told_as_the_framework_tells_it(service):
    assert (await service.user.get(f"{INSTANCE}/1.4")).status_code == 404
    assert (await service.user.get(f"{INSTANCE}/anything")).status_code == 404
    refused = await service.user.get(f"{INSTANCE}/{'1' * 201}")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/path/instance"
    refused = await service.user.get(f"{INSTANCE}/1%00")
    assert refused.status_code == 422


def test_a_function_that_takes_more_is_refused_when_it_is_added():
    router = APIRouter(route_class=DirectRoute)

    async def of_a_page(request: Request, study: str, limit: int = 5) -> None:
        """Take what stands in the query too."""

    with pytest.raises(TypeError, match="of_a_page takes more"):
        router.get("/studies/{study}")(of_a_page)
