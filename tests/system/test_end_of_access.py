"""What ends a login ends it in all three processes, by the feed that they follow."""

import asyncio

import httpx
import pytest

from .test_apart import Gateway, apart  # noqa: F401 - a fixture

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

BOUND_SECONDS = 5
LOGIN = "/api/v1/userlogin"
PASSWORD, NEW = "correct horse battery", "another horse battery"
PLACES = ("/api/v1/patient/", "/api/v1/device/", "/api/v1/workflowmanager/runs")


def person(username, role, **changes):
    return {
        "username": username,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "role": role,
        "access_token": PASSWORD,
        "token_type": "password",
        **changes,
    }


class People:
    """An admin, and users who are created and logged in for one way to end."""

    def __init__(self, http):
        self.http = http
        self.admin = {}

    async def call(self, method, path, headers=None, **options):
        headers = self.admin if headers is None else headers
        answer = await self.http.request(method, f"{LOGIN}{path}", headers=headers, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def log_in(self, username, password=PASSWORD):
        form = {"username": username, "password": password}
        user = await self.call("POST", "/login", {}, data=form)
        self.http.cookies.clear()
        return {"Authorization": f"Bearer {user['access_token']}"}

    async def begin(self):
        await self.call("POST", "/createfirstuser", {}, json=person("root", "admin"))
        self.admin = await self.log_in("root")

    async def newcomer(self, username):
        await self.call("POST", "/createuser", json=person(username, "medical"))
        return await self.log_in(username)

    async def statuses(self, headers):
        return [(await self.http.get(place, headers=headers)).status_code for place in PLACES]

    async def until_out(self, headers):
        """Wait until no service lets the login in; the contract is five seconds."""
        async with asyncio.timeout(BOUND_SECONDS):
            while await self.statuses(headers) != [401, 401, 401]:
                await asyncio.sleep(0.1)


async def logout(people, _username, headers):
    await people.call("POST", "/logout", headers)


async def session_ended_by_an_admin(people, username, _headers):
    (login,) = await people.call("GET", f"/sessions?username={username}")
    await people.call("DELETE", f"/sessions/{login['id']}")


async def all_sessions_ended(people, username, _headers):
    await people.call("DELETE", f"/sessions?username={username}")


async def own_password_changed(people, username, headers):
    change = {
        "password_of_requester": PASSWORD,
        "username_to_change_password_for": username,
        "newpassword": NEW,
    }
    await people.call("PUT", "/changepassword", headers, json=change)


async def role_changed(people, username, _headers):
    body = person(username, "engineer", access_token="", token_type="")
    await people.call("PUT", "/updateuser", json=body)


async def new_password_demanded(people, username, _headers):
    body = person(username, "medical", access_token="", token_type="")
    await people.call("PUT", "/updateuser", json=body | {"must_change_password": True})


async def user_deleted(people, username, _headers):
    await people.call("DELETE", f"/deleteuser?username_to_delete={username}")


WAYS = (
    logout,
    session_ended_by_an_admin,
    all_sessions_ended,
    own_password_changed,
    role_changed,
    new_password_demanded,
    user_deleted,
)


@pytest.mark.long
async def test_what_ends_a_login_ends_it_in_every_service(apart):  # noqa: F811 - the fixture
    gateway = Gateway({service: server.port for service, server in apart.items()})
    async with httpx.AsyncClient(base_url="http://gateway", transport=gateway, timeout=30) as http:
        people = People(http)
        await people.begin()
        for way in WAYS:
            username = way.__name__.replace("_", "-")
            headers = await people.newcomer(username)
            assert await people.statuses(headers) == [200, 200, 200]
            await way(people, username, headers)
            assert (await http.get(PLACES[0], headers=headers)).status_code == 401
            await people.until_out(headers)
        assert await people.statuses(people.admin) == [200, 200, 200]
        # A demand for a new password goes with the token to every service.
        demanded = await people.newcomer("newcomer")
        await new_password_demanded(people, "newcomer", demanded)
        demanded = await people.log_in("newcomer")
        for place in PLACES:
            answer = await http.get(place, headers=demanded)
            assert answer.status_code == 403
            assert answer.json()["type"] == "/problems/password-change-required"
