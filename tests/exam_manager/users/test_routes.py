import asyncio

from .people import LOGIN, PASSWORD, bearer, first_admin, log_in, stop_clock, user_in


async def test_the_first_user_logs_in_and_is_known(platform):
    assert (await platform.call("GET", f"{LOGIN}/checknousers", headers={})).json() is True
    admin = await first_admin(platform)
    assert (await platform.call("GET", f"{LOGIN}/checknousers", headers={})).json() is False
    me = (await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=admin, expect=200)).json()
    assert (me["username"], me["role"], me["access_token"]) == ("ada", "admin", "")
    assert me["last_login_unixtime"] > 0


async def test_of_two_first_users_at_once_one_is_created(either):
    answers = await asyncio.gather(
        *(
            either.call("POST", f"{LOGIN}/createfirstuser", json=user_in(name), headers={})
            for name in ("ada", "grace", "hedy")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert await either.http.get(f"{LOGIN}/checknousers")


async def test_the_contract_refuses_what_a_first_user_must_not_be(platform):
    for wrong in (
        {"role": "medical"},
        {"username": " "},
        {"first_name": ""},
        {"last_name": ""},
        {"token_type": "bearer"},
        {"access_token": "short"},
        {"access_token": " " * 12},
        {"access_token": "x" * 1025},
        {"username": "x" * 101},
    ):
        body = user_in(**wrong)
        await platform.call("POST", f"{LOGIN}/createfirstuser", json=body, headers={}, expect=400)
    missing = {"username": "ada"}
    await platform.call("POST", f"{LOGIN}/createfirstuser", json=missing, headers={}, expect=422)
    await first_admin(platform)
    again = user_in("grace")
    await platform.call("POST", f"{LOGIN}/createfirstuser", json=again, headers={}, expect=400)


async def test_the_cookie_is_narrow_and_renews_the_login(platform):
    await first_admin(platform)
    answer = await log_in(platform, cookie=True)
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/api/v1;", "Max-Age=39600"):
        assert part in cookie
    assert "Secure" not in cookie
    renewed = await platform.call("POST", f"{LOGIN}/loginfromcookie", headers={}, expect=200)
    assert renewed.json()["access_token"] == answer.json()["access_token"]
    # The cookie reads, it does not write.
    await platform.call("GET", "/api/v1/patient/", headers={}, expect=200)
    await platform.call("POST", "/api/v1/patient/", json={}, headers={}, expect=401)
    secure = await platform.http.post(
        "https://test/api/v1/userlogin/login", data={"username": "ada", "password": PASSWORD}
    )
    assert "Secure" in secure.headers["set-cookie"]
    platform.http.cookies.clear()
    await platform.call("POST", f"{LOGIN}/loginfromcookie", headers={}, expect=401)


async def test_logout_ends_this_session_and_no_other(platform):
    first = await first_admin(platform)
    other = bearer((await log_in(platform)).json()["access_token"])
    assert first != other
    await platform.call("POST", f"{LOGIN}/logout", headers=first, expect=200)
    gone = await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=first, expect=401)
    assert gone.json()["type"] == "/problems/token-invalid"
    await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=other, expect=200)


async def test_a_password_change_ends_old_logins_and_the_next_login_works_at_once(either):
    admin = await first_admin(either)
    change = {
        "password_of_requester": PASSWORD,
        "username_to_change_password_for": "ada",
        "newpassword": "another horse battery",
    }
    await either.call("PUT", f"{LOGIN}/changepassword", json=change, headers=admin, expect=200)
    await either.call("GET", f"{LOGIN}/getcurrentuser", headers=admin, expect=401)
    await log_in(either, expect=401)
    fresh = (await log_in(either, password="another horse battery")).json()["access_token"]
    await either.call("GET", f"{LOGIN}/getcurrentuser", headers=bearer(fresh), expect=200)


async def test_who_may_change_whose_password(platform):
    admin = await first_admin(platform)
    await platform.call(
        "POST", f"{LOGIN}/createuser", json=user_in("med", "medical"), headers=admin, expect=201
    )
    med = bearer((await log_in(platform, "med")).json()["access_token"])
    change = {
        "password_of_requester": PASSWORD,
        "username_to_change_password_for": "ada",
        "newpassword": "another horse battery",
    }
    url = f"{LOGIN}/changepassword"
    await platform.call("PUT", url, json=change, headers=med, expect=403)
    unknown = {**change, "username_to_change_password_for": "nobody"}
    await platform.call("PUT", url, json=unknown, headers=admin, expect=404)
    wrong = {**change, "password_of_requester": "wrong wrong wrong"}
    answer = await platform.call("PUT", url, json=wrong, headers=admin, expect=401)
    assert answer.json()["type"] == "/problems/unauthenticated"  # not a reason to log out
    short = {**change, "newpassword": "short"}
    await platform.call("PUT", url, json=short, headers=admin, expect=400)
    reset = {**change, "username_to_change_password_for": "med"}
    await platform.call("PUT", url, json=reset, headers=admin, expect=200)
    await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=med, expect=401)
    await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=admin, expect=200)


async def test_users_are_managed_by_admins_only(platform):
    admin = await first_admin(platform)
    url = f"{LOGIN}/createuser"
    made = await platform.call(
        "POST", url, json=user_in("med", "medical"), headers=admin, expect=201
    )
    assert made.json()["access_token"] == ""
    again = await platform.call("POST", url, json=user_in("med"), headers=admin, expect=409)
    assert again.json()["type"] == "/problems/conflict"
    med = bearer((await log_in(platform, "med")).json()["access_token"])
    await platform.call("GET", f"{LOGIN}/getallusers", headers=med, expect=403)
    await platform.call("GET", f"{LOGIN}/getallusers", headers={}, expect=401)
    await platform.call("POST", url, json=user_in("x"), headers=med, expect=403)
    everybody = await platform.call("GET", f"{LOGIN}/getallusers", headers=admin, expect=200)
    assert [user["username"] for user in everybody.json()] == ["ada", "med"]
    assert all(user["access_token"] == "" for user in everybody.json())


async def test_a_role_change_and_a_deletion_end_the_logins(platform):
    admin = await first_admin(platform)
    await platform.call(
        "POST", f"{LOGIN}/createuser", json=user_in("med", "medical"), headers=admin, expect=201
    )
    changed = user_in("med", "engineer", access_token="", token_type="")
    for _ in ("role change", "deletion"):
        med = bearer((await log_in(platform, "med")).json()["access_token"])
        renamed = {**changed, "role": "medical", "first_name": "Grace"}
        await platform.call("PUT", f"{LOGIN}/updateuser", json=renamed, headers=admin, expect=200)
        if _ == "role change":
            await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=med, expect=200)
            await platform.call(
                "PUT", f"{LOGIN}/updateuser", json=changed, headers=admin, expect=200
            )
        else:
            params = {"username_to_delete": "med"}
            url = f"{LOGIN}/deleteuser"
            await platform.call("DELETE", url, params=params, headers=admin, expect=204)
            await platform.call("DELETE", url, params=params, headers=admin, expect=404)
        await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=med, expect=401)


async def test_an_admin_always_remains(platform):
    admin = await first_admin(platform)
    url = f"{LOGIN}/deleteuser"
    await platform.call(
        "DELETE", url, params={"username_to_delete": "ada"}, headers=admin, expect=403
    )
    demoted = user_in(role="medical", access_token="", token_type="")
    await platform.call("PUT", f"{LOGIN}/updateuser", json=demoted, headers=admin, expect=403)
    await platform.call(
        "POST", f"{LOGIN}/createuser", json=user_in("grace"), headers=admin, expect=201
    )
    # Two admins: neither deletes herself.
    await platform.call(
        "DELETE", url, params={"username_to_delete": "ada"}, headers=admin, expect=403
    )
    unknown = user_in("nobody", access_token="", token_type="")
    await platform.call("PUT", f"{LOGIN}/updateuser", json=unknown, headers=admin, expect=403)
    for wrong in ({"access_token": "x"}, {"token_type": "password"}, {"last_name": " "}):
        body = user_in(access_token="", token_type="") | wrong
        await platform.call("PUT", f"{LOGIN}/updateuser", json=body, headers=admin, expect=400)


async def test_two_admins_cannot_demote_one_another_at_once(either):
    admin = await first_admin(either)
    await either.call(
        "POST", f"{LOGIN}/createuser", json=user_in("grace"), headers=admin, expect=201
    )
    answers = await asyncio.gather(
        *(
            either.call(
                "PUT",
                f"{LOGIN}/updateuser",
                json=user_in(name, "medical", access_token="", token_type=""),
                headers=either.admin,
            )
            for name in ("ada", "grace")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]


async def test_wrong_passwords_have_to_wait(platform):
    stop_clock(platform)
    await first_admin(platform)
    for _ in range(5):
        answer = await log_in(platform, password="wrong wrong wrong", expect=401)
        assert answer.json()["detail"] == "Invalid authentication credentials"
    refused = await log_in(platform, expect=429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["type"] == "/problems/too-many-requests"
    await log_in(platform, "nobody", expect=401)
    names = [event.subject for event in await platform.events("user.login_refused")]
    assert names == ["ada"] * 5 + ["unknown"]


async def test_a_service_gets_a_token_for_its_secret(platform):
    url = f"{LOGIN}/servicetoken"
    right = {"service": "device-manager", "secret": "device manager's secret"}
    answer = (await platform.call("POST", url, json=right, headers={}, expect=200)).json()
    assert answer["expires_in"] == 600
    service = bearer(answer["access_token"])
    await platform.call("GET", f"{LOGIN}/revocations", headers=service, expect=200)
    await platform.call("GET", f"{LOGIN}/revocations", expect=403)
    for wrong in ({"secret": ""}, {"secret": "x"}, {"service": "other"}):
        await platform.call("POST", url, json={**right, **wrong}, headers={}, expect=401)


async def test_revocations_are_numbered_and_read_on_from_a_number(either):
    admin = await first_admin(either)
    second = bearer((await log_in(either)).json()["access_token"])
    url = f"{LOGIN}/revocations"
    assert (await either.call("GET", url, headers=either.service)).json() == {
        "items": [],
        "last": 0,
    }
    await either.call("POST", f"{LOGIN}/logout", headers=admin, expect=200)
    one = (await either.call("GET", url, headers=either.service)).json()
    assert [item["kind"] for item in one["items"]] == ["session"]
    await either.call("POST", f"{LOGIN}/logout", headers=second, expect=200)
    after = {"after": one["last"]}
    two = (await either.call("GET", url, params=after, headers=either.service)).json()
    assert len(two["items"]) == 1
    assert two["last"] > one["last"]


async def test_a_restart_knows_what_was_revoked(start, migrated_url):
    async with start(migrated_url, migrate=False) as running:
        admin = await first_admin(running)
        await running.call("POST", f"{LOGIN}/logout", headers=admin, expect=200)
    async with start(migrated_url, migrate=False) as running:
        await running.call("GET", f"{LOGIN}/getcurrentuser", headers=admin, expect=401)


async def test_odd_passwords_are_wrong_passwords(either):
    await first_admin(either)
    await log_in(either, password="a\x00bcdefghijkl", expect=401)
    await log_in(either, password="x" * 1024, expect=401)
    await log_in(either, password="x" * 1025, expect=422)
    await log_in(either, username="a\x00b", expect=422)


async def test_the_longest_names_fit(either):
    name = "ß" * 100
    password = "".join(chr(0x4E00 + number) for number in range(1024))
    body = user_in(name, first_name="ß" * 200, last_name="ß" * 200, access_token=password)
    await either.call("POST", f"{LOGIN}/createfirstuser", json=body, headers={}, expect=201)
    await log_in(either, name, password)


async def test_whoever_comes_with_an_ended_login_may_log_in_anew(platform):
    old = await first_admin(platform)
    await platform.call("POST", f"{LOGIN}/logout", headers=old, expect=200)
    cookie = {"Cookie": f"access_token={old['Authorization'].removeprefix('Bearer ')}"}
    asked = await platform.call("GET", f"{LOGIN}/checknousers", headers=cookie, expect=200)
    assert asked.json() is False
    form = {"username": "ada", "password": PASSWORD}
    await platform.call("POST", f"{LOGIN}/login", data=form, headers=old, expect=200)
    await platform.call("GET", f"{LOGIN}/getcurrentuser", headers=old, expect=401)
