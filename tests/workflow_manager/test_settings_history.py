"""What a program was set to is kept from start to start; secrets are not."""

from workflow_service import WORKFLOW

from scanhub_libraries.models import UserRole

NAME = "workflow-manager"


async def test_a_start_with_other_settings_is_a_version(serving, headers_of):
    for changes in (
        {"module_slots": 2},
        {"module_slots": 2},
        {"module_slots": 3, "webhook_secret": "a-secret-of-sixteen"},
    ):
        async with serving(**changes) as service:
            pass
    async with serving(module_slots=3, webhook_secret="another-of-sixteen") as service:
        (program,) = await service.get("/settings")
        assert program["history"] == NAME
        versions = await service.get(f"/settings/{NAME}/versions")
        assert [one["version"] for one in versions] == [2, 1]
        found = await service.get(f"/settings/{NAME}/diff?before=1&after=2")
        assert {one["field"]: (one["before"], one["after"]) for one in found} == {
            "SCANHUB_WORKFLOW_MODULE_SLOTS": (2, 3),
            "SCANHUB_WORKFLOW_WEBHOOK_SECRET": ("not set", "set, not shown"),
        }
        (told,) = await service.get("/journal?type=settings.changed")
        assert told["data"]["changed"] == [
            "SCANHUB_WORKFLOW_MODULE_SLOTS",
            "SCANHUB_WORKFLOW_WEBHOOK_SECRET",
        ]
        assert "secret-of" not in str(told)
        path = f"{WORKFLOW}/settings/{NAME}/versions"
        answer = await service.user.get(path, headers=headers_of(UserRole.ENGINEER))
        assert answer.status_code == 403
