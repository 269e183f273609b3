"""The whole move: read, translate, bring, tell."""

from pathlib import Path

import httpx
from rich.console import Console

from scanhub.mercure.bring import Became, bring
from scanhub.mercure.report import tell, tell_the_rest
from scanhub.mercure.translate import read_configuration
from scanhub.remote import Server

_SECONDS = 30.0


async def move(path: Path, url: str, login: tuple[str, str], console: Console) -> bool:
    """Bring a `mercure.json` to a server, and tell about it.

    Args:
        path: The file.
        url: Where the server is.
        login: Name and password of an administrator.
        console: Where to tell.

    Returns:
        Whether the server took everything that could be translated.

    Raises:
        OSError: The file cannot be read.
        ScanHubError: It is no configuration, the login was refused, or nobody answers.
    """
    found = read_configuration(path)
    whole = True
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as http:
        server = Server(http)
        await server.log_in(*login)
        async for brought in bring(found, server):
            tell(console, brought)
            whole = whole and brought.became is not Became.REFUSED
    tell_the_rest(console, found)
    return whole
