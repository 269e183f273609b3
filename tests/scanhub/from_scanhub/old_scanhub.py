"""A stand-in for an installation of ScanHub: its paths, with documents as ScanHub writes them."""

import asyncio
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

NOW = "2025-08-30T10:00:00"
"""ScanHub stores times without a zone."""


class OldScanHub:
    """What it tells; a document may be an exception of a status instead."""

    def __init__(self):
        self.users, self.devices, self.sequences, self.patients = [], [], [], []
        self.exams = {}
        self.exam_templates, self.workflow_templates, self.task_templates = [], [], []
        self.password = "twelve characters"

    def app(self):
        def told(name):
            async def answer(_request):
                return JSONResponse(getattr(self, name))

            return answer

        async def log_in(request):
            form = await request.form()
            if form["password"] != self.password:
                return JSONResponse({"detail": "Invalid authentication credentials"}, 401)
            return JSONResponse({"username": form["username"], "access_token": "a" * 512})

        async def exams(request):
            found = self.exams.get(request.path_params["id"], [])
            if found is None:
                return JSONResponse({"detail": "Internal Server Error"}, 500)
            return JSONResponse(found)

        return Starlette(
            routes=[
                Route("/api/v1/userlogin/login", log_in, methods=["POST"]),
                Route("/api/v1/userlogin/getallusers", told("users")),
                Route("/api/v1/device/", told("devices")),
                Route("/api/v1/exam/sequences/all", told("sequences")),
                Route("/api/v1/exam/templates/all", told("exam_templates")),
                Route("/api/v1/exam/workflow/templates/all", told("workflow_templates")),
                Route("/api/v1/exam/task/templates/all", told("task_templates")),
                Route("/api/v1/exam/all/{id}", exams),
                Route("/api/v1/patient/", told("patients")),
            ]
        )

    @asynccontextmanager
    async def served(self):
        """Serve it; yield its address."""
        config = uvicorn.Config(self.app(), port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = server.force_exit = True
            await task


def patient(patient_id, **said):
    """Return a patient as ScanHub tells them."""
    return {
        "id": str(patient_id),
        "first_name": "Ada",
        "last_name": "Lovelace",
        "birth_date": "1985-12-10",
        "sex": "FEMALE",
        "height": 168.0,
        "weight": 61.5,
        "issuer": "mtr",
        "status": "UPDATED",
        "comment": None,
        "datetime_created": NOW,
        "datetime_updated": None,
        **said,
    }


def task(task_id, **said):
    """Return an acquisition as ScanHub tells it."""
    return {
        "id": str(task_id),
        "name": "GRE",
        "description": "",
        "task_type": "ACQUISITION",
        "destination": "",
        "status": "FINISHED",
        "progress": 100,
        "is_template": False,
        "position": 0,
        "creator": "mtr",
        "datetime_created": NOW,
        "device_id": None,
        "sequence_id": "",
        "acquisition_parameter": {
            "fov_scaling": {"x": 1.0, "y": 1.0, "z": 1.0},
            "fov_offset": {"x": 0.0, "y": 0.0, "z": 0.0},
            "fov_rotation": {"x": 0.0, "y": 0.0, "z": 0.0},
        },
        "acquisition_limits": None,
        "results": [],
        **said,
    }


def job(task_id, reads, **said):
    """Return a reconstruction as ScanHub tells it."""
    return task(
        task_id,
        **{
            "name": "Images",
            "task_type": "DAG",
            "dag_type": "RECONSTRUCTION",
            "dag_id": "orchestration_engine::__repository__::mrpro_direct_reconstruct_job",
            "input_task_ids": [str(reads)],
            "parameter": None,
            "position": 1,
            **said,
        },
    )


def tree(exam_id, workflow_id, tasks, **said):
    """Return an exam with one workflow as ScanHub tells it."""
    workflow = {
        "id": str(workflow_id),
        "exam_id": str(exam_id),
        "name": "Head",
        "description": "",
        "comment": None,
        "status": "NEW",
        "is_template": said.get("is_template", False),
        "creator": "mtr",
        "datetime_created": NOW,
        "tasks": tasks,
    }
    return {
        "id": str(exam_id),
        "name": "Brain",
        "description": "",
        "indication": "headache",
        "comment": None,
        "status": "NEW",
        "is_template": False,
        "creator": "mtr",
        "datetime_created": NOW,
        "workflows": [workflow],
        **said,
    }
