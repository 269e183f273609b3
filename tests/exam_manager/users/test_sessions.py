from datetime import timedelta

import pytest

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import sqlite_url

from .people import LOGIN, another, bearer, first_admin, log_in

SESSIONS = f"{LOGIN}/sessions"


async def known(platform, headers):
    answer = await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=headers)
    return answer.status_code == 200


async def listed(platform, headers, **params):
    answer = await platform.call("GET", SESSIONS, params=params, headers=headers, expect=200)
    return answer.json()


async def test_a_user_sees_the_own_logins_and_which_one_is_this(platform):
    first = await first_admin(platform)
    platform.http.headers["User-Agent"] = "Browser " + "x" * 300
    second = bearer((await log_in(platform)).json()["access_token"])
    newest, oldest = await listed(platform, second)
    assert (newest["current"], oldest["current"]) == (True, False)
    assert newest["user_agent"] == ("Browser " + "x" * 300)[:200]
    assert oldest["user_agent"].startswith("python-httpx")
    assert newest["address"] == oldest["address"] == "127.0.0.1"
    assert newest["expires_at"] > newest["datetime_created"] > oldest["datetime_created"]
    assert [login["current"] for login in await listed(platform, first)] == [False, True]


async def test_a_login_is_ended_from_another_one(either):
    first = await first_admin(either)
    second = bearer((await log_in(either)).json()["access_token"])
    oldest = (await listed(either, second))[1]
    url = f"{SESSIONS}/{oldest['id']}"
    await either.call("DELETE", url, headers=second, expect=204)
    assert not await known(either, first)
    assert await known(either, second)
    await either.call("DELETE", url, headers=second, expect=404)
    (event,) = await either.events("user.session_ended")
    assert (event.subject, event.actor, event.data["logins"]) == ("ada", "user:ada", 1)


async def test_the_logins_of_others_are_for_admins(platform):
    admin = await first_admin(platform)
    medical = await another(platform, admin)
    (mine,) = await listed(platform, admin)
    for url in (f"{SESSIONS}?username=ada", f"{SESSIONS}?everybody=true"):
        await platform.call("GET", url, headers=medical, expect=403)
    await platform.call("DELETE", f"{SESSIONS}?username=ada", headers=medical, expect=403)
    await platform.call("DELETE", f"{SESSIONS}/{mine['id']}", headers=medical, expect=404)
    assert await known(platform, admin)
    (theirs,) = await listed(platform, admin, username="grace")
    assert (theirs["username"], theirs["current"]) == ("grace", False)
    everybody = await listed(platform, admin, everybody=True)
    assert [login["username"] for login in everybody] == ["grace", "ada"]
    await platform.call("DELETE", f"{SESSIONS}/{theirs['id']}", headers=admin, expect=204)
    assert not await known(platform, medical)


async def test_all_other_logins_end_and_this_one_goes_on(either):
    others = [await first_admin(either), bearer((await log_in(either)).json()["access_token"])]
    mine = bearer((await log_in(either)).json()["access_token"])
    await either.call("DELETE", SESSIONS, headers=mine, expect=204)
    assert [await known(either, headers) for headers in [*others, mine]] == [False, False, True]
    assert len(await listed(either, mine)) == 1


async def test_an_admin_ends_all_logins_of_a_user(either):
    admin = await first_admin(either)
    theirs = await another(either, admin)
    await either.call("DELETE", f"{SESSIONS}?username=grace", headers=admin, expect=204)
    assert not await known(either, theirs)
    assert await known(either, admin)
    assert await listed(either, admin, username="grace") == []


async def test_logins_are_paged(either):
    admin = await first_admin(either)
    for _ in range(4):
        await log_in(either)
    seen, url = [], f"{SESSIONS}?limit=2"
    while url:
        answer = await either.call("GET", url, headers=admin, expect=200)
        seen += [login["id"] for login in answer.json()]
        url = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == [login["id"] for login in await listed(either, admin)]
    assert len(seen) == 5


@pytest.fixture
def database(empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"
    path.write_bytes(empty_database.read_bytes())
    return sqlite_url(path)


async def test_a_login_that_is_over_is_not_listed(start, database):
    now = utc_now()
    async with start(database, migrate=False, clock=lambda: now) as running:
        admin = await first_admin(running)
        assert len(await listed(running, admin)) == 1
        now += timedelta(hours=12)
        assert await listed(running, admin) == []


async def test_a_token_in_the_address_is_no_login(platform):
    token = (await first_admin(platform))["Authorization"].split()[1]
    for name in ("access_token", "token"):
        url = f"{LOGIN}/getcurrentuser?{name}={token}"
        await platform.call("GET", url, headers={}, expect=401)
