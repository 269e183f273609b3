import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from exam_manager.users import rules
from scanhub_libraries.database import sqlite_url

from .people import (
    LOGIN,
    PASSWORD,
    Clock,
    another,
    at,
    bearer,
    first_admin,
    log_in,
    stop_clock,
    try_password,
    user_in,
)

WRONG = "wrong wrong wrong"


@pytest.fixture
async def timed(start, empty_database, tmp_path):
    """The application and its clock."""
    path = tmp_path / "exam.sqlite"
    path.write_bytes(empty_database.read_bytes())
    clock = Clock()
    async with start(sqlite_url(path), migrate=False, clock=clock) as running:
        yield running, clock


async def statuses(http, username, passwords):
    return [await try_password(http, username, password) for password in passwords]


async def test_a_restart_does_not_forget_wrong_passwords(start, migrated_url):
    clock = Clock()
    async with start(migrated_url, migrate=False, clock=clock) as running:
        await first_admin(running)
        for _ in range(8):
            await log_in(running, password=WRONG, expect=None)
    async with start(migrated_url, migrate=False, clock=clock) as running:
        refused = await log_in(running, expect=429)
        assert int(refused.headers["Retry-After"]) >= 1


async def test_whoever_guesses_from_many_addresses_is_one_stranger(either):
    stop_clock(either)
    await first_admin(either)
    async with AsyncExitStack() as stack:
        there = [await stack.enter_async_context(at(either, f"192.0.2.{n}")) for n in range(7)]
        tried = [await try_password(http, "ada", WRONG) for http in there]
    assert tried == [401] * 5 + [429, 429]


async def test_a_stranger_does_not_lock_the_user_out_at_the_usual_place(either):
    stop_clock(either)
    await first_admin(either)
    async with at(either, "192.0.2.1") as stranger:
        assert await statuses(stranger, "ada", [WRONG] * 6) == [401] * 5 + [429]
        assert await try_password(stranger, "ada", PASSWORD) == 429
    await log_in(either, expect=200)


async def test_a_wrong_password_at_the_usual_place_locks_that_place(either):
    stop_clock(either)
    await first_admin(either)
    for _ in range(5):
        await log_in(either, password=WRONG, expect=401)
    await log_in(either, expect=429)
    async with at(either, "192.0.2.1") as elsewhere:
        assert await try_password(elsewhere, "ada", PASSWORD) == 200


async def test_after_the_wait_the_right_password_clears_the_count(timed):
    platform, clock = timed
    await first_admin(platform)
    async with at(platform, "192.0.2.1") as http:
        assert await statuses(http, "ada", [WRONG] * 5 + [PASSWORD]) == [401] * 5 + [429]
        clock.now += timedelta(seconds=2)
        assert await statuses(http, "ada", [PASSWORD] + [WRONG] * 4) == [200] + [401] * 4
        assert await try_password(http, "ada", PASSWORD) == 200


async def test_a_name_that_no_user_has_is_treated_like_one_that_a_user_has(timed):
    platform, clock = timed
    await first_admin(platform)
    seen = {}
    for name in ("ada", "nobody"):
        async with at(platform, "192.0.2.1") as here, at(platform, "192.0.2.2") as there:
            answers = await statuses(here, name, [WRONG] * 6)
            answers.append(await try_password(there, name, WRONG))
            clock.now += timedelta(seconds=2)
            answers += await statuses(there, name, [WRONG] * 2)
            seen[name] = answers
    assert seen["ada"] == [401] * 5 + [429, 429, 401, 429]
    assert seen["nobody"] == seen["ada"]


async def test_an_admin_unlocks_a_user(either):
    stop_clock(either)
    admin = await first_admin(either)
    await another(either, admin)
    url = f"{LOGIN}/unlockuser"
    for _ in range(5):
        await log_in(either, "grace", WRONG, expect=401)
    async with at(either, "192.0.2.1") as stranger:
        await statuses(stranger, "grace", [WRONG] * 5)
        await log_in(either, "grace", expect=429)
        users = await either.call("GET", f"{LOGIN}/getallusers", headers=admin)
        assert [bool(user["locked_until"]) for user in users.json()] == [False, True]
        params = {"username": "grace"}
        await either.call("POST", url, params=params, headers=admin, expect=204)
        grace = bearer((await log_in(either, "grace")).json()["access_token"])
        assert await try_password(stranger, "grace", PASSWORD) == 200
    await either.call("POST", url, params={"username": "ada"}, headers=grace, expect=403)
    await either.call("POST", url, params={"username": "nobody"}, headers=admin, expect=404)
    locked = await either.events("user.locked")
    assert [event.data["address"] for event in locked] == ["127.0.0.1", "192.0.2.1"]
    (unlocked,) = await either.events("user.unlocked")
    assert (unlocked.subject, unlocked.actor) == ("grace", "user:ada")


async def test_a_reset_by_an_admin_unlocks(platform):
    stop_clock(platform)
    admin = await first_admin(platform)
    await another(platform, admin)
    for _ in range(5):
        await log_in(platform, "grace", WRONG, expect=401)
    reset = {
        "password_of_requester": PASSWORD,
        "username_to_change_password_for": "grace",
        "newpassword": "another horse battery",
    }
    await platform.call("PUT", f"{LOGIN}/changepassword", json=reset, headers=admin, expect=200)
    await log_in(platform, "grace", "another horse battery", expect=200)


async def test_no_event_tells_what_was_typed(platform):
    stop_clock(platform)
    await first_admin(platform)
    await log_in(platform, username="my password, by mistake", password=WRONG, expect=401)
    await log_in(platform, password=WRONG, expect=401)
    told = [str((event.subject, event.actor, event.data)) for event in await platform.events()]
    assert not any("mistake" in text or WRONG in text or PASSWORD in text for text in told)
    assert not any("eyJ" in text for text in told)


async def test_one_address_holds_few_places_in_the_queue(platform):
    stop_clock(platform)
    await first_admin(platform)
    answers = await asyncio.gather(
        *(try_password(platform.http, f"nobody {number}", WRONG) for number in range(12))
    )
    assert sorted(set(answers)) == [401, 429]
    assert await try_password(platform.http, "ada", PASSWORD) == 200


async def test_an_address_that_tries_name_after_name_is_held_off(timed):
    platform, clock = timed
    admin = await first_admin(platform)
    await another(platform, admin)
    for number in range(30):
        assert await try_password(platform.http, f"nobody {number}", WRONG) == 401
    assert await try_password(platform.http, "nobody 30", WRONG) == 429
    assert await try_password(platform.http, "grace", PASSWORD) == 200  # works there
    async with at(platform, "192.0.2.1") as elsewhere:
        assert await try_password(elsewhere, "nobody 30", WRONG) == 401
    clock.now += timedelta(seconds=2)
    assert await try_password(platform.http, "nobody 30", WRONG) == 401
    assert await try_password(platform.http, "nobody 31", WRONG) == 429


@pytest.mark.long
async def test_made_up_names_do_not_fill_the_journal_and_none_is_left_uncounted(timed):
    platform, clock = timed
    for number in range(40):
        async with at(platform, f"192.0.2.{number}") as http:
            assert await try_password(http, f"nobody {number}", WRONG) == 401
    told = [event.data["attempts"] for event in await platform.events("user.login_refused")]
    assert told == [1] * 30
    clock.now += timedelta(minutes=1)
    assert await try_password(platform.http, "nobody", WRONG) == 401
    told = [event.data["attempts"] for event in await platform.events("user.login_refused")]
    assert sum(told) == 41


async def test_the_addresses_that_are_remembered_are_bounded(platform):
    clock = stop_clock(platform)
    await first_admin(platform)
    for number in range(rules.KNOWN_ADDRESSES + 1):
        clock.now += timedelta(seconds=1)
        async with at(platform, f"192.0.2.{number}") as http:
            assert await try_password(http, "ada", PASSWORD) == 200
    async with at(platform, "198.51.100.1") as stranger:
        await statuses(stranger, "ada", [WRONG] * 5)
    assert await try_password(platform.http, "ada", PASSWORD) == 429  # forgotten: the oldest
    async with at(platform, "192.0.2.20") as http:
        assert await try_password(http, "ada", PASSWORD) == 200


def test_the_wait_doubles_up_to_a_bound():
    waits = [rules.wait_seconds(failures) for failures in (0, 4, 5, 6, 7, 13, 14, 1000)]
    assert waits == [0, 0, 1, 2, 4, 256, 300, 300]
    assert rules.wait_seconds(1000, stranger=True) == 60


async def test_the_page_of_another_site_cannot_log_somebody_in(platform):
    stop_clock(platform)
    await platform.call("POST", f"{LOGIN}/createfirstuser", json=user_in(), headers={}, expect=201)
    form = {"username": "ada", "password": PASSWORD}
    for site, expected in (
        ("cross-site", 403),
        ("same-site", 403),
        ("same-origin", 200),
        ("none", 200),
    ):
        headers = {"Sec-Fetch-Site": site}
        answer = await platform.http.post(f"{LOGIN}/login", data=form, headers=headers)
        assert (answer.status_code, site) == (expected, site)
        assert ("set-cookie" in answer.headers) is (expected == 200)
