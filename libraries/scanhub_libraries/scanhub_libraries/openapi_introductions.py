"""How each OpenAPI document introduces its service."""

INTRODUCTIONS = {
    "exam-manager": (
        "The clinical record: users, patients, exams with their workflows and tasks, results, "
        "MRI sequences.\n\n"
        "Log in with `POST /api/v1/userlogin/login` and send the token as "
        "`Authorization: Bearer <token>`. An exam is a tree: exam, workflow, task, result; every "
        "level but the last exists as a template, which is copied, or as an instance, which is "
        "done. A task is taken by a device or a run with a claim, and only the holder of the claim "
        "reports on it and finishes it.\n\n"
        "Records have a `version`: send it as `If-Match` with an edit, and the edit is refused "
        "(412) when somebody else was faster. Every error is a problem document (RFC 9457)."
    ),
    "device-manager": (
        "The scanners: who may connect, what is connected, what each one scans, its uploads.\n\n"
        "A scanner connects over the websocket `/api/v1/device/ws` with the headers `Device-Id` "
        "and `Device-Token`; people start and stop scans over HTTP with the token of "
        "`POST /api/v1/userlogin/login`. Every error is a problem document (RFC 9457)."
    ),
    "workflow-manager": (
        "What happens after a scan: runs of jobs, the DICOM image index, sending to targets, and "
        "the journal with its event stream.\n\n"
        "Log in with `POST /api/v1/userlogin/login` and send the token as "
        "`Authorization: Bearer <token>`. Every error is a problem document (RFC 9457)."
    ),
}
