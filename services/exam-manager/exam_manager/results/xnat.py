"""Send a zip of images to an XNAT server through its image session import service.

`POST /data/services/import?inbody=true&import-handler=DICOM-zip` with the zip as the body (XNAT's
REST API). The project stands in the address; nothing about the patient does.
"""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from typing import IO

import httpx

from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.errors import NotImplementedHereError, UpstreamError

_BLOCK = 2**20
_MOST_ANSWER = 64 * 1024
_SAID = 300
_TAG = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TIMEOUT = httpx.Timeout(30.0, read=600.0, write=120.0)
"""XNAT answers after it has unpacked everything."""


class XnatServer:
    """One project of an XNAT server."""

    def __init__(self, settings: ExamManagerSettings) -> None:
        given = {
            "SCANHUB_EXAM_XNAT_URL": settings.xnat_url,
            "SCANHUB_EXAM_XNAT_USER": settings.xnat_user,
            "SCANHUB_EXAM_XNAT_PASSWORD": settings.xnat_password,
            "SCANHUB_EXAM_XNAT_PROJECT": settings.xnat_project,
        }
        missing = [name for name, value in given.items() if not value]
        if missing:
            raise NotImplementedHereError(
                f"No XNAT server is set up here: set {', '.join(missing)}.", settings=missing
            )
        if not (settings.xnat_url or "").startswith(("https://", "http://")):
            raise NotImplementedHereError(
                "SCANHUB_EXAM_XNAT_URL has to begin with https://", settings=["xnat_url"]
            )
        password = settings.xnat_password
        self.project = settings.xnat_project or ""
        self._url = f"{(settings.xnat_url or '').rstrip('/')}/data/services/import"
        self.name = f"{self.project} at {httpx.URL(self._url).host}"
        """Which project of which server."""
        self._auth = httpx.BasicAuth(
            settings.xnat_user or "", password.get_secret_value() if password else ""
        )

    async def send(self, file: IO[bytes], size: int) -> str:
        """Send a zip; return where XNAT put it, as it says.

        Raises:
            UpstreamError: XNAT is not there or does not take it.
        """
        query = {
            "inbody": "true",
            "import-handler": "DICOM-zip",
            "dest": "/prearchive",
            "PROJECT_ID": self.project,
            "overwrite": "append",
        }
        headers = {"Content-Type": "application/zip", "Content-Length": str(size)}
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT, auth=self._auth, trust_env=False) as client,
                client.stream(
                    "POST", self._url, params=query, headers=headers, content=_blocks(file)
                ) as answer,
            ):
                said = await _read(answer)
        except httpx.HTTPError as error:
            raise UpstreamError(f"XNAT cannot be reached: {type(error).__name__}.") from error
        if not answer.is_success:
            raise UpstreamError(
                f"XNAT answered HTTP {answer.status_code}: {_plain(said) or _meaning(answer)}",
                upstream_status=answer.status_code,
            )
        return " ".join(said.split())[:_SAID]


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(file.read, _BLOCK):
        yield block


async def _read(answer: httpx.Response) -> str:
    """Return what was answered, as far as anybody wants to read it."""
    said = b""
    async for block in answer.aiter_bytes():
        said += block
        if len(said) > _MOST_ANSWER:
            break
    return said[:_MOST_ANSWER].decode("utf-8", errors="replace")


def _plain(said: str) -> str:
    """Return the words of an error page."""
    return " ".join(html.unescape(_TAG.sub(" ", said)).split())[:_SAID]


def _meaning(answer: httpx.Response) -> str:
    if answer.status_code in {401, 403}:
        return "it does not take this user and password."
    if answer.is_redirect:
        return f"it sends on to {answer.headers.get('Location', 'nowhere')[:_SAID]}."
    return "it gave no reason."
