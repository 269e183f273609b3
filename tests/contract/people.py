"""/api/v1/userlogin and /api/v1/patient."""

from dataclasses import dataclass

from .driver import MALFORMED, UNKNOWN, Caller, Json, unique
from .forms import PATIENT, USER, has_form

PASSWORD = "Quartz-lantern-58-otter"
OTHER_PASSWORD = "Violet-anchor-17-heron"


@dataclass(frozen=True)
class Credentials:
    """How the script logs in."""

    username: str
    password: str


def user_in(username: str, **changes: object) -> Json:
    return {
        "username": username,
        "first_name": "Con",
        "last_name": "Tract",
        "email": f"{username}@example.org",
        "role": "medical",
        "access_token": PASSWORD,
        "token_type": "password",
        **changes,
    }


def patient_in(**changes: object) -> Json:
    return {
        "first_name": "Ada",
        "last_name": "Phantom",
        "birth_date": "1985-12-10",
        "sex": "FEMALE",
        "height": 168.5,
        "weight": 62.9,
        "issuer": "contract",
        **changes,
    }


async def log_in(nobody: Caller, username: str, password: str) -> str:
    """Return the token of a user."""
    answer = await nobody.send(
        "POST", "/userlogin/login", data={"username": username, "password": password}
    )
    return str(answer.raise_for_status().json()["access_token"])


async def first_user(nobody: Caller, who: Credentials) -> None:
    """Create the first user of an empty installation, and see that there is no second one."""
    empty = await nobody.row(
        "anybody may ask whether there is a user",
        "GET /userlogin/checknousers",
        200,
        holds=lambda answer: isinstance(answer.json(), bool),
    )
    first = user_in(who.username, role="admin", access_token=who.password)
    create = "POST /userlogin/createfirstuser"
    if empty.json():
        await nobody.refused(
            [
                ("the first user is an admin", create, 400, {**first, "role": "medical"}),
                ("a password has 12 characters", create, 400, {**first, "access_token": "short"}),
            ]
        )
        await nobody.made("the first user is created without a login", create, json=first)
    second = user_in(unique("second"), role="admin")
    await nobody.row("there is one first user only", create, 400, json=second)


async def logins(nobody: Caller, who: Credentials) -> None:
    """Log in, go on from the cookie, log out."""
    login, form = "POST /userlogin/login", {"username": who.username, "password": who.password}
    wrong = {"username": unique("nobody"), "password": "wrong password"}
    await nobody.row("a wrong login is 401", login, 401, data=wrong)
    await nobody.row("a login without password is 422", login, 422, data={"username": "x"})
    answer = await nobody.row("the right login is answered with the user", login, 200, data=form)
    user = answer.json()
    has_form(nobody, "User", user, USER)
    nobody.holds("the token is a bearer token", user["token_type"] == "bearer")
    cookie = answer.headers.get("set-cookie", "")
    strict = "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    nobody.holds("the cookie is HttpOnly and SameSite=Strict", strict, cookie)
    second = await log_in(nobody, who.username, who.password)
    nobody.holds("two logins have two tokens", second != user["access_token"])
    from_cookie = "POST /userlogin/loginfromcookie"
    await nobody.row("without a cookie there is nothing to go on with", from_cookie, 401)
    for text, value, status in [("false", "x.y.z", 401), ("right", user["access_token"], 200)]:
        headers = {"Cookie": f"access_token={value}"}
        await nobody.row(f"a {text} cookie is {status}", from_cookie, status, headers=headers)
    current, logout = "GET /userlogin/getcurrentuser", "POST /userlogin/logout"
    await nobody.row("nobody is no current user", current, 401)
    await nobody.row("nobody cannot log out", logout, 401)
    one, other = nobody.as_(user["access_token"]), nobody.as_(second)
    await one.row(
        "the current user is told without a token",
        current,
        200,
        holds=lambda answer: (
            answer.json()["username"] == who.username and answer.json()["access_token"] == ""
        ),
    )
    await one.row("logout is 200", logout, 200)
    await one.row("after it the token is void", current, 401)
    await other.row("and the other login of the same user goes on", current, 200)


async def users(admin: Caller) -> None:
    """Create, change and delete users."""
    create, update = "POST /userlogin/createuser", "PUT /userlogin/updateuser"
    name = unique("medic")
    await admin.refused(
        [
            ("a user needs a name", create, 400, user_in("")),
            ("a user needs a first name", create, 400, user_in(name, first_name=" ")),
            ("a user needs a last name", create, 400, user_in(name, last_name="")),
            ("token_type is password", create, 400, user_in(name, token_type="bearer")),
            ("a password has 12 characters", create, 400, user_in(name, access_token="short")),
            ("a role is one of four", create, 422, user_in(name, role="pope")),
        ]
    )
    made = await admin.made("an admin creates a user", create, json=user_in(name))
    admin.holds("the answer has no password", made["access_token"] == "")
    has_form(admin, "User", made, USER)
    await admin.row("a name is taken once", create, 409, json=user_in(name))
    without = {key: value for key, value in user_in(unique("u")).items() if key != "email"}
    await admin.row("a user may have no email", create, 201, json=without)
    every = await admin.made("an admin sees all users", "GET /userlogin/getallusers", 200)
    admin.holds("without tokens", all(user["access_token"] == "" for user in every))
    plain = user_in(name, access_token="", token_type="", first_name="Changed")
    await admin.row("an admin changes a user", update, 200, json=plain)
    await admin.refused(
        [
            ("a name cannot be emptied", update, 400, {**plain, "last_name": ""}),
            ("a password does not come by update", update, 400, {**plain, "access_token": "x"}),
            ("token_type stays empty", update, 400, {**plain, "token_type": "password"}),
            ("an unknown user is 403", update, 403, {**plain, "username": unique("gone")}),
        ]
    )
    delete = "DELETE /userlogin/deleteuser?username_to_delete="
    await admin.row("an unknown user cannot be deleted", f"{delete}{unique('gone')}", 404)
    await admin.row("an admin deletes a user", f"{delete}{without['username']}", 204)


async def last_admin(admin: Caller, who: Credentials) -> None:
    """Nobody locks everybody out."""
    me = user_in(who.username, role="medical", access_token="", token_type="")
    await admin.row("the last admin stays admin", "PUT /userlogin/updateuser", 403, json=me)
    path = f"DELETE /userlogin/deleteuser?username_to_delete={who.username}"
    await admin.row("nobody deletes themselves", path, 403)


async def passwords(admin: Caller, who: Credentials) -> None:
    """Change passwords; old tokens die."""
    nobody = admin.as_("")
    name, change = unique("keys"), "PUT /userlogin/changepassword"
    await admin.made("a user for what follows", "POST /userlogin/createuser", json=user_in(name))
    user = nobody.as_(await log_in(nobody, name, PASSWORD))

    def update(old: str, new: str = OTHER_PASSWORD, of: str = name) -> Json:
        return {
            "password_of_requester": old,
            "username_to_change_password_for": of,
            "newpassword": new,
        }

    await user.row("a new password has 12 characters", change, 400, json=update(PASSWORD, "x"))
    of_admin = update(PASSWORD, of=who.username)
    await user.row("who is no admin changes only their own", change, 403, json=of_admin)
    wrong = update("not my password")
    await user.row("the own password is asked for", change, {400, 401, 403}, json=wrong)
    await user.row("one changes one's own password", change, 200, json=update(PASSWORD))
    await user.row("the old token is void then", "GET /userlogin/getcurrentuser", 401)
    unknown = update(who.password, of=unique("gone"))
    await admin.row("the password of nobody cannot change", change, 404, json=unknown)
    fresh = nobody.as_(await log_in(nobody, name, OTHER_PASSWORD))
    only_admin = "who is no admin sees no list of users"
    await fresh.row(only_admin, "GET /userlogin/getallusers", 403)
    await fresh.row(
        "who is no admin creates nobody",
        "POST /userlogin/createuser",
        403,
        json=user_in(unique("x")),
    )
    await fresh.row("a medical user deletes no device", f"DELETE /device/{UNKNOWN}", 403)


async def patients(admin: Caller) -> None:
    """/api/v1/patient."""
    create = "POST /patient/"
    made = await admin.made("a patient is created", create, json=patient_in())
    has_form(admin, "PatientOut", made, PATIENT)
    one = f"/patient/{made['id']}"
    await admin.refused(
        [
            ("a patient has a first name", create, 422, patient_in(first_name=" ")),
            ("nobody is born in 2999", create, 422, patient_in(birth_date="2999-01-01")),
            ("a height is positive", create, 422, patient_in(height=-3)),
            ("a weight is positive", create, 422, patient_in(weight=0)),
            ("a sex is one of four", create, 422, patient_in(sex="X")),
            ("a name has an end", create, 422, patient_in(last_name="x" * 100_000)),
            ("an unknown patient is 404", f"PUT /patient/{UNKNOWN}", 404, patient_in()),
            ("a malformed id is 422", f"PUT /patient/{MALFORMED}", 422, patient_in()),
        ]
    )
    await admin.row("a patient is read", f"GET {one}", 200)
    found = await admin.made("all patients are read", "GET /patient/", 200)
    admin.holds("the new one is among them", made["id"] in {item["id"] for item in found})
    changed = patient_in(comment="Changed", status="UPDATED")
    await admin.row(
        "a patient is changed",
        f"PUT {one}",
        200,
        json=changed,
        holds=lambda answer: answer.json()["comment"] == "Changed",
    )
    exam = {"patient_id": made["id"], "name": "Head", "description": ""}
    planned = await admin.made("an exam of the patient", "POST /exam/new", json=exam)
    await admin.row("a patient with exams is not deleted", f"DELETE {one}", 409)
    await admin.row("the exam goes", f"DELETE /exam/{planned['id']}", 204)
    await admin.row("then the patient goes too", f"DELETE {one}", 204)
    for method in ("GET", "DELETE"):
        await admin.row(f"{method} of a patient who is gone is 404", f"{method} {one}", 404)
        await admin.row(f"{method} of no id is 422", f"{method} /patient/{MALFORMED}", 422)
