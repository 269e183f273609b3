"""Fifty people and a scanner at one exam at once: nothing is lost, nothing breaks, no 5xx."""

import asyncio

import pytest

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
EDITORS = 50
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"


class Desk:
    """One exam that everybody works on."""

    def __init__(self, platform):
        self.platform = platform
        self.edits = 0
        self.answers = []

    async def open(self):
        self.template = await self.platform.exam(is_template=True, name="Template")
        self.group = await self.platform.workflow(self.template)
        scan = await self.platform.acquisition(self.group)
        await self.platform.job(self.group, input_task_ids=[scan["id"]])
        self.exam = await self.platform.exam()
        self.workflow = await self.platform.workflow(self.exam)
        self.scan = await self.platform.acquisition(self.workflow, name="Scan")
        self.noted = await self.platform.acquisition(self.workflow, name="Noted")
        self.other = await self.platform.exam(patient_id=self.exam["patient_id"])
        return self

    async def call(self, method, path, headers=None, **options):
        headers = {**self.platform.medical, **(headers or {})}
        answer = await self.platform.call(method, f"{EXAM}/{path}", headers=headers, **options)
        self.answers.append((method, path, answer.status_code, answer.text))
        return answer

    async def tree(self):
        return (await self.call("GET", self.exam["id"])).json()

    async def note(self, path, field, token):
        """Add a token to a text, as often as somebody else was faster."""
        while True:
            read = await self.call("GET", path)
            body = {**read.json(), "status": "UPDATED"}
            body[field] = f"{body[field] or ''} {token}"
            headers = {"If-Match": read.headers["ETag"]}
            answer = await self.call("PUT", path, json=body, headers=headers)
            if answer.status_code != 412:
                assert answer.status_code == 200, answer.text
                return

    async def edit_exam(self, token):
        await self.note(self.exam["id"], "comment", token)
        self.edits += 1

    async def edit_task(self, token):
        await self.note(f"task/{self.noted['id']}", "description", token)

    async def edit_running(self, token):
        """Somebody writes a name, with status and progress as they were a while ago."""
        body = {**self.scan, "name": f"Scan {token}", "status": "UPDATED", "progress": 0}
        await self.call("PUT", f"task/{self.scan['id']}", json=body)

    async def reorder(self, _token):
        tasks = (await self.call("GET", f"task/all/{self.workflow['id']}")).json()
        ids = [task["id"] for task in tasks][::-1]
        await self.call("PUT", "task/reorder", json={"task_ids": ids})

    async def copy(self, _token):
        params = {"exam_id": self.exam["id"], "template_id": self.group["id"]}
        params["new_workflow_is_template"] = "false"
        made = await self.call("POST", "workflow", params=params)
        assert made.status_code == 201, made.text

    async def add_and_delete(self, token):
        body = {"task_type": "ACQUISITION", "name": token, "workflow_id": self.workflow["id"]}
        made = (await self.call("POST", "task/new", json=body)).json()
        await self.call("DELETE", f"task/{made['id']}")

    async def edit_template(self, token):
        body = {**self.group, "description": token, "status": "UPDATED"}
        await self.call("PUT", f"workflow/{self.group['id']}", json=body)

    async def move(self, _token):
        """A workflow goes to another exam of the patient and back."""
        workflow = (await self.tree())["workflows"][-1]
        for exam in (self.other, self.exam):
            body = {**workflow, "exam_id": exam["id"], "status": "UPDATED"}
            await self.call("PUT", f"workflow/{workflow['id']}", json=body)

    async def scanner(self):
        """A device scans: what it says must stand at the end."""
        url, service = f"task/{self.scan['id']}", self.platform.service
        claim = {"claim_id": str(new_id()), "device_id": DEVICE}
        assert (await self.call("POST", f"{url}/claim", json=claim)).status_code == 200
        for progress in range(5, 100, 10):
            report = {"claim_id": claim["claim_id"], "progress": progress}
            answer = await self.call("POST", f"{url}/report", json=report, headers=service)
            assert answer.json()["progress"] == progress, answer.text
            await asyncio.sleep(0)
        result = {"type": "CALIBRATION", "directory": "", "files": []}
        finish = {"claim_id": claim["claim_id"], "result_id": str(new_id()), "result": result}
        answer = await self.call("POST", f"{url}/finish", json=finish, headers=service)
        assert answer.status_code == 200, answer.text


@pytest.mark.long
async def test_fifty_editors_of_one_exam_lose_nothing(either):
    desk = await Desk(either).open()
    acts = [
        desk.edit_exam, desk.edit_task, desk.edit_running, desk.reorder, desk.copy,
        desk.add_and_delete, desk.edit_template, desk.move, desk.edit_exam, desk.edit_running,
    ]  # fmt: skip
    work = [acts[number % len(acts)](f"t{number}.") for number in range(EDITORS)]
    await asyncio.gather(desk.scanner(), *work)

    assert [answer for answer in desk.answers if answer[2] >= 500] == []
    tree = await desk.tree()
    texts = {
        desk.edit_exam: tree["comment"],
        desk.edit_task: next(
            task["description"]
            for workflow in tree["workflows"]
            for task in workflow["tasks"]
            if task["id"] == desk.noted["id"]
        ),
    }
    for number in range(EDITORS):
        act = acts[number % len(acts)]
        if act in texts:
            assert f"t{number}." in texts[act].split()
    assert tree["version"] == 1 + desk.edits
    check_tree(tree, desk)
    either.app.state.trees.clear()
    assert await desk.tree() == tree


def check_tree(tree, desk):
    tasks = {task["id"]: task for workflow in tree["workflows"] for task in workflow["tasks"]}
    scan = tasks[desk.scan["id"]]
    assert (scan["status"], scan["progress"], len(scan["results"])) == ("FINISHED", 100, 1)
    for workflow in tree["workflows"]:
        assert workflow["exam_id"] == tree["id"]
        positions = [task["position"] for task in workflow["tasks"]]
        assert len(set(positions)) == len(positions)
        for task in workflow["tasks"]:
            assert set(task.get("input_task_ids", ())) <= tasks.keys()
    copies = [item for item in tree["workflows"] if item["id"] != desk.workflow["id"]]
    assert all(len(item["tasks"]) == 2 for item in copies)
    assert len(tasks) == 2 + 2 * len(copies)


async def test_of_fifty_edits_of_one_version_one_wins(either):
    exam = await either.exam()
    headers = {**either.medical, "If-Match": '"1"'}

    async def edit(number):
        body = {**exam, "comment": f"{number}", "status": "UPDATED"}
        return await either.call("PUT", f"{EXAM}/{exam['id']}", json=body, headers=headers)

    answers = await asyncio.gather(*(edit(number) for number in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + 49 * [412]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    kept = (await either.call("GET", f"{EXAM}/{exam['id']}")).json()
    assert (kept["comment"], kept["version"]) == (won["comment"], 2)
