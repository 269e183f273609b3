"""What the commands of the command line share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scanhub.database_tls import use_database_ca
from scanhub.settings import InstallationSettings

console = Console()
errors = Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Keys, databases and files live here.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port of HTTP and websocket.")]


def settings_of(**given: object) -> InstallationSettings:
    """Return the settings: what was given on the command line goes before the environment.

    From then on databases are talked to as they say.
    """
    settings = InstallationSettings.model_validate(
        {**InstallationSettings().model_dump(), **{k: v for k, v in given.items() if v is not None}}
    )
    use_database_ca(settings)
    return settings
