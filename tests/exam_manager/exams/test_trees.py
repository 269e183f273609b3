"""A tree that is kept is the tree that is stored: after every kind of change, on both databases."""

import asyncio
import json
from uuid import UUID

import pytest
from effort import POSTGRESQL_IN_CI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exam_manager.exams.service import EXAM as EXAM_TABLE
from exam_manager.exams.service import read_exams
from exam_manager.exams.tree_cache import TreeCache
from scanhub_libraries.database import reading
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ExamOut

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"


async def read(platform, exam_id, headers=None):
    headers = {**platform.medical, **(headers or {})}
    return await platform.call("GET", f"{EXAM}/{exam_id}", headers=headers)


async def check_kept(platform, exam_ids):
    """The answer from memory, the answer without it and what the models write are the same."""
    for exam_id in exam_ids:
        kept = await read(platform, exam_id)
        platform.app.state.trees.clear()
        fresh = await read(platform, exam_id)
        assert (kept.status_code, kept.content) == (fresh.status_code, fresh.content)
        if kept.status_code == 200:
            assert kept.headers["ETag"] == fresh.headers["ETag"]
            assert fresh.content == await as_the_models_write_it(platform, exam_id)
            assert (await read(platform, exam_id)).content == fresh.content


async def as_the_models_write_it(platform, exam_id):
    async with reading(platform.app.state.sessions) as session:
        (exam,) = await read_exams(session, EXAM_TABLE.c.id == UUID(exam_id))
    assert isinstance(exam, ExamOut)
    return exam.model_dump_json().encode()


class Clinic:
    """An exam with a scan and its reconstruction, made from a template; and what can happen."""

    def __init__(self, platform):
        self.platform = platform
        self.claims = {}
        self.changes = [
            self.edit_exam, self.edit_workflow, self.edit_task, self.reorder, self.add_workflow,
            self.add_task, self.copy_workflow, self.copy_task, self.delete_task,
            self.delete_workflow, self.claim, self.report, self.put_by_device, self.release,
            self.blank_result, self.set_result, self.delete_result, self.finish, self.move_task,
            self.move_workflow, self.cancel_task, self.edit_template, self.edit_patient,
        ]  # fmt: skip

    async def open(self):
        make = self.platform
        self.template = await make.exam(is_template=True, name="Template")
        workflow = await make.workflow(self.template)
        scan = await make.acquisition(
            workflow, acquisition_parameter={"fov_offset": {"x": 1.5, "y": 0, "z": -2e-7}}
        )
        await make.job(workflow, input_task_ids=[scan["id"]], parameter={"ä": [1.0, None, "\n"]})
        self.patient = await make.patient()
        self.exam = await self.copy()
        self.other = await self.copy()
        return self

    @property
    def exam_ids(self):
        return [item["id"] for item in (self.template, self.exam, self.other)]

    async def copy(self):
        body = {"patient_id": self.patient["id"], "name": "Ada's", "scheduled_on": "2026-03-01"}
        return await self.platform.make(f"{EXAM}/?template_id={self.template['id']}", body)

    async def call(self, method, path, headers=None, **options):
        answer = await self.platform.call(method, f"{EXAM}/{path}", headers=headers, **options)
        assert answer.status_code < 500, answer.text
        return answer

    async def workflows(self):
        return (await read(self.platform, self.exam["id"])).json()["workflows"]

    async def task(self, pick, kind="ACQUISITION"):
        """A task of the exam, or None when all are deleted."""
        tasks = [task for workflow in await self.workflows() for task in workflow["tasks"]]
        tasks = [task for task in tasks if kind in {task["task_type"], None}]
        return tasks[pick % len(tasks)] if tasks else None

    async def edit_exam(self, pick):
        exam = (await read(self.platform, self.exam["id"])).json()
        comment = f"comment {pick}"
        body = {**exam, "comment": comment, "status": "UPDATED"}
        await self.call("PUT", exam["id"], json=body)

    async def edit_workflow(self, pick):
        for workflow in (await self.workflows())[:1]:
            body = {**workflow, "description": f"{pick}", "status": "UPDATED"}
            await self.call("PUT", f"workflow/{workflow['id']}", json=body)

    async def edit_task(self, pick):
        if task := await self.task(pick, None):
            body = {**task, "name": f"name {pick}", "status": "UPDATED"}
            await self.call("PUT", f"task/{task['id']}", json=body)

    async def reorder(self, _pick):
        for workflow in (await self.workflows())[:1]:
            ids = [task["id"] for task in workflow["tasks"]]
            await self.call("PUT", "task/reorder", json={"task_ids": ids[::-1] or [str(new_id())]})

    async def add_workflow(self, pick):
        await self.platform.workflow(self.exam, name=f"W{pick}")

    async def add_task(self, _pick):
        for workflow in (await self.workflows())[:1]:
            await self.platform.acquisition(workflow)

    async def copy_workflow(self, _pick):
        template = (await read(self.platform, self.template["id"])).json()["workflows"][0]
        params = {"exam_id": self.exam["id"], "template_id": template["id"]}
        params["new_workflow_is_template"] = "false"
        await self.call("POST", "workflow", params=params)

    async def copy_task(self, _pick):
        template = (await read(self.platform, self.template["id"])).json()["workflows"][0]
        for workflow in (await self.workflows())[:1]:
            params = {"workflow_id": workflow["id"], "template_id": template["tasks"][0]["id"]}
            params["new_task_is_template"] = "false"
            await self.call("POST", "task", params=params)

    async def delete_task(self, pick):
        if task := await self.task(pick, None):
            await self.call("DELETE", f"task/{task['id']}")

    async def delete_workflow(self, _pick):
        for workflow in (await self.workflows())[-1:]:
            await self.call("DELETE", f"workflow/{workflow['id']}")

    async def claim(self, pick):
        if task := await self.task(pick):
            device = task["device_id"] or str(new_id())
            body = {"claim_id": str(new_id()), "device_id": device}
            answer = await self.call("POST", f"task/{task['id']}/claim", json=body)
            if answer.status_code == 200:
                self.claims[task["id"]] = body["claim_id"]

    async def by_device(self, pick, act, **body):
        task = await self.task(pick)
        if task and task["id"] in self.claims:
            body["claim_id"] = self.claims[task["id"]]
            headers = self.platform.service
            await self.call("POST", f"task/{task['id']}/{act}", json=body, headers=headers)

    async def report(self, pick):
        await self.by_device(pick, "report", progress=pick % 100, message=f"{pick}")

    async def put_by_device(self, pick):
        if task := await self.task(pick):
            body = {**task, "status": "INPROGRESS", "progress": pick % 100}
            await self.call("PUT", f"task/{task['id']}", json=body, headers=self.platform.service)

    async def release(self, pick):
        status = ["UPDATED", "ERROR", "CANCELED"][pick % 3]
        await self.by_device(pick, "release", status=status, reason="door open")

    async def blank_result(self, pick):
        if task := await self.task(pick):
            params = {"task_id": task["id"]}
            await self.call("POST", "result", params=params, headers=self.platform.service)

    async def set_result(self, pick):
        if (task := await self.task(pick)) and task["results"]:
            body = {"type": "MRD", "directory": "", "files": [], "meta": {"run": pick, "x": 0.1}}
            url = f"result/{task['results'][0]['id']}"
            await self.call("PUT", url, json=body, headers=self.platform.service)

    async def delete_result(self, pick):
        if (task := await self.task(pick)) and task["results"]:
            await self.call("DELETE", f"result/{task['results'][-1]['id']}")

    async def finish(self, pick):
        result = {"type": "CALIBRATION", "directory": "", "files": []}
        await self.by_device(pick, "finish", result_id=str(new_id()), result=result)

    async def move_task(self, pick):
        workflows = await self.workflows()
        if (task := await self.task(pick)) and len(workflows) > 1:
            body = {**task, "workflow_id": workflows[-1]["id"], "status": "UPDATED"}
            await self.call("PUT", f"task/{task['id']}", json=body)

    async def move_workflow(self, _pick):
        for workflow in (await self.workflows())[-1:]:
            body = {**workflow, "exam_id": self.other["id"], "status": "UPDATED"}
            await self.call("PUT", f"workflow/{workflow['id']}", json=body)

    async def cancel_task(self, pick):
        if task := await self.task(pick, None):
            await self.call("PUT", f"task/{task['id']}", json={**task, "status": "CANCELED"})

    async def edit_template(self, pick):
        workflow = (await read(self.platform, self.template["id"])).json()["workflows"][0]
        body = {**workflow, "comment": f"{pick}", "status": "UPDATED"}
        await self.call("PUT", f"workflow/{workflow['id']}", json=body)

    async def edit_patient(self, pick):
        body = {**self.patient, "comment": f"{pick}"}
        await self.platform.call("PUT", f"{PATIENT}/{self.patient['id']}", json=body, expect=200)


IN_TURN = [
    "edit_exam", "edit_workflow", "edit_task", "add_workflow", "add_task", "reorder",
    "copy_workflow", "copy_task", "move_task", "claim", "report", "put_by_device", "release",
    "claim", "blank_result", "set_result", "finish",
    "delete_result", "cancel_task", "delete_task",
    "move_workflow", "delete_workflow", "edit_template",
]  # fmt: skip
"""Every kind of change, in an order in which each has something to change."""


@POSTGRESQL_IN_CI
async def test_a_kept_tree_is_never_stale_whatever_changes_it(either):
    clinic = await Clinic(either).open()
    await check_kept(either, clinic.exam_ids)
    assert {change.__name__ for change in clinic.changes} == {*IN_TURN, "edit_patient"}
    for turn, name in enumerate(IN_TURN):
        before = [(await read(either, item)).headers["ETag"] for item in clinic.exam_ids]
        await getattr(clinic, name)(60 * turn)  # always the first task
        after = [(await read(either, item)).headers["ETag"] for item in clinic.exam_ids]
        assert before != after, name
        await check_kept(either, clinic.exam_ids)
    before = [(await read(either, item)).headers["ETag"] for item in clinic.exam_ids]
    await clinic.edit_patient(0)  # who is not in the tree
    assert before == [(await read(either, item)).headers["ETag"] for item in clinic.exam_ids]


@pytest.mark.long
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.integers(0, 22), st.integers(0, 5)), min_size=4, max_size=10))
async def test_a_kept_tree_is_never_stale_in_any_order_of_changes(platform, steps):
    clinic = await Clinic(platform).open()
    for index, pick in steps:
        await clinic.changes[index % len(clinic.changes)](pick)
        await check_kept(platform, clinic.exam_ids)


async def test_another_process_sees_a_change_at_once(start, migrated_url):
    async with start(migrated_url, migrate=False) as one, start(migrated_url, migrate=False) as two:
        exam = await one.exam()
        assert (await read(one, exam["id"])).content == (await read(two, exam["id"])).content
        await two.workflow(exam)
        assert (await read(one, exam["id"])).content == (await read(two, exam["id"])).content
        await one.call("DELETE", f"{EXAM}/{exam['id']}", expect=204)
        await two.call("GET", f"{EXAM}/{exam['id']}", expect=404)


async def test_a_change_that_is_taken_back_leaves_the_revision(either):
    exam = await either.exam()
    workflow = await either.workflow(exam)
    before = await read(either, exam["id"])
    wrong = {**workflow, "status": "NEW"}
    await either.call("PUT", f"{EXAM}/workflow/{workflow['id']}", json=wrong, expect=403)
    after = await read(either, exam["id"])
    assert after.headers["ETag"] == before.headers["ETag"]


async def test_who_polls_is_told_that_nothing_changed(either):
    task = await either.scan()
    claim = await either.claim(task)
    first = await read(either, claim["exam_id"])
    tag = first.headers["ETag"]
    same = await read(either, claim["exam_id"], {"If-None-Match": f'"x", W/{tag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    report = {"claim_id": claim["claim_id"], "progress": 40}
    url = f"{EXAM}/task/{task['id']}/report"
    await either.call("POST", url, json=report, headers=either.service, expect=200)
    changed = await read(either, claim["exam_id"], {"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    # A device's progress makes nobody's edit stale.
    edit = {**changed.json(), "comment": "x", "status": "UPDATED"}
    headers = {**either.medical, "If-Match": tag}
    url = f"{EXAM}/{claim['exam_id']}"
    after = await either.call("PUT", url, json=edit, headers=headers, expect=200)
    assert after.headers["ETag"] == (await read(either, claim["exam_id"])).headers["ETag"]
    await either.call("PUT", url, json=edit, headers=headers, expect=412)


async def test_lists_join_kept_and_unknown_trees(either):
    clinic = await Clinic(either).open()
    url = f"{EXAM}/all/{clinic.patient['id']}"
    either.app.state.trees.clear()
    await read(either, clinic.other["id"])
    both = await either.call("GET", url, expect=200)
    assert both.headers["Content-Type"] == "application/json"
    assert [exam["id"] for exam in both.json()] == [clinic.other["id"], clinic.exam["id"]]
    assert (await either.call("GET", url)).content == both.content
    for exam in both.json():
        assert json.loads((await read(either, exam["id"])).content) == exam


async def test_many_readers_beside_a_writer_see_whole_states(either):
    clinic = await Clinic(either).open()
    workflow = (await clinic.workflows())[0]
    ids = [task["id"] for task in workflow["tasks"]]

    async def write():
        for number in range(10):
            order = ids if number % 2 else ids[::-1]
            body = {"task_ids": order}
            await either.call("PUT", f"{EXAM}/task/reorder", json=body, expect=204)

    async def look():
        for _ in range(10):
            tree = (await read(either, clinic.exam["id"])).json()
            tasks = tree["workflows"][0]["tasks"]
            assert [task["position"] for task in tasks] == [0, 1]
            assert {task["id"] for task in tasks} == set(ids)

    await asyncio.gather(write(), *(look() for _ in range(5)))
    await check_kept(either, clinic.exam_ids)


def test_the_cache_forgets_what_was_used_longest_ago():
    cache = TreeCache(100)
    ids = [new_id() for _ in range(4)]
    for exam_id in ids[:2]:
        cache.keep(exam_id, 1, b"x" * 40)
    assert cache.find(ids[0], 1) is not None
    cache.keep(ids[2], 1, b"x" * 40)
    assert cache.find(ids[1], 1) is None
    assert cache.find(ids[0], 1) is not None
    assert cache.find(ids[0], 2) is None
    cache.keep(ids[0], 2, b"y")
    assert (cache.find(ids[0], 2), cache.size_bytes) == (b"y", 41)
    cache.keep(ids[3], 1, b"x" * 101)  # larger than all there is
    assert (cache.find(ids[3], 1), cache.size_bytes) == (None, 0)
