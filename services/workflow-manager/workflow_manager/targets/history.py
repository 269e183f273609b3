"""What targets were set to, by whom; and back to it. Secrets have no history."""

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.lake import LocalLake
from scanhub_libraries.models import TargetIn, TargetVersionOut
from workflow_manager.history import read_again
from workflow_manager.targets.models import Target, TargetChange, TargetVersion
from workflow_manager.targets.repository import HISTORY
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.targets.service import as_version, replace_target

_SECRETS = "secrets"


def describe_version(row: TargetVersion) -> TargetVersionOut:
    """Return a version of a target as it is told."""
    return TargetVersionOut.model_validate({**row.model_dump(), "change": row.change.value})


async def revert_target(
    session: AsyncSession,
    target: Target,
    version: int,
    *,
    box: SecretBox,
    lake: LocalLake,
    comment: str,
) -> Target:
    """Take an older version up again, as a new one; secrets stay as they are now.

    Raises:
        NotFoundError: There is no such version.
        UnprocessableError: What was valid then is so no more.
    """
    older = (await HISTORY.get_version(session, target.name, version)).document
    if {**older, _SECRETS: None} == {**as_version(target), _SECRETS: None}:
        return target
    settings = {name: value for name, value in older.items() if name != _SECRETS}
    wanted = read_again(TargetIn, settings, version)
    return await replace_target(
        session,
        target,
        wanted,
        box=box,
        lake=lake,
        change=TargetChange.REVERTED,
        comment=comment or f"Version {version} again.",
    )
