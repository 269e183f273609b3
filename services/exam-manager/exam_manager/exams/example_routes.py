"""HTTP: ready protocols for a first scan."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Request, status

from exam_manager.dependencies import LakeDep, NowDep, SessionsDep
from exam_manager.exams import examples
from exam_manager.exams.examples import Examples
from exam_manager.lake_sweep import mark_key
from scanhub_libraries.models import ImportedProtocols
from scanhub_libraries.models.example import ExampleProtocol, TakeExample
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam/protocols/examples", tags=["protocols"])


async def _examples(request: Request) -> Examples:
    found: Examples = request.app.state.examples
    return found


ExamplesDep = Annotated[Examples, Depends(_examples)]


@router.get("", summary="Ready protocols")
async def list_example_protocols(session: SessionDep, known: ExamplesDep) -> list[ExampleProtocol]:
    """Return what the platform brings along for a first scan; an installation may have none."""
    return await examples.list_examples(session, known)


@router.post("/{key}", status_code=status.HTTP_201_CREATED, summary="Take in a ready protocol")
async def take_example_protocol(
    *,
    key: Annotated[ShortText, Path(description="Of a ready protocol", examples=["quick-look"])],
    body: TakeExample,
    request: Request,
    known: ExamplesDep,
    background: BackgroundTasks,
    sessions: SessionsDep,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    now: NowDep,
) -> ImportedProtocols:
    """Make a released protocol of it, with its sequences; 409 when it is here already."""
    checked = await examples.check_example(
        sessions, request.app.state.read_sequence, known, key, device_id=body.device_id
    )
    made = await examples.take_example(session, lake, checked, actor=principal.subject, now=now)
    for sequence in made.sequences:
        background.add_task(lake.delete, mark_key(sequence.sequence_id))
    return made
