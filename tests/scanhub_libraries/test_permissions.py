from uuid import uuid4

import pytest

from scanhub_libraries.errors import (
    ForbiddenError,
    PasswordChangeRequiredError,
    UnauthenticatedError,
)
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.permissions import PERMISSIONS, check_access
from scanhub_libraries.security.principal import ANONYMOUS, Principal, PrincipalKind

PUBLIC_ROUTES = {
    "GET /api/v1/exam/health/readiness",
    "GET /api/v1/patient/health/readiness",
    "GET /api/v1/userlogin/health/readiness",
    "GET /api/v1/device/health/readiness",
    "GET /api/v1/workflowmanager/health/readiness",
    "POST /api/v1/userlogin/login",
    "POST /api/v1/userlogin/loginfromcookie",
    "POST /api/v1/userlogin/servicetoken",
    "GET /api/v1/userlogin/checknousers",
    "POST /api/v1/userlogin/createfirstuser",
    "OPTIONS /api/v1/device/uploads",
    "WS /api/v1/device/ws",
    "GET /api/v1/workflowmanager/bookkeeper/test",
}


def principal(kind, role=None):
    return Principal(kind=kind, subject="x", role=role, task_id=uuid4())


def test_only_health_login_and_the_device_socket_are_public():
    assert {route for route, access in PERMISSIONS.items() if access.public} == PUBLIC_ROUTES


@pytest.mark.parametrize("route", sorted(set(PERMISSIONS) - PUBLIC_ROUTES))
def test_nobody_gets_in_without_a_credential(route):
    with pytest.raises(UnauthenticatedError):
        check_access(route, ANONYMOUS)


def test_a_route_without_a_row_is_refused_even_to_an_admin():
    with pytest.raises(ForbiddenError, match="no row"):
        check_access("GET /api/v1/exam/secret", principal(PrincipalKind.USER, UserRole.ADMIN))


def test_a_device_can_do_nothing_but_report_on_its_task_and_upload():
    reachable = {
        route for route, access in PERMISSIONS.items() if access.tasks and not access.public
    }
    assert reachable == {
        "GET /api/v1/exam/task/{task_id}",
        "PUT /api/v1/exam/task/{task_id}",
        "POST /api/v1/exam/task/{task_id}/release",
        "POST /api/v1/exam/task/{task_id}/report",
        "POST /api/v1/exam/task/{task_id}/finish",
        "POST /api/v1/exam/result",
        "GET /api/v1/exam/result/all/{task_id}",
        "GET /api/v1/exam/result/{result_id}",
        "PUT /api/v1/exam/result/{result_id}",
        "DELETE /api/v1/exam/result/{result_id}",
        "GET /api/v1/exam/sequence/{sequence_id}",
        "POST /api/v1/device/acquisitions/{acquisition_id}/stream",
        "POST /api/v1/device/uploads",
        "GET /api/v1/device/uploads/{upload_id}",
        "HEAD /api/v1/device/uploads/{upload_id}",
        "PATCH /api/v1/device/uploads/{upload_id}",
        "DELETE /api/v1/device/uploads/{upload_id}",
    }


def test_every_user_may_stop_a_scanner():
    for role in UserRole:
        check_access("POST /api/v1/device/{device_id}/stop", principal(PrincipalKind.USER, role))


def test_only_admins_manage_users_and_the_error_names_the_role():
    with pytest.raises(ForbiddenError, match="admin"):
        check_access(
            "POST /api/v1/userlogin/createuser", principal(PrincipalKind.USER, UserRole.MEDICAL)
        )
    check_access("POST /api/v1/userlogin/createuser", principal(PrincipalKind.USER, UserRole.ADMIN))


def test_who_has_to_set_a_new_password_may_do_that_and_little_else():
    admin = Principal(
        kind=PrincipalKind.USER, subject="x", role=UserRole.ADMIN, must_change_password=True
    )
    reachable = set()
    for route in sorted(set(PERMISSIONS) - PUBLIC_ROUTES):
        try:
            check_access(route, admin)
        except PasswordChangeRequiredError:
            continue
        except ForbiddenError:
            assert UserRole.ADMIN not in PERMISSIONS[route].roles
            continue
        reachable.add(route)
    assert reachable == {
        "GET /api/v1/userlogin/getcurrentuser",
        "PUT /api/v1/userlogin/changepassword",
        "POST /api/v1/userlogin/logout",
        "GET /api/v1/userlogin/sessions",
        "DELETE /api/v1/userlogin/sessions",
        "DELETE /api/v1/userlogin/sessions/{session_id}",
    }
    for route in PUBLIC_ROUTES:
        check_access(route, admin)
