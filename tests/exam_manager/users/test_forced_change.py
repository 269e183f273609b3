from .people import LOGIN, PASSWORD, another, bearer, first_admin, log_in, user_in

NEW, NEWER = "another horse battery", "a third horse battery"
CHANGE = f"{LOGIN}/changepassword"
DEMAND = "/problems/password-change-required"


def reset(**changes):
    return {
        "password_of_requester": PASSWORD,
        "username_to_change_password_for": "grace",
        "newpassword": NEW,
        **changes,
    }


async def demanded(platform, headers):
    """Say whether the user of a login has to set a new password first."""
    answer = await platform.call("GET", "/api/v1/patient/", headers=headers)
    if answer.status_code == 403:
        assert answer.json()["type"] == DEMAND
        return True
    assert answer.status_code == 200
    return False


async def test_until_the_change_a_login_is_good_for_the_change_only(either):
    admin = await first_admin(either)
    grace = await another(either, admin, must_change_password=True)
    me = await either.call("GET", f"{LOGIN}/getcurrentuser", headers=grace, expect=200)
    assert me.json()["must_change_password"] is True
    await either.call("GET", f"{LOGIN}/sessions", headers=grace, expect=200)
    assert await demanded(either, grace)
    for method, path in (("POST", "/api/v1/patient/"), ("GET", "/api/v1/exam/worklist")):
        refused = await either.call(method, path, headers=grace, expect=403)
        assert refused.json()["type"] == DEMAND
    own = reset(newpassword=NEW)
    await either.call("PUT", CHANGE, json=own, headers=grace, expect=200)
    await either.call("GET", f"{LOGIN}/getcurrentuser", headers=grace, expect=401)
    again = (await log_in(either, "grace", NEW)).json()
    assert again["must_change_password"] is False
    assert not await demanded(either, bearer(again["access_token"]))


async def test_a_demand_does_not_lift_the_role(platform):
    admin = await first_admin(platform)
    grace = await another(platform, admin, must_change_password=True)
    refused = await platform.call("GET", f"{LOGIN}/getallusers", headers=grace, expect=403)
    assert refused.json()["type"] == "/problems/forbidden"
    await platform.call("POST", f"{LOGIN}/logout", headers=grace, expect=200)


async def test_a_reset_by_a_client_that_knows_no_demand_leaves_it_as_it_is(platform):
    admin = await first_admin(platform)
    await another(platform, admin)
    await platform.call("PUT", CHANGE, json=reset(), headers=admin, expect=200)
    token = (await log_in(platform, "grace", NEW)).json()["access_token"]
    assert not await demanded(platform, bearer(token))
    asking = reset(must_change_password=True)
    await platform.call("PUT", CHANGE, json=asking, headers=admin, expect=200)
    await platform.call("PUT", CHANGE, json=reset(newpassword=NEWER), headers=admin, expect=200)
    token = (await log_in(platform, "grace", NEWER)).json()["access_token"]
    assert await demanded(platform, bearer(token))


async def test_an_admin_asks_for_a_new_password_of_somebody_who_is_logged_in(platform):
    admin = await first_admin(platform)
    grace = await another(platform, admin)
    body = user_in("grace", "medical", access_token="", token_type="")
    url = f"{LOGIN}/updateuser"
    asked = body | {"must_change_password": True}
    await platform.call("PUT", url, json=asked, headers=admin, expect=200)
    await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=grace, expect=401)
    # A client that knows no demand does not end it by editing a name.
    renamed = await platform.call("PUT", url, json=body, headers=admin, expect=200)
    assert renamed.json()["must_change_password"] is True
    grace = bearer((await log_in(platform, "grace")).json()["access_token"])
    assert await demanded(platform, grace)


async def test_the_new_password_must_be_a_new_one_and_a_good_one(platform):
    admin = await first_admin(platform)
    grace = await another(platform, admin, must_change_password=True)
    for password, rule in ((PASSWORD, "unchanged"), ("grace grace 12", "names")):
        own = reset(newpassword=password)
        refused = await platform.call("PUT", CHANGE, json=own, headers=grace, expect=400)
        assert refused.json()["rule"] == rule
    assert await demanded(platform, grace)
