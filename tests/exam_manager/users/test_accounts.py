import asyncio
from datetime import timedelta

import sqlalchemy as sa
from passlib.hash import argon2

from exam_manager.users.models import Account
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, sqlite_url, transaction

from .people import LOGIN, PASSWORD, another, first_admin, log_in, user_in

UPDATE = f"{LOGIN}/updateuser"


def edited(username="grace", role="medical", **changes):
    return user_in(username, role, access_token="", token_type="", **changes)


async def roles(platform):
    async with reading(platform.app.state.sessions) as session:
        rows = await session.execute(sa.select(Account.username, Account.role))
        return {name: role.value for name, role in rows}


async def test_an_edit_of_a_version_that_is_out_of_date_is_refused(platform):
    admin = await first_admin(platform)
    await another(platform, admin)
    first = {**admin, "If-Match": '"1"'}
    answer = await platform.call("PUT", UPDATE, json=edited(), headers=first, expect=200)
    assert (answer.headers["ETag"], answer.json()["version"]) == ('"2"', 2)
    stale = await platform.call("PUT", UPDATE, json=edited(), headers=first, expect=412)
    assert stale.json()["version"] == 2
    await platform.call("PUT", UPDATE, json=edited(), headers=admin, expect=200)


async def test_of_editors_of_one_version_one_wins(either):
    admin = await first_admin(either)
    await another(either, admin)
    headers = {**admin, "If-Match": '"1"'}
    bodies = [edited(first_name=f"Grace {number}") for number in range(4)]
    calls = [either.call("PUT", UPDATE, json=body, headers=headers) for body in bodies]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_of_users_of_one_name_at_once_one_is_created(either):
    admin = await first_admin(either)
    url = f"{LOGIN}/createuser"
    calls = [either.call("POST", url, json=user_in("grace"), headers=admin) for _ in range(4)]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_of_deletions_at_once_one_finds_the_user(either):
    admin = await first_admin(either)
    await another(either, admin)
    url = f"{LOGIN}/deleteuser?username_to_delete=grace"
    answers = await asyncio.gather(
        *(either.call("DELETE", url, headers=admin) for _ in range(3)),
        either.call("PUT", UPDATE, json=edited(), headers=admin),
    )
    assert sorted(answer.status_code for answer in answers[:3]) == [204, 404, 404]
    assert answers[3].status_code in {200, 403}
    assert "grace" not in await roles(either)


async def test_an_admin_is_left_whatever_admins_do_to_one_another_at_once(either):
    admin = await first_admin(either)
    names = ("ada", "grace", "hedy", "mary")
    for name in names[1:]:
        await another(either, admin, name, "admin")
    calls = [
        either.call("PUT", UPDATE, json=edited(name, "engineer"), headers=either.admin)
        for name in names
    ]
    calls += [
        either.call("DELETE", f"{LOGIN}/deleteuser?username_to_delete={name}", headers=either.admin)
        for name in names
    ]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} <= {200, 204, 403, 404}
    assert list((await roles(either)).values()).count("admin") == 1


async def test_users_are_found_by_name_and_role_and_paged(either):
    admin = await first_admin(either)
    for name, role, mail in (
        ("grace", "medical", "hopper@navy.example"),
        ("hedy", "engineer", None),
        ("100%", "medical", None),
    ):
        body = user_in(name, role, email=mail)
        await either.call("POST", f"{LOGIN}/createuser", json=body, headers=admin, expect=201)

    async def names(**params):
        url = f"{LOGIN}/getallusers"
        answer = await either.call("GET", url, params=params, headers=admin, expect=200)
        return [user["username"] for user in answer.json()], answer.links

    assert set((await names())[0]) == {"100%", "ada", "grace", "hedy"}
    assert (await names(role="medical", search="HOPPER"))[0] == ["grace"]
    assert (await names(search="%"))[0] == ["100%"]
    assert (await names(search="lovelace", role="engineer"))[0] == ["hedy"]
    first, links = await names(limit=3)
    rest = await either.call("GET", links["next"]["url"], headers=admin, expect=200)
    assert first + [user["username"] for user in rest.json()] == (await names())[0]
    assert "next" not in rest.links


async def test_the_last_login_and_the_last_activity_are_told(start, empty_database, tmp_path):
    path, now = tmp_path / "exam.sqlite", utc_now()
    path.write_bytes(empty_database.read_bytes())
    async with start(sqlite_url(path), migrate=False, clock=lambda: now) as running:
        admin = await first_admin(running)
        body = user_in("grace")
        await running.call("POST", f"{LOGIN}/createuser", json=body, headers=admin, expect=201)
        logged_in = int(now.timestamp())
        now += timedelta(minutes=10)
        me = await running.call("GET", f"{LOGIN}/getcurrentuser", headers=admin, expect=200)
        assert me.headers["ETag"] == '"1"'
        users = (await running.call("GET", f"{LOGIN}/getallusers", headers=admin)).json()
        ada, grace = users
        assert (ada["last_login_unixtime"], grace["last_login_unixtime"]) == (logged_in, None)
        assert (ada["last_activity_unixtime"], grace["last_activity_unixtime"]) == (
            logged_in + 600,
            None,
        )


async def test_a_login_renews_a_hash_of_weaker_parameters(platform):
    await first_admin(platform)
    weak = argon2.using(type="ID", memory_cost=1024, time_cost=1, parallelism=1).hash(PASSWORD)
    async with transaction(platform.app.state.sessions) as session:
        (await session.get(Account, "ada")).password_hash = weak
    await log_in(platform, expect=200)
    async with reading(platform.app.state.sessions) as session:
        renewed = (await session.get(Account, "ada")).password_hash
    assert renewed != weak
    assert "m=19456,t=2,p=1" in renewed
    await log_in(platform, expect=200)
