"""What a source has, before anything is fetched."""

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models.retrieval import FetchedSeries, FoundAccession, RetrievalQuery
from workflow_manager.retrieval.rules import SourceError, accession_numbers, select_series
from workflow_manager.retrieval.service import get_source
from workflow_manager.retrieval.sources import Source, make_source
from workflow_manager.retrieval.stopping import Stop
from workflow_manager.targets.service import document_of
from workflow_manager.wiring import Wiring

_MOST = 50


async def search_source(
    session: AsyncSession, wiring: Wiring, wanted: RetrievalQuery
) -> list[FoundAccession]:
    """Ask a source for each accession number; what cannot be asked says why."""
    numbers = accession_numbers(wanted.accession_numbers, wanted.accession_text)
    if len(numbers) > _MOST:
        raise UnprocessableError(
            f"Ask for {_MOST} accession numbers at most.", field="accession_numbers"
        )
    target = await get_source(session, wanted.source)
    document = document_of(target, wiring.secret_box)
    await session.commit()  # a source that does not answer must not hold a transaction open
    try:
        source = make_source(document, wiring.settings)
    except SourceError as error:
        raise UnprocessableError(str(error), field="source") from error
    async with wiring.searches:
        return [await _ask(source, number, wanted) for number in numbers]


async def _ask(source: Source, number: str, wanted: RetrievalQuery) -> FoundAccession:
    try:
        found = await source.find(number, Stop())
    except SourceError as error:
        return FoundAccession(accession_number=number, series=[], error=str(error))
    series = [
        FetchedSeries.model_validate(one.document()) for one in select_series(found, wanted.filter)
    ]
    return FoundAccession(accession_number=number, series=series)
