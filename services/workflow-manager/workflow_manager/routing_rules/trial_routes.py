"""Routes to try rules: nothing is stored, nothing is sent."""

import asyncio

from fastapi import APIRouter, Request

from scanhub_libraries.models import (
    CompletionTestIn,
    CompletionTestOut,
    RuleDryRunIn,
    RuleDryRunOut,
    RuleSelectIn,
    RuleSelection,
    RuleTestIn,
    RuleTestOut,
    SeriesTags,
)
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import SessionDep
from workflow_manager.routing_rules import service
from workflow_manager.routing_rules.completion import is_complete, problem_with
from workflow_manager.routing_rules.evaluation import evaluate, flaw_in
from workflow_manager.routing_rules.rules import select
from workflow_manager.routing_rules.series_tags import tags_of_file

router = APIRouter(prefix="/api/v1/workflowmanager/rules", tags=["rules"])


@router.post("/test", summary="Try an expression on tags")
async def test_rule(given: RuleTestIn) -> RuleTestOut:
    """Say whether it holds, what is wrong with it, and which tags it looked at."""
    verdict = await asyncio.to_thread(evaluate, given.rule, given.tags)
    return service.describe_test(verdict, await asyncio.to_thread(flaw_in, given.rule))


@router.post(
    "/file-tags",
    summary="Read the tags of a DICOM file",
    responses=may_answer(413, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/dicom": {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "examples": ["a DICOM file, or its beginning up to the pixels"],
                    }
                }
            },
        }
    },
)
async def read_file_tags(request: Request) -> SeriesTags:
    """Return the tags that rules would see of this file if it were received; it is not kept."""
    extra = request.app.state.wiring.settings.dicom_extra_tags
    return SeriesTags(tags=await asyncio.to_thread(tags_of_file, await request.body(), extra))


@router.post("/test-completion", summary="Try when a study is complete")
async def test_completion(given: CompletionTestIn) -> CompletionTestOut:
    """Say whether an expression may be used, and whether the series received complete it."""
    found = await asyncio.to_thread(is_complete, given.expression, given.received)
    problem = problem_with(given.expression)
    return CompletionTestOut(
        valid=problem is None, complete=found.complete, error=found.error or problem
    )


@router.post("/select", summary="Try which rules decide what")
async def select_rules(given: RuleSelectIn) -> RuleSelection:
    """Return what is done with a series of these tags, and what became of each rule and why."""
    return await asyncio.to_thread(select, given.rules, given.tags)


@router.post("/dry-run", summary="Try a draft on the series received last")
async def dry_run_rule(session: SessionDep, draft: RuleDryRunIn) -> list[RuleDryRunOut]:
    """Return for which series a draft would have fired, newest first, with the tags looked at."""
    found = await service.dry_run(session, draft)
    await session.commit()  # nobody waits for the evaluation
    return [
        service.describe_dry_run(series, await asyncio.to_thread(evaluate, draft.rule, tags))
        for series, tags in found
    ]
