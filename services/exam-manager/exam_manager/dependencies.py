"""What routes get injected: short names for the collaborators on `app.state`."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request

from exam_manager.audit.disclosures import Disclosures
from exam_manager.exams.tree_cache import TreeCache
from exam_manager.sequences.plot.plotter import Plotter
from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.database import Sessions
from scanhub_libraries.lake import Lake
from scanhub_libraries.security.tokens import RevocationList, TokenSigner

Clock = Callable[[], datetime]


async def get_settings(request: Request) -> ExamManagerSettings:
    """Return the settings."""
    settings: ExamManagerSettings = request.app.state.settings
    return settings


async def get_sessions(request: Request) -> Sessions:
    """Return the session factory, for work that is not one transaction."""
    sessions: Sessions = request.app.state.sessions
    return sessions


async def get_lake(request: Request) -> Lake:
    """Return the data lake."""
    lake: Lake = request.app.state.lake
    return lake


async def get_trees(request: Request) -> TreeCache:
    """Return the exam trees that this process keeps."""
    trees: TreeCache = request.app.state.trees
    return trees


async def get_signer(request: Request) -> TokenSigner:
    """Return what signs tokens."""
    signer: TokenSigner = request.app.state.signer
    return signer


async def get_revocations(request: Request) -> RevocationList:
    """Return the revocations that this process knows."""
    revocations: RevocationList = request.app.state.verifier.revocations
    return revocations


async def get_plotter(request: Request) -> Plotter:
    """Return what makes plots of sequences."""
    plotter: Plotter = request.app.state.plotter
    return plotter


async def get_disclosures(request: Request) -> Disclosures:
    """Return what tells of data that leave the house."""
    disclosures: Disclosures = request.app.state.disclosures
    return disclosures


async def get_now(request: Request) -> datetime:
    """Return the time of the request."""
    clock: Clock = request.app.state.clock
    return clock()


SettingsDep = Annotated[ExamManagerSettings, Depends(get_settings)]
SessionsDep = Annotated[Sessions, Depends(get_sessions)]
LakeDep = Annotated[Lake, Depends(get_lake)]
PlotterDep = Annotated[Plotter, Depends(get_plotter)]
TreesDep = Annotated[TreeCache, Depends(get_trees)]
SignerDep = Annotated[TokenSigner, Depends(get_signer)]
RevocationsDep = Annotated[RevocationList, Depends(get_revocations)]
DisclosuresDep = Annotated[Disclosures, Depends(get_disclosures)]
NowDep = Annotated[datetime, Depends(get_now)]
IfNoneMatchDep = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The ETag that was read: 304 while it is current"),
]
