"""/api/v1/exam: exams, workflows and tasks, with the business rules of the tree."""

from .driver import MALFORMED, UNKNOWN, Caller, Json
from .forms import ACQUISITION, EXAM, JOB, WORKFLOW, has_form
from .people import patient_in


async def a_patient(caller: Caller) -> str:
    made = await caller.made("a patient", "POST /patient/", json=patient_in())
    return str(made["id"])


def exam_in(patient_id: str | None = None, **changes: object) -> Json:
    return {
        "patient_id": patient_id,
        "name": "Brain",
        "description": "of the contract",
        "indication": "Headache",
        "is_template": patient_id is None,
        **changes,
    }


def workflow_in(exam: Json | None, **changes: object) -> Json:
    return {
        "exam_id": exam and exam["id"],
        "name": "Axial",
        "description": "",
        "is_template": exam is None or exam["is_template"],
        **changes,
    }


def scan_in(workflow: Json | None, **changes: object) -> Json:
    return {
        "task_type": "ACQUISITION",
        "workflow_id": workflow and workflow["id"],
        "name": "GRE",
        "description": "",
        "destination": "",
        "is_template": workflow is None or workflow["is_template"],
        "calibration": ["frequency", "flip-angle", "shims"],
        **changes,
    }


def job_in(workflow: Json | None, *inputs: str, **changes: object) -> Json:
    return {
        "task_type": "DAG",
        "workflow_id": workflow and workflow["id"],
        "name": "Reconstruction",
        "description": "",
        "destination": "",
        "is_template": workflow is None or workflow["is_template"],
        "dag_type": "RECONSTRUCTION",
        "dag_id": "cartesian_reconstruction",
        "input_task_ids": list(inputs),
        **changes,
    }


async def a_tree(caller: Caller, patient_id: str | None) -> tuple[Json, Json, Json, Json]:
    """Make an exam (without a patient a template) with workflow, scan and job."""
    exam = await caller.made("an exam", "POST /exam/new", json=exam_in(patient_id))
    flow = await caller.made("a workflow", "POST /exam/workflow/new", json=workflow_in(exam))
    scan = await caller.made("a scan", "POST /exam/task/new", json=scan_in(flow))
    job = await caller.made("a job", "POST /exam/task/new", json=job_in(flow, scan["id"]))
    return exam, flow, scan, job


async def _refused_exams(user: Caller, patient: str, made: Json, copy: str) -> None:
    create = "POST /exam/new"
    one = f"/exam/{made['id']}"
    edit = exam_in(patient, status="UPDATED", name="Changed")
    await user.refused(
        [
            ("what is created is NEW", create, 400, exam_in(patient, status="FINISHED")),
            ("an exam has a patient", create, 400, exam_in(None, is_template=False)),
            ("the patient is known", create, 400, exam_in(UNKNOWN)),
            ("a template has no patient", create, 400, exam_in(patient, is_template=True)),
            ("an exam has a name", create, 422, exam_in(patient, name="")),
            ("a copy has a patient", copy, 400, exam_in(None, is_template=False)),
            ("a copy's patient is known", copy, 400, exam_in(UNKNOWN)),
            ("a copied template has no patient", copy, 400, exam_in(patient, is_template=True)),
            (
                "an unknown template is 400",
                f"POST /exam/?template_id={UNKNOWN}",
                400,
                exam_in(patient),
            ),
            ("an instance is no source", f"POST /exam/?template_id={made['id']}", 400, edit),
            ("nothing becomes NEW again", f"PUT {one}", 403, exam_in(patient, status="NEW")),
            ("an unknown exam is 404", f"PUT /exam/{UNKNOWN}", 404, edit),
            ("a malformed id is 400", f"PUT /exam/{MALFORMED}", 400, edit),
            ("an edit keeps a patient", f"PUT {one}", 400, {**edit, "patient_id": None}),
            ("an edit's patient is known", f"PUT {one}", 400, {**edit, "patient_id": UNKNOWN}),
            (
                "an exam becomes no template",
                f"PUT {one}",
                400,
                {**edit, "patient_id": None, "is_template": True},
            ),
        ]
    )


async def exams(user: Caller) -> None:
    """Create, copy, read, change, delete."""
    patient, create = await a_patient(user), "POST /exam/new"
    made = await user.made("an exam of a patient is created", create, json=exam_in(patient))
    has_form(user, "ExamOut", made, EXAM)
    user.holds("it is NEW", made["status"] == "NEW")
    template, *_ = await a_tree(user, None)
    one = f"/exam/{made['id']}"
    copy = f"POST /exam/?template_id={template['id']}"
    edit = exam_in(patient, status="UPDATED", name="Changed")
    await _refused_exams(user, patient, made, copy)
    finished = exam_in(patient, status="FINISHED")
    copied = await user.made("a template is copied whatever status is sent", copy, json=finished)
    user.holds("the copy is NEW", copied["status"] == "NEW")
    tasks = copied["workflows"][0]["tasks"] if copied["workflows"] else []
    user.holds("the answer has the whole copied tree", len(tasks) == 2)
    if len(tasks) == 2:
        user.holds(
            "inputs of the copy are its own tasks", tasks[1]["input_task_ids"] == [tasks[0]["id"]]
        )
        user.holds("nothing of the copy is a template", not any(t["is_template"] for t in tasks))
    await _read_exams(user, made, patient, template)
    await user.row("an exam is changed", f"PUT {one}", 200, json=edit)
    for exam in (made, copied):
        await user.row("an exam is deleted", f"DELETE /exam/{exam['id']}", 204)
    await user.row("its tasks are gone with it", f"GET /exam/task/{tasks[0]['id']}", 404)
    for identifier, status in [(UNKNOWN, 404), (MALFORMED, 400)]:
        await user.row(f"deleting {identifier}", f"DELETE /exam/{identifier}", status)


async def _read_exams(user: Caller, made: Json, patient: str, template: Json) -> None:
    await user.row("an exam is read", f"GET /exam/{made['id']}", 200)
    await user.row("an unknown exam is 404", f"GET /exam/{UNKNOWN}", 404)
    await user.row("a malformed exam id is 400", f"GET /exam/{MALFORMED}", 400)
    of_patient = await user.made("exams of a patient", f"GET /exam/all/{patient}", 200)
    user.holds("they are those of the patient", {e["patient_id"] for e in of_patient} == {patient})
    await user.row("a malformed patient id is 422", f"GET /exam/all/{MALFORMED}", 422)
    nobody = f"GET /exam/all/{UNKNOWN}"
    await user.row("an unknown patient has none", nobody, 200, holds=lambda a: a.json() == [])
    found = await user.made("exam templates", "GET /exam/templates/all", 200)
    user.holds("they are templates", all(item["is_template"] for item in found))
    whole = [e for e in found if e["id"] == template["id"]]
    user.holds("with their trees", whole and len(whole[0]["workflows"][0]["tasks"]) == 2)


async def _refused_workflows(user: Caller, exam: Json, template: Json, made: Json) -> None:
    create = "POST /exam/workflow/new"
    one = f"/exam/workflow/{made['id']}"
    edit = workflow_in(exam, status="UPDATED", name="Changed")
    await user.refused(
        [
            ("what is created is NEW", create, 400, workflow_in(exam, status="STARTED")),
            ("the exam is known", create, 400, workflow_in(exam, exam_id=UNKNOWN)),
            ("template below instance", create, 400, workflow_in(exam, is_template=True)),
            ("instance below template", create, 400, workflow_in(template, is_template=False)),
            ("an instance has an exam", create, 400, workflow_in(None, is_template=False)),
            ("nothing becomes NEW again", f"PUT {one}", 403, {**edit, "status": "NEW"}),
            ("an edit's exam is known", f"PUT {one}", 400, {**edit, "exam_id": UNKNOWN}),
            ("an edit fits its exam", f"PUT {one}", 400, {**edit, "is_template": True}),
            ("an instance keeps an exam", f"PUT {one}", 400, {**edit, "exam_id": None}),
            ("an unknown workflow is 404", f"PUT /exam/workflow/{UNKNOWN}", 404, edit),
            ("a malformed id is 400", f"PUT /exam/workflow/{MALFORMED}", 400, edit),
        ]
    )


async def workflows(user: Caller) -> None:
    """Create, copy, read, change, delete."""
    patient, create = await a_patient(user), "POST /exam/workflow/new"
    exam = await user.made("an exam", "POST /exam/new", json=exam_in(patient))
    template, flow_template, *_ = await a_tree(user, None)
    made = await user.made("a workflow is created", create, json=workflow_in(exam))
    has_form(user, "WorkflowOut", made, WORKFLOW)
    orphan = await user.made("a template may be an orphan", create, json=workflow_in(None))
    one = f"/exam/workflow/{made['id']}"
    edit = workflow_in(exam, status="UPDATED", name="Changed")
    await _refused_workflows(user, exam, template, made)

    def copy(exam_id: str, template_id: str, again: bool = False) -> str:
        query = f"exam_id={exam_id}&template_id={template_id}"
        return f"POST /exam/workflow?{query}&new_workflow_is_template={str(again).lower()}"

    copied = await user.made("a template is copied", copy(exam["id"], flow_template["id"]))
    tasks = copied["tasks"]
    user.holds("the answer has all tasks, NEW", (len(tasks), copied["status"]) == (2, "NEW"))
    user.holds("inputs are remapped", tasks[1]["input_task_ids"] == [tasks[0]["id"]])
    again = copy(template["id"], flow_template["id"], again=True)
    for text, request, status in [
        ("a template is copied into a template", again, 201),
        ("an unknown template is 404", copy(exam["id"], UNKNOWN), 404),
        ("an instance is no source", copy(exam["id"], made["id"]), 400),
        ("the exam is known", copy(UNKNOWN, flow_template["id"]), 400),
        ("the copy fits its exam", copy(template["id"], flow_template["id"]), 400),
        ("a workflow is read", f"GET {one}", 200),
        ("an unknown workflow is 404", f"GET /exam/workflow/{UNKNOWN}", 404),
        ("a malformed id is 400", f"GET /exam/workflow/{MALFORMED}", 400),
        ("workflows of an exam", f"GET /exam/workflow/all/{exam['id']}", 200),
        ("a malformed exam id is no 500", f"GET /exam/workflow/all/{MALFORMED}", {400, 422}),
        ("workflow templates", "GET /exam/workflow/templates/all", 200),
    ]:
        await user.row(text, request, status)
    await user.row("a workflow is changed", f"PUT {one}", 200, json=edit)
    for item in (made, copied, orphan):
        await user.row("a workflow is deleted", f"DELETE /exam/workflow/{item['id']}", 204)
    await user.row("its tasks are gone", f"GET /exam/task/{tasks[0]['id']}", 404)
    await user.row("deleting it again is 404", f"DELETE {one}", 404)
    await user.row("a malformed id", f"DELETE /exam/workflow/{MALFORMED}", 400)


async def _refused_tasks(
    user: Caller, flow: Json, flow_template: Json, scan_template: Json, tasks: tuple[Json, Json]
) -> None:
    create, (scan, job) = "POST /exam/task/new", tasks
    one, other = f"/exam/task/{scan['id']}", f"/exam/task/{job['id']}"
    edit = scan_in(flow, status="UPDATED", name="Changed")
    await user.refused(
        [
            ("what is created is NEW", create, 400, scan_in(flow, status="STARTED")),
            ("the workflow is known", create, 400, scan_in(flow, workflow_id=UNKNOWN)),
            ("template below instance", create, 400, scan_in(flow, is_template=True)),
            ("instance below template", create, 400, scan_in(flow_template, is_template=False)),
            ("an instance has a workflow", create, 400, scan_in(None, is_template=False)),
            ("a task type is known", create, 422, scan_in(flow, task_type="COFFEE")),
            ("a job type is known", create, 422, job_in(flow, dag_type="COFFEE")),
            ("progress is 0 to 100", create, 422, scan_in(flow, progress=-500)),
            ("a calibration is known", create, 422, scan_in(flow, calibration=["coffee"])),
            ("a sequence is known", create, 400, scan_in(flow, sequence_id="nothing")),
            ("an input is a task of the tree", create, 400, job_in(flow, scan_template["id"])),
            ("an input is a known task", create, 400, job_in(flow, UNKNOWN)),
            ("an edit's workflow is known", f"PUT {one}", 400, {**edit, "workflow_id": UNKNOWN}),
            ("an edit fits its workflow", f"PUT {one}", 400, {**edit, "is_template": True}),
            ("an instance keeps a workflow", f"PUT {one}", 400, {**edit, "workflow_id": None}),
            ("a scan becomes no job", f"PUT {one}", 400, job_in(flow, status="UPDATED")),
            ("a job becomes no scan", f"PUT {other}", 400, edit),
            ("an unknown task is 404", f"PUT /exam/task/{UNKNOWN}", 404, edit),
            ("a malformed id is 400", f"PUT /exam/task/{MALFORMED}", 400, edit),
            ("a person sets no FINISHED", f"PUT {one}", 409, {**edit, "status": "FINISHED"}),
            (
                "limits cannot be forged",
                f"PUT {one}",
                200,
                {**edit, "acquisition_limits": {"patient_weight": 1}},
            ),
        ]
    )


async def tasks(user: Caller) -> None:
    """Create, copy, read, change, order, delete."""
    patient, create = await a_patient(user), "POST /exam/task/new"
    _, flow, scan, job = await a_tree(user, patient)
    _, flow_template, scan_template, job_template = await a_tree(user, None)
    has_form(user, "AcquisitionTaskOut", scan, ACQUISITION)
    has_form(user, "DAGTaskOut", job, JOB)
    calibration = ["frequency", "flip-angle", "shims"]
    user.holds("calibrations stay in their order", scan["calibration"] == calibration)
    user.holds("a new task is the last one", (scan["position"], job["position"]) == (0, 1))
    orphan = await user.made("a template may be an orphan", create, json=scan_in(None))
    one = f"/exam/task/{scan['id']}"
    await _refused_tasks(user, flow, flow_template, scan_template, (scan, job))
    read = await user.made("a task is read", f"GET {one}", 200)
    user.holds("it is still a scan", read["task_type"] == "ACQUISITION")
    user.holds("without forged limits", read["acquisition_limits"] is None)
    await user.row("the patient's exams are readable still", f"GET /exam/all/{patient}", 200)
    await _copy_tasks(user, flow, flow_template, scan_template, job_template)
    await _order_tasks(user, flow, scan, job, orphan)
    await _read_and_delete_tasks(user, flow, scan, job)


async def _copy_tasks(
    user: Caller, flow: Json, flow_template: Json, scan_template: Json, job_template: Json
) -> None:
    def copy(workflow_id: str, template_id: str, again: bool = False) -> str:
        query = f"workflow_id={workflow_id}&template_id={template_id}"
        return f"POST /exam/task?{query}&new_task_is_template={str(again).lower()}"

    copied = await user.made("a task template is copied", copy(flow["id"], scan_template["id"]))
    fresh = (copied["status"], copied["progress"], copied["is_template"]) == ("NEW", 0, False)
    user.holds("the copy is NEW, without progress, an instance", fresh)
    again = copy(flow_template["id"], scan_template["id"], again=True)
    await user.row("a template is copied into a template", again, 201)
    for text, request, status in [
        ("an unknown template is 404", copy(flow["id"], UNKNOWN), 404),
        ("an instance is no source", copy(flow["id"], copied["id"]), 400),
        ("the workflow is known", copy(UNKNOWN, scan_template["id"]), 400),
        ("the copy fits its workflow", copy(flow_template["id"], scan_template["id"]), 400),
        ("no input is dropped in silence", copy(flow["id"], job_template["id"]), 400),
    ]:
        await user.row(text, request, status)
    await user.row("the copy is deleted", f"DELETE /exam/task/{copied['id']}", 204)


async def _order_tasks(user: Caller, flow: Json, scan: Json, job: Json, orphan: Json) -> None:
    order = "PUT /exam/task/reorder"
    wanted = [job["id"], scan["id"]]
    await user.row("tasks of a workflow are ordered", order, 204, json={"task_ids": wanted})
    found = await user.made("tasks of a workflow", f"GET /exam/task/all/{flow['id']}", 200)
    user.holds("they come in that order", [task["id"] for task in found] == wanted)
    await user.refused(
        [
            ("an unknown task is 404", order, 404, {"task_ids": [UNKNOWN]}),
            ("a malformed id is 422", order, 422, {"task_ids": [MALFORMED]}),
            ("nothing is no order", order, 422, {"task_ids": []}),
            ("one workflow at a time", order, 400, {"task_ids": [scan["id"], orphan["id"]]}),
        ]
    )


async def _read_and_delete_tasks(user: Caller, flow: Json, scan: Json, job: Json) -> None:
    for text, request, status in [
        ("an unknown task is 404", f"GET /exam/task/{UNKNOWN}", 404),
        ("a malformed id is 400", f"GET /exam/task/{MALFORMED}", 400),
        ("a malformed workflow id is no 500", f"GET /exam/task/all/{MALFORMED}", {400, 422}),
        ("task templates", "GET /exam/task/templates/all", 200),
        ("what others read is not deleted", f"DELETE /exam/task/{scan['id']}", 409),
        ("a task is deleted", f"DELETE /exam/task/{job['id']}", 204),
        ("then what it read", f"DELETE /exam/task/{scan['id']}", 204),
        ("deleting it again is 404", f"DELETE /exam/task/{scan['id']}", 404),
        ("a malformed id", f"DELETE /exam/task/{MALFORMED}", 400),
    ]:
        await user.row(text, request, status)
