"""Guessing at once, from everywhere, and under names that look like another's."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from exam_manager.users import rules

from .people import (
    LOGIN,
    PASSWORD,
    another,
    at,
    first_admin,
    log_in,
    stop_clock,
    try_password,
    user_in,
)

WRONG = "wrong wrong wrong"


async def flood(platform, username, *, addresses, each=3, password=WRONG):
    """Try passwords from many addresses at once; return the statuses."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(at(platform, address)) for address in addresses]
        return await asyncio.gather(
            *(try_password(http, username, password) for http in clients for _ in range(each))
        )


@pytest.mark.long
async def test_whoever_guesses_at_once_gets_no_more_guesses_than_one_after_the_other(either):
    stop_clock(either)
    await first_admin(either)
    addresses = [f"192.0.2.{n}" for n in range(8)]
    for username in ("ada", "nobody"):
        tried = await flood(either, username, addresses=addresses)
        assert tried.count(401) == rules.FREE_ATTEMPTS, username
        assert set(tried) == {401, 429}


async def test_a_right_guess_among_wrong_ones_at_once_does_not_get_in(either):
    stop_clock(either)
    await first_admin(either)
    async with at(either, "192.0.2.200") as last:
        wrong = flood(either, "ada", addresses=[f"192.0.2.{n}" for n in range(5)], each=4)
        later = asyncio.create_task(wrong)
        while either.app.state.login_gate.waiting < 10 and not later.done():
            await asyncio.sleep(0.001)
        assert await try_password(last, "ada", PASSWORD) == 429
        await later


async def test_who_fills_the_queue_from_everywhere_leaves_places_to_those_who_work_there(platform):
    stop_clock(platform)
    await first_admin(platform)
    gate = platform.app.state.login_gate
    async with AsyncExitStack() as stack:
        for number in range(8):
            for _ in range(4):
                await stack.enter_async_context(gate.entered(f"192.0.2.{number}", known=False))
        async with at(platform, "192.0.2.99") as stranger:
            assert await try_password(stranger, "ada", PASSWORD) == 429
        assert await try_password(platform.http, "ada", PASSWORD) == 200


async def test_a_network_of_ipv6_is_one_place(platform):
    stop_clock(platform)
    admin = await first_admin(platform)
    await another(platform, admin)
    async with at(platform, "2001:db8:1:2::1") as there:
        assert await try_password(there, "ada", PASSWORD) == 200
    async with at(platform, "198.51.100.1") as stranger:
        for _ in range(rules.FREE_ATTEMPTS):
            await try_password(stranger, "ada", WRONG)
    async with at(platform, "2001:db8:1:2:abcd::99") as tomorrow:  # addresses change by themselves
        assert await try_password(tomorrow, "ada", PASSWORD) == 200
    async with at(platform, "2001:db8:1:3::1") as elsewhere:
        assert await try_password(elsewhere, "ada", PASSWORD) == 429


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("proxy" * 99, ("proxy" * 99)[:64]),
    ],
)
def test_the_place_of_an_address(address, place):
    assert rules.place_of(address) == place


@pytest.mark.parametrize(
    "look_alike",
    [
        "Ada",
        "ADA",
        " ada ",
        "\uff41da",
        "\u0430da",
        "\u0430d\u0430",
        "ad\u00aa",
        "ada\u200b",
        "a\u00adda",
    ],
)
async def test_no_two_users_look_alike(platform, look_alike):
    admin = await first_admin(platform)
    body = user_in(look_alike)
    answer = await platform.call("POST", f"{LOGIN}/createuser", json=body, headers=admin)
    assert answer.status_code in {400, 409}
    assert answer.json()["field"] == "username"


@pytest.mark.parametrize(
    "name", ["grace\nhopper", "gr\u202eace", "gr\x1bace", "a\u3164b", "\U000e0041x"]
)
async def test_a_user_name_has_no_signs_that_nobody_sees(platform, name):
    admin = await first_admin(platform)
    body = user_in(name)
    await platform.call("POST", f"{LOGIN}/createuser", json=body, headers=admin, expect=400)


async def test_of_look_alikes_created_at_once_one_is_created(either):
    admin = await first_admin(either)
    bodies = [user_in(name, "medical") for name in ("grace", "Grace", "GRACE", "gr\u0430\u0441e")]
    answers = await asyncio.gather(
        *(either.call("POST", f"{LOGIN}/createuser", json=body, headers=admin) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_user_name_is_the_same_however_it_is_composed_or_padded(platform):
    admin = await first_admin(platform)
    await another(platform, admin, "ren\u00e9e", first_name="R", last_name="D")
    for typed in ("rene\u0301e", " ren\u00e9e ", "ren\u00e9e"):
        answer = await log_in(platform, typed, PASSWORD)
        assert answer.json()["username"] == "ren\u00e9e"
    for typed in ("rene\u0301e", "ren\u00e9e "):  # and its wrong passwords are counted together
        for _ in range(3):
            async with at(platform, "192.0.2.1") as stranger:
                last = await try_password(stranger, typed, WRONG)
    assert last == 429


async def test_half_a_character_is_a_refusal_and_no_failure(either):
    admin = await first_admin(either)
    create = f"{LOGIN}/createuser"
    for changes in ({"username": "x\ud800"}, {"access_token": "long enough \ud800"}):
        body = {**user_in("grace"), **changes}
        text = json.dumps(body)
        answer = await either.call(
            "POST", create, content=text, headers={**admin, "Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 422}, changes


async def test_a_password_that_grows_when_it_is_composed_is_a_wrong_one(platform):
    await first_admin(platform)
    for username in ("ada", "nobody"):
        assert await try_password(platform.http, username, "\ufdfa" * 1024) == 401


async def test_an_address_that_a_gateway_made_up_fits(either):
    admin = await first_admin(either)
    async with at(either, "unknown, " * 99) as there:
        assert await try_password(there, "ada", PASSWORD) == 200
        created = await there.post(f"{LOGIN}/createuser", json=user_in("grace"), headers=admin)
        assert created.status_code == 201
    entries = await either.call("GET", f"{LOGIN}/audit", headers=admin, expect=200)
    assert max(len(entry["address"] or "") for entry in entries.json()) == 64
