"""Reports of mercure's programs, at mercure's paths below ours."""

from typing import Annotated

from fastapi import APIRouter, Form, Request

from scanhub_libraries.openapi import may_answer
from scanhub_libraries.security.access import BOOKKEEPER
from scanhub_libraries.web import SessionDep
from workflow_manager.bookkeeper import forms, service
from workflow_manager.bookkeeper.answers import MercureRoute
from workflow_manager.bookkeeper.forms import Done

router = APIRouter(
    prefix="/api/v1/workflowmanager/bookkeeper",
    tags=["bookkeeper"],
    route_class=MercureRoute,
    form_limits={"max_part_size": forms.LARGEST_BODY},
)
_DONE = Done()


@router.get("/test", summary="Say whether the bookkeeper takes reports", responses=may_answer(501))
async def bookkeeper_test(request: Request) -> Done:
    """Answer `ok`, or 501 when this installation has no key for it."""
    request.app.state.shared_keys[BOOKKEEPER].require()
    return _DONE


@router.post("/mercure-event", summary="Report an event of a service of mercure")
async def post_mercure_event(
    session: SessionDep, report: Annotated[forms.MercureEventIn, Form()]
) -> Done:
    """Keep an event such as BOOT or CONFIG_UPDATE; the journal tells of it."""
    await service.add_event(session, report)
    return _DONE


@router.post("/webgui-event", summary="Report an event of mercure's web pages")
async def post_webgui_event(
    session: SessionDep, report: Annotated[forms.WebguiEventIn, Form()]
) -> Done:
    """Keep an event such as LOGIN or RULE_EDIT; the journal tells of it."""
    await service.add_webgui_event(session, report)
    return _DONE


@router.post("/register-dicom", summary="Report a file that was received")
async def register_dicom(
    session: SessionDep, report: Annotated[forms.RegisterDicomIn, Form()]
) -> Done:
    """Keep which file belongs to which series."""
    await service.add_file(session, report)
    return _DONE


@router.post("/register-series", summary="Report a series that was received")
async def register_series(
    session: SessionDep, report: Annotated[forms.RegisterSeriesIn, Form()]
) -> Done:
    """Keep a series with its tags; the same series again changes nothing."""
    await service.add_series(session, report)
    return _DONE


@router.post("/register-task", summary="Report a task")
async def register_task(session: SessionDep, report: forms.RegisterTaskIn) -> Done:
    """Keep a task with its series and its parent; reporting it again is harmless."""
    await service.add_task(session, report)
    return _DONE


@router.post("/update-task", summary="Report what a task is like now")
async def update_task(session: SessionDep, report: forms.UpdateTaskIn) -> Done:
    """Keep a whole `task.json`, or the tags of one of its images; environments are not kept."""
    await service.update_task(session, report)
    return _DONE


@router.post("/task-event", summary="Report an event of a task")
async def post_task_event(
    session: SessionDep, report: Annotated[forms.TaskEventIn, Form()]
) -> Done:
    """Keep an event such as REGISTER or DISPATCH_COMPLETE; the journal tells of it."""
    await service.add_task_event(session, report)
    return _DONE


@router.post("/processor-logs", summary="Report what a module wrote")
async def processor_logs(
    session: SessionDep, report: Annotated[forms.ProcessorLogsIn, Form()]
) -> Done:
    """Keep the log of a module, up to 4 MiB."""
    await service.add_logs(session, report)
    return _DONE


@router.post("/store-processor-output", summary="Report what a module answered")
async def store_processor_output(session: SessionDep, report: forms.ProcessorOutputIn) -> Done:
    """Keep the `result.json` of a module and its settings."""
    await service.add_output(session, report)
    return _DONE


@router.post("/test-begin", summary="Report that a self-test began")
async def test_begin(session: SessionDep, report: forms.TestBeginIn) -> Done:
    """Keep a self-test; one that does not end within ten minutes has failed."""
    await service.begin_test(session, report)
    return _DONE


@router.post("/test-end", summary="Report how a self-test ended")
async def test_end(session: SessionDep, report: forms.TestEndIn) -> Done:
    """Keep the state of a self-test and when it ended."""
    await service.end_test(session, report)
    return _DONE
