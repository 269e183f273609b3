"""Calls of the command line to a server that runs."""

from typing import Any

import httpx

from scanhub_libraries.errors import ScanHubError, UnavailableError


class Server:
    """A server, as the user who asked for it sees it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def log_in(self, username: str, password: str) -> None:
        """Log in.

        Raises:
            ScanHubError: It was refused, or nobody answers.
        """
        form = {"username": username, "password": password}
        user = await self.ask("POST", "/api/v1/userlogin/login", data=form)
        self._http.headers["Authorization"] = f"Bearer {user['access_token']}"

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the JSON of the answer.

        Raises:
            ScanHubError: It was refused, or nobody answers.
        """
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise UnavailableError(f"{self._http.base_url} does not answer: {error}") from error
        if answer.is_error:
            raise ScanHubError(_detail(answer))
        return answer.json() if answer.content else None


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"answer {answer.status_code}"
