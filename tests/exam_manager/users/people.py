"""People who log in, and where from."""

from contextlib import asynccontextmanager

import httpx

from scanhub_libraries.clock import utc_now

LOGIN = "/api/v1/userlogin"
PASSWORD = "correct horse battery"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def user_in(username="ada", role="admin", **changes):
    return {
        "username": username,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "role": role,
        "access_token": PASSWORD,
        "token_type": "password",
        **changes,
    }


async def log_in(platform, username="ada", password=PASSWORD, expect=200, cookie=False):
    form = {"username": username, "password": password}
    answer = await platform.call("POST", f"{LOGIN}/login", data=form, headers={}, expect=expect)
    if not cookie:
        platform.http.cookies.clear()
    return answer


async def first_admin(platform):
    await platform.call("POST", f"{LOGIN}/createfirstuser", json=user_in(), headers={}, expect=201)
    return bearer((await log_in(platform)).json()["access_token"])


async def another(platform, admin, username="grace", role="medical", **changes):
    """Create another user and return the headers of a login."""
    body = user_in(username, role, **changes)
    await platform.call("POST", f"{LOGIN}/createuser", json=body, headers=admin, expect=201)
    return bearer((await log_in(platform, username, body["access_token"])).json()["access_token"])


@asynccontextmanager
async def at(platform, address):
    """A client at another address."""
    transport = httpx.ASGITransport(app=platform.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def try_password(http, username, password):
    """Return the status of a login, and forget its cookie."""
    form = {"username": username, "password": password}
    answer = await http.post(f"{LOGIN}/login", data=form)
    http.cookies.clear()
    return answer.status_code


class Clock:
    """What time the application thinks it is: it stands still unless it is set."""

    def __init__(self):
        self.now = utc_now()

    def __call__(self):
        return self.now


def stop_clock(platform):
    """Let no wait end by itself, however slow the machine is; return the clock."""
    platform.app.state.clock = Clock()
    return platform.app.state.clock
