"""Whatever changes the record stands in the trail: who, from where, what, before and after."""

import re

from outside import put_result, upload_of

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ProtocolsFile

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
PASSWORD, OTHER = "correct horse battery", "entirely other staple"
RECORDS_NOTHING = {
    f"POST {LOGIN}/loginfromcookie": "it notes only when the user was last seen",
    f"POST {LOGIN}/servicetoken": "it changes no record",
    f"POST {EXAM}/xnat/upload/{{workflow_id}}/{{task_id}}/{{result_id}}/{{filename}}": (
        "it takes a server to send to: see results/test_disclosures.py"
    ),
}


class Book:
    """Sends requests, and looks up what the trail says of each."""

    def __init__(self, platform):
        self.platform, self.seen = platform, set()

    async def did(self, route, action, subject, changes, *, headers=None, actor=None, **options):
        """Send a request; `changes` must stand in the entry of the subject."""
        method, path = route.split(" ")
        self.seen.add(re.sub(r"\{(\w+)=[^}]*\}", r"{\1}", route))
        url = re.sub(r"\{\w+=([^}]*)\}", r"\1", path)
        answer = await self.platform.call(method, url, headers=headers, **options)
        assert answer.is_success, (route, answer.text)
        subject = subject(answer.json()) if callable(subject) else subject
        entry = (await self.entries(action=action, subject=subject, limit=1))[0]
        assert entry["actor"] == (actor or "user:tester"), (route, entry)
        assert entry["address"] == "127.0.0.1"
        assert entry["correlation_id"] == answer.headers["X-Correlation-Id"], route
        found = {name: entry["changes"].get(name) for name in changes}
        assert found == changes, (route, entry["changes"])
        return answer.json() if answer.content else None

    async def entries(self, **query):
        url = f"{LOGIN}/audit"
        answer = await self.platform.call(
            "GET", url, params=query, headers=self.platform.admin, expect=200
        )
        return answer.json()


def the_id(answer):
    return answer["id"]


async def patients_and_exams(book):
    platform = book.platform
    body = {"first_name": "Ada", "last_name": "Lovelace", "birth_date": "1985-12-10",
            "sex": "FEMALE", "height": 165.5, "weight": 61.9, "issuer": "clinic"}  # fmt: skip
    made = {"last_name": [None, "Lovelace"], "birth_date": [None, "1985-12-10"]}
    patient = await book.did(f"POST {PATIENT}/", "patient.created", the_id, made, json=body)
    key = patient["id"]
    heavier = {"weight": [61.9, 95.0], "last_name": None}
    url = f"PUT {PATIENT}/{{patient_id={key}}}"
    await book.did(url, "patient.updated", key, heavier, json={**body, "weight": 95.0})
    exam = {"name": "Head", "patient_id": key, "status": "NEW", "is_template": False}
    new = {"name": [None, "Head"], "patient_id": [None, key]}
    first = await book.did(f"POST {EXAM}/new", "exam.created", the_id, new, json=exam)
    url = f"PUT {EXAM}/{{exam_id={first['id']}}}"
    renamed = {"name": ["Head", "Knee"]}
    await book.did(
        url,
        "exam.updated",
        first["id"],
        renamed,
        json={**exam, "name": "Knee", "status": "UPDATED"},
    )
    template = await platform.exam(is_template=True, name="Protocol")
    workflow = await platform.workflow(template)
    for number in range(3):
        await platform.acquisition(workflow, name=f"S{number}")
    copied = {"workflows": [None, 1], "tasks": [None, 3], "template_id": [None, template["id"]]}
    copy = await book.did(f"POST {EXAM}/", "exam.created", the_id, copied,
                          params={"template_id": template["id"]}, json=exam)  # fmt: skip
    gone = {"name": ["Head", None], "patient_id": [key, None]}
    url = f"DELETE {EXAM}/{{exam_id={copy['id']}}}"
    await book.did(url, "exam.deleted", copy["id"], gone)
    below = await book.entries(action="task.deleted", order="oldest")
    assert sorted(entry["changes"]["name"][0] for entry in below) == ["S0", "S1", "S2"]
    assert {entry["exam_id"] for entry in below} == {copy["id"]}
    await book.did(f"DELETE {EXAM}/{{exam_id={first['id']}}}", "exam.deleted", first["id"], {})
    lost = {"last_name": ["Lovelace", None], "weight": [95.0, None]}
    await book.did(f"DELETE {PATIENT}/{{patient_id={key}}}", "patient.deleted", key, lost)


async def protocols(book):
    platform = book.platform
    exam = await platform.exam(is_template=True, name="Protocol")
    await platform.acquisition(await platform.workflow(exam))
    base = f"POST {EXAM}/templates/{{exam_id={exam['id']}}}"
    by = {"released_by": [None, "tester"]}
    await book.did(f"{base}/release", "exam.updated", exam["id"], by, json={"comment": "good"})
    newest = {"name": [None, "Protocol"], "protocol_version": [None, 2]}
    await book.did(f"{base}/revise", "exam.created", the_id, newest)
    await book.did(f"{base}/retire", "exam.updated", exam["id"], {})
    exported = (await platform.call("GET", f"{EXAM}/templates/{exam['id']}/export")).json()
    await book.did(
        f"POST {EXAM}/protocols/import", "exam.created",
        lambda answer: answer["protocols"][0]["exam_id"], {"name": [None, "Protocol"]},
        json=exported,
    )  # fmt: skip
    exported["protocols"][0]["protocol_id"] = str(new_id())
    platform.app.state.examples = {"ready": ProtocolsFile.model_validate(exported)}
    url = f"POST {EXAM}/protocols/examples/{{key=ready}}"
    await book.did(
        url, "exam.created", lambda answer: answer["protocols"][0]["exam_id"], {}, json={}
    )


async def workflows_and_tasks(book):
    platform = book.platform
    exam = await platform.exam()
    plan = {"name": "Brain", "exam_id": exam["id"], "is_template": False}
    workflow = await book.did(
        f"POST {EXAM}/workflow/new", "workflow.created", the_id, {"name": [None, "Brain"]},
        json=plan,
    )  # fmt: skip
    url = f"PUT {EXAM}/workflow/{{workflow_id={workflow['id']}}}"
    said = {"comment": [None, "with contrast"]}
    edited = {**plan, "comment": "with contrast", "status": "UPDATED"}
    await book.did(url, "workflow.updated", workflow["id"], said, json=edited)
    template = await platform.workflow(is_template=True)
    task_template = await platform.acquisition(template, name="T")
    into = {"exam_id": exam["id"], "template_id": template["id"],
            "new_workflow_is_template": False}  # fmt: skip
    copy = await book.did(f"POST {EXAM}/workflow", "workflow.created", the_id,
                          {"tasks": [None, 1]}, params=into)  # fmt: skip
    body = {"task_type": "ACQUISITION", "name": "GRE", "destination": "", "is_template": False,
            "calibration": ["frequency"], "workflow_id": workflow["id"]}  # fmt: skip
    task = await book.did(f"POST {EXAM}/task/new", "task.created", the_id,
                          {"calibration": [None, ["frequency"]]}, json=body)  # fmt: skip
    url = f"PUT {EXAM}/task/{{task_id={task['id']}}}"
    renamed = {"name": ["GRE", "TSE"], "calibration": None}
    await book.did(url, "task.updated", task["id"], renamed, json={**body, "name": "TSE"})
    into = {"workflow_id": workflow["id"], "template_id": task_template["id"],
            "new_task_is_template": False}  # fmt: skip
    second = await book.did(f"POST {EXAM}/task", "task.created", the_id,
                            {"name": [None, "T"]}, params=into)  # fmt: skip
    await book.did(f"PUT {EXAM}/task/reorder", "task.updated", second["id"], {"position": [1, 0]},
                   json={"task_ids": [second["id"], task["id"]]})  # fmt: skip
    url = f"POST {EXAM}/task/{{task_id={second['id']}}}/duplicate"
    again = {"repeat_reason": [None, "moved"], "repeat_of": [None, second["id"]]}
    await book.did(url, "task.created", lambda answer: answer[0]["id"], again,
                   json={"reason": "moved"})  # fmt: skip
    url = f"DELETE {EXAM}/task/{{task_id={second['id']}}}"
    await book.did(url, "task.deleted", second["id"], {"name": ["T", None]})
    url = f"DELETE {EXAM}/workflow/{{workflow_id={copy['id']}}}"
    await book.did(url, "workflow.deleted", copy["id"], {"exam_id": [exam["id"], None]})
    await claims_and_results(book, workflow, task)


async def claims_and_results(book, workflow, task):
    platform, key = book.platform, task["id"]
    base = f"POST {EXAM}/task/{{task_id={key}}}"
    claim = {"claim_id": str(new_id()), "device_id": "0190aaaa-0000-7000-8000-00000000d001"}
    started = {"status": ["NEW", "STARTED"], "claim_device_id": [None, claim["device_id"]]}
    token = (await book.did(f"{base}/claim", "exam.task.started", key, started, json=claim))[
        "task_token"
    ]
    device = {"headers": {"Authorization": f"Bearer {token}"}}
    device["actor"] = f"task:{claim['device_id']}"
    said = {"claim_id": claim["claim_id"], "progress": 5}
    goes_on = {"status": ["STARTED", "INPROGRESS"]}
    await book.did(f"{base}/report", "exam.task.progress", key, goes_on, json=said, **device)
    count = len(await book.entries(subject=key))
    more = {**said, "progress": 50}
    await platform.call("POST", f"{EXAM}/task/{key}/report", json=more, expect=200,
                        headers=device["headers"])  # fmt: skip
    assert len(await book.entries(subject=key)) == count  # pure progress is none
    many = {"reports": [{**said, "task_id": key, "status": "PAUSED"}]}
    await book.did(f"POST {EXAM}/task/reports", "exam.task.progress", key,
                   {"status": ["INPROGRESS", "PAUSED"]}, json=many,
                   headers=platform.service, actor="service:device-manager")  # fmt: skip
    back = {"claim_id": claim["claim_id"], "status": "UPDATED", "reason": "no coil"}
    await book.did(f"{base}/release", "exam.task.released", key,
                   {"status_reason": [None, "no coil"]}, json=back, **device)  # fmt: skip
    claim["claim_id"], result_id = str(new_id()), str(new_id())
    again = await book.did(f"{base}/claim", "exam.task.started", key, {}, json=claim)
    device["headers"] = {"Authorization": f"Bearer {again['task_token']}"}
    blank = {"params": {"task_id": key, "result_id": result_id}}
    await book.did(f"POST {EXAM}/result", "result.created", result_id, {}, **blank, **device)
    put_result(platform.lake.root, workflow["id"], key, result_id)
    result = {"type": "MRD", "directory": "", "files": ["raw.mrd"], "meta": {}}
    url = f"PUT {EXAM}/result/{{result_id={result_id}}}"
    files = {"files": [[], ["raw.mrd"]]}
    await book.did(url, "result.stored", result_id, files, json=result, **device)
    finish = {"claim_id": claim["claim_id"], "result_id": result_id, "result": result}
    done = {"status": ["STARTED", "FINISHED"]}
    await book.did(f"{base}/finish", "exam.task.finished", key, done, json=finish, **device)
    url = f"DELETE {EXAM}/result/{{result_id={result_id}}}"
    await book.did(url, "result.deleted", result_id, {"files": [["raw.mrd"], None]})


async def sequences(book):
    made = await book.did(f"POST {EXAM}/sequence", "sequence.created", lambda it: it["_id"],
                          {"name": [None, "GRE"]}, **upload_of())  # fmt: skip
    key = made["_id"]
    url = f"{EXAM}/sequence/{{sequence_id={key}}}"
    body = {"name": "TSE", "description": "", "sequence_type": "", "tags": []}
    renamed = {"name": ["GRE", "TSE"]}
    await book.did(f"PUT {url}", "sequence.updated", key, renamed, json=body)
    await book.did(f"DELETE {url}", "sequence.deleted", key, {"name": ["TSE", None]})


def user(name, role, **changes):
    return {"username": name, "first_name": "F", "last_name": "L", "email": None, "role": role,
            "access_token": PASSWORD, "token_type": "password", **changes}  # fmt: skip


async def users(book):
    platform = book.platform
    root = {"headers": platform.admin, "actor": "user:root"}
    await book.did(f"POST {LOGIN}/createfirstuser", "user.created", "root",
                   {"role": [None, "admin"]}, json=user("root", "admin"), headers={},
                   actor="user:root")  # fmt: skip
    body = user("ada", "medical")
    added = {"role": [None, "medical"]}
    await book.did(f"POST {LOGIN}/createuser", "user.created", "ada", added, json=body, **root)
    body |= {"role": "engineer", "access_token": "", "token_type": ""}
    demoted = {"role": ["medical", "engineer"]}
    await book.did(f"PUT {LOGIN}/updateuser", "user.updated", "ada", demoted, json=body, **root)
    form = {"username": "ada", "password": PASSWORD}
    login = {"data": form, "headers": {}, "actor": "user:ada"}

    async def logged_in():
        answer = await book.did(f"POST {LOGIN}/login", "user.logged_in", "ada", {}, **login)
        return {"headers": {"Authorization": f"Bearer {answer['access_token']}"},
                "actor": "user:ada"}  # fmt: skip

    await book.did(f"POST {LOGIN}/logout", "user.logged_out", "ada", {}, **await logged_in())
    ada = await logged_in()
    change = {"username_to_change_password_for": "ada", "password_of_requester": PASSWORD,
              "newpassword": OTHER}  # fmt: skip
    await book.did(f"PUT {LOGIN}/changepassword", "user.password_changed", "ada", {},
                   json=change, **ada)  # fmt: skip
    form["password"] = OTHER
    await logged_in()
    await locked_and_unlocked(book, form, root)
    await logged_in()
    listed = await platform.call("GET", f"{LOGIN}/sessions", params={"username": "ada"},
                                 headers=platform.admin, expect=200)  # fmt: skip
    one = listed.json()[0]["id"]
    url = f"DELETE {LOGIN}/sessions"
    await book.did(f"{url}/{{session_id={one}}}", "user.session_ended", "ada", {}, **root)
    await book.did(url, "user.session_ended", "ada", {}, params={"username": "ada"}, **root)
    await users_that_go(book, root)


async def locked_and_unlocked(book, form, root):
    wrong, status = {**form, "password": "not this one"}, 401
    while status == 401:
        answer = await book.platform.call("POST", f"{LOGIN}/login", data=wrong, headers={})
        status = answer.status_code
    assert status == 429
    await book.did(f"POST {LOGIN}/unlockuser", "user.unlocked", "ada", {},
                   params={"username": "ada"}, **root)  # fmt: skip


async def users_that_go(book, root):
    platform = book.platform
    gone = {"role": ["engineer", None]}
    await book.did(f"DELETE {LOGIN}/deleteuser", "user.deleted", "ada", gone,
                   params={"username_to_delete": "ada"}, **root)  # fmt: skip
    wrong = {"username": "root", "password": "not this one"}
    await platform.call("POST", f"{LOGIN}/login", data=wrong, headers={}, expect=401)
    (refused,) = await book.entries(action="user.login_refused", subject="root")
    assert refused["actor"] == "anonymous"
    everything = str(await book.entries(limit=1000))
    for secret in (PASSWORD, OTHER, "not this one", "argon2", "password_hash"):
        assert secret not in everything


async def test_whatever_changes_the_record_stands_in_the_trail(platform):
    book = Book(platform)
    for chapter in (patients_and_exams, protocols, workflows_and_tasks, sequences, users):
        await chapter(book)
    paths = platform.app.openapi()["paths"]
    changing = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if method not in {"get", "head", "options"}
    }
    assert book.seen | set(RECORDS_NOTHING) == changing
