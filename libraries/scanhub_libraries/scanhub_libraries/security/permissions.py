"""Who may call what: one row per route of every service.

A route without a row is refused, and a test walks the OpenAPI of every service to find it.
"""

from dataclasses import dataclass

from scanhub_libraries.errors import (
    ForbiddenError,
    PasswordChangeRequiredError,
    UnauthenticatedError,
)
from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.security.principal import Principal, PrincipalKind

_ADMIN = frozenset({UserRole.ADMIN})
_EVERYBODY = frozenset(UserRole)
_CLINICAL = frozenset({UserRole.ADMIN, UserRole.MEDICAL, UserRole.SCIENTIST})
_TECHNICAL = frozenset({UserRole.ADMIN, UserRole.ENGINEER})
_PLANNING = frozenset({UserRole.ADMIN, UserRole.MEDICAL, UserRole.SCIENTIST, UserRole.ENGINEER})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route."""

    roles: frozenset[UserRole] = frozenset()
    services: bool = False
    tasks: bool = False
    jobs: bool = False
    key: str | None = None
    """Name of the shared key that opens it too: for programs that cannot log in."""
    public: bool = False
    before_password_change: bool = False
    """Also open to a user who has to set a new password first."""

    def allows(self, principal: Principal) -> bool:
        """Say whether the principal may call the route."""
        match principal.kind:
            case PrincipalKind.USER:
                return self.public or principal.role in self.roles
            case PrincipalKind.SERVICE:
                return self.public or self.services
            case PrincipalKind.TASK:
                return self.public or self.tasks
            case PrincipalKind.JOB:
                return self.public or self.jobs
            case PrincipalKind.KEY:
                return self.public or (self.key is not None and self.key == principal.subject)
            case PrincipalKind.ANONYMOUS:
                return self.public


PUBLIC = Access(public=True)
READ = Access(roles=_EVERYBODY, services=True)
USERS = Access(roles=_EVERYBODY)
OWN_LOGIN = Access(roles=_EVERYBODY, before_password_change=True)
CLINICAL = Access(roles=_CLINICAL)
PLANNING = Access(roles=_PLANNING)
SCANNING = Access(roles=_PLANNING, services=True)
TECHNICAL = Access(roles=_TECHNICAL)
ADMIN = Access(roles=_ADMIN)
SERVICE = Access(services=True)
TASK = Access(tasks=True)
METRICS = "metrics"
MEASURED = Access(roles=_ADMIN, key=METRICS)
BOOKKEEPER = "bookkeeper"
REPORT = Access(key=BOOKKEEPER)
READ_REPORTS = Access(roles=_EVERYBODY, key=BOOKKEEPER)
CLAIMANT = Access(services=True, tasks=True, jobs=True)
READ_TASK = Access(roles=_EVERYBODY, services=True, tasks=True, jobs=True)
FIRST_LEVEL = CLINICAL
"""Who may answer for a scan beyond the Normal Operating Mode; named in the body of a start."""
WRITE_TASK = Access(roles=_PLANNING, services=True, tasks=True, jobs=True)

_E, _P, _U = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
_D, _W = "/api/v1/device", "/api/v1/workflowmanager"
_DW = f"{_W}/dicomweb/studies/{{study}}/series/{{series}}/instances/{{instance}}"

PERMISSIONS: dict[str, Access] = {
    # Health
    f"GET {_E}/health/readiness": PUBLIC,
    f"GET {_P}/health/readiness": PUBLIC,
    f"GET {_U}/health/readiness": PUBLIC,
    f"GET {_D}/health/readiness": PUBLIC,
    f"GET {_W}/health/readiness": PUBLIC,
    f"GET {_W}/health/detail": READ,
    f"GET {_E}/metrics": MEASURED,
    f"GET {_D}/metrics": MEASURED,
    f"GET {_W}/metrics": MEASURED,
    # Users and logins
    f"POST {_U}/login": PUBLIC,
    f"POST {_U}/loginfromcookie": PUBLIC,
    f"POST {_U}/servicetoken": PUBLIC,
    f"GET {_U}/checknousers": PUBLIC,
    f"POST {_U}/createfirstuser": PUBLIC,
    f"POST {_U}/logout": OWN_LOGIN,
    f"GET {_U}/getcurrentuser": OWN_LOGIN,
    f"PUT {_U}/changepassword": OWN_LOGIN,
    f"GET {_U}/getallusers": ADMIN,
    f"POST {_U}/createuser": ADMIN,
    f"PUT {_U}/updateuser": ADMIN,
    f"DELETE {_U}/deleteuser": ADMIN,
    f"POST {_U}/unlockuser": ADMIN,
    f"GET {_U}/sessions": OWN_LOGIN,
    f"DELETE {_U}/sessions": OWN_LOGIN,
    f"DELETE {_U}/sessions/{{session_id}}": OWN_LOGIN,
    f"GET {_U}/revocations": SERVICE,
    # Audit
    f"GET {_E}/{{exam_id}}/timeline": READ,
    f"GET {_P}/{{patient_id}}/timeline": READ,
    f"GET {_U}/audit": ADMIN,
    f"GET {_U}/audit.csv": ADMIN,
    # Patients
    f"GET {_P}/": READ,
    f"POST {_P}/": CLINICAL,
    f"GET {_P}/{{patient_id}}": READ,
    f"PUT {_P}/{{patient_id}}": CLINICAL,
    f"DELETE {_P}/{{patient_id}}": CLINICAL,
    # Exams
    f"GET {_E}/worklist": READ,
    f"GET {_E}/list": READ,
    f"GET {_E}/templates/all": READ,
    f"GET {_E}/all/{{patient_id}}": READ,
    f"POST {_E}/new": PLANNING,
    f"POST {_E}/": PLANNING,
    f"GET {_E}/{{exam_id}}": READ,
    f"PUT {_E}/{{exam_id}}": PLANNING,
    f"DELETE {_E}/{{exam_id}}": CLINICAL,
    # Protocols: exam templates in versions
    f"GET {_E}/protocols": READ,
    f"GET {_E}/protocols/export": USERS,
    f"POST {_E}/protocols/import": PLANNING,
    f"GET {_E}/templates/diff": READ,
    f"GET {_E}/templates/{{exam_id}}/versions": READ,
    f"GET {_E}/templates/{{exam_id}}/export": USERS,
    f"POST {_E}/templates/{{exam_id}}/revise": PLANNING,
    f"POST {_E}/templates/{{exam_id}}/release": CLINICAL,
    f"POST {_E}/templates/{{exam_id}}/retire": CLINICAL,
    f"GET {_E}/{{exam_id}}/deviations": READ,
    # Workflows
    f"POST {_E}/workflow/new": PLANNING,
    f"POST {_E}/workflow": PLANNING,
    f"GET {_E}/workflow/templates/all": READ,
    f"GET {_E}/workflow/all/{{exam_id}}": READ,
    f"GET {_E}/workflow/{{workflow_id}}": READ,
    f"PUT {_E}/workflow/{{workflow_id}}": PLANNING,
    f"DELETE {_E}/workflow/{{workflow_id}}": PLANNING,
    # Tasks
    f"POST {_E}/task/new": PLANNING,
    f"POST {_E}/task": PLANNING,
    f"PUT {_E}/task/reorder": PLANNING,
    f"GET {_E}/task/templates/all": READ,
    f"GET {_E}/task/all/{{workflow_id}}": READ,
    f"GET {_E}/task/{{task_id}}": READ_TASK,
    f"PUT {_E}/task/{{task_id}}": WRITE_TASK,
    f"DELETE {_E}/task/{{task_id}}": PLANNING,
    f"POST {_E}/task/{{task_id}}/claim": SCANNING,
    f"POST {_E}/task/{{task_id}}/release": Access(
        roles=_PLANNING, services=True, tasks=True, jobs=True
    ),
    f"POST {_E}/task/{{task_id}}/report": CLAIMANT,
    f"POST {_E}/task/reports": SERVICE,
    f"POST {_E}/task/{{task_id}}/finish": CLAIMANT,
    # Results
    f"POST {_E}/result": CLAIMANT,
    f"GET {_E}/result/all/{{task_id}}": READ_TASK,
    f"GET {_E}/result/{{result_id}}": READ_TASK,
    f"PUT {_E}/result/{{result_id}}": CLAIMANT,
    f"DELETE {_E}/result/{{result_id}}": Access(
        roles=_CLINICAL, services=True, tasks=True, jobs=True
    ),
    f"GET {_E}/dcm/{{workflow_id}}/{{task_id}}/{{result_id}}/{{filename}}": READ,
    f"GET {_E}/mrd/{{workflow_id}}/{{task_id}}/{{result_id}}/meta": READ,
    f"GET {_E}/mrd/{{workflow_id}}/{{task_id}}/{{result_id}}/data": READ,
    f"GET {_E}/mrd/{{workflow_id}}/{{task_id}}/{{result_id}}/download": READ,
    f"GET {_E}/mrd/{{workflow_id}}/{{task_id}}/{{result_id}}/kspace": READ,
    f"GET {_E}/result/{{result_id}}/zip": READ,
    f"GET {_E}/result/{{result_id}}/nifti": READ,
    f"POST {_E}/xnat/upload/{{workflow_id}}/{{task_id}}/{{result_id}}/{{filename}}": PLANNING,
    # Lake
    f"GET {_E}/lake/sweep": TECHNICAL,
    # Sequences
    f"POST {_E}/sequence": PLANNING,
    f"GET {_E}/sequences/all": READ,
    f"GET {_E}/sequences/diff": READ,
    f"GET {_E}/sequence/{{sequence_id}}/versions": READ,
    f"GET {_E}/sequence/{{sequence_id}}/tasks": READ,
    f"GET {_E}/sequence/{{sequence_id}}/plot": READ,
    f"GET {_E}/sequence/{{sequence_id}}/blocks": READ,
    f"GET {_E}/sequence/{{sequence_id}}": READ_TASK,
    f"GET {_E}/sequence/{{sequence_id}}/file": READ,
    f"GET {_E}/sequence/{{sequence_id}}/header": READ,
    f"PUT {_E}/sequence/{{sequence_id}}": PLANNING,
    f"DELETE {_E}/sequence/{{sequence_id}}": PLANNING,
    # Devices
    f"GET {_D}/": READ,
    f"GET {_D}/{{device_id}}": READ,
    f"POST {_D}/createdevice": TECHNICAL,
    f"PUT {_D}/{{device_id}}": TECHNICAL,
    f"DELETE {_D}/{{device_id}}": TECHNICAL,
    f"PUT {_D}/parameter/{{device_id}}": Access(roles=_TECHNICAL, services=True),
    f"POST {_D}/{{device_id}}/rotate-token": TECHNICAL,
    f"PUT {_D}/{{device_id}}/certificate": ADMIN,
    f"DELETE {_D}/{{device_id}}/certificate": ADMIN,
    f"GET {_D}/{{device_id}}/parameter": READ,
    f"PUT {_D}/{{device_id}}/parameter": TECHNICAL,
    f"GET {_D}/{{device_id}}/parameter/diff": READ,
    f"GET {_D}/{{device_id}}/parameter/versions": READ,
    f"GET {_D}/{{device_id}}/parameter/versions/{{version}}": READ,
    f"POST {_D}/{{device_id}}/parameter/versions/{{version}}/restore": TECHNICAL,
    f"GET {_D}/parameter-schemas": READ,
    f"GET {_D}/parameter-schemas/{{device_type}}": READ,
    f"PUT {_D}/parameter-schemas/{{device_type}}": TECHNICAL,
    f"DELETE {_D}/parameter-schemas/{{device_type}}": TECHNICAL,
    f"POST {_D}/{{device_id}}/calibrate": PLANNING,
    f"GET {_D}/{{device_id}}/calibrations": READ,
    f"GET {_D}/{{device_id}}/calibrations/{{calibration_id}}": READ,
    f"POST {_D}/start_scan_via_websocket": PLANNING,
    f"POST {_D}/{{device_id}}/safety": READ,
    # Stop is everybody's: whoever sees something wrong stops the scanner.
    f"POST {_D}/{{device_id}}/stop": READ,
    f"POST {_D}/{{device_id}}/pause": SCANNING,
    f"POST {_D}/{{device_id}}/resume": SCANNING,
    f"GET {_D}/acquisitions": READ,
    f"GET {_D}/acquisitions/{{acquisition_id}}": READ,
    f"POST {_D}/acquisitions/{{acquisition_id}}/abandon": PLANNING,
    # Uploads: a device with the token of its scan; people look, and remove what hangs.
    f"OPTIONS {_D}/uploads": PUBLIC,
    f"GET {_D}/uploads": READ,
    f"POST {_D}/uploads": TASK,
    f"GET {_D}/uploads/{{upload_id}}": READ_TASK,
    f"HEAD {_D}/uploads/{{upload_id}}": READ_TASK,
    f"PATCH {_D}/uploads/{{upload_id}}": TASK,
    f"DELETE {_D}/uploads/{{upload_id}}": Access(roles=_TECHNICAL, tasks=True),
    f"POST {_D}/acquisitions/{{acquisition_id}}/stream": TASK,
    f"WS {_D}/ws": PUBLIC,  # its own credential: Device-Id and Device-Token
    # Workflows, runs, images, targets, journal
    f"POST {_W}/trigger_task/{{task_id}}/": PLANNING,
    f"POST {_W}/stop_task/{{task_id}}/": READ,
    f"GET {_W}/tasks/": READ,
    f"GET {_W}/runs": READ,
    f"GET {_W}/runs/{{run_id}}": READ,
    f"GET {_W}/series": READ,
    f"GET {_W}/series/{{series_instance_uid}}/instances": READ,
    f"GET {_W}/instances/{{sop_instance_uid}}/file": READ,
    # DICOMweb
    f"GET {_W}/dicomweb/studies": READ,
    f"POST {_W}/dicomweb/studies": SCANNING,
    f"POST {_W}/dicomweb/studies/{{study}}": SCANNING,
    f"GET {_W}/dicomweb/series": READ,
    f"GET {_W}/dicomweb/instances": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/instances": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/instances": READ,
    f"GET {_W}/dicomweb/studies/{{study}}": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/metadata": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/rendered": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/thumbnail": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/metadata": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/rendered": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/thumbnail": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/instances/{{instance}}": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/instances/{{instance}}/metadata": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/instances/{{instance}}/rendered": READ,
    f"GET {_W}/dicomweb/studies/{{study}}/series/{{series}}/instances/{{instance}}/thumbnail": READ,
    f"GET {_DW}/frames/{{frames}}": READ,
    f"GET {_DW}/frames/{{frame}}/rendered": READ,
    f"GET {_DW}/bulkdata/{{place:path}}": READ,
    f"GET {_W}/targets": READ,
    f"POST {_W}/targets": ADMIN,
    f"GET {_W}/targets/{{name}}": READ,
    f"PUT {_W}/targets/{{name}}": ADMIN,
    f"DELETE {_W}/targets/{{name}}": ADMIN,
    f"POST {_W}/targets/{{name}}/pause": PLANNING,
    f"POST {_W}/targets/{{name}}/resume": PLANNING,
    f"POST {_W}/targets/{{name}}/test": TECHNICAL,
    # Rules: everybody may see why images go where they go; admins decide it.
    f"GET {_W}/rules": READ,
    f"POST {_W}/rules": ADMIN,
    f"PUT {_W}/rules-order": ADMIN,
    f"GET {_W}/rules/{{rule_name}}": READ,
    f"PUT {_W}/rules/{{rule_name}}": ADMIN,
    f"DELETE {_W}/rules/{{rule_name}}": ADMIN,
    f"GET {_W}/rules/{{rule_name}}/versions": READ,
    f"GET {_W}/rules/{{rule_name}}/versions/{{version}}": READ,
    f"GET {_W}/rules/{{rule_name}}/diff": READ,
    f"POST {_W}/rules/{{rule_name}}/versions/{{version}}/revert": ADMIN,
    f"POST {_W}/rules/test": TECHNICAL,
    f"POST {_W}/rules/test-completion": TECHNICAL,
    f"POST {_W}/rules/select": TECHNICAL,
    f"POST {_W}/rules/dry-run": TECHNICAL,
    f"GET {_W}/series/{{series_instance_uid}}/decision": READ,
    # Cases: who plans and scans may end the waiting.
    f"GET {_W}/cases": READ,
    f"GET {_W}/cases/{{case_id}}": READ,
    f"POST {_W}/cases/{{case_id}}/complete": PLANNING,
    f"POST {_W}/cases/{{case_id}}/discard": PLANNING,
    f"POST {_W}/cases/{{case_id}}/retry": PLANNING,
    f"POST {_W}/series/{{series_instance_uid}}/complete": PLANNING,
    f"GET {_W}/dispatches": READ,
    f"GET {_W}/dispatches/pauses": READ,
    f"POST {_W}/dispatches/pause": PLANNING,
    f"POST {_W}/dispatches/resume": PLANNING,
    f"POST {_W}/dispatches/{{dispatch_id}}/retry": PLANNING,
    f"GET {_W}/notifications": READ,
    f"POST {_W}/notifications/{{notification_id}}/retry": PLANNING,
    f"POST {_W}/notifications/test": ADMIN,
    f"POST {_W}/dispatches/{{dispatch_id}}/cancel": PLANNING,
    f"POST {_W}/dispatches/{{dispatch_id}}/redirect": PLANNING,
    f"GET {_W}/previews/{{task_id}}": READ,
    f"GET {_W}/previews/{{task_id}}/{{acquisition_id}}/{{number}}": READ,
    f"GET {_W}/journal": READ,
    f"POST {_W}/journal/events": SERVICE,
    f"GET {_W}/events": READ,
    # mercure's bookkeeper: its programs show the key; people read with their login too.
    f"GET {_W}/bookkeeper/test": PUBLIC,
    f"POST {_W}/bookkeeper/mercure-event": REPORT,
    f"POST {_W}/bookkeeper/webgui-event": REPORT,
    f"POST {_W}/bookkeeper/register-dicom": REPORT,
    f"POST {_W}/bookkeeper/register-series": REPORT,
    f"POST {_W}/bookkeeper/register-task": REPORT,
    f"POST {_W}/bookkeeper/update-task": REPORT,
    f"POST {_W}/bookkeeper/task-event": REPORT,
    f"POST {_W}/bookkeeper/processor-logs": REPORT,
    f"POST {_W}/bookkeeper/store-processor-output": REPORT,
    f"POST {_W}/bookkeeper/test-begin": REPORT,
    f"POST {_W}/bookkeeper/test-end": REPORT,
    f"GET {_W}/bookkeeper/query/series": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/tasks": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/tests": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/task-events": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/dicom-files": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/task_process_logs": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/task_process_results": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/find_task": READ_REPORTS,
    f"GET {_W}/bookkeeper/query/get_task_info": READ_REPORTS,
}


def is_public(route: str) -> bool:
    """Say whether anybody may call the route, logged in or not."""
    access = PERMISSIONS.get(route)
    return access is not None and access.public


def check_access(route: str, principal: Principal) -> None:
    """Refuse what the table does not allow.

    Args:
        route: `METHOD /path/{template}`.
        principal: Who is asking.

    Raises:
        UnauthenticatedError: Nobody is logged in and the route is not public.
        PasswordChangeRequiredError: The user has to set a new password first.
        ForbiddenError: The principal may not do this.
    """
    access = PERMISSIONS.get(route)
    if access is not None and access.allows(principal):
        open_before = access.public or access.before_password_change
        if principal.must_change_password and not open_before:
            raise PasswordChangeRequiredError(
                "Set a new password first (PUT /api/v1/userlogin/changepassword), then log in with "
                "it."
            )
        return
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise UnauthenticatedError("Not authenticated: log in and send the token as Bearer.")
    if access is None:
        raise ForbiddenError(f"Nobody may call {route}: it has no row in the permission table.")
    needed = ", ".join(sorted(role.value for role in access.roles))
    needed = needed or ("the key of the installation" if access.key else "a service")
    raise ForbiddenError(f"{principal.actor} may not do this; it takes {needed}.")
